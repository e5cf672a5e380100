//! What may excuse a finding, as it is stored with the request of a run.

use serde::{Deserialize, Serialize};

use crate::review::{AcceptedFinding, Day, Excused, Marker, PlacedMarker, Severity, Suppressions};

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredSuppressions {
    accepted: Vec<StoredAccepted>,
    markers: Vec<StoredMarker>,
    today: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredAccepted {
    fingerprint: String,
    reason: String,
    author: String,
    expires: Option<String>,
    severity: Option<String>,
    file: Option<String>,
    rule: Option<String>,
    title: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredMarker {
    file: String,
    line: u32,
    covers: u32,
    excused: Vec<String>,
    reason: String,
}

impl From<&Suppressions> for StoredSuppressions {
    fn from(suppressions: &Suppressions) -> Self {
        StoredSuppressions {
            accepted: suppressions.accepted.iter().map(stored_accepted).collect(),
            markers: suppressions.markers.iter().map(stored_marker).collect(),
            today: suppressions.today.map(|day| day.to_string()),
        }
    }
}

/// What we wrote ourselves reads back; an entry of another version that does not is left out, which excuses less.
impl From<StoredSuppressions> for Suppressions {
    fn from(stored: StoredSuppressions) -> Self {
        Suppressions {
            accepted: stored.accepted.into_iter().filter_map(accepted).collect(),
            markers: stored.markers.into_iter().map(marker).collect(),
            today: stored.today.and_then(|day| day.parse().ok()),
        }
    }
}

fn stored_accepted(accepted: &AcceptedFinding) -> StoredAccepted {
    StoredAccepted {
        fingerprint: accepted.fingerprint.to_string(),
        reason: accepted.reason.clone(),
        author: accepted.author.clone(),
        expires: accepted.expires.map(|day| day.to_string()),
        severity: accepted
            .severity
            .map(|severity| severity.as_str().to_owned()),
        file: accepted.file.clone(),
        rule: accepted.rule.clone(),
        title: accepted.title.clone(),
    }
}

fn accepted(stored: StoredAccepted) -> Option<AcceptedFinding> {
    let parsed = |text: Option<String>| text.map(|text| text.parse::<Day>().ok());
    let expires = match parsed(stored.expires) {
        None => None,
        Some(day) => Some(day?),
    };
    let severity = match stored.severity {
        None => None,
        Some(word) => Some(word.parse::<Severity>().ok()?),
    };
    Some(AcceptedFinding {
        fingerprint: stored.fingerprint.parse().ok()?,
        reason: stored.reason,
        author: stored.author,
        expires,
        severity,
        file: stored.file,
        rule: stored.rule,
        title: stored.title,
    })
}

fn stored_marker(placed: &PlacedMarker) -> StoredMarker {
    StoredMarker {
        file: placed.file.clone(),
        line: placed.marker.line,
        covers: placed.marker.covers,
        excused: placed.marker.excused.iter().map(Excused::as_text).collect(),
        reason: placed.marker.reason.clone(),
    }
}

fn marker(stored: StoredMarker) -> PlacedMarker {
    PlacedMarker {
        file: stored.file,
        marker: Marker {
            line: stored.line,
            covers: stored.covers,
            covered_code: String::new(),
            excused: stored
                .excused
                .into_iter()
                .map(|name| match name.parse() {
                    Ok(fingerprint) => Excused::Fingerprint(fingerprint),
                    Err(_) => Excused::Class(name),
                })
                .collect(),
            reason: stored.reason,
        },
    }
}
