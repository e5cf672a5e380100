//! Free text: from the words of the command line, a file, or standard input. It is never parsed.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::usage::UsageError;

/// More than this is no prompt that anybody wrote.
const MAX_TEXT_BYTES: u64 = 4 * 1024 * 1024;

/// Where text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TextSource {
    /// There is none.
    None,
    /// It was typed.
    Words(String),
    /// It is in a file.
    File(PathBuf),
    /// It comes on standard input.
    Stdin,
}

/// The words behind all options that say what to look at.
#[derive(Debug, Args)]
pub(crate) struct FocusArgs {
    /// What to look at in particular, behind all options; taken as it is
    #[arg(
        value_name = "FOCUS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) text: Vec<OsString>,
}

/// The options that give text.
#[derive(Debug, Args)]
pub(crate) struct TextFileArgs {
    /// Read the text from this file, or from standard input with -
    #[arg(long, value_name = "FILE", help_heading = "Text")]
    pub(crate) prompt_file: Option<PathBuf>,
}

impl TextSource {
    /// Decides where the text comes from. Words are joined by single blanks; blank ones count as none.
    pub(crate) fn new(
        words: Vec<OsString>,
        file: Option<PathBuf>,
    ) -> Result<TextSource, UsageError> {
        let words: Vec<String> = words
            .into_iter()
            .map(|word| {
                word.into_string()
                    .map_err(|_not_unicode| UsageError::NotUnicode)
            })
            .collect::<Result<_, _>>()?;
        let text = words.join(" ");
        match (text.trim().is_empty(), file) {
            (true, None) => Ok(TextSource::None),
            (false, None) => Ok(TextSource::Words(text)),
            (true, Some(file)) if file == Path::new("-") => Ok(TextSource::Stdin),
            (true, Some(file)) => Ok(TextSource::File(file)),
            (false, Some(_)) => Err(UsageError::TextTwice),
        }
    }

    /// Takes out words that were typed; other sources stay.
    pub(crate) fn take_words(&mut self) -> Option<String> {
        match std::mem::replace(self, TextSource::None) {
            TextSource::Words(words) => Some(words),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Whether it comes on standard input.
    pub(crate) fn is_stdin(&self) -> bool {
        *self == TextSource::Stdin
    }

    /// The text, exactly as it was given; `None` when there is none or it is blank. Files are looked up from `cwd`. More
    /// than four MiB is refused.
    pub(crate) fn read(self, cwd: &Path) -> Result<Option<String>, Failure> {
        let text = match self {
            TextSource::None => None,
            TextSource::Words(text) => Some(text),
            TextSource::File(path) => {
                let path = cwd.join(path);
                let failed = |source| Failure::ReadText {
                    place: format!("`{}`", path.display()),
                    source,
                };
                let file = File::open(&path).map_err(failed)?;
                Some(read_bounded(file).map_err(failed)?)
            }
            TextSource::Stdin => {
                let text =
                    read_bounded(std::io::stdin().lock()).map_err(|source| Failure::ReadText {
                        place: "standard input".to_owned(),
                        source,
                    })?;
                Some(text)
            }
        };
        Ok(text.filter(|text| !text.trim().is_empty()))
    }
}

fn read_bounded(source: impl Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    source.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            format!("more than {MAX_TEXT_BYTES} bytes"),
        ));
    }
    String::from_utf8(bytes).map_err(|_not_unicode| {
        std::io::Error::new(std::io::ErrorKind::InvalidData, "not valid UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn text_comes_from_one_place() {
        let file = || Some(PathBuf::from("f"));
        assert_eq!(
            TextSource::new(words(&["a", "b  c"]), None),
            Ok(TextSource::Words("a b  c".to_owned()))
        );
        assert_eq!(TextSource::new(words(&[" "]), None), Ok(TextSource::None));
        assert_eq!(
            TextSource::new(Vec::new(), file()),
            Ok(TextSource::File(PathBuf::from("f")))
        );
        assert_eq!(
            TextSource::new(Vec::new(), Some(PathBuf::from("-"))),
            Ok(TextSource::Stdin)
        );
        assert_eq!(
            TextSource::new(words(&["a"]), file()),
            Err(UsageError::TextTwice)
        );
    }

    #[cfg(unix)]
    #[test]
    fn text_that_cannot_be_sent_is_refused() {
        use std::os::unix::ffi::OsStringExt as _;
        let word = OsString::from_vec(vec![0xff]);
        assert_eq!(
            TextSource::new(vec![word], None),
            Err(UsageError::NotUnicode)
        );
    }

    #[test]
    fn files_are_read_as_they_are_and_not_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let text = "it's \\d+ `x`\n$(y) \t\n";
        std::fs::write(folder.path().join("f"), text).unwrap();
        let read = |name: &str| TextSource::File(PathBuf::from(name)).read(folder.path());
        assert_eq!(read("f").unwrap().as_deref(), Some(text));
        std::fs::write(folder.path().join("blank"), " \n").unwrap();
        assert_eq!(read("blank").unwrap(), None);
        std::fs::write(folder.path().join("bytes"), b"\xff").unwrap();
        assert!(matches!(read("bytes"), Err(Failure::ReadText { .. })));
        let big = File::create(folder.path().join("big")).unwrap();
        big.set_len(MAX_TEXT_BYTES + 1).unwrap();
        assert!(matches!(read("big"), Err(Failure::ReadText { .. })));
        assert!(matches!(read("none"), Err(Failure::ReadText { .. })));
    }
}
