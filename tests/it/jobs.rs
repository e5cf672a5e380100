//! Claims about jobs.
