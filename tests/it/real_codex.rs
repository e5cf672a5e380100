//! Claims about real codex.
