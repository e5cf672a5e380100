//! An error with its causes, for one line of a log, a ledger or a report.

use std::error::Error;

/// The error and what caused it, joined by colons.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Caused(&'static str, #[source] Option<Box<Caused>>);

    #[test]
    fn every_cause_is_told_in_order() {
        let alone = Caused("no review", None);
        assert_eq!(with_causes(&alone), "no review");
        let deep = Caused("cannot be read", Some(Box::new(Caused("gone", None))));
        let whole = Caused("no review", Some(Box::new(deep)));
        assert_eq!(with_causes(&whole), "no review: cannot be read: gone");
    }
}
