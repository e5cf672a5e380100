//! The builtin engine over its protocol, in process.
