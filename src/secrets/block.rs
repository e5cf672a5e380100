//! Private keys that span lines: PEM, OpenSSH and PGP blocks, also inside a patch or a string literal.

use std::ops::Range;

use super::rule::RuleInfo;

/// The rule that this file is.
pub(super) const PRIVATE_KEY: RuleInfo = RuleInfo {
    id: "private-key",
    description: "private key block",
};

/// Fewer letters of key material than this are an example or a mere mention of the marker.
const LEAST_MATERIAL: usize = 40;

const OPENING: &str = "-----BEGIN ";
const CLOSING: &str = "-----END ";

/// Finds every block with enough key material in it: from its `BEGIN` to its `END` marker, or as far as the material
/// goes. A block whose beginning lies outside the text (a hunk) is found from its `END`.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("-----") {
        let at = from + at;
        // A diff's `-` may stand before the marker, so the marker is the last place where it fits.
        let dashes = text[at..].bytes().take_while(|byte| *byte == b'-').count();
        let marker = at + dashes - 5;
        from = at + dashes;
        if let Some(header) = header(&text[marker..], OPENING) {
            if let Some(end) = block_end(text, marker + header) {
                found.push(marker..end);
                from = end;
            }
        } else if let Some(footer) = header_or_footer_end(&text[marker..]) {
            let floor = found.last().map_or(0, |block| block.end);
            if let Some(start) = block_start(text, floor, marker) {
                found.push(start..marker + footer);
                from = marker + footer;
            }
        }
    }
    found
}

fn header_or_footer_end(text: &str) -> Option<usize> {
    header(text, CLOSING)
}

/// The length of the marker line that `text` begins with.
fn header(text: &str, opening: &str) -> Option<usize> {
    let label = text.strip_prefix(opening)?;
    let length = label
        .bytes()
        .take(48)
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ')
        .count();
    let name = &label[..length];
    let private = name.ends_with("PRIVATE KEY") || name == "PGP PRIVATE KEY BLOCK";
    (private && label[length..].starts_with("-----")).then_some(opening.len() + length + 5)
}

/// Where the block whose header ends at `body` ends, or `None` when no key follows.
fn block_end(text: &str, body: usize) -> Option<usize> {
    let mut material = 0;
    let mut end = body;
    let mut at = body;
    loop {
        let line_end = text[at..]
            .find('\n')
            .map_or(text.len(), |offset| at + offset);
        let line = &text[at..line_end];
        if let Some(offset) = line.find(CLOSING) {
            material += material_of(&line[..offset])?;
            let marker = at + offset;
            let closed = header(&text[marker..], CLOSING).unwrap_or(CLOSING.len());
            return (material >= LEAST_MATERIAL).then_some(marker + closed);
        }
        match material_of(line) {
            Some(letters) => {
                material += letters;
                if letters > 0 {
                    end = at + line.trim_end().len();
                }
            }
            None => break,
        }
        if line_end == text.len() {
            break;
        }
        at = line_end + 1;
    }
    (material >= LEAST_MATERIAL).then_some(end)
}

/// Where the material above a lone `END` marker begins, not before `floor`.
fn block_start(text: &str, floor: usize, marker: usize) -> Option<usize> {
    let mut material = 0;
    let mut start = None;
    let mut line_end = text[..marker].rfind('\n')?;
    while line_end > floor {
        let line_start = text[..line_end]
            .rfind('\n')
            .map_or(0, |at| at + 1)
            .max(floor);
        let line = &text[line_start..line_end];
        match material_of(line) {
            Some(letters) if letters > 0 => {
                material += letters;
                start = Some(line_start + prefix(line));
            }
            _ => break,
        }
        if line_start == floor || line_start == 0 {
            break;
        }
        line_end = line_start - 1;
    }
    start.filter(|_| material >= LEAST_MATERIAL)
}

/// What stands before the content of a line inside a block: a diff's marker, then blanks.
pub(super) fn prefix(line: &str) -> usize {
    let marker = usize::from(line.starts_with(['+', '-', ' ']));
    let blanks = line[marker..]
        .bytes()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    marker + blanks
}

/// How many letters of key material a line holds, or `None` when it cannot be part of a block. Quotes, joins, comment
/// marks and escaped line ends around the material are looked through.
pub(super) fn material_of(line: &str) -> Option<usize> {
    let line = line.trim();
    let header = ["Proc-Type:", "DEK-Info:", "Version:", "Comment:", "Hash:"];
    let bare =
        line.trim_start_matches(['+', '-', ' ', '\t', '>', '|', '#', '*', '"', '\'', '`', '/']);
    if header.iter().any(|name| bare.starts_with(name)) {
        return Some(0);
    }
    let mut letters = 0;
    let mut rest = line;
    let mut blanks = 0;
    while let Some(letter) = rest.chars().next() {
        let step = match letter {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '/' | '=' => {
                letters += 1;
                1
            }
            '+' | '-' | '>' | '|' | '#' | '*' | '"' | '\'' | '`' | ',' | ';' | '(' | ')' | '\r' => {
                1
            }
            ' ' | '\t' => {
                blanks += 1;
                1
            }
            '\\' => match rest.as_bytes().get(1) {
                Some(b'n' | b'r' | b't' | b'\\' | b'"' | b'/') => 2,
                None => 1,
                Some(_) => return None,
            },
            _ => return None,
        };
        rest = &rest[step..];
    }
    // Prose is made of letters too; material is not cut into words.
    (blanks <= 6 || letters > blanks * 24).then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(prefix: &str, material: &str) -> String {
        let label = ["RSA PRIVATE", "KEY"].join(" ");
        let mut text = format!("{prefix}-----BEGIN {label}-----\n");
        for _ in 0..3 {
            text.push_str(&format!("{prefix}{material}\n"));
        }
        text.push_str(&format!("{prefix}-----END {label}-----\n"));
        text
    }

    const MATERIAL: &str = "MIIFakeFakeFakeNotAKey0000/+abcDEF";

    #[test]
    fn a_block_is_found_behind_every_diff_marker() {
        for prefix in ["", "+", "-", " ", "+    ", "> "] {
            let text = format!("before\n{}after\n", key(prefix, MATERIAL));
            let found = find(&text);
            assert_eq!(found.len(), 1, "prefix {prefix:?}");
            let block = &text[found[0].clone()];
            assert!(block.starts_with("-----BEGIN"), "{block}");
            assert!(block.ends_with("KEY-----"), "{block}");
        }
    }

    #[test]
    fn a_mention_of_the_marker_is_no_key() {
        let label = ["PRIVATE", "KEY"].join(" ");
        for text in [
            format!("if line == \"-----BEGIN {label}-----\" {{\n    start();\n}}\n"),
            format!("-----BEGIN {label}-----\n...\n-----END {label}-----\n"),
            format!(
                "-----BEGIN {}-----\n{MATERIAL}\n{MATERIAL}\n",
                "CERTIFICATE"
            ),
            "-----".repeat(20),
        ] {
            assert_eq!(find(&text), Vec::<Range<usize>>::new(), "{text}");
        }
    }

    #[test]
    fn a_key_with_escaped_line_ends_on_one_line_is_found() {
        let text = format!(
            "{{\"private_key\": \"{}\"}}",
            key("", MATERIAL).replace('\n', "\\n")
        );
        let found = find(&text);
        assert_eq!(found.len(), 1);
        assert!(text[found[0].clone()].ends_with("KEY-----"));
    }

    #[test]
    fn a_block_cut_off_on_either_side_is_still_taken() {
        let whole = key("+", MATERIAL);
        let lines: Vec<&str> = whole.lines().collect();
        let head = lines[..3].join("\n");
        assert_eq!(find(&head).len(), 1);
        let tail = format!("@@ -1 +1 @@\n{}", lines[2..].join("\n"));
        let found = find(&tail);
        assert_eq!(found.len(), 1);
        assert!(tail[found[0].clone()].starts_with("MII"));
    }
}
