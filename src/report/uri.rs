//! Paths as relative URI references, byte for byte.

/// `path` as a relative URI reference: everything but unreserved characters and slashes is written as `%XX`.
pub(super) fn from_path(path: &[u8]) -> String {
    let mut uri = String::with_capacity(path.len());
    for &byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

/// The path that [`from_path`] wrote as `uri`; `None` for what it never writes.
pub(super) fn to_path(uri: &str) -> Option<Vec<u8>> {
    let mut path = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            path.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let digits = std::str::from_utf8(digits).ok()?;
        path.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    Some(path)
}

/// Whether a path stays below the folder that it is relative to.
pub(super) fn is_inside(path: &str) -> bool {
    !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_there_and_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(to_path(&from_path(&all)).as_deref(), Some(all.as_slice()));
        assert_eq!(from_path(b"src/caf\xe9 1%.rs"), "src/caf%E9%201%25.rs");
        for broken in ["%", "%4", "%zz", "%+1"] {
            assert_eq!(to_path(broken), None, "{broken}");
        }
    }

    #[test]
    fn only_a_path_below_the_root_is_inside() {
        for (path, inside) in [
            ("a/b", true),
            ("a..b", true),
            ("", false),
            ("/etc/passwd", false),
            ("a/../../b", false),
        ] {
            assert_eq!(is_inside(path), inside, "{path}");
        }
    }
}
