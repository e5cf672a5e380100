//! What counts as a plan.

/// A longer text is no plan that anybody is going to follow.
pub const MAX_PLAN_BYTES: u64 = 256 * 1024;

/// The text of a plan: UTF-8 that says something, within [`MAX_PLAN_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    text: String,
}

/// Why a text is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is nothing in it.
    #[error("the plan is empty")]
    Empty,
    /// It is longer than [`MAX_PLAN_BYTES`].
    #[error("the plan is larger than {} KiB", MAX_PLAN_BYTES / 1024)]
    TooLarge,
    /// It holds a zero byte.
    #[error("the plan is no text: it holds a zero byte")]
    Binary,
    /// Its bytes are no UTF-8.
    #[error("the plan is not valid UTF-8 (at byte {at})")]
    NotUtf8 {
        /// Where that begins, counted from 0.
        at: usize,
    },
}

impl Plan {
    /// A plan of these bytes. A byte order mark is taken off.
    ///
    /// # Errors
    ///
    /// They are blank, too many, or no text.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Plan, PlanError> {
        if bytes.len() as u64 > MAX_PLAN_BYTES {
            return Err(PlanError::TooLarge);
        }
        if bytes.contains(&0) {
            return Err(PlanError::Binary);
        }
        let text = String::from_utf8(bytes).map_err(|error| PlanError::NotUtf8 {
            at: error.utf8_error().valid_up_to(),
        })?;
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        if text.trim().is_empty() {
            return Err(PlanError::Empty);
        }
        Ok(Plan { text })
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many lines it has.
    #[must_use]
    pub fn line_count(&self) -> u32 {
        u32::try_from(self.text.lines().count()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_text_that_says_something_within_bounds() {
        let plan = |bytes: &[u8]| Plan::from_bytes(bytes.to_vec());
        let good = plan("\u{feff}# One\n\n1. Two".as_bytes()).unwrap();
        assert_eq!((good.text(), good.line_count()), ("# One\n\n1. Two", 3));
        for blank in ["", " \n\t\r\n", "\u{feff}", "\u{feff} \n"] {
            assert_eq!(plan(blank.as_bytes()), Err(PlanError::Empty), "{blank:?}");
        }
        assert_eq!(plan(b"\x7fELF\0\0"), Err(PlanError::Binary));
        assert_eq!(plan(b"ab\xff"), Err(PlanError::NotUtf8 { at: 2 }));
        let most = usize::try_from(MAX_PLAN_BYTES).unwrap();
        assert!(Plan::from_bytes(vec![b'x'; most]).is_ok());
        let more = Plan::from_bytes(vec![b'x'; most + 1]);
        assert_eq!(more, Err(PlanError::TooLarge));
    }
}
