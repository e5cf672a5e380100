//! How git writes a path: as it is, or between double quotes with C escapes.

use bstr::BStr;

/// Appends `prefix` and `path` the way git does under `core.quotePath=true`: if a byte needs an escape, the whole is
/// put between double quotes; bytes outside printable ASCII become three octal digits.
pub(super) fn push_quoted(out: &mut Vec<u8>, prefix: &str, path: &BStr) {
    if !path.iter().any(|&byte| needs_escape(byte)) {
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(path);
        return;
    }
    out.push(b'"');
    out.extend_from_slice(prefix.as_bytes());
    for &byte in path.iter() {
        let letter = match byte {
            0x07 => b'a',
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0b => b'v',
            0x0c => b'f',
            b'\r' => b'r',
            b'"' => b'"',
            b'\\' => b'\\',
            _ if needs_escape(byte) => {
                out.extend_from_slice(&[
                    b'\\',
                    b'0' + (byte >> 6),
                    b'0' + ((byte >> 3) & 7),
                    b'0' + (byte & 7),
                ]);
                continue;
            }
            plain => {
                out.push(plain);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
    out.push(b'"');
}

/// The path as git prints it: always one line of ASCII.
#[must_use]
pub fn quote_path(path: &BStr) -> String {
    let mut out = Vec::new();
    push_quoted(&mut out, "", path);
    String::from_utf8(out).expect("only printable ASCII is left unescaped")
}

fn needs_escape(byte: u8) -> bool {
    !(0x20..0x7f).contains(&byte) || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_only_where_needed() {
        assert_eq!(quote_path("a b.rs".into()), "a b.rs");
        assert_eq!(quote_path("a\tb".into()), r#""a\tb""#);
        assert_eq!(quote_path("ä".into()), r#""\303\244""#);
        assert_eq!(quote_path("q\"\\".into()), r#""q\"\\""#);
        assert_eq!(quote_path(BStr::new(b"\x7f\x01")), r#""\177\001""#);
    }
}
