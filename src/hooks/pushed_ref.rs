//! The lines that git writes to a pre-push hook: one for each ref that is about to be pushed.
//!
//! ```text
//! <local ref> SP <local id> SP <remote ref> SP <remote id> LF
//! ```
//!
//! An id of zeros means that there is none: the ref is deleted, or new. Ids have 40 or 64 digits. The local ref is what
//! was typed where git found no name for it (`HEAD@{1 day ago}`), so it alone may hold blanks.

use crate::target::ObjectId;

/// More than this is no list of refs.
pub const MAX_PUSH_BYTES: u64 = 32 * 1024 * 1024;

/// One ref that is about to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedRef {
    /// What is pushed, shown form; `(delete)` for a deletion.
    pub local_ref: String,
    /// Its object; `None` for a deletion.
    pub local_id: Option<ObjectId>,
    /// Where it goes, shown form, such as `refs/heads/main`.
    pub remote_ref: String,
    /// What the remote has there now; `None` when the ref is new.
    pub remote_id: Option<ObjectId>,
}

/// A line that is none of git's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {number} of what git says about the push cannot be read: `{text}`")]
pub struct MalformedLine {
    /// From 1 on.
    pub number: usize,
    /// Its beginning, shown form.
    pub text: String,
}

/// Reads git's lines. Blank ones do not count.
#[must_use]
pub fn read_push(text: &[u8]) -> Vec<Result<PushedRef, MalformedLine>> {
    text.split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(index, line)| {
            read_line(line).ok_or_else(|| {
                const SHOWN: usize = 120;
                let shown = String::from_utf8_lossy(line);
                MalformedLine {
                    number: index + 1,
                    text: shown.chars().take(SHOWN).collect(),
                }
            })
        })
        .collect()
}

fn read_line(line: &[u8]) -> Option<PushedRef> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut from_behind = line.rsplitn(4, |byte| *byte == b' ');
    let remote_id = from_behind.next()?;
    let remote_ref = from_behind.next()?;
    let local_id = from_behind.next()?;
    let local_ref = from_behind.next()?;
    if local_ref.is_empty() || remote_ref.is_empty() || local_id.len() != remote_id.len() {
        return None;
    }
    Some(PushedRef {
        local_ref: String::from_utf8_lossy(local_ref).into_owned(),
        local_id: read_id(local_id)?,
        remote_ref: String::from_utf8_lossy(remote_ref).into_owned(),
        remote_id: read_id(remote_id)?,
    })
}

/// An id, or `Some(None)` for zeros.
fn read_id(digits: &[u8]) -> Option<Option<ObjectId>> {
    let id = ObjectId::from_hex(std::str::from_utf8(digits).ok()?)?;
    Some((!digits.iter().all(|digit| *digit == b'0')).then_some(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    /// `local ref|local id|remote ref|remote id`, with `-` for none; an error is `!number`.
    #[track_caller]
    fn check(text: &[u8], expected: &[&str]) {
        let shown: Vec<String> = read_push(text)
            .into_iter()
            .map(|line| match line {
                Ok(pushed) => {
                    let id = |id: &Option<ObjectId>| {
                        id.as_ref().map_or("-".to_owned(), |id| {
                            format!("{}{}", &id.as_hex()[..1], id.as_hex().len())
                        })
                    };
                    format!(
                        "{}|{}|{}|{}",
                        pushed.local_ref,
                        id(&pushed.local_id),
                        pushed.remote_ref,
                        id(&pushed.remote_id)
                    )
                }
                Err(malformed) => format!("!{}", malformed.number),
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn updates_new_refs_deletions_and_tags_are_told_apart() {
        check(b"", &[]);
        check(b"\n\n", &[]);
        check(
            format!(
                "refs/heads/m {A} refs/heads/m {B}\nrefs/heads/n {A} refs/heads/n {ZERO}\n(delete) {ZERO} refs/heads/o {B}\nrefs/tags/v1 {A} refs/tags/v1 {ZERO}\n"
            )
            .as_bytes(),
            &[
                "refs/heads/m|a40|refs/heads/m|b40",
                "refs/heads/n|a40|refs/heads/n|-",
                "(delete)|-|refs/heads/o|b40",
                "refs/tags/v1|a40|refs/tags/v1|-",
            ],
        );
    }

    #[test]
    fn sha_256_ids_and_what_was_typed_instead_of_a_ref_are_read() {
        let (a, zero) = ("a".repeat(64), "0".repeat(64));
        check(
            format!("refs/heads/m {a} refs/heads/m {zero}").as_bytes(),
            &["refs/heads/m|a64|refs/heads/m|-"],
        );
        check(
            format!("HEAD@{{1 day ago}} {A} refs/heads/m {ZERO}\r\n").as_bytes(),
            &["HEAD@{1 day ago}|a40|refs/heads/m|-"],
        );
        let mut line = b"refs/heads/\xff\xfe ".to_vec();
        line.extend_from_slice(format!("{A} refs/heads/m {B}\n").as_bytes());
        check(&line, &["refs/heads/\u{fffd}\u{fffd}|a40|refs/heads/m|b40"]);
    }

    #[test]
    fn anything_else_is_named_by_its_line_and_hides_no_other() {
        let zero64 = "0".repeat(64);
        for bad in [
            "nonsense".to_owned(),
            format!("refs/heads/m {A} refs/heads/m"),
            format!("refs/heads/m {A} refs/heads/m {}", &B[1..]),
            format!("refs/heads/m {A} refs/heads/m {zero64}"),
            format!("refs/heads/m {} refs/heads/m {B}", A.to_uppercase()),
            format!(" {A} refs/heads/m {B}"),
            format!("refs/heads/m {A}  {B}"),
            "refs/heads/m zz refs/heads/m zz".to_owned(),
            "\u{0}".to_owned(),
        ] {
            let text = format!("refs/heads/a {A} refs/heads/a {B}\n{bad}\n");
            check(
                text.as_bytes(),
                &["refs/heads/a|a40|refs/heads/a|b40", "!2"],
            );
        }
        let long = read_push(&vec![b'x'; 1_000_000]);
        assert_eq!(long[0].as_ref().unwrap_err().text.len(), 120);
    }
}
