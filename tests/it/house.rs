//! Claims about the source tree itself.
