//! Our own engine: the [checks](crate::checks) behind the app-server protocol, without an account and without a network.
//!
//! [`serve`] is the engine: the protocol on a pair of streams. [`RepositoryOpener`] finds the change that a turn names
//! (see [`change_request`]) in a git repository. What is checked, and how, is the business of [`crate::checks`].
//!
//! Failure policy: a turn that cannot be carried out fails with a sentence that says why; the engine goes on.

pub mod change_request;
mod outlet;
mod repository_opener;
mod server;
mod turn;
mod wording;

pub use repository_opener::RepositoryOpener;
pub use server::{ChangeOpener, OpenChangeError, OpenedChange, ServeOptions, serve};
