//! What a document says of earlier runs: whose answer it shows, and which review it goes on from.

use serde::{Deserialize, Serialize};

use crate::report::{Cached, ClosedFinding, SinceReview};

#[derive(Serialize, Deserialize)]
pub(super) struct CachedDocument {
    job: String,
    at: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SinceDocument {
    job: String,
    at: String,
    new_hunks: usize,
    known_hunks: usize,
    closed: Vec<ClosedDocument>,
}

#[derive(Serialize, Deserialize)]
struct ClosedDocument {
    title: String,
    file: String,
}

impl From<&Cached> for CachedDocument {
    fn from(cached: &Cached) -> Self {
        CachedDocument {
            job: cached.job.clone(),
            at: cached.at.clone(),
        }
    }
}

impl From<CachedDocument> for Cached {
    fn from(document: CachedDocument) -> Self {
        Cached {
            job: document.job,
            at: document.at,
        }
    }
}

impl From<&SinceReview> for SinceDocument {
    fn from(since: &SinceReview) -> Self {
        let closed = since.closed.iter().map(|closed| ClosedDocument {
            title: closed.title.clone(),
            file: closed.file.clone(),
        });
        SinceDocument {
            job: since.job.clone(),
            at: since.at.clone(),
            new_hunks: since.new_hunks,
            known_hunks: since.known_hunks,
            closed: closed.collect(),
        }
    }
}

impl From<SinceDocument> for SinceReview {
    fn from(document: SinceDocument) -> Self {
        let closed = document.closed.into_iter().map(|closed| ClosedFinding {
            title: closed.title,
            file: closed.file,
        });
        SinceReview {
            job: document.job,
            at: document.at,
            new_hunks: document.new_hunks,
            known_hunks: document.known_hunks,
            closed: closed.collect(),
        }
    }
}
