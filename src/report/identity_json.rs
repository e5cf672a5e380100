//! The members of the JSON document that say what exactly was judged, and which findings do not count.

use serde::{Deserialize, Serialize};

use crate::review::{
    Exclusion, FindingFilter, Noise, Remark, RemarkKind, Shard, SuppressFrom, UnknownFilter,
};

use super::json::{ParseError, one_of};
use super::model::ReviewIdentity;

#[derive(Default, Serialize, Deserialize)]
pub(super) struct IdentityDocument {
    base: Option<String>,
    head: Option<String>,
    change: String,
    configuration: String,
    shard: Option<ShardDocument>,
}

#[derive(Serialize, Deserialize)]
struct ShardDocument {
    index: u32,
    count: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct NoiseDocument {
    filter: String,
    from: String,
    remarks: Vec<RemarkDocument>,
}

#[derive(Serialize, Deserialize)]
struct RemarkDocument {
    kind: String,
    subject: String,
    text: String,
}

/// What took a finding out: `by` is `filter`, `baseline` or `marker`.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct ExclusionDocument {
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<String>,
}

impl Default for NoiseDocument {
    fn default() -> Self {
        NoiseDocument::from(&Noise::default())
    }
}

impl From<&ReviewIdentity> for IdentityDocument {
    fn from(identity: &ReviewIdentity) -> Self {
        IdentityDocument {
            base: identity.base.clone(),
            head: identity.head.clone(),
            change: identity.change.clone(),
            configuration: identity.configuration.clone(),
            shard: identity.shard.map(|shard| ShardDocument {
                index: shard.index(),
                count: shard.count(),
            }),
        }
    }
}

impl TryFrom<IdentityDocument> for ReviewIdentity {
    type Error = ParseError;

    fn try_from(document: IdentityDocument) -> Result<Self, ParseError> {
        let shard = document.shard.map(|ShardDocument { index, count }| {
            Shard::new(index, count).ok_or_else(|| ParseError::Word {
                member: "shard",
                word: format!("{index}/{count}"),
            })
        });
        Ok(ReviewIdentity {
            base: document.base,
            head: document.head,
            change: document.change,
            configuration: document.configuration,
            shard: shard.transpose()?,
        })
    }
}

impl From<&Noise> for NoiseDocument {
    fn from(noise: &Noise) -> Self {
        NoiseDocument {
            filter: noise.filter.as_str().to_owned(),
            from: noise.from.as_str().to_owned(),
            remarks: noise
                .remarks
                .iter()
                .map(|remark| RemarkDocument {
                    kind: remark.kind.as_str().to_owned(),
                    subject: remark.subject.clone(),
                    text: remark.text.clone(),
                })
                .collect(),
        }
    }
}

impl TryFrom<NoiseDocument> for Noise {
    type Error = ParseError;

    fn try_from(document: NoiseDocument) -> Result<Self, ParseError> {
        let remarks = document.remarks.into_iter().map(|remark| {
            Ok(Remark {
                kind: one_of("kind", &remark.kind, RemarkKind::ALL, |kind| kind.as_str())?,
                subject: remark.subject,
                text: remark.text,
            })
        });
        Ok(Noise {
            filter: filter(&document.filter)?,
            from: SuppressFrom::from_word(&document.from).ok_or(ParseError::Word {
                member: "from",
                word: document.from,
            })?,
            remarks: remarks.collect::<Result<_, ParseError>>()?,
        })
    }
}

impl From<&Exclusion> for ExclusionDocument {
    fn from(exclusion: &Exclusion) -> Self {
        let mut document = ExclusionDocument {
            by: exclusion.as_str().to_owned(),
            ..ExclusionDocument::default()
        };
        match exclusion {
            Exclusion::Filter(filter) => document.filter = Some(filter.as_str().to_owned()),
            Exclusion::Baseline { reason, author } => {
                document.reason = Some(reason.clone());
                document.author = Some(author.clone());
            }
            Exclusion::Marker { line, reason } => {
                document.line = Some(*line);
                document.reason = Some(reason.clone());
            }
        }
        document
    }
}

impl TryFrom<ExclusionDocument> for Exclusion {
    type Error = ParseError;

    fn try_from(document: ExclusionDocument) -> Result<Self, ParseError> {
        let reason = document.reason.unwrap_or_default();
        match document.by.as_str() {
            "filter" => Ok(Exclusion::Filter(filter(
                document.filter.as_deref().unwrap_or_default(),
            )?)),
            "baseline" => Ok(Exclusion::Baseline {
                reason,
                author: document.author.unwrap_or_default(),
            }),
            "marker" => Ok(Exclusion::Marker {
                line: document.line.unwrap_or(1),
                reason,
            }),
            _ => Err(ParseError::Word {
                member: "by",
                word: document.by,
            }),
        }
    }
}

fn filter(word: &str) -> Result<FindingFilter, ParseError> {
    word.parse()
        .map_err(|unknown: UnknownFilter| ParseError::Word {
            member: "filter",
            word: unknown.0,
        })
}
