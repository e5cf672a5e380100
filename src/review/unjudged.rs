//! What a gate makes of a change that could not be judged.

use std::str::FromStr;

/// Whether a gate opens when nobody could say anything about the change. Either way people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unjudged {
    /// It opens, with a warning.
    Pass,
    /// It stays shut.
    Block,
}

impl Unjudged {
    /// Both words, laxest first.
    pub const WORDS: [&'static str; 2] = ["pass", "block"];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Unjudged::Pass => "pass",
            Unjudged::Block => "block",
        }
    }
}

/// The word is neither of the two.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` does not say what becomes of a change that could not be judged (expected pass or block)"
)]
pub struct UnknownUnjudged(pub String);

impl FromStr for Unjudged {
    type Err = UnknownUnjudged;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "pass" => Ok(Unjudged::Pass),
            "block" => Ok(Unjudged::Block),
            _ => Err(UnknownUnjudged(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for word in Unjudged::WORDS {
            assert_eq!(word.parse::<Unjudged>().unwrap().as_str(), word);
        }
        assert!("warn".parse::<Unjudged>().is_err());
    }
}
