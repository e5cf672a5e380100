//! Claims about target.
