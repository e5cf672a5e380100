//! Made-up secrets: spelled out at run time, so that no file in the repository holds one.

/// Replaces `{class:count}` by that many made-up letters of a class, and `{word:TEXT}` by the text. The same text
/// always becomes the same; each place becomes something else.
pub fn spell_out(text: &str) -> String {
    spell_out_parts(text).0
}

/// As [`spell_out`], with the parts that were made up.
pub fn spell_out_parts(text: &str) -> (String, Vec<String>) {
    let mut parts = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match rest
            .find('}')
            .and_then(|end| Some((end, spelled(&rest[1..end], &mut random)?)))
        {
            Some((end, spelled)) => {
                out.push_str(&spelled);
                parts.push(spelled);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    (out, parts)
}

fn spelled(inside: &str, random: &mut Random) -> Option<String> {
    let (class, rest) = inside.split_once(':')?;
    if class == "word" {
        return Some(rest.to_owned());
    }
    let letters = match class {
        "upper" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "base32" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "lower" => "abcdefghijklmnopqrstuvwxyz0123456789",
        "digit" => "0123456789",
        "hex" => "0123456789abcdef",
        "alnum" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "alpha" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "b64" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "bech32" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
        _ => return None,
    };
    let letters = letters.as_bytes();
    let count: usize = rest.parse().ok()?;
    let letter = |_| char::from(letters[random.next() % letters.len()]);
    Some((0..count).map(letter).collect())
}

/// A small generator with a fixed seed (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize
    }
}

#[test]
fn only_known_classes_are_spelled_out() {
    let text = spell_out("a {name} {x:1} {hex:4} {word:RSA} {");
    assert!(text.starts_with("a {name} {x:1} "), "{text}");
    assert!(text.ends_with(" RSA {"), "{text}");
    assert_eq!(text.len(), "a {name} {x:1} ffff RSA {".len());
    assert_eq!(text, spell_out("a {name} {x:1} {hex:4} {word:RSA} {"));
}
