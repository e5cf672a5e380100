//! Elements of an XML document, written safely.
//!
//! quick-xml escapes what XML gives a meaning to. What XML 1.0 cannot hold at all, not even escaped, is shown as an
//! escape of ours before it gets there.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::visible;

/// A document that is being written.
pub(super) struct Document {
    writer: Writer<Vec<u8>>,
    open: Vec<&'static str>,
}

/// The attributes of an element, in order.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Document {
    pub(super) fn new() -> Document {
        let mut document = Document {
            writer: Writer::new_with_indent(Vec::new(), b' ', 2),
            open: Vec::new(),
        };
        document.write(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        document
    }

    /// Begins an element.
    pub(super) fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.write(Event::Start(start(name, attributes)));
        self.open.push(name);
    }

    /// Ends the element that was begun last.
    pub(super) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.write(Event::End(BytesEnd::new(name)));
        }
    }

    /// An element with nothing in it.
    pub(super) fn empty(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.write(Event::Empty(start(name, attributes)));
    }

    /// An element with text in it, line breaks kept.
    pub(super) fn text(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.write(Event::Start(start(name, attributes)));
        self.write(Event::Text(BytesText::new(&legal(text))));
        self.write(Event::End(BytesEnd::new(name)));
    }

    /// The whole document, every element ended.
    pub(super) fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.close();
        }
        let mut bytes = self.writer.into_inner();
        bytes.push(b'\n');
        bytes
    }

    fn write(&mut self, event: Event<'_>) {
        self.writer
            .write_event(event)
            .expect("a vector takes all bytes");
    }
}

fn start<'a>(name: &'static str, attributes: Attributes<'_>) -> BytesStart<'a> {
    let mut element = BytesStart::new(name);
    for (key, value) in attributes {
        element.push_attribute((*key, legal(value).as_str()));
    }
    element
}

/// `text` in the characters that XML 1.0 has.
fn legal(text: &str) -> String {
    visible::lines(text)
        .chars()
        .map(|character| match character {
            '\u{fffe}' | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_the_element_that_it_stands_in() {
        let mut document = Document::new();
        document.open("a", &[("b", "\"<'&\n]]>\u{1b}\u{ffff}")]);
        document.text("c", &[], "</c>]]><!-- \u{0} &amp;");
        document.empty("d", &[]);
        let text = String::from_utf8(document.finish()).unwrap();
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut elements = Vec::new();
        loop {
            match reader.read_event().expect("the document is well-formed") {
                Event::Eof => break,
                Event::Start(start) | Event::Empty(start) => {
                    elements.push(start.name().as_ref().to_owned());
                }
                _ => {}
            }
        }
        assert_eq!(elements, ["a", "c", "d"], "{text}");
        for part in [
            r#"b="&quot;&lt;&apos;&amp;&#10;]]&gt;\u{1b}"#,
            r"<c>&lt;/c&gt;]]&gt;&lt;!-- \u{0} &amp;amp;</c>",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
