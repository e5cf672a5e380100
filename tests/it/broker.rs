//! Claims about broker.
