//! The lines that a session-start hook appends to the file that `$CLAUDE_ENV_FILE` names.

/// The Claude session that later commands belong to.
pub const SESSION_ID_VARIABLE: &str = "CODEX_COMPANION_SESSION_ID";
/// The transcript of that session.
pub const TRANSCRIPT_PATH_VARIABLE: &str = "CODEX_COMPANION_TRANSCRIPT_PATH";

/// `export NAME='…'` lines for what is known. A shell reads the file, so values are quoted for one; a value with a NUL
/// byte cannot be exported and is left out.
#[must_use]
pub fn export_lines(session_id: Option<&str>, transcript_path: Option<&str>) -> String {
    let mut lines = String::new();
    let known = [
        (SESSION_ID_VARIABLE, session_id),
        (TRANSCRIPT_PATH_VARIABLE, transcript_path),
    ];
    for (name, value) in known {
        if let Some(value) = value.filter(|value| !value.is_empty() && !value.contains('\0')) {
            let quoted = value.replace('\'', r"'\''");
            lines.push_str(&format!("export {name}='{quoted}'\n"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_path_cannot_end_the_string() {
        assert_eq!(
            export_lines(Some("s-1"), Some("/tmp/it's; touch x.jsonl")),
            "export CODEX_COMPANION_SESSION_ID='s-1'\n\
             export CODEX_COMPANION_TRANSCRIPT_PATH='/tmp/it'\\''s; touch x.jsonl'\n",
        );
    }

    #[test]
    fn what_is_unknown_is_not_exported() {
        assert_eq!(export_lines(None, Some("")), "");
        assert_eq!(export_lines(Some("a\0b"), None), "");
    }
}
