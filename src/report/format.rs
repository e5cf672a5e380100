//! The registry of formats.

use super::{
    Report, checkstyle, github, gitlab, html, json, jsonl, junit, markdown, rdjson, sarif, text,
};

/// One way to render a [`Report`].
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The name that `--format` takes.
    pub name: &'static str,
    /// One line for help.
    pub about: &'static str,
    /// The usual extension of a file that holds it.
    pub extension: &'static str,
    /// When it is written.
    pub delivery: Delivery,
    render: fn(&Report) -> Vec<u8>,
}

/// When a format is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// At the end, as a whole.
    Whole,
    /// A line for each event, as it happens; [`Format::render`] gives the last line, the report.
    Lines,
}

/// Every format, in the order in which help lists them.
pub static FORMATS: &[Format] = &[
    Format {
        name: "text",
        about: "for people, in a terminal",
        extension: "txt",
        delivery: Delivery::Whole,
        render: text::render,
    },
    Format {
        name: "markdown",
        about: "for people and models, in a chat or a pull request",
        extension: "md",
        delivery: Delivery::Whole,
        render: markdown::render,
    },
    Format {
        name: "json",
        about: "everything, for programs",
        extension: "json",
        delivery: Delivery::Whole,
        render: json::render,
    },
    Format {
        name: "jsonl",
        about: "events as they happen, one JSON document a line; the report is the last",
        extension: "jsonl",
        delivery: Delivery::Lines,
        render: jsonl::render,
    },
    Format {
        name: "sarif",
        about: "SARIF 2.1.0, for code scanning",
        extension: "sarif",
        delivery: Delivery::Whole,
        render: sarif::render,
    },
    Format {
        name: "github",
        about: "annotations for GitHub Actions, and a job summary",
        extension: "txt",
        delivery: Delivery::Whole,
        render: github::render,
    },
    Format {
        name: "gitlab",
        about: "a Code Quality report, for GitLab merge requests",
        extension: "json",
        delivery: Delivery::Whole,
        render: gitlab::render,
    },
    Format {
        name: "rdjson",
        about: "the diagnostic format of reviewdog",
        extension: "json",
        delivery: Delivery::Whole,
        render: rdjson::render,
    },
    Format {
        name: "checkstyle",
        about: "Checkstyle XML, for Jenkins and editors",
        extension: "xml",
        delivery: Delivery::Whole,
        render: checkstyle::render,
    },
    Format {
        name: "junit",
        about: "JUnit XML: each finding is a test",
        extension: "xml",
        delivery: Delivery::Whole,
        render: junit::render,
    },
    Format {
        name: "html",
        about: "one self-contained page: findings beside their lines",
        extension: "html",
        delivery: Delivery::Whole,
        render: html::render,
    },
];

impl Format {
    /// The names of all formats as a list in words: `text, markdown or json`.
    #[must_use]
    pub fn list() -> String {
        names()
    }

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
            "unknown format `xml` (expected text, markdown, json, jsonl, sarif, github, gitlab, rdjson, checkstyle, junit or html)"
        );
    }
}
