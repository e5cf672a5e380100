//! Outlines of the files that a plan names: what is defined where.

use bstr::ByteSlice as _;

use crate::context::present::Presenter;
use crate::context::size::counted;
use crate::context::view::{ChangeView, SnapshotFile};
use crate::prompt::show_path;
use crate::secrets::is_secret_name;
use crate::symbols::{FileOutline, Kind, Language, MOST_SOURCE_BYTES, Method, Outliner};

/// The most of all outlines together, in bytes.
const OUTLINES_BYTES: usize = 48 * 1024;
/// The most of one file's.
const FILE_BYTES: usize = 8 * 1024;
/// A line of code is shown up to so many characters.
const LONGEST_LINE: usize = 160;

/// The outlines, and what they leave out.
#[derive(Default)]
pub(super) struct Outlines {
    pub(super) text: String,
    pub(super) redactions: usize,
    pub(super) left_out: Vec<String>,
}

/// Outlines the files in their order, as far as there is room.
pub(super) fn outlines(
    tree: &dyn ChangeView,
    files: &[&SnapshotFile],
    presenter: &Presenter,
) -> Outlines {
    let mut outliner = Outliner::new();
    let mut outlines = Outlines::default();
    for file in files {
        let shown = show_path(&file.path);
        if is_secret_name(&file.path) {
            outlines
                .left_out
                .push(format!("{shown}: it bears a secret by its name"));
            continue;
        }
        let content = match tree.content(file, MOST_SOURCE_BYTES as u64) {
            Ok(Some(content)) => content,
            Ok(None) => {
                outlines
                    .left_out
                    .push(format!("{shown}: it is too large for an outline"));
                continue;
            }
            Err(error) => {
                outlines.left_out.push(format!("{shown}: {error}"));
                continue;
            }
        };
        let outline = outliner.outline(Language::of_path(&file.path), &content);
        let presented = presenter.content(outlined(&shown, &outline, &content).as_bytes());
        if outlines.text.len() + presented.text.len() > OUTLINES_BYTES {
            outlines
                .left_out
                .push(format!("{shown}: there was no room for its outline"));
            continue;
        }
        outlines.redactions += presented.redactions.len();
        outlines.text.push_str(&presented.text);
    }
    outlines
}

/// `src/a.rs (40 lines)`, and the first line of each definition with its lines, indented as they stand in each other.
fn outlined(shown: &str, outline: &FileOutline, content: &[u8]) -> String {
    let lines: Vec<&[u8]> = content.lines().collect();
    let mut text = format!("{shown} ({}):\n", counted(lines.len() as u64, "line"));
    if outline.method != Method::Grammar {
        // What indentation tells of prose and settings is no outline.
        return text.replace("):\n", ")\n");
    }
    let mut depths: Vec<usize> = Vec::with_capacity(outline.definitions.len());
    let mut left_out = 0;
    for definition in &outline.definitions {
        let container = definition.container.and_then(|at| depths.get(at as usize));
        let depth = container.map_or(1, |depth| depth + 1);
        depths.push(depth);
        // What is defined inside of a function is its own business.
        let is_inner = definition
            .container
            .is_some_and(|at| outline.definitions[at as usize].kind == Kind::Function);
        if is_inner {
            continue;
        }
        let first = lines
            .get(definition.signature.first.saturating_sub(1) as usize)
            .copied()
            .unwrap_or_default();
        let first: String = String::from_utf8_lossy(first)
            .trim()
            .chars()
            .take(LONGEST_LINE)
            .collect();
        let line = format!(
            "{:indent$}{}-{} {first}\n",
            "",
            definition.lines.first,
            definition.lines.last,
            indent = 2 * depth.min(8)
        );
        if text.len() + line.len() > FILE_BYTES {
            left_out += 1;
        } else {
            text.push_str(&line);
        }
    }
    if left_out > 0 {
        text.push_str(&format!(
            "  [{} not shown]\n",
            counted(left_out, "more definition")
        ));
    }
    text
}
