//! One changed file as rules see it.

use super::language::{Language, is_test_path};
use super::mask::Masked;
use super::source::{ChangedText, Line, SourceFile};

/// A longer line is generated or minified: only the rules about secrets look at it.
pub(super) const LONGEST_LINE: usize = 2_000;
/// A longer line is cut here before any rule sees it.
pub(super) const LONGEST_SECRET_LINE: usize = 64 * 1024;

/// A changed file with its lines.
#[derive(Debug)]
pub(super) struct FileView<'a> {
    pub(super) file: &'a SourceFile,
    /// The path in shown form: lossy UTF-8.
    pub(super) path: String,
    pub(super) language: Language,
    /// Whether the path is a test's.
    pub(super) is_test: bool,
    /// Lines that are new, without over-long ones.
    pub(super) added: Vec<AddedLine>,
    /// Lines that are new, all of them, each cut at [`LONGEST_SECRET_LINE`].
    pub(super) every_added: Vec<Line>,
    /// Lines that are gone.
    pub(super) removed: Vec<Line>,
    /// The whole new version, when it is text and not too large.
    pub(super) content: Option<String>,
}

/// One new line, in three shapes of the same length.
#[derive(Debug, Clone)]
pub(super) struct AddedLine {
    pub(super) number: u32,
    /// As it stands.
    pub(super) raw: String,
    /// Without comments.
    pub(super) code: String,
    /// Without comments and without the insides of strings.
    pub(super) bare: String,
}

impl<'a> FileView<'a> {
    pub(super) fn new(file: &'a SourceFile, text: ChangedText, content: Option<Vec<u8>>) -> Self {
        let path = String::from_utf8_lossy(&file.path).into_owned();
        let content = content
            .filter(|_| !file.binary)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let first_line = content.as_deref().and_then(|text| text.lines().next());
        let language = Language::of(&path, first_line);
        let every_added: Vec<Line> = text.added.into_iter().map(cut).collect();
        let added = mask_lines(&every_added, content.as_deref(), language);
        FileView {
            file,
            language,
            is_test: is_test_path(&path),
            path,
            added,
            every_added,
            removed: text.removed,
            content,
        }
    }
}

fn cut(mut line: Line) -> Line {
    if line.text.len() > LONGEST_SECRET_LINE {
        let mut end = LONGEST_SECRET_LINE;
        while !line.text.is_char_boundary(end) {
            end -= 1;
        }
        line.text.truncate(end);
    }
    line
}

fn mask_lines(lines: &[Line], content: Option<&str>, language: Language) -> Vec<AddedLine> {
    let whole = content.map(|content| (content, Masked::new(content, language)));
    let whole: Option<Vec<(&str, &str, &str)>> = whole.as_ref().map(|(content, masked)| {
        content
            .split('\n')
            .zip(masked.code.split('\n').zip(masked.bare.split('\n')))
            .map(|(raw, (code, bare))| (raw, code, bare))
            .collect()
    });
    lines
        .iter()
        .filter(|line| line.text.len() <= LONGEST_LINE)
        .map(|line| {
            let at = (line.number as usize).saturating_sub(1);
            let known = whole.as_ref().and_then(|whole| whole.get(at));
            let raw = line.text.trim_end_matches('\r');
            match known.filter(|(known, _, _)| known.trim_end_matches('\r') == raw) {
                Some((_, code, bare)) => AddedLine {
                    number: line.number,
                    raw: raw.to_owned(),
                    code: code.trim_end_matches('\r').to_owned(),
                    bare: bare.trim_end_matches('\r').to_owned(),
                },
                None => {
                    let masked = Masked::new(raw, language);
                    AddedLine {
                        number: line.number,
                        raw: raw.to_owned(),
                        code: masked.code,
                        bare: masked.bare,
                    }
                }
            }
        })
        .collect()
}
