//! The builtin engine: its rules, what it knows of secrets, and the protocol that it speaks.

pub mod made_up;
mod protocol;
mod repository;
mod rules;
mod secrets;
