//! A scriptable stand-in for an app server.

fn main() {}
