//! Claims about outlines of source files.

mod bounds;
mod languages;
