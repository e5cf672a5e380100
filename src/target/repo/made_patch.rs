//! The patch between two contents that no object of the repository holds.

use bstr::BStr;

use super::convert::blob_id;
use super::edits::{self, looks_binary};
use super::{Repository, own_id};
use crate::target::ChangesError;
use crate::target::patch::{Body, PatchSide, render};

/// git's mode of an ordinary file.
const ORDINARY: u32 = 0o100_644;
/// Lines of context.
const CONTEXT_LINES: u32 = 3;

impl Repository {
    /// The patch that makes `new` of `old` (`None` for a new file), with whole ids, as `git apply` takes it. Both are
    /// ordinary files. Nothing is written.
    ///
    /// # Errors
    /// [`ChangesError::Repository`] if an id cannot be computed.
    pub fn patch_between(
        &self,
        path: &BStr,
        old: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Vec<u8>, ChangesError> {
        let side = |content: &[u8]| -> Result<PatchSide<'_>, ChangesError> {
            Ok(PatchSide {
                path,
                mode: ORDINARY,
                id: own_id(&blob_id(&self.gix, content)?).to_string(),
            })
        };
        let old_side = old.map(side).transpose()?;
        let new_side = side(new)?;
        let old = old.unwrap_or_default();
        let edits = edits::between(old, new).edits;
        let body = if looks_binary(old) || looks_binary(new) {
            Body::Binary
        } else {
            Body::Text {
                old,
                new,
                edits: &edits,
                context: CONTEXT_LINES,
            }
        };
        let null_id = own_id(&self.gix.object_hash().null()).to_string();
        let mut out = Vec::new();
        render(
            &mut out,
            old_side.as_ref(),
            Some(&new_side),
            None,
            &null_id,
            &body,
        );
        Ok(out)
    }
}
