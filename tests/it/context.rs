//! Claims about context.

mod catalog;
mod choice;
mod commands;
mod hostile;
mod made;
mod properties;
mod real;
mod sections;
mod shown;
mod worth;
