//! What a document holds of the change: hunks, and paths that JSON cannot hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::{Hunk, HunkLine, LineSide, uri};
use super::ParseError;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HunkDocument {
    file: String,
    old_start: u32,
    new_start: u32,
    heading: String,
    /// Each with its sign before it, as in a patch.
    lines: Vec<String>,
}

impl From<&Hunk> for HunkDocument {
    fn from(hunk: &Hunk) -> Self {
        HunkDocument {
            file: hunk.file.clone(),
            old_start: hunk.old_start,
            new_start: hunk.new_start,
            heading: hunk.heading.clone(),
            lines: hunk
                .lines
                .iter()
                .map(|line| format!("{}{}", line.side.sign(), line.text))
                .collect(),
        }
    }
}

impl TryFrom<HunkDocument> for Hunk {
    type Error = ParseError;

    fn try_from(document: HunkDocument) -> Result<Self, ParseError> {
        let lines = document.lines.into_iter().map(|line| {
            let side = line.chars().next().and_then(LineSide::from_sign);
            match side {
                Some(side) => Ok(HunkLine {
                    side,
                    text: line[1..].to_owned(),
                }),
                None => Err(ParseError::Word {
                    member: "hunks.lines",
                    word: line,
                }),
            }
        });
        Ok(Hunk {
            lines: lines.collect::<Result<_, _>>()?,
            file: document.file,
            old_start: document.old_start,
            new_start: document.new_start,
            heading: document.heading,
        })
    }
}

pub(super) fn read_raw_paths(
    document: BTreeMap<String, String>,
) -> Result<BTreeMap<String, Vec<u8>>, ParseError> {
    document
        .into_iter()
        .map(|(shown, written)| match uri::to_path(&written) {
            Some(path) => Ok((shown, path)),
            None => Err(ParseError::Word {
                member: "rawPaths",
                word: written,
            }),
        })
        .collect()
}
