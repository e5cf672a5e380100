//! Claims about outlines of source files.

mod bounds;
mod collectors;
mod languages;
