//! The file's own shape.

use serde::Deserialize;

use super::BaselineError;
use crate::review::{AcceptedFinding, Day, Fingerprint, Severity};

/// The version of the files that this version writes.
pub(super) const VERSION: i64 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileV1 {
    version: i64,
    #[serde(default)]
    finding: Vec<EntryV1>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryV1 {
    fingerprint: String,
    reason: String,
    author: String,
    #[serde(default)]
    #[expect(dead_code, reason = "it is for people alone, and belongs to the shape")]
    added: Option<DayV1>,
    expires: Option<DayV1>,
    severity: Option<String>,
    file: Option<String>,
    rule: Option<String>,
    title: Option<String>,
}

/// A day may be a TOML date or a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum DayV1 {
    Date(toml::value::Datetime),
    Text(String),
}

/// Reads a baseline. An empty text is an empty baseline.
///
/// # Errors
///
/// It is no baseline of a known version, or an entry makes no sense.
pub fn read(text: &[u8]) -> Result<Vec<AcceptedFinding>, BaselineError> {
    let text = std::str::from_utf8(text).map_err(|error| BaselineError::Shape(error.into()))?;
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    #[derive(Deserialize)]
    struct AnyVersion {
        version: Option<i64>,
    }
    let found: AnyVersion =
        toml::from_str(text).map_err(|error| BaselineError::Shape(error.into()))?;
    if let Some(found) = found.version.filter(|version| *version > VERSION) {
        return Err(BaselineError::Version { found });
    }
    let file: FileV1 = toml::from_str(text).map_err(|error| BaselineError::Shape(error.into()))?;
    if file.version != VERSION {
        return Err(BaselineError::Version {
            found: file.version,
        });
    }
    let mut entries: Vec<AcceptedFinding> = Vec::with_capacity(file.finding.len());
    let mut known = std::collections::BTreeSet::new();
    for (index, entry) in file.finding.into_iter().enumerate() {
        let entry = entry.into_accepted(index + 1)?;
        if !known.insert((entry.fingerprint, entry.file.clone())) {
            return Err(BaselineError::Twice {
                fingerprint: entry.fingerprint,
            });
        }
        entries.push(entry);
    }
    Ok(entries)
}

impl EntryV1 {
    fn into_accepted(self, number: usize) -> Result<AcceptedFinding, BaselineError> {
        fn wrong<E: std::error::Error + Send + Sync + 'static>(
            number: usize,
            member: &'static str,
        ) -> impl Fn(E) -> BaselineError {
            move |source| BaselineError::Entry {
                number,
                member,
                source: source.into(),
            }
        }
        for (member, value) in [("reason", &self.reason), ("author", &self.author)] {
            if value.trim().is_empty() {
                return Err(BaselineError::Blank { number, member });
            }
        }
        let expires = self.expires.map(|day| match day {
            DayV1::Date(date) => date.to_string(),
            DayV1::Text(text) => text,
        });
        Ok(AcceptedFinding {
            fingerprint: self
                .fingerprint
                .parse::<Fingerprint>()
                .map_err(wrong(number, "fingerprint"))?,
            reason: self.reason,
            author: self.author,
            expires: expires
                .map(|day| day.parse::<Day>())
                .transpose()
                .map_err(wrong(number, "expires"))?,
            severity: self
                .severity
                .map(|word| word.parse::<Severity>())
                .transpose()
                .map_err(wrong(number, "severity"))?,
            file: self.file,
            rule: self.rule,
            title: self.title,
        })
    }
}
