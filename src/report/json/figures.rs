//! What a document counts: places, times and tokens.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::review::LocationSummary;

use super::super::{Timings, TokenUsage};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LocationsDocument {
    on_change: usize,
    off_change: usize,
    relocated: usize,
    outside_change: usize,
    rejected: usize,
    unchecked: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TimingsDocument {
    total_ms: u64,
    context_ms: Option<u64>,
    turn_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageDocument {
    input_tokens: u64,
    cached_input_tokens: u64,
    output_tokens: u64,
    reasoning_output_tokens: u64,
}

impl From<LocationSummary> for LocationsDocument {
    fn from(locations: LocationSummary) -> Self {
        LocationsDocument {
            on_change: locations.on_change,
            off_change: locations.off_change,
            relocated: locations.relocated,
            outside_change: locations.outside_change,
            rejected: locations.rejected,
            unchecked: locations.unchecked,
        }
    }
}

impl From<Timings> for TimingsDocument {
    fn from(timings: Timings) -> Self {
        TimingsDocument {
            total_ms: millis(timings.total),
            context_ms: timings.context.map(millis),
            turn_ms: timings.turn.map(millis),
        }
    }
}

impl From<TimingsDocument> for Timings {
    fn from(document: TimingsDocument) -> Self {
        Timings {
            total: Duration::from_millis(document.total_ms),
            context: document.context_ms.map(Duration::from_millis),
            turn: document.turn_ms.map(Duration::from_millis),
        }
    }
}

impl From<TokenUsage> for UsageDocument {
    fn from(usage: TokenUsage) -> Self {
        UsageDocument {
            input_tokens: usage.input,
            cached_input_tokens: usage.cached_input,
            output_tokens: usage.output,
            reasoning_output_tokens: usage.reasoning_output,
        }
    }
}

impl From<UsageDocument> for TokenUsage {
    fn from(document: UsageDocument) -> Self {
        TokenUsage {
            input: document.input_tokens,
            cached_input: document.cached_input_tokens,
            output: document.output_tokens,
            reasoning_output: document.reasoning_output_tokens,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
