//! What is known of secrets, measured on examples and on ordinary source.
