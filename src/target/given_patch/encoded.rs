//! Bytes as git writes them into a patch where it takes a file for binary: deflated, in base 85, whole or as a delta.
//!
//! git writes two of them, one for each way. The first, which leads to the new file, is read; the other is passed over.
//! What a patch holds in this way is content like any other: it must not get by a reviewer because it is written oddly.

use bstr::ByteSlice as _;

use super::PatchError;
use super::parse::Lines;

/// The digits of base 85, least first.
const DIGITS: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
/// The most bytes on one line.
const MOST_LINE_BYTES: usize = 52;

/// What a patch holds of a file's new bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    /// The line of the patch on which it begins, from 1.
    pub(super) line: usize,
    /// What the deflated bytes are.
    pub(super) method: Method,
    /// How many bytes they are inflated, as the patch says.
    pub(super) size: usize,
    pub(super) deflated: Vec<u8>,
}

/// How the new bytes come of what is inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// They are it.
    Literal,
    /// It says which parts of the old bytes and which new ones they are made of.
    Delta,
}

/// Reads what stands below `GIT binary patch`, up to the empty line behind it.
pub(super) fn read(lines: &mut Lines<'_>) -> Result<Encoded, PatchError> {
    let line = lines.number();
    let malformed = |problem| PatchError::Malformed { line, problem };
    let head = lines.take().unwrap_or_default();
    let (method, size) = match head.split_once_str(" ") {
        Some((b"literal", size)) => (Method::Literal, size),
        Some((b"delta", size)) => (Method::Delta, size),
        _ => return Err(malformed("encoded bytes without their size")),
    };
    let size = size.to_str().ok().and_then(|size| size.parse().ok());
    let size = size.ok_or_else(|| malformed("encoded bytes without their size"))?;
    let mut deflated = Vec::new();
    loop {
        let number = lines.number();
        match lines.take() {
            None => return Err(malformed("the encoded bytes are cut")),
            Some(b"") => break,
            Some(text) => decode(text, &mut deflated).ok_or(PatchError::Malformed {
                line: number,
                problem: "this is no line of encoded bytes",
            })?,
        }
    }
    Ok(Encoded {
        line,
        method,
        size,
        deflated,
    })
}

/// One line: a letter for the number of bytes, and five digits for each four of them.
fn decode(text: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    let (letter, digits) = text.split_first()?;
    let count = match letter {
        b'A'..=b'Z' => letter - b'A' + 1,
        b'a'..=b'z' => letter - b'a' + 27,
        _ => return None,
    };
    let mut left = usize::from(count);
    debug_assert!(left <= MOST_LINE_BYTES, "two alphabets");
    if digits.len() != left.div_ceil(4) * 5 {
        return None;
    }
    for group in digits.chunks(5) {
        let mut value: u32 = 0;
        for digit in group {
            let digit = DIGITS.iter().position(|known| known == digit)?;
            value = value
                .checked_mul(85)?
                .checked_add(u32::try_from(digit).ok()?)?;
        }
        let taken = left.min(4);
        bytes.extend(&value.to_be_bytes()[..taken]);
        left -= taken;
    }
    Some(())
}

/// What a delta makes of `old`, if that is at most `most` bytes. `None` if it is for other bytes, or damaged.
pub(super) fn apply_delta(delta: &[u8], old: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut delta = delta.iter().copied();
    if number(&mut delta)? != old.len() {
        return None;
    }
    let size = number(&mut delta).filter(|size| *size <= most)?;
    let mut new = Vec::with_capacity(size);
    while let Some(word) = delta.next() {
        if word & 0x80 == 0 {
            // Zero is kept for what is yet to come.
            let count = usize::from(word).checked_sub(1)? + 1;
            let before = new.len();
            new.extend(delta.by_ref().take(count));
            if new.len() - before < count {
                return None;
            }
        } else {
            let mut bytes = |flags: std::ops::Range<u32>| -> Option<usize> {
                let mut value = 0;
                for (place, flag) in flags.enumerate() {
                    if word & (1 << flag) != 0 {
                        value |= usize::from(delta.next()?) << (8 * place);
                    }
                }
                Some(value)
            };
            let start = bytes(0..4)?;
            let count = match bytes(4..7)? {
                0 => 0x10000,
                count => count,
            };
            new.extend(old.get(start..start.checked_add(count)?)?);
        }
        if new.len() > size {
            return None;
        }
    }
    (new.len() == size).then_some(new)
}

/// Seven bits a byte, the least first; the last has no high bit.
fn number(bytes: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let mut value: usize = 0;
    for place in 0..5 {
        let byte = bytes.next()?;
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_many_bytes_as_its_letter_says() {
        let decoded = |text: &str| {
            let mut bytes = Vec::new();
            decode(text.as_bytes(), &mut bytes).map(|()| bytes)
        };
        assert_eq!(decoded("DVE|%d"), Some(b"a\0bc".to_vec()));
        assert_eq!(decoded("CVE|%d"), Some(b"a\0b".to_vec()));
        for bad in ["", "D", "EVE|%d", "0VE|%d", "D~~~~~", "DVE|% ", "DVE|%dx"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_delta_copies_and_inserts_and_a_damaged_one_makes_nothing() {
        // Five old bytes, four new ones: two from the second on, then two of its own.
        let delta = [5, 4, 0x80 | 0x01 | 0x10, 1, 2, 2, b'x', b'y'];
        let applied = |delta: &[u8], most| apply_delta(delta, b"abcde", most);
        assert_eq!(applied(&delta, 4), Some(b"bcxy".to_vec()));
        assert_eq!(applied(&delta, 3), None);
        for end in 0..delta.len() {
            assert_eq!(applied(&delta[..end], 4), None, "{end}");
        }
        let changed = |at: usize, byte: u8| {
            let mut other = delta;
            other[at] = byte;
            applied(&other, 1 << 20)
        };
        for (at, byte) in [(0, 4), (1, 3), (1, 5), (3, 4), (4, 5), (5, 0), (5, 3)] {
            assert_eq!(changed(at, byte), None, "{at}: {byte}");
        }
    }
}
