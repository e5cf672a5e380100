//! One finding in the JSON document.

use serde::{Deserialize, Serialize};

use crate::review::{Exclusion, Finding, FindingOrigin, LineRange, NotAFingerprint, Placement};

use super::identity_json::ExclusionDocument;
use super::json::{ParseError, one_of};

#[derive(Serialize, Deserialize)]
pub(super) struct FindingDocument {
    severity: String,
    title: String,
    body: String,
    file: String,
    line_start: Option<u32>,
    line_end: Option<u32>,
    confidence: Option<f64>,
    /// Empty when there is none: readers expect text.
    recommendation: String,
    placement: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    relocated_from: Option<PlaceDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suppression: Option<ExclusionDocument>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    carried_from: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct PlaceDocument {
    file: String,
    line_start: Option<u32>,
    line_end: Option<u32>,
}

impl From<&Finding> for FindingDocument {
    fn from(finding: &Finding) -> Self {
        let relocated_from = match &finding.placement {
            Placement::Relocated {
                from_file,
                from_lines,
            } => Some(PlaceDocument {
                file: from_file.clone(),
                line_start: from_lines.map(LineRange::start),
                line_end: from_lines.map(LineRange::end),
            }),
            _ => None,
        };
        FindingDocument {
            severity: finding.severity.as_str().to_owned(),
            title: finding.title.clone(),
            body: finding.body.clone(),
            file: finding.file.clone(),
            line_start: finding.lines.map(LineRange::start),
            line_end: finding.lines.map(LineRange::end),
            confidence: finding.confidence.filter(|value| value.is_finite()),
            recommendation: finding.recommendation.clone().unwrap_or_default(),
            placement: finding.placement.as_str().to_owned(),
            relocated_from,
            rule: match &finding.origin {
                FindingOrigin::Rule(rule) => Some(rule.clone()),
                FindingOrigin::Model => None,
            },
            fingerprint: finding
                .fingerprint
                .map(|fingerprint| fingerprint.to_string()),
            suppression: finding.exclusion.as_ref().map(ExclusionDocument::from),
            carried_from: finding.carried_from.clone(),
        }
    }
}

impl TryFrom<FindingDocument> for Finding {
    type Error = ParseError;

    fn try_from(document: FindingDocument) -> Result<Self, ParseError> {
        let placement = match (document.placement.as_str(), document.relocated_from) {
            ("relocated", Some(place)) => Placement::Relocated {
                from_file: place.file,
                from_lines: line_range(place.line_start, place.line_end),
            },
            (word, _) => one_of(
                "placement",
                word,
                [
                    Placement::Unchecked,
                    Placement::OnChange,
                    Placement::OffChange,
                    Placement::OutsideChange,
                    Placement::Rejected,
                ],
                |placement| placement.as_str(),
            )?,
        };
        Ok(Finding {
            severity: document
                .severity
                .parse()
                .map_err(|_unknown| ParseError::Word {
                    member: "severity",
                    word: document.severity.clone(),
                })?,
            title: document.title,
            body: document.body,
            file: document.file,
            lines: line_range(document.line_start, document.line_end),
            confidence: document.confidence,
            recommendation: Some(document.recommendation).filter(|text| !text.is_empty()),
            origin: document
                .rule
                .map_or(FindingOrigin::Model, FindingOrigin::Rule),
            placement,
            fingerprint: document
                .fingerprint
                .map(|text| text.parse())
                .transpose()
                .map_err(|error: NotAFingerprint| ParseError::Word {
                    member: "fingerprint",
                    word: error.0,
                })?,
            exclusion: document.suppression.map(Exclusion::try_from).transpose()?,
            carried_from: document.carried_from,
        })
    }
}

fn line_range(start: Option<u32>, end: Option<u32>) -> Option<LineRange> {
    let start = start?;
    Some(LineRange::new(start, end.unwrap_or(start)))
}
