//! What a source file defines and names, from its bytes alone: outlines, and a cache of them.
//!
//! - [`outline`] turns the bytes of one file into a [`FileOutline`]: its definitions, with their lines and signatures, and
//!   every identifier with the lines on which it stands. [`Language::of_path`] says by which grammar.
//! - [`outline_all`] does so for many files over several threads, in the order in which they were given.
//! - [`OutlineCache`] keeps outlines by the id of their content, in one private file below a folder that it is given.
//!
//! It resolves no name to a definition and knows no change: ranking is the work of whoever asks. Parsing is by
//! tree-sitter grammars that are compiled in; no program runs and nothing is fetched.
//!
//! Failure policy: no bytes are an error. A file without a grammar, and one whose parsing would take more than its due
//! (by a count of steps, not of time, so that every machine decides alike), is outlined by its indentation, and says so.
//! A cache that is damaged, foreign or unwritable costs the time of parsing again, nothing else.

mod batch;
mod cache;
mod encode;
mod grammar;
mod indent;
mod language;
mod outline;
mod parse;

pub use batch::{Source, outline_all};
pub use cache::{CacheKey, OutlineCache};
pub use language::{Family, Language};
pub use outline::{Definition, FileOutline, Kind, LineRange, Method, References};
pub use parse::{MOST_SOURCE_BYTES, Outliner, outline};
