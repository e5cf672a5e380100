//! How names stand in a patch: quoted, with prefixes, with a time behind them.

use bstr::{BStr, BString, ByteSlice as _};

/// The prefixes that git puts before the old and the new name, also turned around (`-R`).
const PREFIXES: [(&[u8], &[u8]); 12] = [
    (b"a/", b"b/"),
    (b"b/", b"a/"),
    (b"i/", b"w/"),
    (b"w/", b"i/"),
    (b"c/", b"i/"),
    (b"i/", b"c/"),
    (b"c/", b"w/"),
    (b"w/", b"c/"),
    (b"o/", b"w/"),
    (b"w/", b"o/"),
    (b"1/", b"2/"),
    (b"2/", b"1/"),
];

/// The name behind `--- ` or `+++ `: quoted, or up to a TAB. `None` is `/dev/null`; an error is a quote that never ends.
pub(super) fn side(text: &[u8]) -> Result<Option<BString>, &'static str> {
    let name = if text.starts_with(b"\"") {
        let (name, rest) = quoted(text)?;
        if !(rest.is_empty() || rest.starts_with(b"\t")) {
            return Err("there is more behind a quoted name");
        }
        name
    } else {
        let end = text.find_byte(b'\t').unwrap_or(text.len());
        BString::from(&text[..end])
    };
    Ok((name != "/dev/null").then_some(name))
}

/// The name on a line that holds nothing else, such as `rename from `.
pub(super) fn whole(text: &[u8]) -> Result<BString, &'static str> {
    if !text.starts_with(b"\"") {
        return Ok(BString::from(text));
    }
    match quoted(text)? {
        (name, b"") => Ok(name),
        _ => Err("there is more behind a quoted name"),
    }
}

/// Both names behind `diff --git `, prefixes included. `None` where it cannot be told where one ends: then other lines
/// have them.
pub(super) fn pair(text: &[u8]) -> Option<(BString, BString)> {
    if text.starts_with(b"\"") {
        let (old, rest) = quoted(text).ok()?;
        return Some((old, whole(rest.strip_prefix(b" ")?).ok()?));
    }
    if text.ends_with(b"\"") {
        let at = text.find(b" \"")?;
        return Some((BString::from(&text[..at]), whole(&text[at + 1..]).ok()?));
    }
    // Unless the file is renamed, both are as long as each other.
    let middle = text.len() / 2;
    let is_middle = text.len() % 2 == 1 && text[middle] == b' ';
    let (old, new) = (text.get(..middle)?, text.get(middle + 1..)?);
    let is_same = |(old, new): (&BStr, &BStr)| old == new;
    let fits = is_middle && is_same(without_prefixes(old.as_bstr(), new.as_bstr()));
    fits.then(|| (old.into(), new.into()))
}

/// Both names without git's prefixes, if they have a pair of them.
pub(super) fn without_prefixes<'a>(old: &'a BStr, new: &'a BStr) -> (&'a BStr, &'a BStr) {
    let stripped = PREFIXES.iter().find_map(|(old_prefix, new_prefix)| {
        let old = old.strip_prefix(*old_prefix)?;
        Some((old.as_bstr(), new.strip_prefix(*new_prefix)?.as_bstr()))
    });
    stripped.unwrap_or((old, new))
}

/// One name without a prefix that git could have put before it.
pub(super) fn without_prefix(name: &BStr) -> &BStr {
    let stripped = PREFIXES
        .iter()
        .find_map(|(prefix, _)| name.strip_prefix(*prefix));
    stripped.map_or(name, |name| name.as_bstr())
}

/// A name in git's C quotes, and what stands behind it.
fn quoted(text: &[u8]) -> Result<(BString, &[u8]), &'static str> {
    const OPEN: &str = "a quoted name has no end";
    const ESCAPE: &str = "a quoted name has an escape that git does not write";
    let mut name = Vec::new();
    let mut at = 1;
    loop {
        let byte = *text.get(at).ok_or(OPEN)?;
        at += 1;
        match byte {
            b'"' => return Ok((name.into(), &text[at..])),
            b'\\' => {
                let escaped = *text.get(at).ok_or(OPEN)?;
                at += 1;
                name.push(match escaped {
                    b'a' => 0x07,
                    b'b' => 0x08,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 0x0b,
                    b'f' => 0x0c,
                    b'r' => b'\r',
                    b'"' | b'\\' => escaped,
                    b'0'..=b'3' => {
                        let digits = text.get(at - 1..at + 2).ok_or(OPEN)?;
                        at += 2;
                        let is_octal = digits.iter().all(|digit| (b'0'..=b'7').contains(digit));
                        if !is_octal {
                            return Err(ESCAPE);
                        }
                        digits
                            .iter()
                            .fold(0, |value, digit| (value << 3) | (digit - b'0'))
                    }
                    _ => return Err(ESCAPE),
                });
            }
            plain => name.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::quote_path;

    #[test]
    fn every_name_that_git_quotes_comes_back() {
        for name in [
            &b"plain"[..],
            b"a b",
            b"tab\there",
            b"q\"uo\\te",
            b"\x01\x07\x08\n\x0b\x0c\r\x7f\x80\xff",
            "ä/日本".as_bytes(),
        ] {
            let text = quote_path(name.as_bstr());
            assert_eq!(whole(text.as_bytes()).unwrap(), name, "{text}");
            assert_eq!(side(text.as_bytes()).unwrap().unwrap(), name, "{text}");
        }
        for bad in [
            "\"open",
            "\"x\\",
            "\"\\9\"",
            "\"\\40",
            "\"\\x41\"",
            "\"a\"b",
        ] {
            assert!(whole(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn both_names_of_one_line_are_told_apart() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(old, new)| (old.into(), new.into()));
            assert_eq!(pair(text.as_bytes()), expected, "{text}");
        };
        check("a/x b/x", Some(("a/x", "b/x")));
        check("a/x y b/x y", Some(("a/x y", "b/x y")));
        check("x x", Some(("x", "x")));
        check("a/one b/two", None);
        check("\"a/t\\tx\" \"b/t\\tx\"", Some(("a/t\tx", "b/t\tx")));
        check("a/plain \"b/t\\tx\"", Some(("a/plain", "b/t\tx")));
        check("", None);
        check("a/ä b/ä", Some(("a/ä", "b/ä")));
    }

    #[test]
    fn a_time_behind_a_name_is_no_part_of_it() {
        assert_eq!(side(b"x y\t2026-01-01").unwrap().unwrap(), "x y");
        assert_eq!(side(b"/dev/null").unwrap(), None);
        assert_eq!(side(b"/dev/null\t1970").unwrap(), None);
    }

    #[test]
    fn prefixes_are_taken_off_in_pairs() {
        let check = |old: &str, new: &str, expected: (&str, &str)| {
            let found = without_prefixes(old.into(), new.into());
            assert_eq!(found, (expected.0.into(), expected.1.into()));
        };
        check("a/x", "b/x", ("x", "x"));
        check("a/x", "a/x", ("a/x", "a/x"));
        check("i/x", "w/x", ("x", "x"));
        check("src/x", "src/x", ("src/x", "src/x"));
    }
}
