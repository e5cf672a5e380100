//! Object ids without gix types.

use std::fmt;

/// The id of a git object: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(String);

impl ObjectId {
    /// Wraps hex digits that are known to be an id; `None` if they cannot be one.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        let plausible = matches!(hex.len(), 40 | 64)
            && hex
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        plausible.then(|| ObjectId(hex.to_owned()))
    }

    /// All hex digits.
    #[must_use]
    pub fn as_hex(&self) -> &str {
        &self.0
    }

    /// The first twelve digits: what people are shown.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({})", self.0)
    }
}
