//! Claims about context.
