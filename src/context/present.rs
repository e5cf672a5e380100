//! From repository bytes to text that may be sent: every character shows, and no known secret is left.

use std::cell::RefCell;

use crate::prompt::visible;
use crate::secrets::{PatchKeys, Redaction, Redactor};

/// Makes bytes presentable. One for each context, so that one secret bears one number throughout.
#[derive(Debug, Default)]
pub struct Presenter {
    redactor: RefCell<Redactor>,
}

/// Text that may be sent, and what was done to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presented {
    /// The text.
    pub text: String,
    /// The secrets that were taken out.
    pub redactions: Vec<Redaction>,
    /// How many characters or bytes are written out because they do not show.
    pub escaped: usize,
}

impl Presenter {
    /// With a redactor that has met no secret yet.
    #[must_use]
    pub fn new() -> Self {
        Presenter::default()
    }

    /// Whole hunks of a patch; like [`Presenter::content`], and without what `keys` knows to be inside a private key.
    #[must_use]
    pub fn hunks(&self, patch: &[u8], keys: &PatchKeys) -> Presented {
        let shown = visible(patch);
        let redacted = self.redactor.borrow_mut().redact_patch(&shown.text, keys);
        Presented {
            text: redacted.text,
            redactions: redacted.found,
            escaped: shown.escaped,
        }
    }

    /// Content: made visible, then redacted in place. Line ends stay, so a patch keeps its shape.
    #[must_use]
    pub fn content(&self, bytes: &[u8]) -> Presented {
        let shown = visible(bytes);
        let redacted = self.redactor.borrow_mut().redact(&shown.text);
        Presented {
            text: redacted.text,
            redactions: redacted.found,
            escaped: shown.escaped,
        }
    }
}
