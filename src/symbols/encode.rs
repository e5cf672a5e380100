//! An outline as bytes, for the cache: compact, and refused whole when anything in it makes no sense.

use super::language::Language;
use super::outline::{Definition, FileOutline, Kind, LineRange, Method, References};

const METHODS: [Method; 4] = [
    Method::Grammar,
    Method::NoGrammar,
    Method::GaveUp,
    Method::Skipped,
];

/// The bytes of an outline.
pub(super) fn encode(outline: &FileOutline) -> Vec<u8> {
    let mut out = Vec::new();
    let method = METHODS
        .iter()
        .position(|method| *method == outline.method)
        .expect("every method is listed");
    out.push(method as u8);
    out.push(
        outline
            .language
            .map_or(0, |language| language.index() as u8 + 1),
    );
    push(&mut out, outline.definitions.len() as u64);
    for definition in &outline.definitions {
        push_text(&mut out, &definition.name);
        let kind = Kind::ALL
            .iter()
            .position(|kind| *kind == definition.kind)
            .expect("every kind is listed");
        out.push(kind as u8);
        push(&mut out, u64::from(definition.lines.first));
        push(
            &mut out,
            u64::from(definition.lines.last - definition.lines.first),
        );
        let signature = definition.signature.last - definition.signature.first;
        push(&mut out, u64::from(signature));
        push(
            &mut out,
            definition.container.map_or(0, |index| u64::from(index) + 1),
        );
    }
    push(&mut out, outline.references.len() as u64);
    for (name, lines) in outline.references.iter() {
        push_text(&mut out, name);
        push(&mut out, lines.len() as u64);
        let mut before = 0;
        for line in lines {
            push(&mut out, u64::from(line - before));
            before = *line;
        }
    }
    out
}

fn push(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// The outline of bytes that [`encode`] made; `None` for any others that cannot be one.
pub(super) fn decode(bytes: &[u8]) -> Option<FileOutline> {
    let mut rest = Rest(bytes);
    let method = *METHODS.get(usize::from(rest.byte()?))?;
    let language = match rest.byte()? {
        0 => None,
        index => Some(*Language::ALL.get(usize::from(index) - 1)?),
    };
    let mut definitions = Vec::new();
    for index in 0..rest.count()? {
        let name = rest.text()?.to_owned();
        let kind = *Kind::ALL.get(usize::from(rest.byte()?))?;
        let first = rest.number()?;
        let last = first.checked_add(rest.number()?)?;
        let signature_last = first.checked_add(rest.number()?)?;
        let container = rest.number()?.checked_sub(1);
        if signature_last > last || container.is_some_and(|container| container as usize >= index) {
            return None;
        }
        definitions.push(Definition {
            name,
            kind,
            lines: LineRange { first, last },
            signature: LineRange {
                first,
                last: signature_last,
            },
            container,
        });
    }
    let mut references = References::default();
    let mut previous: Option<&str> = None;
    let mut lines = Vec::new();
    for _ in 0..rest.count()? {
        let name = rest.text()?;
        if previous.is_some_and(|previous| previous >= name) {
            return None;
        }
        previous = Some(name);
        lines.clear();
        let mut line: u32 = 0;
        for _ in 0..rest.count()? {
            line = line.checked_add(rest.number()?)?;
            lines.push(line);
        }
        references.push(name, lines.iter().copied());
    }
    rest.0.is_empty().then_some(FileOutline {
        language,
        method,
        definitions,
        references,
    })
}

struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u32> {
        let mut value: u64 = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).ok();
            }
        }
        None
    }

    /// A number of things of at least a byte each, so that no false number asks for memory.
    fn count(&mut self) -> Option<usize> {
        let count = self.number()? as usize;
        (count <= self.0.len()).then_some(count)
    }

    fn text(&mut self) -> Option<&'b str> {
        let length = self.count()?;
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse::outline;
    use super::*;

    #[test]
    fn an_outline_comes_back_as_it_was() {
        let source =
            b"mod a {\n    impl Foo {\n        fn bar(&self) -> u8 { self.baz() }\n    }\n}\n";
        let outline = outline(Some(Language::Rust), source);
        assert_eq!(outline.definitions.len(), 3);
        let bytes = encode(&outline);
        assert_eq!(decode(&bytes), Some(outline));
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), None, "cut after {length} bytes");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_encode_again(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(outline) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&outline)), Some(outline));
            }
        }
    }
}
