//! Contents and outlines by id, shared by all cases of a history.

use std::collections::HashMap;
use std::rc::Rc;

use bstr::BString;
use codex_review::symbols::{FileOutline, Language, Outliner};
use codex_review::target::ObjectId;

/// One text with what is known of it.
pub struct Text {
    pub lines: Vec<String>,
    pub outline: FileOutline,
    /// Chunks of so many lines, each with its words and how often they stand in it.
    pub chunks: Vec<Chunk>,
}

/// Some lines in a row.
pub struct Chunk {
    pub first: usize,
    pub last: usize,
    pub words: HashMap<String, f64>,
    pub length: f64,
}

/// Lines of a chunk.
pub const CHUNK_LINES: usize = 24;

/// Everything that was read so far.
pub struct Corpus {
    outliner: Outliner,
    texts: HashMap<(String, Option<Language>), Rc<Text>>,
    folder: tempfile::TempDir,
}

impl Corpus {
    pub fn new() -> Self {
        Corpus {
            outliner: Outliner::new(),
            texts: HashMap::new(),
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
        }
    }

    /// Where strategies keep the outlines of files.
    pub fn outlines(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The text of a blob, read by `read` the first time.
    pub fn text(
        &mut self,
        path: &BString,
        id: &ObjectId,
        read: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<Rc<Text>> {
        let language = Language::of_path(path);
        let key = (id.as_hex().to_owned(), language);
        if let Some(known) = self.texts.get(&key) {
            return Some(Rc::clone(known));
        }
        let bytes = read()?;
        let lines: Vec<String> = String::from_utf8_lossy(&bytes)
            .lines()
            .map(str::to_owned)
            .collect();
        let text = Rc::new(Text {
            outline: self.outliner.outline(language, &bytes),
            chunks: chunks(&lines),
            lines,
        });
        self.texts.insert(key, Rc::clone(&text));
        Some(text)
    }
}

fn chunks(lines: &[String]) -> Vec<Chunk> {
    lines
        .chunks(CHUNK_LINES)
        .enumerate()
        .map(|(number, lines)| {
            let mut found: HashMap<String, f64> = HashMap::new();
            for word in lines.iter().flat_map(|line| words(line)) {
                *found.entry(word).or_default() += 1.0;
            }
            Chunk {
                first: number * CHUNK_LINES + 1,
                last: number * CHUNK_LINES + lines.len(),
                length: found.values().sum(),
                words: found,
            }
        })
        .collect()
}

/// The identifiers of a line, and their parts: `readFile` is also `read` and `file`.
pub fn words(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in line.split(|char: char| !(char.is_alphanumeric() || char == '_')) {
        if word.len() < 2 || word.starts_with(|char: char| char.is_ascii_digit()) {
            continue;
        }
        let mut parts: Vec<String> = vec![String::new()];
        let mut before = ' ';
        for char in word.chars() {
            if char == '_' || (char.is_uppercase() && before.is_lowercase()) {
                parts.push(String::new());
            }
            if char != '_' {
                let part = parts.last_mut().expect("there is always one");
                part.extend(char.to_lowercase());
            }
            before = char;
        }
        parts.retain(|part| part.len() > 1);
        if parts.len() > 1 {
            found.extend(parts);
        }
        found.push(word.to_lowercase());
    }
    found
}
