//! Characters that make code read differently from what it does.

use super::super::examine::{Note, Sink};
use super::super::language::Language;
use super::super::view::FileView;
use super::{Check, Rule};
use crate::review::Severity;

/// `bidi-control`
pub(super) static BIDI_CONTROL: Rule = Rule {
    id: "bidi-control",
    severity: Severity::High,
    confidence: 0.9,
    title: "Bidirectional control character",
    why: "Such a character reorders what a reader sees, so that the line says one thing to people and another to the \
          compiler. This is how the attack called Trojan Source hides code in review.",
    advice: "Delete the character, or write it as an escape sequence where a string really needs it.",
    check: Check::File(bidi),
};

/// `invisible-character`
pub(super) static INVISIBLE_CHARACTER: Rule = Rule {
    id: "invisible-character",
    severity: Severity::Medium,
    confidence: 0.8,
    title: "Invisible character in code",
    why: "A character that nobody can see makes two names or strings that look alike differ. It breaks comparisons, \
          and it can hide text from a reviewer.",
    advice: "Delete the character, or write it as an escape sequence where a string really needs it.",
    check: Check::File(invisible),
};

fn is_bidi(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn bidi(view: &FileView<'_>, sink: &mut Sink) {
    let prose = view.language == Language::Prose;
    for line in &view.every_added {
        if let Some(letter) = line.text.chars().find(|letter| is_bidi(*letter)) {
            sink.line(
                line.number,
                Note {
                    severity: prose.then_some(Severity::Low),
                    ..Note::titled(format!(
                        "Bidirectional control character U+{:04X}",
                        u32::from(letter)
                    ))
                },
            );
        }
    }
}

fn invisible(view: &FileView<'_>, sink: &mut Sink) {
    if view.language == Language::Prose {
        return;
    }
    for line in &view.every_added {
        if line.text.is_ascii() {
            continue;
        }
        if let Some(letter) = first_invisible(&line.text, line.number == 1) {
            let note = Note::titled(format!("Invisible character U+{:04X}", u32::from(letter)));
            sink.line(line.number, note);
        }
    }
}

/// The first character that shows nothing and joins nothing. Joiners and variation selectors belong to emoji and to
/// several scripts, so they count only between ASCII letters.
fn first_invisible(text: &str, at_start_of_file: bool) -> Option<char> {
    let letters: Vec<char> = text.chars().collect();
    letters.iter().enumerate().find_map(|(at, &letter)| {
        let ascii_around = || {
            let before = at.checked_sub(1).map(|before| letters[before]);
            let after = letters.get(at + 1);
            before.is_none_or(|letter| letter.is_ascii()) && after.is_none_or(char::is_ascii)
        };
        // A character literal shows that a character is meant.
        let quoted = at > 0 && letters[at - 1] == '\'' && letters.get(at + 1) == Some(&'\'');
        if quoted {
            return None;
        }
        let hidden = match letter {
            '\u{feff}' => !(at_start_of_file && at == 0),
            '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{180e}' => true,
            '\u{3164}' | '\u{ffa0}' | '\u{115f}' | '\u{1160}' => true,
            '\u{200c}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{ad}' => ascii_around(),
            // Tags spell a flag behind a black flag; anywhere else they spell hidden text.
            '\u{e0000}'..='\u{e007f}' => {
                let run = letters[..at]
                    .iter()
                    .rev()
                    .find(|letter| !matches!(**letter, '\u{e0000}'..='\u{e007f}'));
                run != Some(&'\u{1f3f4}')
            }
            _ => false,
        };
        hidden.then_some(letter)
    })
}
