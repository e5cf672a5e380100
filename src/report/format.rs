//! The registry of formats.

use super::{Report, github, json, markdown, sarif, text};

/// One way to render a [`Report`].
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The name that `--format` takes.
    pub name: &'static str,
    /// One line for help.
    pub about: &'static str,
    /// The usual extension of a file that holds it.
    pub extension: &'static str,
    render: fn(&Report) -> Vec<u8>,
}

/// Every format, in the order in which help lists them.
pub static FORMATS: &[Format] = &[
    Format {
        name: "text",
        about: "for people, in a terminal",
        extension: "txt",
        render: text::render,
    },
    Format {
        name: "markdown",
        about: "for people and models, in a chat or a pull request",
        extension: "md",
        render: markdown::render,
    },
    Format {
        name: "json",
        about: "everything, for programs",
        extension: "json",
        render: json::render,
    },
    Format {
        name: "sarif",
        about: "SARIF 2.1.0, for code scanning",
        extension: "sarif",
        render: sarif::render,
    },
    Format {
        name: "github",
        about: "workflow commands that GitHub Actions shows as annotations",
        extension: "txt",
        render: github::render,
    },
];

impl Format {
    /// The format of this name.
    pub fn find(name: &str) -> Result<&'static Format, UnknownFormat> {
        FORMATS
            .iter()
            .find(|format| format.name == name)
            .ok_or_else(|| UnknownFormat {
                name: name.to_owned(),
            })
    }

    /// The report in this format, ending with a line feed.
    #[must_use]
    pub fn render(&self, report: &Report) -> Vec<u8> {
        (self.render)(report)
    }
}

/// No format has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{name}` (expected {})", names())]
pub struct UnknownFormat {
    /// The name.
    pub name: String,
}

fn names() -> String {
    let mut names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    let last = names.pop().unwrap_or_default();
    format!("{} or {last}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name_and_names_are_distinct() {
        for format in FORMATS {
            assert_eq!(Format::find(format.name).unwrap().about, format.about);
        }
    }

    #[test]
    fn an_unknown_format_is_named_with_the_allowed_ones() {
        let error = Format::find("xml").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown format `xml` (expected text, markdown, json, sarif or github)"
        );
    }
}
