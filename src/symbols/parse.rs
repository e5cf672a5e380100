//! From bytes to an outline, by a grammar, within bounds.

use std::ops::ControlFlow;

use tree_sitter::{Node, ParseOptions, Parser, Tree};

use super::grammar::{Role, Table};
use super::indent::outline_by_indentation;
use super::language::Language;
use super::outline::{Definition, FileOutline, Kind, LineRange, Method, References};

/// A file above this many bytes is not outlined.
pub const MOST_SOURCE_BYTES: usize = 256 * 1024;

/// How often the parser may report before it is stopped: a fixed number, and one more for each so many bytes. Ordinary
/// sources report once for each hundred bytes or more; what exceeds this is generated, or made to exhaust. A count and
/// not a time, so that the same file is outlined alike on a slow machine.
const PROGRESS_REPORTS: u64 = 400;
const BYTES_A_REPORT: u64 = 60;
/// The most definitions of one file; the others are not listed.
const MOST_DEFINITIONS: usize = 16_384;
/// The longest name that is kept.
const LONGEST_NAME_BYTES: usize = 80;
/// The most lines of a signature.
const MOST_SIGNATURE_LINES: u32 = 12;
/// How many nodes below a definition its name may be.
const DEEPEST_NAME: usize = 16;
/// How many nodes a syntax tree may be deep: deeper ones are walked no further down.
const DEEPEST_NODE: usize = 4_096;

/// Outlines one file. See [`Outliner`] for many.
#[must_use]
pub fn outline(language: Option<Language>, bytes: &[u8]) -> FileOutline {
    Outliner::new().outline(language, bytes)
}

/// Outlines files one after the other, and keeps its parsers meanwhile. One for each thread.
#[derive(Default)]
pub struct Outliner {
    parsers: [Option<Parser>; Language::ALL.len()],
}

impl std::fmt::Debug for Outliner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outliner").finish_non_exhaustive()
    }
}

impl Outliner {
    /// With no parser yet.
    #[must_use]
    pub fn new() -> Self {
        Outliner::default()
    }

    /// The outline of a file: by its grammar, else by indentation; nothing for what is too large or not text.
    #[must_use]
    pub fn outline(&mut self, language: Option<Language>, bytes: &[u8]) -> FileOutline {
        if bytes.len() > MOST_SOURCE_BYTES || bytes[..bytes.len().min(8_000)].contains(&0) {
            return FileOutline::skipped(language);
        }
        let indented = |method| {
            let text = String::from_utf8_lossy(bytes);
            outline_by_indentation(&text, language, method)
        };
        let Some(language) = language else {
            return indented(Method::NoGrammar);
        };
        match self.parse(language, bytes) {
            Some(tree) => by_grammar(language, bytes, &tree),
            None => indented(Method::GaveUp),
        }
    }

    fn parse(&mut self, language: Language, bytes: &[u8]) -> Option<Tree> {
        let slot = &mut self.parsers[language.index()];
        let parser = match slot {
            Some(parser) => parser,
            None => {
                let mut parser = Parser::new();
                // A grammar of an unknown version is as good as none.
                parser.set_language(&Table::of(language).grammar).ok()?;
                slot.insert(parser)
            }
        };
        let most = PROGRESS_REPORTS + bytes.len() as u64 / BYTES_A_REPORT;
        let mut reports = 0;
        let mut stop_in_time = |_: &tree_sitter::ParseState| {
            reports += 1;
            match reports > most {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let options = ParseOptions::new().progress_callback(&mut stop_in_time);
        let mut read = |offset: usize, _| bytes.get(offset..).unwrap_or_default();
        let tree = parser.parse_with_options(&mut read, None, Some(options));
        if tree.is_none() {
            // What was begun must not go on with the next file.
            parser.reset();
        }
        tree
    }
}

/// A definition that the walk is inside of.
struct Open {
    index: u32,
    end_byte: usize,
    is_function: bool,
}

struct Walk<'b> {
    bytes: &'b [u8],
    definitions: Vec<Definition>,
    references: Vec<(&'b str, u32)>,
    open: Vec<Open>,
    /// Wrappers around the node that is looked at: the depth of each, and its lines.
    wrappers: Vec<(usize, LineRange)>,
}

fn by_grammar(language: Language, bytes: &[u8], tree: &Tree) -> FileOutline {
    let table = Table::of(language);
    let mut walk = Walk {
        bytes,
        definitions: Vec::new(),
        references: Vec::new(),
        open: Vec::new(),
        wrappers: Vec::new(),
    };
    let mut cursor = tree.walk();
    let mut depth = 0;
    'nodes: loop {
        let node = cursor.node();
        walk.enter(node, depth, table);
        if depth < DEEPEST_NODE && cursor.goto_first_child() {
            depth += 1;
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                break 'nodes;
            }
            depth -= 1;
        }
    }
    FileOutline {
        language: Some(language),
        method: Method::Grammar,
        definitions: walk.definitions,
        references: References::of(walk.references),
    }
}

impl<'b> Walk<'b> {
    fn enter(&mut self, node: Node<'_>, depth: usize, table: &Table) {
        while self.wrappers.last().is_some_and(|(at, _)| *at >= depth) {
            self.wrappers.pop();
        }
        let role = table.role(node.kind_id());
        let kind = match role {
            Role::None => return,
            Role::Identifier => {
                if let Some(name) = self.name(node)
                    && name.len() > 1
                {
                    self.references
                        .push((name, line_of(node.start_position().row)));
                }
                return;
            }
            Role::Wrapper => {
                self.push_wrapper(node, depth, table);
                return;
            }
            Role::Definition(kind) => kind,
            Role::WithBody(kind) if node.child_by_field_name("body").is_some() => kind,
            Role::Outside(kind) if self.is_outside(node) && is_plain_target(node) => kind,
            Role::Prototype if self.is_outside(node) && declares_function(node) => Kind::Function,
            Role::Binding if binds_function(node) => Kind::Function,
            Role::Binding if self.is_outside(node) => Kind::Value,
            Role::WithBody(_) | Role::Outside(_) | Role::Prototype | Role::Binding => return,
        };
        self.define(node, depth, kind);
    }

    /// Whether `node` stands in no function.
    fn is_outside(&mut self, node: Node<'_>) -> bool {
        self.close_before(node);
        !self.open.iter().any(|open| open.is_function)
    }

    fn close_before(&mut self, node: Node<'_>) {
        let start = node.start_byte();
        while self.open.last().is_some_and(|open| open.end_byte <= start) {
            self.open.pop();
        }
    }

    /// What wraps several definitions is none of their own lines.
    fn push_wrapper(&mut self, node: Node<'_>, depth: usize, table: &Table) {
        let mut cursor = node.walk();
        let mut wrapped = 0;
        if cursor.goto_first_child() {
            loop {
                let role = table.role(cursor.node().kind_id());
                wrapped += usize::from(!matches!(role, Role::None | Role::Identifier));
                if wrapped > 1 || !cursor.goto_next_sibling() {
                    break;
                }
            }
        }
        if wrapped == 1 {
            let lines = match self.wrappers.last() {
                Some((at, lines)) if at + 1 == depth => *lines,
                _ => lines_of(node),
            };
            self.wrappers.push((depth, lines));
        }
    }

    fn define(&mut self, node: Node<'_>, depth: usize, kind: Kind) {
        if self.definitions.len() >= MOST_DEFINITIONS {
            return;
        }
        let Some(name) = self.name_of(node) else {
            return;
        };
        self.close_before(node);
        let own = lines_of(node);
        let lines = match self.wrappers.last() {
            Some((at, lines)) if at + 1 == depth => *lines,
            _ => own,
        };
        let last = self.signature_end(node, kind).clamp(own.first, own.last);
        let signature = LineRange {
            first: lines.first,
            last: last.min(lines.first.saturating_add(MOST_SIGNATURE_LINES - 1)),
        };
        let index = self.definitions.len() as u32;
        self.definitions.push(Definition {
            name: name.to_owned(),
            kind,
            lines,
            signature,
            container: self.open.last().map(|open| open.index),
        });
        self.open.push(Open {
            index,
            end_byte: node.end_byte(),
            is_function: kind == Kind::Function,
        });
    }

    /// The line on which the signature ends: before a body that begins a line, else on the line where it begins.
    fn signature_end(&self, node: Node<'_>, kind: Kind) -> u32 {
        let value = node.child_by_field_name("value");
        let body = node
            .child_by_field_name("body")
            .or_else(|| value.and_then(|value| value.child_by_field_name("body")));
        let first = line_of(node.start_position().row);
        let Some(body) = body else {
            return match kind {
                Kind::Function => lines_of(node).last,
                _ => first,
            };
        };
        let before = &self.bytes[..body.start_byte().min(self.bytes.len())];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let begins_line = before[line_start..].iter().all(u8::is_ascii_whitespace);
        line_of(body.start_position().row) - u32::from(begins_line && body.start_position().row > 0)
    }

    fn name(&self, node: Node<'_>) -> Option<&'b str> {
        let bytes = self.bytes.get(node.byte_range())?;
        if bytes.is_empty() || bytes.len() > LONGEST_NAME_BYTES {
            return None;
        }
        let name = std::str::from_utf8(bytes).ok()?;
        (!name.contains(|char: char| char.is_whitespace() || char.is_control())).then_some(name)
    }

    /// Follows fields from a definition down to the leaf that names it.
    fn name_of(&self, node: Node<'_>) -> Option<&'b str> {
        let mut at = node;
        for _ in 0..DEEPEST_NAME {
            let next = ["name", "declarator", "left", "type"]
                .into_iter()
                .find_map(|field| at.child_by_field_name(field))
                .or_else(|| at.named_child(0));
            match next {
                Some(next) => at = next,
                None => return self.name(at),
            }
        }
        None
    }
}

/// For an assignment: whether what is assigned to is a plain name (in Ruby, a constant). Anything else is fine as it is.
fn is_plain_target(node: Node<'_>) -> bool {
    let Some(left) = node.child_by_field_name("left") else {
        return true;
    };
    // Ruby's own identifiers are variables: what lasts is a constant.
    let is_ruby = node
        .parent()
        .is_some_and(|parent| matches!(parent.kind(), "program" | "body_statement"));
    match left.kind() {
        "constant" => true,
        "identifier" => !is_ruby,
        _ => false,
    }
}

/// Whether a C declaration declares a function, perhaps one that returns a pointer.
fn declares_function(node: Node<'_>) -> bool {
    let mut at = node.child_by_field_name("declarator");
    for _ in 0..DEEPEST_NAME {
        match at {
            Some(declarator) if declarator.kind() == "function_declarator" => return true,
            Some(declarator) => {
                at = declarator
                    .child_by_field_name("declarator")
                    .or_else(|| declarator.named_child(0));
            }
            None => return false,
        }
    }
    false
}

fn binds_function(node: Node<'_>) -> bool {
    node.child_by_field_name("value").is_some_and(|value| {
        matches!(
            value.kind(),
            "arrow_function" | "function_expression" | "generator_function" | "class"
        )
    })
}

/// Rows count from zero, lines from one.
fn line_of(row: usize) -> u32 {
    u32::try_from(row).map_or(u32::MAX, |row| row.saturating_add(1))
}

fn lines_of(node: Node<'_>) -> LineRange {
    let (start, end) = (node.start_position(), node.end_position());
    // A node that ends with a line end does not own the next line.
    let past = end.column == 0 && end.row > start.row;
    LineRange {
        first: line_of(start.row),
        last: line_of(end.row - usize::from(past)),
    }
}
