//! The outline of a text without a grammar: blocks by indentation, words as identifiers.

use super::language::Language;
use super::outline::{Definition, FileOutline, Kind, LineRange, Method, References};

/// The most blocks of one file.
const MOST_BLOCKS: usize = 4_096;
/// The longest word that counts as a name.
const LONGEST_NAME_BYTES: usize = 80;
/// Blocks deeper than this many levels belong to the last level.
const DEEPEST: usize = 64;

/// One line: its indentation in columns (a tab counts eight), or `None` where it is blank.
fn indentation(line: &str) -> Option<usize> {
    let mut columns = 0;
    for char in line.chars() {
        match char {
            ' ' => columns += 1,
            '\t' => columns = columns / 8 * 8 + 8,
            char if char.is_whitespace() => {}
            _ => return Some(columns),
        }
    }
    None
}

/// Blocks: a line, and the deeper lines that follow it.
pub(super) fn outline_by_indentation(
    text: &str,
    language: Option<Language>,
    method: Method,
) -> FileOutline {
    let mut definitions: Vec<Definition> = Vec::new();
    // Open lines that may turn out to head a block: their indentation, line, text, and their block once there is one.
    let mut open: Vec<(usize, u32, &str, Option<u32>)> = Vec::new();
    let mut words = Vec::new();
    let mut last_filled = 0;
    for (line, number) in text.lines().zip(1_u32..) {
        push_words(line, number, &mut words);
        let Some(columns) = indentation(line) else {
            continue;
        };
        while let Some((other, _, _, block)) = open.last()
            && *other >= columns
        {
            if let Some(block) = block {
                definitions[*block as usize].lines.last = last_filled;
            }
            open.pop();
        }
        let container = open.iter().rev().skip(1).find_map(|(.., block)| *block);
        if let Some((_, head, head_text, block @ None)) = open.last_mut()
            && definitions.len() < MOST_BLOCKS
        {
            *block = Some(definitions.len() as u32);
            definitions.push(Definition {
                name: name_of(head_text),
                kind: Kind::Block,
                lines: LineRange {
                    first: *head,
                    last: number,
                },
                signature: LineRange {
                    first: *head,
                    last: *head,
                },
                container,
            });
        }
        if open.len() < DEEPEST {
            open.push((columns, number, line, None));
        }
        last_filled = number;
    }
    for (.., block) in open {
        if let Some(block) = block {
            definitions[block as usize].lines.last = last_filled;
        }
    }
    FileOutline {
        language,
        method,
        definitions,
        references: References::of(words),
    }
}

/// The word that a block is called by: the last one before an opening sign, which in most notations is the name.
fn name_of(head: &str) -> String {
    let end = head.find(['(', '{', '[', ':', '=']).unwrap_or(head.len());
    let word = words(&head[..end]).last().or_else(|| words(head).next());
    word.unwrap_or_default().to_owned()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !(char.is_alphanumeric() || char == '_'))
        .filter(|word| !word.is_empty() && word.len() <= LONGEST_NAME_BYTES)
        .filter(|word| !word.starts_with(|char: char| char.is_ascii_digit()))
}

fn push_words<'t>(line: &'t str, number: u32, found: &mut Vec<(&'t str, u32)>) {
    found.extend(words(line).map(|word| (word, number)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_line_and_what_is_deeper_below_it() {
        let text = "sub first {\n    a();\n\n    if (b) {\n        c();\n    }\n}\n\nsub second {\n\td();\n}\n";
        let outline = outline_by_indentation(text, None, Method::NoGrammar);
        let blocks: Vec<(&str, u32, u32, Option<u32>)> = outline
            .definitions
            .iter()
            .map(|block| {
                let LineRange { first, last } = block.lines;
                (block.name.as_str(), first, last, block.container)
            })
            .collect();
        assert_eq!(
            blocks,
            [
                ("first", 1, 6, None),
                ("if", 4, 5, Some(0)),
                ("second", 9, 10, None)
            ]
        );
        assert_eq!(outline.references.lines_of("c"), [5]);
    }
}
