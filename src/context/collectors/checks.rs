//! What the built-in checks find in the change.

use std::cell::OnceCell;

use super::{NoOptions, one_line};
use crate::checks::Examination;
use crate::context::budget::Room;
use crate::context::collector::{CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene};
use crate::context::registry::{CollectorInfo, parse_options};
use crate::context::size::counted;
use crate::review::{Finding, FindingOrigin};

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "checks",
    about: "what the built-in checks find in the change, gravest first: hints to verify, not verdicts",
    rungs: &[Rung::Full, Rung::Outline],
    options: &[],
    make: |options| {
        let NoOptions {} = parse_options(options)?;
        Ok(Box::new(Checks {
            examination: OnceCell::new(),
        }))
    },
};

struct Checks {
    /// Made when items are listed, so that it is made once.
    examination: OnceCell<Examination>,
}

/// The key of the item on what was not looked at.
const NOT_SEEN: usize = usize::MAX;
/// The most things not looked at that are named.
const NAMED: usize = 10;

impl Collector for Checks {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        let examination = self.examination.get_or_init(|| scene.changes.examination());
        let not_seen = !examination.not_seen.is_empty() || examination.beyond_bound > 0;
        let keys = (0..examination.findings.len()).chain(not_seen.then_some(NOT_SEEN));
        Ok(keys.map(Item::apart).collect())
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError> {
        let examination = self
            .examination
            .get()
            .expect("items are listed before one is rendered");
        Ok(rungs.iter().find_map(|rung| {
            let text = match (item.key, rung) {
                (NOT_SEEN, _) => not_seen(examination),
                (key, Rung::Full) => full(&examination.findings[key]),
                (key, _) => outline(&examination.findings[key]),
            };
            let piece =
                PieceDraft::showing(scene.presenter.content(text.as_bytes()), *rung, Vec::new());
            piece.within(room)
        }))
    }
}

fn outline(finding: &Finding) -> String {
    let line = match finding.lines {
        Some(lines) if lines.start() == lines.end() => format!(":{}", lines.start()),
        Some(lines) => format!(":{}-{}", lines.start(), lines.end()),
        None => String::new(),
    };
    let rule = match &finding.origin {
        FindingOrigin::Rule(rule) => format!(" [{rule}]"),
        _ => String::new(),
    };
    format!(
        "{}  {}{line}  {}{rule}\n",
        finding.severity.as_str(),
        one_line(&finding.file),
        one_line(&finding.title),
    )
}

/// The body is indented, so that no line of it can look like the next finding.
fn full(finding: &Finding) -> String {
    let mut text = outline(finding);
    for line in finding.body.lines().filter(|line| !line.trim().is_empty()) {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

fn not_seen(examination: &Examination) -> String {
    let mut text = String::new();
    if examination.beyond_bound > 0 {
        let more = counted(examination.beyond_bound as u64, "less grave finding");
        text.push_str(&format!("({more} not listed)\n"));
    }
    if !examination.not_seen.is_empty() {
        let named: Vec<String> = examination
            .not_seen
            .iter()
            .take(NAMED)
            .map(|what| one_line(what))
            .collect();
        let more = examination.not_seen.len() - named.len();
        let more = match more {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        text.push_str(&format!("(not checked: {}{more})\n", named.join(", ")));
    }
    text
}
