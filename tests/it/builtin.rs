//! Claims about builtin.
