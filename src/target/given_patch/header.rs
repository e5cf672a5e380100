//! The lines above the hunks of one of git's diffs.

use bstr::{BString, ByteSlice as _};

use super::encoded;
use super::names;
use super::parse::Lines;
use super::{Body, PatchError, Section, SectionNames, Source, check_name};

/// File modes that git knows for what is in a patch.
const MODES: [u32; 4] = [0o100_644, 0o100_755, 0o120_000, 0o160_000];

/// What the header has said so far.
#[derive(Default)]
struct Header {
    pair: Option<(BString, BString)>,
    /// `--- ` and `+++ `, where they are.
    sides: Option<(Option<BString>, Option<BString>)>,
    from: Option<BString>,
    to: Option<BString>,
    source: Option<Source>,
    creates: bool,
    deletes: bool,
    old_mode: Option<u32>,
    new_mode: Option<u32>,
    similarity: Option<u8>,
    ids: Option<(String, String)>,
    bytes: Option<Bytes>,
}

/// What stands where a text would have its hunks.
#[derive(Clone, Copy)]
enum Bytes {
    Named,
    Encoded,
}

/// Reads the header that the next line begins, up to its hunks or the end of the section.
pub(super) fn read(lines: &mut Lines<'_>) -> Result<Section, PatchError> {
    let begin = lines.number();
    let first = lines.take().unwrap_or_default();
    let mut header = Header {
        pair: names::pair(first.strip_prefix(b"diff --git ").unwrap_or_default()),
        ..Header::default()
    };
    while let Some(line) = lines.peek() {
        let number = lines.number();
        let malformed = |problem| PatchError::Malformed {
            line: number,
            problem,
        };
        if line.starts_with(b"--- ") && header.sides.is_none() {
            lines.take();
            let old = names::side(&line[4..]).map_err(malformed)?;
            let new = lines.peek().and_then(|line| line.strip_prefix(b"+++ "));
            let new = new.ok_or_else(|| malformed("a `---` line without its `+++` line"))?;
            let new = names::side(new).map_err(malformed)?;
            lines.take();
            header.sides = Some((old, new));
            // More may follow, as git reads it: an `index` line, or that the rest is no text.
            continue;
        }
        if !header.takes(line).map_err(malformed)? {
            break;
        }
        lines.take();
        if header.bytes.is_some() {
            break;
        }
    }
    let body = match header.bytes {
        None => Body::Nothing,
        Some(Bytes::Named) => Body::Binary,
        Some(Bytes::Encoded) => Body::Encoded(encoded::read(lines)?),
    };
    header.into_section(begin, body)
}

impl Header {
    /// Whether the line belongs to the header.
    fn takes(&mut self, line: &[u8]) -> Result<bool, &'static str> {
        if let Some(mode) = line.strip_prefix(b"old mode ") {
            self.old_mode = Some(parse_mode(mode)?);
        } else if let Some(mode) = line.strip_prefix(b"new mode ") {
            self.new_mode = Some(parse_mode(mode)?);
        } else if let Some(mode) = line.strip_prefix(b"new file mode ") {
            self.new_mode = Some(parse_mode(mode)?);
            self.creates = true;
        } else if let Some(mode) = line.strip_prefix(b"deleted file mode ") {
            self.old_mode = Some(parse_mode(mode)?);
            self.deletes = true;
        } else if let Some(name) = line.strip_prefix(b"rename from ") {
            self.from = Some(names::whole(name)?);
            self.source = Some(Source::Renamed);
        } else if let Some(name) = line.strip_prefix(b"copy from ") {
            self.from = Some(names::whole(name)?);
            self.source = Some(Source::Copied);
        } else if let Some(name) = line
            .strip_prefix(b"rename to ")
            .or_else(|| line.strip_prefix(b"copy to "))
        {
            self.to = Some(names::whole(name)?);
        } else if let Some(percent) = line.strip_prefix(b"similarity index ") {
            let percent = percent.strip_suffix(b"%").and_then(number);
            self.similarity = percent.filter(|percent| *percent <= 100);
        } else if let Some(ids) = line.strip_prefix(b"index ") {
            self.ids = parse_ids(ids);
        } else if line == b"GIT binary patch" {
            self.bytes = Some(Bytes::Encoded);
        } else if line.ends_with(b" differ")
            && (line.starts_with(b"Binary files ") || line.starts_with(b"Files "))
        {
            self.bytes = Some(Bytes::Named);
        } else {
            return Ok(line.starts_with(b"dissimilarity index "));
        }
        Ok(true)
    }

    fn into_section(self, line: usize, body: Body) -> Result<Section, PatchError> {
        let malformed = |problem| PatchError::Malformed { line, problem };
        let by_pair = self.pair.as_ref().map(|(old, new)| {
            let (old, new) = names::without_prefixes(old.as_bstr(), new.as_bstr());
            (old.to_owned(), new.to_owned())
        });
        let (old, new) = match (self.from, self.to, self.sides) {
            (Some(from), Some(to), _) => (Some(from), Some(to)),
            (Some(_), None, _) | (None, Some(_), _) => {
                return Err(malformed("a rename or a copy with one name alone"));
            }
            (None, None, Some((Some(old), Some(new)))) => {
                let (old, new) = names::without_prefixes(old.as_bstr(), new.as_bstr());
                (Some(old.to_owned()), Some(new.to_owned()))
            }
            // The line above it says whether there are prefixes.
            (None, None, Some((old, new))) => match by_pair {
                Some((_, name)) => (old.map(|_| name.clone()), new.map(|_| name)),
                None => {
                    let bare = |name: BString| names::without_prefix(name.as_bstr()).to_owned();
                    (old.map(bare), new.map(bare))
                }
            },
            (None, None, None) => {
                let (old, new) =
                    by_pair.ok_or_else(|| malformed("a diff whose names cannot be told apart"))?;
                (
                    (!self.creates).then_some(old),
                    (!self.deletes).then_some(new),
                )
            }
        };
        if old.is_none() && new.is_none() {
            return Err(malformed("a diff between nothing and nothing"));
        }
        for name in [&old, &new].into_iter().flatten() {
            check_name(name.as_bstr(), line)?;
        }
        if self.source.is_none() && old.is_some() && new.is_some() && old != new {
            return Err(malformed("a diff of two names that is no rename"));
        }
        let (old_id, new_id) = self.ids.unzip();
        Ok(Section {
            line,
            creates: old.is_none(),
            deletes: new.is_none(),
            names: SectionNames::Git { old, new },
            source: self.source,
            old_mode: self.old_mode,
            new_mode: self.new_mode,
            similarity: self.similarity,
            old_id,
            new_id,
            body,
        })
    }
}

fn parse_mode(text: &[u8]) -> Result<u32, &'static str> {
    let text = text.to_str().unwrap_or_default();
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| MODES.contains(mode))
        .ok_or("a file mode that git does not have")
}

/// `OLD..NEW`, perhaps with a mode behind it. Anything else is no reason to refuse a patch.
fn parse_ids(text: &[u8]) -> Option<(String, String)> {
    let (ids, _) = text.split_once_str(" ").unwrap_or((text, b""));
    let (old, new) = ids.split_once_str("..")?;
    let hex = |id: &[u8]| {
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let fits = (4..=64).contains(&id.len()) && id.iter().all(is_hex);
        fits.then(|| String::from_utf8_lossy(id).into_owned())
    };
    Some((hex(old)?, hex(new)?))
}

fn number(text: &[u8]) -> Option<u8> {
    let is_plain = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    text.to_str().ok().filter(|_| is_plain)?.parse().ok()
}
