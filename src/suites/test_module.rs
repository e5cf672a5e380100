//! Unit tests inside a Rust source file: the one module for tests alone, and additions that stay inside of it.

use super::additions::{Additions, lines};
use super::policy::Refusal;
use crate::symbols::{FileOutline, Kind, Language, Method, outline};

/// The lines of the module `#[cfg(test)] mod …`, 1-based, attributes included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Module {
    first: usize,
    last: usize,
}

fn parsed(text: &str) -> Result<FileOutline, Refusal> {
    let outline = outline(Some(Language::Rust), text.as_bytes());
    match outline.method {
        Method::Grammar => Ok(outline),
        _ => Err(Refusal::Unparsed),
    }
}

/// The modules for tests at the top of a file.
fn modules(outline: &FileOutline, lines: &[&str]) -> Vec<Module> {
    let top = outline
        .definitions
        .iter()
        .filter(|definition| definition.kind == Kind::Module && definition.container.is_none());
    top.filter_map(|definition| {
        let own = definition.lines.first as usize;
        let mut first = own;
        let mut is_for_tests = false;
        while let Some(line) = first
            .checked_sub(2)
            .and_then(|index| lines.get(index))
            .map(|line| line.trim())
            && line.starts_with("#[")
        {
            first -= 1;
            is_for_tests |= line == "#[cfg(test)]";
        }
        is_for_tests.then_some(Module {
            first,
            last: definition.lines.last as usize,
        })
    })
    .collect()
}

/// What stands at the top of a file, apart from the lines of `without`.
fn top<'o>(outline: &'o FileOutline, without: &[Module]) -> Vec<(Kind, &'o str)> {
    outline
        .definitions
        .iter()
        .filter(|definition| definition.container.is_none())
        .filter(|definition| {
            let first = definition.lines.first as usize;
            !without
                .iter()
                .any(|module| (module.first..=module.last).contains(&first))
        })
        .map(|definition| (definition.kind, definition.name.as_str()))
        .collect()
}

/// Whether additions to a source file stay inside its module for tests, or are such a module at its end.
///
/// # Errors
///
/// Why it cannot be said that they do.
pub(super) fn only_tests_added(
    before: &str,
    after: &str,
    additions: &Additions<'_>,
) -> Result<(), Refusal> {
    let (old, new) = (parsed(before)?, parsed(after)?);
    let old_modules = modules(&old, &additions.before);
    let new_modules = modules(&new, &additions.after);
    let ([] | [_], [module]) = (old_modules.as_slice(), new_modules.as_slice()) else {
        return Err(Refusal::OutsideTestModule { line: None });
    };
    for (line, text) in additions.lines() {
        // Blank lines before a new module are nobody's.
        let is_apart = text.trim().is_empty();
        if !(module.first..=module.last).contains(&line) && !is_apart {
            return Err(Refusal::OutsideTestModule { line: Some(line) });
        }
    }
    if let [old_module] = old_modules.as_slice() {
        let added = additions
            .lines()
            .filter(|(line, _)| (module.first..=module.last).contains(line))
            .count();
        let is_same = module.last - module.first == old_module.last - old_module.first + added;
        // The lines that open and close it are those that were there.
        let closes = additions.lines().all(|(line, _)| line != module.first);
        if !is_same || !closes {
            return Err(Refusal::OutsideTestModule {
                line: Some(module.first),
            });
        }
    }
    // The module ends where the grammar says: nothing else came to be beside it.
    if top(&old, &old_modules) != top(&new, &new_modules) {
        return Err(Refusal::OutsideTestModule { line: None });
    }
    Ok(())
}

/// The text `base` with the module for tests of `after` in the place of its own, or at its end. `None` where one of
/// both has no such place.
pub(super) fn graft(base: &str, after: &str) -> Option<String> {
    let find =
        |text: &str, lines: &[&str]| parsed(text).ok().map(|outline| modules(&outline, lines));
    let (base_lines, after_lines) = (lines(base), lines(after));
    let [module] = *find(after, &after_lines)?.as_slice() else {
        return None;
    };
    let grafted = &after_lines[module.first - 1..module.last];
    let mut whole: Vec<&str> = Vec::new();
    match *find(base, &base_lines)?.as_slice() {
        [own] => {
            whole.extend_from_slice(&base_lines[..own.first - 1]);
            whole.extend_from_slice(grafted);
            whole.extend_from_slice(&base_lines[own.last..]);
        }
        [] => {
            whole.extend_from_slice(&base_lines);
            whole.push("");
            whole.extend_from_slice(grafted);
        }
        _ => return None,
    }
    let mut text = whole.join("\n");
    text.push('\n');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "pub fn add(a: u8, b: u8) -> u8 {\n    a + b\n}\n";
    const TESTS: &str = "\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn adds() {\n        assert_eq!(add(1, 2), 3);\n    }\n}\n";
    const MORE: &str =
        "\n    #[test]\n    fn adds_nothing() {\n        assert_eq!(add(1, 0), 1);\n    }\n";

    fn check(before: &str, after: &str) -> Result<(), Refusal> {
        let additions = Additions::between(before, after).unwrap();
        only_tests_added(before, after, &additions)
    }

    /// `TESTS` with `more` before its end.
    fn extended(more: &str) -> String {
        format!("{}{more}}}\n", TESTS.strip_suffix("}\n").unwrap())
    }

    #[test]
    fn tests_may_be_added_in_their_module_and_as_a_module() {
        assert_eq!(check(SOURCE, &format!("{SOURCE}{TESTS}")), Ok(()));
        let before = format!("{SOURCE}{TESTS}");
        assert_eq!(
            check(&before, &format!("{SOURCE}{}", extended(MORE))),
            Ok(())
        );
    }

    #[test]
    fn anything_outside_of_the_module_is_told() {
        let before = format!("{SOURCE}{TESTS}");
        let outside = |after: &str| {
            assert!(
                matches!(
                    check(&before, after),
                    Err(Refusal::OutsideTestModule { .. })
                ),
                "{after}"
            );
        };
        outside(&format!("{SOURCE}pub fn more() {{}}\n{TESTS}"));
        outside(&format!("{SOURCE}{TESTS}pub fn more() {{}}\n"));
        // The module is closed early, and something else begins.
        outside(&format!(
            "{SOURCE}{}",
            extended("}\npub fn more() {}\nmod rest {\n")
        ));
        outside(&format!(
            "{SOURCE}{}",
            extended("}\n#[cfg(test)]\nmod rest {\n")
        ));
        let shipped = format!("{SOURCE}\nmod tests {{\n}}\n");
        let additions = Additions::between(SOURCE, &shipped).unwrap();
        assert!(only_tests_added(SOURCE, &shipped, &additions).is_err());
    }

    #[test]
    fn a_module_is_grafted_onto_another_version() {
        let after = format!("{SOURCE}{}", extended(MORE));
        let base = SOURCE.replace("a + b", "a - b");
        let bare = graft(&base, &after).unwrap();
        assert!(
            bare.starts_with(&base) && bare.contains("adds_nothing"),
            "{bare}"
        );
        let own = graft(&format!("{base}{TESTS}"), &after).unwrap();
        assert_eq!(own, format!("{base}{}", extended(MORE)));
    }
}
