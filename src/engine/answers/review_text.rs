//! The text of Codex's own reviewer, for versions that give nothing else.
//!
//! Its form: an explanation, a heading, and findings as `- [P1] Title — /abs/path:3-4` with the body indented below.
//! The text has no verdict. Findings are one; a text without findings is only an approval where it says in so many
//! words that nothing is wrong, because the same text is what remains of a reviewer that gave up.

use std::sync::LazyLock;

use regex::Regex;

use crate::review::{Finding, FindingOrigin, Judgement, LineRange, Placement, Severity, Verdict};

use super::value;

pub(super) fn parse(text: &str) -> Result<Judgement, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut summary: Vec<&str> = Vec::new();
    let mut findings: Vec<Finding> = Vec::new();
    for line in text.lines() {
        if let Some(finding) = heading(line) {
            findings.push(finding);
        } else if let Some(finding) = findings.last_mut() {
            let line = line.strip_prefix("  ").unwrap_or(line);
            finding.body.push_str(line);
            finding.body.push('\n');
        } else {
            summary.push(line);
        }
    }
    for finding in &mut findings {
        finding.body = finding.body.trim().to_owned();
    }
    // The heading above the findings is not part of the explanation.
    if !findings.is_empty() {
        while summary.last().is_some_and(|line| {
            line.trim().is_empty()
                || line.trim_end().ends_with("comments:")
                || line.trim_end().ends_with("comment:")
        }) {
            summary.pop();
        }
    }
    let verdict = if !findings.is_empty() {
        Verdict::NeedsAttention
    } else if says_that_nothing_is_wrong(text) {
        Verdict::Approve
    } else {
        return Err("it lists no finding, and does not say that the change is correct".to_owned());
    };
    Ok(Judgement {
        verdict,
        summary: summary.join("\n").trim().to_owned(),
        findings,
        next_steps: Vec::new(),
    })
}

/// `- [P1] Title — /path:3-4`, with or without a tick box, a priority and a place; without both of the latter two it
/// is just a bullet.
fn heading(line: &str) -> Option<Finding> {
    let rest = line
        .strip_prefix("- ")
        .or_else(|| line.strip_prefix("* "))?;
    let rest = ["[ ] ", "[x] "]
        .iter()
        .find_map(|tick| rest.strip_prefix(tick))
        .unwrap_or(rest);
    let (severity, rest) = value::split_priority(rest);
    let (title, place) = [" — ", " – ", " - "]
        .iter()
        .find_map(|dash| rest.rsplit_once(dash))
        .and_then(|(title, place)| Some((title, split_place(place)?)))
        .map_or((rest, None), |(title, place)| (title, Some(place)));
    if severity.is_none() && place.is_none() {
        return None;
    }
    let (file, lines) = place.unwrap_or_default();
    Some(Finding {
        severity: severity.unwrap_or(Severity::Medium),
        title: title.trim().to_owned(),
        body: String::new(),
        file,
        lines,
        confidence: None,
        recommendation: None,
        origin: FindingOrigin::Model,
        placement: Placement::Unchecked,
        fingerprint: None,
        exclusion: None,
        carried_from: None,
    })
}

/// `/path:3-4` or `/path:3`. The path may hold colons and dashes; the lines are what follows the last colon.
fn split_place(place: &str) -> Option<(String, Option<LineRange>)> {
    let (path, lines) = place.trim().trim_matches('`').rsplit_once(':')?;
    let (start, end) = lines.split_once('-').unwrap_or((lines, lines));
    let (start, end) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
    (!path.is_empty()).then(|| (path.to_owned(), Some(LineRange::new(start, end))))
}

/// Whether the text says in so many words that nothing is wrong, and nothing that takes it back.
///
/// Whole statements count: `found no way to run the tests` is none. Prose is not understood here: an exception, a doubt, a
/// statement about a part, or harm told of elsewhere in the text makes it no approval.
fn says_that_nothing_is_wrong(text: &str) -> bool {
    static SAID: LazyLock<Regex> = LazyLock::new(|| {
        const DEFECTS: &str =
            r"(?:[a-z-]+,? ){0,3}(?:issues?|bugs?|problems?|findings?|defects?|regressions?)\b";
        // Said of the whole change: not of some part of it.
        const WHOLE: &str = r"(?: (?:in|with) (?:it|this|(?:this|the|these|your) (?:[a-z]+ ){0,2}(?:changes?|files|patch|diff|code|commits?|work))\b)?(?: (?:that|which|introduced)\b)?";
        Regex::new(&format!(
            r"(?:\bpatch (?:is|appears|looks) correct\b|\b(?:found|see|has|introduces?) no {DEFECTS}|\bno {DEFECTS} (?:were |was )?found\b|\b(?:did not|didn't|do not|don't) (?:find|see) any {DEFECTS}|\A(?:no (?:issues|findings|bugs|problems)|looks good)\b){WHOLE}"
        ))
        .expect("the pattern is fixed")
    });
    static TAKES_BACK: LazyLock<Regex> = LazyLock::new(|| {
        const EXCEPTION: &str = r"but|except(?:ions?|ing)?|however|though|although|yet|unless|apart from|aside from|other than|beside|besides";
        const DOUBT: &str = r"unable|not able|could not|couldn't|cannot|can't|failed to|interrupted|unclear|uncertain|unsure|not sure|not certain|not convinced|not know|whether|guess|assum(?:e|ed|ing)|(?:do not|don't|would not|wouldn't) (?:think|believe|say)|(?:did not|didn't|have not|haven't|not) (?:review|reviewed|read|look|looked|check|checked|finish|finished)|only (?:looked|reviewed|read|checked)|partially|partly";
        const HARM: &str = r"corrupts|loses|leaks|crashes|breaks|panics|overflows|deadlocks|data[- ]loss|vulnerable|vulnerability|incorrect|wrong|must be|needs? to be";
        // A statement that goes on is about a part: `no issues found in the tests`.
        const PART: &str = r"§ (?:in|with|of|at|within|outside|for|among)";
        Regex::new(&format!(r"\b(?:{EXCEPTION}|{DOUBT}|{HARM})\b|{PART}\b"))
            .expect("the pattern is fixed")
    });
    let text = text.to_lowercase().replace('’', "'");
    let rest = SAID.replace_all(&text, "§");
    rest.contains('§') && !text.contains('§') && !TAKES_BACK.is_match(&rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_with_place_and_body() {
        let text = "Two bugs.\n\nFull review comments:\n\n- [P1] Off by one — /x/a - b.rs:3-4\n  Reads past.\n\n  Twice.\n\n\
                    - [ ] [P3] Typo — C:\\x\\b.rs:9\n  teh";
        let judgement = parse(text).unwrap();
        assert_eq!(judgement.verdict, Verdict::NeedsAttention);
        assert_eq!(judgement.summary, "Two bugs.");
        let [first, second] = &judgement.findings[..] else {
            panic!("{judgement:?}");
        };
        assert_eq!(
            (first.title.as_str(), first.file.as_str()),
            ("Off by one", "/x/a - b.rs")
        );
        assert_eq!(first.lines, Some(LineRange::new(3, 4)));
        assert_eq!(first.body, "Reads past.\n\nTwice.");
        assert_eq!(
            (second.severity, second.file.as_str()),
            (Severity::Low, "C:\\x\\b.rs")
        );
        assert_eq!(second.body, "teh");
    }

    #[test]
    fn bullets_of_an_explanation_are_no_findings() {
        let judgement = parse("Looks good:\n- tests - 3 added\n- docs").unwrap();
        assert_eq!(judgement.verdict, Verdict::Approve);
        assert!(judgement.findings.is_empty());
    }

    #[test]
    fn a_plain_statement_that_nothing_is_wrong_is_an_approval() {
        for text in [
            "The patch is correct.",
            "I did not find any actionable issues in this change.",
            "Reviewed all files; no blocking bugs were found.",
            "No issues.",
            "It renames a module and introduces no functional regressions.",
            "The changes are to documentation and introduce no functional regressions.",
            "The patch is correct: all callers pass the new argument.",
            "The patch fixes the crash on empty input, and no issues were found.",
            "The change only updates the documentation; no issues were found.",
            "I did not find any discrete, actionable bugs introduced by this patch.",
            "I did not find any actionable issues in the changes that should be fixed.",
            "I did not find any bugs that the author would definitely want to fix.",
            "The patch improves error handling and introduces no functional regressions.",
            "The change adds a missing test and I found no issues.",
            "The refactoring does not change behavior, and no regressions were found.",
            "The patch is correct and does not break existing behavior.",
            "I reviewed the diff and found no issues. All 14 tests pass, none were skipped.",
            "No bugs were found in the changed files.",
            "The patch looks correct. It renames a variable in some tests.",
            "The change deletes unused code and introduces no issues.",
            "Reviewed uncommitted changes.\nNo material issues found.",
            "Looks good to me.",
        ] {
            let judgement = parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
            assert_eq!(judgement.verdict, Verdict::Approve, "{text}");
        }
    }

    #[test]
    fn a_reviewer_that_gave_up_has_not_approved() {
        for text in [
            "",
            "Reviewer failed to output a response.",
            "I could not read the diff, so I found no issues.",
            "Review was interrupted. Please re-run /review and wait for it to complete.",
            "The change renames a module.",
            "I found no way to run the tests.",
            "I found no diff to review.",
            "I am not sure that this looks good.",
            "The patch is incorrect.",
            "I don't think the patch is correct.",
            "I don’t think the patch is correct.",
            "The patch is correct except for a data-loss bug at a.txt:2.",
            "No issues found in the tests; however the main change corrupts the database.",
            "I did not review this. No issues found would be a guess.",
            "It is unclear whether the patch is correct.",
            "I found no issues in a.txt, but b.py loses data on every write.",
            "I found no issues in a.txt. b.py drops the table on every write.",
            "Looks good overall, though line 2 of a.txt deletes user data.",
            "Looks good overall. Line 2 of a.txt corrupts user data.",
            "No issues were found with the parser.",
            "Unable to see the diff, the patch is correct.",
            "§ the patch is correct",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
