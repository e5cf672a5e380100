//! Claims about engine.
