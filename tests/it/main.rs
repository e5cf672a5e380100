//! The one integration-test binary.
#![allow(missing_docs, reason = "test names are the documentation")]

mod support;

mod broker;
mod builtin;
mod cli;
mod context;
mod engine;
mod jobs;
mod real_codex;
mod report;
mod rpc;
mod target;
