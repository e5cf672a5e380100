//! Templates, and the envelope around text that nobody vouches for.
//!
//! A prompt is one of our templates (`templates/*.md`, embedded) with its holes filled: [`review_instructions`],
//! [`briefed`], [`task`], [`agent`] and [`gate`]. Text of unknown origin goes through [`visible`] (every character shows) and
//! into an [`Envelope`] (content cannot close it); the user's own words are kept byte for byte.
//!
//! This module does not know what a change or a context is: a context comes as text. It reads no file, and nothing here
//! fails: what could is a template of ours, and the tests fill every one of them.

mod envelope;
mod kinds;
mod path;
mod schema;
mod template;
mod visible;

pub use envelope::Envelope;
pub use kinds::{
    AgentInput, Brief, GateInput, Prompt, PromptInput, agent, briefed, gate, review_instructions,
    task,
};
pub use path::show_path;
pub use schema::{findings_schema, optimization_schema};
pub use template::{TemplateError, fill};
pub use visible::{Visible, is_hidden, visible};
