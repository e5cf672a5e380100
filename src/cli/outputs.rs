//! `--output`: which formats a report is rendered in, and where each goes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args};

use codex_review::report::Format;

use super::usage::UsageError;

/// Where a report goes.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Render the report in this format, to a file or to standard output; repeatable, with one format on standard output
    #[arg(
        long = "output",
        value_name = "FORMAT[=PATH]",
        action = ArgAction::Append,
        help_heading = "Output"
    )]
    outputs: Vec<OsString>,
}

/// One format for one file.
#[derive(Debug, Clone)]
pub(crate) struct FileOutput {
    /// The format.
    pub(crate) format: &'static Format,
    /// The file, as it was given.
    pub(crate) path: PathBuf,
}

/// Where a report goes.
#[derive(Debug)]
pub(crate) struct Outputs {
    /// The format for standard output, where one was given.
    pub(crate) printed: Option<&'static Format>,
    /// The formats for files.
    pub(crate) files: Vec<FileOutput>,
}

impl Outputs {
    /// The format for standard output, unless another option claims it: `said`, as it was typed.
    pub(crate) fn printed_unless(
        &self,
        said: Option<String>,
    ) -> Result<Option<&'static Format>, UsageError> {
        match (said, self.printed) {
            (Some(first), Some(printed)) => Err(UsageError::PrintedTwice {
                first,
                second: format!("--output {}", printed.name),
            }),
            (_, printed) => Ok(printed),
        }
    }
}

impl OutputArgs {
    pub(crate) fn into_outputs(self) -> Result<Outputs, UsageError> {
        let mut outputs = Outputs {
            printed: None,
            files: Vec::new(),
        };
        for word in &self.outputs {
            let (format, path) = split(word);
            let format = Format::find(&format)?;
            match path {
                None => {
                    if let Some(first) = outputs.printed.replace(format) {
                        return Err(UsageError::PrintedTwice {
                            first: format!("--output {}", first.name),
                            second: format!("--output {}", format.name),
                        });
                    }
                }
                Some(path) if path.is_empty() => {
                    return Err(UsageError::NoOutputFile {
                        format: format.name.to_owned(),
                    });
                }
                Some(path) => outputs.files.push(FileOutput {
                    format,
                    path: path.into(),
                }),
            }
        }
        Ok(outputs)
    }
}

/// `FORMAT` and, behind the first `=`, the path: `None` for standard output, which `-` means too.
fn split(word: &OsString) -> (String, Option<OsString>) {
    let bytes = word.as_encoded_bytes();
    let Some(at) = bytes.iter().position(|&byte| byte == b'=') else {
        return (word.to_string_lossy().into_owned(), None);
    };
    let format = String::from_utf8_lossy(&bytes[..at]).into_owned();
    // SAFETY: the bytes are those behind an ASCII character, in the encoding that they came in.
    let path = unsafe { OsString::from_encoded_bytes_unchecked(bytes[at + 1..].to_vec()) };
    (format, Some(path).filter(|path| path != "-"))
}

/// What an option says that takes a format.
pub(crate) fn format_help(what: &str) -> String {
    format!("{what}: {}", Format::list())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(words: &[&str]) -> Result<String, UsageError> {
        let outputs = words.iter().map(OsString::from).collect();
        let outputs = OutputArgs { outputs }.into_outputs()?;
        let printed = outputs.printed.map_or("", |format| format.name);
        let files: Vec<String> = outputs
            .files
            .iter()
            .map(|file| format!(" {}>{}", file.format.name, file.path.display()))
            .collect();
        Ok(format!("{printed}{}", files.concat()))
    }

    #[track_caller]
    fn refused(words: &[&str], message: &str, hint: &str) {
        let error = outputs(words).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        let given = error.hint().unwrap_or_default();
        assert!(given.contains(hint), "{given}");
    }

    #[test]
    fn formats_go_to_files_and_one_to_standard_output() {
        assert_eq!(outputs(&[]).unwrap(), "");
        assert_eq!(
            outputs(&["sarif=out/a=b.sarif", "github"]).unwrap(),
            "github sarif>out/a=b.sarif"
        );
        assert_eq!(outputs(&["json=-"]).unwrap(), "json");
        assert_eq!(outputs(&["json=./-"]).unwrap(), " json>./-");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        refused(
            &["sariff=x"],
            "unknown format `sariff`",
            "did you mean `sarif`?",
        );
        refused(&["=x"], "unknown format ``", "");
        refused(&["json="], "names no file", "without the `=`");
        refused(
            &["json", "html"],
            "`--output json` and `--output html`",
            "a file",
        );
    }
}
