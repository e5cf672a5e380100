//! Finds credentials in text and takes them out, by rules that are data (`rules/`).
//!
//! - [`scan`] lists the [`Hit`]s of a text; [`Redactor`] replaces them by numbered placeholders, the same number for
//!   the same secret as long as the redactor lives. [`is_secret_name`] judges a file by its name alone.
//! - A patch shows parts of files: [`PatchKeys`] finds the private keys of the whole files for it.
//! - Redacting keeps every line end, so line numbers and the shape of a patch survive, and redacting a redacted text
//!   changes nothing.
//! - Time is linear in the text: a keyword scan picks the places, bounded patterns look at them, and a long line is
//!   read in windows.
//!
//! What it does not do: decide what happens to a hit, read files, or ask anybody whether a secret is still valid.
//! It cannot fail: the rules are compiled in, and a test compiles every one of them. It errs towards taking out a
//! harmless value, because a leaked secret is the worse mistake; what is plainly a stand-in (`xxxx`, `${TOKEN}`,
//! `<your key>`) stays.

mod block;
mod keywords;
mod name;
mod patch;
mod placeholder;
mod redact;
mod rule;
mod rules;
mod scan;

pub use name::is_secret_name;
pub use patch::PatchKeys;
pub use redact::{Redacted, Redaction, Redactor};
pub use rule::{RuleInfo, rule_infos};
pub use scan::{Hit, scan};
