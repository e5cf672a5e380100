//! Who may write what, and where links lead.

use std::sync::LazyLock;

use super::super::examine::{Note, Sink};
use super::super::language::Language::{
    C, Docker, Go, JavaScript, Make, Php, Python, Ruby, Rust, Shell, Yaml,
};
use super::super::source::{ChangeSource, MODE_SYMLINK};
use super::super::view::FileView;
use super::pattern::{On, Patterns, case};
use super::{Check, Rule};
use crate::review::Severity;

/// `world-writable-mode`
pub(super) static WORLD_WRITABLE_MODE: Rule = Rule {
    id: "world-writable-mode",
    severity: Severity::Medium,
    confidence: 0.85,
    title: "A file is made writable for everybody",
    why: "Every account and every service on the machine can then change the file. If it is a program, a script or a \
          setting, that is a way to the rights of whoever uses it.",
    advice: "Give the narrowest mode that works, such as 0644 or 0600 for files and 0755 or 0700 for programs and \
             folders.",
    check: Check::Patterns(&MODES),
};

static MODES: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |what| format!("Writable for everybody: `{what}`"),
        vec![
            case(
                &[Shell, Docker, Make, Yaml],
                On::Code,
                r"\bchmod\s+(?:-\S+\s+)*(?:0?[0-7]{2}[2367]\b|[ugoa]*[oa][ugoa]*[+=][rxXst]*w)",
                "chmod",
            ),
            case(
                &[Docker],
                On::Code,
                r"--chmod=0?[0-7]{2}[2367]\b",
                "--chmod",
            ),
            case(
                &[Yaml],
                On::Code,
                r#"^\s*-?\s*(?:mode|defaultMode):\s*["']?0?[0-7]{2}[2367]["']?\s*$"#,
                "mode",
            ),
            case(
                &[Shell, Docker],
                On::Code,
                r"^\s*umask\s+0+\s*(?:$|[;&])",
                "umask 0",
            ),
            case(
                &[Python],
                On::Bare,
                r"\bchmod\s*\([^)]*\b0o?[0-7]{2}[2367]\s*\)",
                "os.chmod",
            ),
            case(
                &[Python],
                On::Bare,
                r"(?:\||\bchmod\b.*)\s*(?:stat\.)?S_IWOTH\b",
                "S_IWOTH",
            ),
            case(
                &[Go],
                On::Bare,
                r"\.Chmod\s*\([^)]*\b0o?[0-7]{2}[2367]\s*\)",
                "Chmod",
            ),
            case(
                &[Rust],
                On::Bare,
                r"\b(?:from_mode|set_mode)\s*\(\s*0o[0-7]{2}[2367]\s*\)",
                "mode",
            ),
            case(
                &[JavaScript],
                On::Code,
                r#"\bchmod(?:Sync)?\s*\([^,]+,\s*(?:0o?|["']0?)[0-7]{2}[2367]\b"#,
                "chmod",
            ),
            case(
                &[Ruby, Php],
                On::Code,
                r"\bchmod\s*\(?[^)]*\b0[0-7]{2}[2367]\b",
                "chmod",
            ),
            case(
                &[C],
                On::Bare,
                r"\bf?chmod\s*\([^)]*\b0[0-7]{2}[2367]\s*\)",
                "chmod",
            ),
        ],
    )
});

/// `symlink-escapes-repository`
pub(super) static SYMLINK_ESCAPES_REPOSITORY: Rule = Rule {
    id: "symlink-escapes-repository",
    severity: Severity::High,
    confidence: 0.95,
    title: "A symbolic link leads out of the repository",
    why: "On every other machine the link points at something else, or at nothing. Tools that follow it read or write \
          outside the checkout, which is a known way to plant or steal files.",
    advice: "Link to a path inside the repository, relative to the link, or commit the file itself.",
    check: Check::Change {
        file: symlink,
        end: None,
    },
};

fn symlink(source: &dyn ChangeSource, view: &FileView<'_>, sink: &mut Sink) {
    if view.file.new_mode != Some(MODE_SYMLINK) {
        return;
    }
    let Some(target) = source.new_content(sink.file_index()) else {
        return;
    };
    if let Some(how) = escape(&view.file.path, &target) {
        let target = String::from_utf8_lossy(&target);
        let shown: String = target
            .chars()
            .take(120)
            .filter(|letter| !letter.is_control())
            .collect();
        sink.whole_file(Note {
            body: Some(format!("The link's target `{shown}` {how}.")),
            ..Note::default()
        });
    }
}

/// How a link leaves the repository, or `None` when it stays inside.
fn escape(link: &[u8], target: &[u8]) -> Option<&'static str> {
    let windows_root = target.len() > 2 && target[1] == b':' && matches!(target[2], b'/' | b'\\');
    if target.first() == Some(&b'/') || windows_root || target.starts_with(b"\\\\") {
        return Some("is an absolute path");
    }
    let mut depth: Vec<&[u8]> = link.split(|byte| *byte == b'/').collect();
    depth.pop();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                if depth.pop().is_none() {
                    return Some("climbs above the root of the repository");
                }
            }
            name => depth.push(name),
        }
    }
    let into_git = depth
        .first()
        .is_some_and(|first| first.eq_ignore_ascii_case(b".git"));
    into_git.then_some("points into the .git folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_by_its_text_alone() {
        for (link, target, escapes) in [
            ("a", "b", false),
            ("d/a", "../b", false),
            ("d/a", "../../b", true),
            ("a", "d/../../b", true),
            ("a", "/etc/passwd", true),
            ("a", "C:\\x", true),
            ("a", ".git/config", true),
            ("d/a", "../.gitignore", false),
            ("a", "", false),
        ] {
            let found = escape(link.as_bytes(), target.as_bytes()).is_some();
            assert_eq!(found, escapes, "{link} -> {target}");
        }
    }
}
