//! The hook's own text: a small POSIX script that knows whether it is still as we wrote it.
//!
//! Its second line holds a digest of all other lines. A text with such a line is ours; one whose digest does not fit is
//! ours and was edited, and then nothing of ours overwrites or removes it.

use std::path::Path;

use sha2::{Digest as _, Sha256};

/// What the hook's second line begins with.
const MARK: &str = "# codex-review pre-push hook ";
/// What the name of the hook that ran before is followed by.
pub const CHAINED_SUFFIX: &str = ".before-codex-review";

/// Whose a hook's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// Ours, as it was written.
    Us,
    /// Ours, and edited since.
    UsAndSomebody,
    /// Another's.
    Somebody,
}

/// The script. `fallback` is where this program lies, for places whose PATH does not have it.
pub(super) fn render(fallback: Option<&Path>) -> String {
    let fallback = fallback
        .and_then(Path::to_str)
        .filter(|path| !path.contains('\n'))
        .unwrap_or_default();
    let body = BODY
        .replace("@FALLBACK@", &quoted(fallback))
        .replace("@SUFFIX@", CHAINED_SUFFIX);
    format!("#!/bin/sh\n{MARK}{}\n{body}", digest(&body))
}

/// Who wrote a text.
pub(super) fn author(text: &[u8]) -> Author {
    let Ok(text) = std::str::from_utf8(text) else {
        return Author::Somebody;
    };
    let mut lines = text.splitn(3, '\n');
    let (first, second) = (lines.next(), lines.next().unwrap_or_default());
    let Some(stated) = second.strip_prefix(MARK) else {
        return Author::Somebody;
    };
    let body = lines.next().unwrap_or_default();
    if first == Some("#!/bin/sh") && stated == digest(body) {
        Author::Us
    } else {
        Author::UsAndSomebody
    }
}

fn digest(body: &str) -> String {
    const BYTES: usize = 8;
    Sha256::digest(body.as_bytes())
        .iter()
        .take(BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

const BODY: &str = r#"# Written by `codex-review hook install`; `codex-review hook uninstall` takes it away again.
# A hook that was here before lies beside this file, as it was. It runs first, and its word counts.

chained=${0%/*}/pre-push@SUFFIX@
fallback=@FALLBACK@

review() {
    if command -v codex-review >/dev/null 2>&1; then
        codex-review hook pre-push "$@"
    elif [ -n "$fallback" ] && [ -x "$fallback" ]; then
        "$fallback" hook pre-push "$@"
    else
        echo '[codex] warning: codex-review is not installed here, so this push was not reviewed' >&2
    fi
}

if [ -x "$chained" ]; then
    # The point keeps line ends that the shell would drop.
    refs=$(cat && echo .)
    refs=${refs%.}
    printf '%s' "$refs" | "$chained" "$@" || exit $?
    printf '%s' "$refs" | review "$@"
else
    review "$@"
fi
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_knows_whether_it_was_edited() {
        let script = render(Some(Path::new("/it's/here")));
        assert!(script.contains(r"fallback='/it'\''s/here'"), "{script}");
        assert_eq!(author(script.as_bytes()), Author::Us);
        let edited = script.replace("hook pre-push", "hook pre-push --quiet");
        assert_eq!(author(edited.as_bytes()), Author::UsAndSomebody);
        let other_shell = script.replacen("#!/bin/sh", "#!/bin/bash", 1);
        assert_eq!(author(other_shell.as_bytes()), Author::UsAndSomebody);
        for other in [
            &b"#!/bin/sh\nexec codex-review hook pre-push \"$@\"\n"[..],
            b"",
            b"#!/bin/sh",
            b"\xff\xfe",
        ] {
            assert_eq!(author(other), Author::Somebody);
        }
    }

    #[test]
    fn without_a_usable_path_there_is_no_fallback() {
        for path in [None, Some(Path::new("/a\nb"))] {
            assert!(render(path).contains("\nfallback=''\n"));
        }
    }
}
