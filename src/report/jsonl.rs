//! One JSON document a line. The lines of a run are its events, told as they happen by whoever follows it; what a report
//! by itself comes to is the last of them.

use serde_json::json;

use super::{Report, json as document, visible};

pub(super) fn render(report: &Report) -> Vec<u8> {
    let report: serde_json::Value =
        serde_json::from_slice(&document::render(report)).expect("a rendered report is JSON");
    let line = json!({"event": "report", "report": report}).to_string();
    format!("{}\n", visible::json_document(&line)).into_bytes()
}
