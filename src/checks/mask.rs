//! A small lexer that tells code from comments and strings, so that rules look where they mean to.
//!
//! It knows how each language family begins and ends comments and strings, and nothing else of its grammar. Where it
//! errs (a heredoc, a regular-expression literal with a quote in it) it errs until the end of the line, except inside
//! constructs that really span lines.

use super::language::Language;

/// A text twice, each as long as the original, byte for byte and line for line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Masked {
    /// Comments are blanks; strings stand.
    pub(super) code: String,
    /// Comments and the insides of strings are blanks.
    pub(super) bare: String,
}

/// How a language family writes comments and strings.
struct Grammar {
    line: &'static [&'static str],
    /// The line comment counts only at the start of a line or after a blank.
    line_after_blank: bool,
    block: Option<(&'static str, &'static str)>,
    nested: bool,
    strings: &'static [Quote],
}

struct Quote {
    open: &'static str,
    close: &'static str,
    spans_lines: bool,
    escapes: bool,
}

const fn quote(text: &'static str, spans_lines: bool, escapes: bool) -> Quote {
    Quote {
        open: text,
        close: text,
        spans_lines,
        escapes,
    }
}

const DOUBLE_LINES: Quote = quote("\"", true, true);
const TRIPLE: Quote = quote("\"\"\"", true, true);
const TRIPLE_SINGLE: Quote = quote("'''", true, true);
const TRIPLE_SINGLE_RAW: Quote = quote("'''", true, false);
const SINGLE_RAW: Quote = quote("'", false, false);
const DOUBLE: Quote = quote("\"", false, true);
const SINGLE: Quote = quote("'", false, true);
const BACKTICK: Quote = quote("`", true, true);
const COMMAND: Quote = quote("`", false, true);
const RAW_BACKTICK: Quote = quote("`", true, false);

fn grammar(language: Language) -> Grammar {
    let slashes = Grammar {
        line: &["//"],
        line_after_blank: false,
        block: Some(("/*", "*/")),
        nested: false,
        strings: &[DOUBLE, SINGLE],
    };
    let hash = Grammar {
        line: &["#"],
        line_after_blank: true,
        block: None,
        nested: false,
        strings: &[DOUBLE, SINGLE],
    };
    match language {
        Language::Rust => Grammar {
            nested: true,
            strings: &[DOUBLE_LINES],
            ..slashes
        },
        Language::JavaScript => Grammar {
            strings: &[DOUBLE, SINGLE, BACKTICK],
            ..slashes
        },
        Language::Go => Grammar {
            strings: &[DOUBLE, SINGLE, RAW_BACKTICK],
            ..slashes
        },
        Language::Java | Language::Kotlin | Language::Swift => Grammar {
            strings: &[TRIPLE, DOUBLE, SINGLE],
            ..slashes
        },
        Language::C | Language::CSharp | Language::Json => slashes,
        Language::Php => Grammar {
            line: &["//", "# "],
            ..slashes
        },
        Language::Css => Grammar {
            line: &[],
            ..slashes
        },
        Language::Python => Grammar {
            line_after_blank: false,
            strings: &[TRIPLE, TRIPLE_SINGLE, DOUBLE, SINGLE],
            ..hash
        },
        Language::Elixir => Grammar {
            strings: &[TRIPLE, DOUBLE],
            ..hash
        },
        Language::Ruby => Grammar {
            strings: &[DOUBLE, SINGLE, COMMAND],
            ..hash
        },
        Language::Shell | Language::Docker | Language::Make | Language::Yaml => hash,
        Language::Toml => Grammar {
            strings: &[TRIPLE, TRIPLE_SINGLE_RAW, DOUBLE, SINGLE_RAW],
            ..hash
        },
        Language::Sql => Grammar {
            line: &["--"],
            ..slashes
        },
        Language::Html => Grammar {
            line: &[],
            block: Some(("<!--", "-->")),
            strings: &[],
            ..slashes
        },
        Language::Prose | Language::Other => Grammar {
            line: &[],
            block: None,
            strings: &[],
            ..slashes
        },
    }
}

impl Masked {
    /// Masks a whole text, or any run of lines.
    pub(super) fn new(text: &str, language: Language) -> Self {
        let mut lexer = Lexer {
            bytes: text.as_bytes(),
            at: 0,
            code: text.as_bytes().to_vec(),
            bare: text.as_bytes().to_vec(),
        };
        lexer.run(&grammar(language), language == Language::Rust);
        Masked {
            code: into_text(lexer.code),
            bare: into_text(lexer.bare),
        }
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("whole characters were replaced by blanks")
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    code: Vec<u8>,
    bare: Vec<u8>,
}

impl Lexer<'_> {
    fn run(&mut self, grammar: &Grammar, rust: bool) {
        while self.at < self.bytes.len() {
            if rust && self.rust_literal() {
                continue;
            }
            if self.line_comment(grammar) || self.block_comment(grammar) || self.string(grammar) {
                continue;
            }
            self.at += 1;
        }
    }

    fn starts(&self, text: &str) -> bool {
        self.bytes[self.at..].starts_with(text.as_bytes())
    }

    fn line_comment(&mut self, grammar: &Grammar) -> bool {
        if !grammar.line.iter().any(|open| self.starts(open)) {
            return false;
        }
        let after_blank = self.at == 0 || self.bytes[self.at - 1].is_ascii_whitespace();
        if grammar.line_after_blank && !after_blank {
            return false;
        }
        let end = self.line_end();
        self.blank_both(self.at, end);
        self.at = end;
        true
    }

    fn block_comment(&mut self, grammar: &Grammar) -> bool {
        let Some((open, close)) = grammar.block else {
            return false;
        };
        if !self.starts(open) {
            return false;
        }
        let start = self.at;
        let mut depth = 1;
        self.at += open.len();
        while self.at < self.bytes.len() && depth > 0 {
            if self.starts(close) {
                depth -= 1;
                self.at += close.len();
            } else if grammar.nested && self.starts(open) {
                depth += 1;
                self.at += open.len();
            } else {
                self.at += 1;
            }
        }
        self.blank_both(start, self.at);
        true
    }

    fn string(&mut self, grammar: &Grammar) -> bool {
        let Some(quote) = grammar.strings.iter().find(|quote| self.starts(quote.open)) else {
            return false;
        };
        self.at += quote.open.len();
        self.string_rest(quote.close, quote.spans_lines, quote.escapes);
        true
    }

    /// From behind the opening quote to behind the closing one.
    fn string_rest(&mut self, close: &str, spans_lines: bool, escapes: bool) {
        let start = self.at;
        while self.at < self.bytes.len() {
            if self.starts(close) {
                self.blank_bare(start, self.at);
                self.at += close.len();
                return;
            }
            match self.bytes[self.at] {
                b'\n' if !spans_lines => break,
                b'\\' if escapes => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.bytes.len());
        self.blank_bare(start, self.at);
    }

    /// Raw strings, and the quote that is a lifetime rather than a character.
    fn rust_literal(&mut self) -> bool {
        match self.bytes[self.at] {
            b'r' => {
                let word_before = self.at > 0
                    && (self.bytes[self.at - 1].is_ascii_alphanumeric()
                        || self.bytes[self.at - 1] == b'_')
                    && self.bytes[self.at - 1] != b'b';
                let hashes = self.bytes[self.at + 1..]
                    .iter()
                    .take(16)
                    .take_while(|byte| **byte == b'#')
                    .count();
                if word_before || self.bytes.get(self.at + 1 + hashes) != Some(&b'"') {
                    return false;
                }
                let close = format!("\"{}", "#".repeat(hashes));
                self.at += hashes + 2;
                self.string_rest(&close, true, false);
                true
            }
            b'\'' => {
                let rest = &self.bytes[self.at + 1..];
                let length = match rest.first() {
                    Some(b'\\') => rest
                        .iter()
                        .skip(2)
                        .take(12)
                        .position(|byte| *byte == b'\'')
                        .map(|at| at + 2),
                    Some(_) => (1..=4).find(|length| rest.get(*length) == Some(&b'\'')),
                    None => None,
                };
                let inside = length.filter(|length| {
                    // `'a, 'b'`: a lifetime, not a character of three bytes.
                    *length == 1 || rest[0] == b'\\' || !rest[0].is_ascii()
                });
                let start = self.at + 1;
                self.at = start;
                if let Some(length) = inside {
                    self.blank_bare(start, start + length);
                    self.at = start + length + 1;
                }
                true
            }
            _ => false,
        }
    }

    fn line_end(&self) -> usize {
        self.bytes[self.at..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(self.bytes.len(), |offset| self.at + offset)
    }

    fn blank_both(&mut self, start: usize, end: usize) {
        blank(&mut self.code[start..end]);
        blank(&mut self.bare[start..end]);
    }

    fn blank_bare(&mut self, start: usize, end: usize) {
        blank(&mut self.bare[start..end]);
    }
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes {
        if !matches!(*byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: Language, text: &str, code: &str, bare: &str) {
        let masked = Masked::new(text, language);
        assert_eq!(masked.code, code);
        assert_eq!(masked.bare, bare);
    }

    #[test]
    fn rust_comments_strings_characters_and_lifetimes() {
        check(
            Language::Rust,
            "let a: &'a str = \"x // y\"; // z",
            "let a: &'a str = \"x // y\";     ",
            "let a: &'a str = \"      \";     ",
        );
        check(
            Language::Rust,
            "m('\"', '\\'', r#\"a\"b\"#) /* x /* y */ */ k",
            "m('\"', '\\'', r#\"a\"b\"#)                 k",
            "m(' ', '  ', r#\"   \"#)                 k",
        );
        check(Language::Rust, "'é'; \"ü", "'é'; \"ü", "'  '; \"  ");
    }

    #[test]
    fn python_docstrings_span_lines() {
        check(
            Language::Python,
            "\"\"\"a\neval(x)\n\"\"\"\nf('#') # c",
            "\"\"\"a\neval(x)\n\"\"\"\nf('#')    ",
            "\"\"\" \n       \n\"\"\"\nf(' ')    ",
        );
    }

    #[test]
    fn an_open_quote_ends_with_its_line_where_strings_do() {
        check(
            Language::JavaScript,
            "<p>Don't</p>\ncall('x')",
            "<p>Don't</p>\ncall('x')",
            "<p>Don'     \ncall(' ')",
        );
        check(
            Language::JavaScript,
            "`a\n${b}` + c",
            "`a\n${b}` + c",
            "` \n    ` + c",
        );
    }

    #[test]
    fn a_hash_inside_a_word_is_no_shell_comment() {
        check(
            Language::Shell,
            "echo a#b # c",
            "echo a#b    ",
            "echo a#b    ",
        );
    }

    #[test]
    fn text_that_ends_anywhere_is_masked_without_panic() {
        for language in [
            Language::Rust,
            Language::Python,
            Language::JavaScript,
            Language::Toml,
        ] {
            for text in [
                "\"", "\"\\", "'", "'\\", "r#", "r#\"", "/*", "\"\"\"", "`", "\\", "'é", "#",
            ] {
                let masked = Masked::new(text, language);
                assert_eq!(masked.code.len(), text.len());
            }
        }
    }
}
