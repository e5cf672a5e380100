//! Claims about report: every format beside every outcome, as snapshots, and what must hold in all of them.

mod html;
mod limits;
mod schemas;

use std::collections::BTreeMap;
use std::time::Duration;

use codex_review::report::{
    ContextInfo, EngineInfo, FORMATS, Hunk, Report, ReviewIdentity, Standing, TargetInfo, Timings,
    TokenUsage, json, text_document,
};
use codex_review::review::{
    ExitStatus, FailOn, Finding, FindingOrigin, Judgement, LineRange, Noise, NotJudged,
    NotJudgedReason, OnEmpty, Outcome, Placement, Severity, Verdict, exit_status, identify,
};

fn finding(severity: Severity, title: &str, file: &str, lines: Option<(u32, u32)>) -> Finding {
    Finding {
        severity,
        title: title.to_owned(),
        body: String::new(),
        file: file.to_owned(),
        lines: lines.map(|(start, end)| LineRange::new(start, end)),
        confidence: None,
        recommendation: None,
        origin: FindingOrigin::Model,
        placement: Placement::OnChange,
        fingerprint: None,
        exclusion: None,
        carried_from: None,
    }
}

fn report(outcome: Outcome) -> Report {
    let fail_on = FailOn::default();
    Report {
        kind: "Adversarial Review".to_owned(),
        job_id: Some("review-m3x9k2-a1b2c3".to_owned()),
        repository_root: "/home/dev/shop".to_owned(),
        branch: Some("retry".to_owned()),
        target: TargetInfo {
            mode: "branch".to_owned(),
            label: "branch diff against origin/main".to_owned(),
            explicit: false,
            base_ref: Some("origin/main".to_owned()),
            base_note: Some("merge base 0123456789ab; main is 3 commits behind".to_owned()),
        },
        identity: ReviewIdentity::default(),
        noise: Noise::default(),
        engine: EngineInfo {
            name: "codex".to_owned(),
            version: Some("0.169.0".to_owned()),
            model: Some("gpt-5.4".to_owned()),
            effort: Some("high".to_owned()),
        },
        context: Some(ContextInfo {
            strategy: "inline".to_owned(),
            reason: "2 files and 5 KiB of diff".to_owned(),
            summary: "2 files, +40 -3".to_owned(),
            bytes: 5321,
            tokens: 1402,
            hash: "d2a84f4b8b650937ec8f73cd8be2c74add5a911ba64df27458ed8229da804a26".to_owned(),
            redactions: 2,
            left_out: vec!["assets/logo.png: binary, 80.1 KiB".to_owned()],
        }),
        exit: exit_status(&outcome, fail_on, OnEmpty::Pass),
        outcome,
        fail_on,
        raw_output: String::new(),
        parse_error: None,
        engine_stderr: String::new(),
        reasoning: vec!["Looked at the retry loop.".to_owned()],
        thread_id: Some("thread-1".to_owned()),
        source_thread_id: None,
        hunks: Vec::new(),
        hunks_cut: false,
        raw_paths: BTreeMap::new(),
        cached: None,
        since: None,
        is_inferred: false,
        notes: Vec::new(),
        timings: Timings {
            total: Duration::from_millis(12_345),
            context: Some(Duration::from_millis(45)),
            turn: Some(Duration::from_millis(12_100)),
        },
        usage: Some(TokenUsage {
            input: 15_402,
            cached_input: 12_000,
            output: 801,
            reasoning_output: 512,
        }),
    }
}

fn passed() -> Report {
    report(Outcome::Judged(Judgement {
        verdict: Verdict::Approve,
        summary: "The change does what it says.".to_owned(),
        findings: Vec::new(),
        next_steps: Vec::new(),
    }))
}

/// The change that the findings are about.
fn hunks() -> Vec<Hunk> {
    let retry = "@@ -28,8 +28,20 @@ impl Gateway\n \n     /// Charges the card once.\n     pub fn charge_order(&self, order: &Order) -> Result<Receipt, Error> {\n-        let receipt = self.gateway.charge(&order.card, order.total)?;\n-        Ok(receipt)\n+        let mut delay = Duration::from_secs(1);\n+        for attempt in 0..3 {\n+            match self.gateway.charge(&order.card, order.total) {\n+                Ok(receipt) => return Ok(receipt),\n+                Err(Error::Timeout) if attempt < 2 => thread::sleep(delay),\n+                Err(error) => return Err(error),\n+            }\n+            delay *= 2;\n+        }\n+        Err(Error::Timeout)\n     }\n \n-    fn limit(&self) -> u64 { 100 }\n+    fn limit(&self) -> u64 { 1_000 }\n }\n";
    let focused = "@@ -4,5 +4,5 @@\n describe('charge', () => {\n   const card = '4242';\n \n-  it('charges once', () => {\n+  it.only('charges <once>', () => {\n     expect(charge(card)).toBe(1);\n";
    let mut hunks = Hunk::parse_patch("src/retry.rs", retry);
    hunks.extend(Hunk::parse_patch("tests/a, b: 100%.js", focused));
    hunks
}

fn with_findings() -> Report {
    let mut low = finding(
        Severity::Low,
        "The name `tmp` says nothing",
        "src/retry.rs",
        Some((60, 60)),
    );
    low.placement = Placement::OffChange;
    let mut critical = finding(
        Severity::Critical,
        "A failed payment is retried without an idempotency key",
        "src/retry.rs",
        Some((31, 38)),
    );
    critical.body = "When the gateway answers after the timeout, the loop charges the card a second time. \
                     Nothing ties the two requests together:\n\n```rust\nfor attempt in 0..3 { gateway.charge(&card, amount)?; }\n```"
        .to_owned();
    critical.recommendation =
        Some("Send one idempotency key per order with every attempt.".to_owned());
    critical.confidence = Some(0.93);
    let mut moved = finding(
        Severity::Medium,
        "The delay is not capped",
        "src/retry.rs",
        Some((44, 44)),
    );
    moved.body = "2^attempt seconds grows without end.".to_owned();
    moved.placement = Placement::Relocated {
        from_file: "retry.rs".to_owned(),
        from_lines: Some(LineRange::new(440, 440)),
    };
    let mut rule = finding(
        Severity::High,
        "A focused test hides all others",
        "tests/a, b: 100%.js",
        Some((7, 7)),
    );
    rule.origin = FindingOrigin::Rule("focused-test".to_owned());
    let mut rejected = finding(
        Severity::Critical,
        "A file that does not exist",
        "src/ghost.rs",
        Some((1, 1)),
    );
    rejected.placement = Placement::Rejected;
    let whole = finding(Severity::Low, "The change has no test", "", None);
    let mut report = report(Outcome::Judged(Judgement {
        verdict: Verdict::NeedsAttention,
        summary: "The retry can charge twice.".to_owned(),
        findings: vec![low, critical, moved, rule, rejected, whole],
        next_steps: vec!["Add a test with a gateway that answers late.".to_owned()],
    }));
    report.hunks = hunks();
    report
}

fn unclear() -> Report {
    let mut report = report(Outcome::NotJudged(NotJudged {
        reason: NotJudgedReason::UnclearAnswer,
        detail: "The final message of turn turn-1 is not JSON of the asked shape.".to_owned(),
    }));
    report.raw_output = "I approve this change.\n```\nLGTM\n```".to_owned();
    report.parse_error = Some("expected value at line 1 column 1".to_owned());
    report.usage = None;
    report
}

fn unavailable() -> Report {
    let mut report = report(Outcome::NotJudged(NotJudged {
        reason: NotJudgedReason::EngineUnavailable,
        detail: "`codex` is not on PATH.".to_owned(),
    }));
    report.context = None;
    report.thread_id = None;
    report.usage = None;
    report
}

fn empty() -> Report {
    let mut report = report(Outcome::Empty);
    report.context = None;
    report.thread_id = None;
    report.usage = None;
    report
}

/// Everything that a hostile repository or reviewer would try.
fn hostile() -> Report {
    let evil = "\x1b[2J\x1b]0;owned\x07 \u{202e}gnp.exe\u{200b}\u{9b}31m\r\n::error::owned\n# Verdict: approve\n```\n<script>alert(1)</script> `";
    let mut report = with_findings();
    let Outcome::Judged(judgement) = &mut report.outcome else {
        unreachable!("findings are judged")
    };
    judgement.summary = evil.to_owned();
    judgement.next_steps = vec![evil.to_owned()];
    for finding in &mut judgement.findings {
        finding.title = evil.to_owned();
        finding.body = evil.to_owned();
        finding.recommendation = Some(evil.to_owned());
        finding.file = evil.to_owned();
        if finding.placement == Placement::OnChange {
            finding.origin = FindingOrigin::Rule(evil.to_owned());
        }
    }
    report.hunks = Hunk::parse_patch(
        evil,
        &format!("@@ -1 +1,9 @@ {evil}\n-{evil}\n+</td></table>{evil}\n"),
    );
    report.raw_paths = BTreeMap::from([(evil.to_owned(), b"\xff\n\x1b".to_vec())]);
    report.kind = evil.to_owned();
    report.target.label = evil.to_owned();
    report.target.base_ref = Some(evil.to_owned());
    report.target.base_note = Some(evil.to_owned());
    report.engine.version = Some(evil.to_owned());
    report.engine.model = Some(evil.to_owned());
    report.branch = Some(evil.to_owned());
    report.notes = vec![evil.to_owned()];
    report.job_id = Some(evil.to_owned());
    report.thread_id = Some(evil.to_owned());
    if let Some(context) = &mut report.context {
        context.strategy = evil.to_owned();
        context.reason = evil.to_owned();
        context.summary = evil.to_owned();
        context.left_out = vec![evil.to_owned()];
    }
    report
}

fn hostile_unclear() -> Report {
    let mut report = hostile();
    let Outcome::Judged(judgement) = &report.outcome else {
        unreachable!("findings are judged")
    };
    let evil = judgement.summary.clone();
    report.raw_output = format!("{evil}\n````\n{evil}");
    report.parse_error = Some(evil.clone());
    report.outcome = Outcome::NotJudged(NotJudged {
        reason: NotJudgedReason::TurnFailed,
        detail: evil,
    });
    report.exit = ExitStatus::Incomplete;
    report
}

fn all() -> Vec<(&'static str, Report)> {
    vec![
        ("passed", passed()),
        ("findings", with_findings()),
        ("unclear", unclear()),
        ("unavailable", unavailable()),
        ("empty", empty()),
        ("hostile", hostile()),
        ("hostile_unclear", hostile_unclear()),
    ]
}

fn rendered(format: &str, report: &Report) -> String {
    let format = codex_review::report::Format::find(format).unwrap();
    String::from_utf8(format.render(report)).unwrap()
}

#[test]
fn each_format_shows_each_outcome() {
    for (name, report) in all() {
        // What hostile text comes to is claimed below, and nobody could read it here.
        if name.starts_with("hostile") {
            continue;
        }
        for format in FORMATS {
            let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
            let mut shown =
                rendered(format.name, &report).replace(&version, "\"version\": \"[version]\"");
            if let (Some(start), Some(end)) = (shown.find(":root {"), shown.find("</style>")) {
                shown.replace_range(start..end, "[style]\n");
            }
            insta::assert_snapshot!(format!("report_{}_{name}", format.name), shown);
        }
    }
}

#[test]
fn a_stored_report_reads_back_as_it_was() {
    for (name, mut report) in all() {
        let document = rendered("json", &report);
        let read =
            json::parse(document.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        // The document holds findings as they are shown: gravest first, rejected ones last.
        if let Outcome::Judged(judgement) = &mut report.outcome {
            judgement.findings.sort_by_key(|finding| {
                (
                    finding.placement.is_rejected(),
                    std::cmp::Reverse(finding.severity),
                )
            });
        }
        assert_eq!(read, report, "{name}");
        assert_eq!(rendered("json", &read), document, "{name}");
    }
}

#[test]
fn a_page_says_which_findings_lack_their_lines_for_want_of_room() {
    let remark = "its lines are not shown";
    let mut report = with_findings();
    report.hunks.clear();
    assert!(
        !rendered("html", &report).contains(remark),
        "nothing was cut"
    );
    report.hunks_cut = true;
    let document = rendered("json", &report);
    assert!(json::parse(document.as_bytes()).unwrap().hunks_cut);
    let Outcome::Judged(judgement) = &report.outcome else {
        unreachable!("it has findings")
    };
    // Only those that lie on the change can have lines in it.
    let lacking = judgement
        .findings
        .iter()
        .filter(|finding| finding.lines.is_some() && finding.placement == Placement::OnChange);
    let (lacking, shown) = (lacking.count(), rendered("html", &report));
    assert!(lacking > 0);
    assert_eq!(shown.matches(remark).count(), lacking, "{shown}");
}

#[test]
fn a_damaged_document_is_an_error_and_never_a_pass() {
    let document: serde_json::Value = serde_json::from_str(&rendered("json", &passed())).unwrap();
    let change = |pointer: &str, value: serde_json::Value| {
        let mut changed = document.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        json::parse(changed.to_string().as_bytes())
    };
    for (pointer, value, message) in [
        (
            "/version",
            2.into(),
            "review document of version 2, but version 1 is the latest known",
        ),
        (
            "/result",
            serde_json::Value::Null,
            "unknown word `passed` in member `outcome`",
        ),
        (
            "/result/verdict",
            "maybe".into(),
            "unknown word `maybe` in member `verdict`",
        ),
        (
            "/exitCode",
            77.into(),
            "unknown word `77` in member `exitCode`",
        ),
        (
            "/failOn",
            "never".into(),
            "unknown word `never` in member `failOn`",
        ),
        ("/engine", 3.into(), "not a review document"),
    ] {
        assert_eq!(change(pointer, value).unwrap_err().to_string(), message);
    }
    assert!(json::parse(b"").is_err());
    assert!(json::parse(b"{}").is_err());
}

#[test]
fn the_document_keeps_the_names_that_scripts_rely_on() {
    let document: serde_json::Value =
        serde_json::from_str(&rendered("json", &with_findings())).unwrap();
    for pointer in [
        "/review",
        "/target/mode",
        "/target/label",
        "/target/baseRef",
        "/target/explicit",
        "/threadId",
        "/sourceThreadId",
        "/codex/status",
        "/codex/stderr",
        "/codex/stdout",
        "/codex/reasoning/0",
        "/context/repoRoot",
        "/context/branch",
        "/context/summary",
        "/result/verdict",
        "/result/summary",
        "/result/next_steps/0",
        "/result/findings/0/severity",
        "/result/findings/0/title",
        "/result/findings/0/body",
        "/result/findings/0/file",
        "/result/findings/0/line_start",
        "/result/findings/0/line_end",
        "/result/findings/0/confidence",
        "/result/findings/0/recommendation",
        "/rawOutput",
        "/parseError",
        "/reasoningSummary/0",
    ] {
        assert!(document.pointer(pointer).is_some(), "{pointer} is missing");
    }
}

#[test]
fn findings_that_point_at_nothing_are_counted_and_never_shown_as_facts() {
    let report = with_findings();
    for format in FORMATS {
        let shown = rendered(format.name, &report);
        if let "json" | "jsonl" = format.name {
            let mut document: serde_json::Value = serde_json::from_str(&shown).unwrap();
            if format.name == "jsonl" {
                document = document["report"].take();
            }
            assert!(!document["result"].to_string().contains("src/ghost.rs"));
            assert_eq!(document["rejectedFindings"][0]["file"], "src/ghost.rs");
            assert_eq!(document["locations"]["rejected"], 1);
        } else {
            assert!(!shown.contains("ghost"), "{}:\n{shown}", format.name);
            let has_no_place = matches!(format.name, "gitlab" | "rdjson" | "checkstyle");
            assert!(
                has_no_place || shown.contains("1 finding that points at nothing"),
                "{}",
                format.name
            );
        }
    }
}

#[test]
fn what_could_not_be_judged_never_looks_like_a_pass() {
    for report in [unclear(), unavailable(), hostile_unclear()] {
        assert_eq!(report.standing(), Standing::NotJudged);
        for format in ["text", "markdown", "github", "html"] {
            let shown = rendered(format, &report);
            assert!(shown.contains("NOT JUDGED"), "{format}:\n{shown}");
            assert!(
                !shown.contains("PASSED") && !shown.contains("FINDINGS"),
                "{format}:\n{shown}"
            );
        }
        let document: serde_json::Value = serde_json::from_str(&rendered("json", &report)).unwrap();
        assert_eq!(document["result"], serde_json::Value::Null);
        assert_eq!(document["outcome"], "not-judged");
        assert_eq!(document["codex"]["status"], 1);
        // Formats that know nothing but issues have one that says so.
        for (format, sign) in [
            ("gitlab", r#""severity": "blocker""#),
            ("rdjson", r#""severity": "ERROR""#),
            ("checkstyle", r#"source="codex-review.not-judged""#),
            ("junit", r#"failures="0" errors="1""#),
        ] {
            let shown = rendered(format, &report);
            assert!(shown.contains(sign), "{format}:\n{shown}");
        }
        let sarif: serde_json::Value = serde_json::from_str(&rendered("sarif", &report)).unwrap();
        let invocation = &sarif["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        assert_eq!(
            invocation["toolExecutionNotifications"][0]["level"],
            "error"
        );
    }
}

#[test]
fn a_verdict_without_a_finding_is_shown_for_what_it_is() {
    let mut held = passed();
    let Outcome::Judged(judgement) = &mut held.outcome else {
        unreachable!("passed is judged")
    };
    judgement.verdict = Verdict::NeedsAttention;
    assert_eq!(held.standing(), Standing::Findings);
    assert!(rendered("markdown", &held).contains("holds the change and names no finding"));
    for format in ["gitlab", "rdjson", "checkstyle", "junit"] {
        assert!(rendered(format, &held).contains("held"), "{format}");
        assert!(!rendered(format, &passed()).contains("held"), "{format}");
    }

    let mut ghost = with_findings();
    let Outcome::Judged(judgement) = &mut ghost.outcome else {
        unreachable!("findings are judged")
    };
    judgement
        .findings
        .retain(|finding| finding.placement.is_rejected());
    assert_eq!(ghost.standing(), Standing::Findings);
    assert!(rendered("text", &ghost).contains("none of its findings points at anything here"));
}

#[test]
fn nothing_that_others_wrote_reaches_a_terminal_as_a_control() {
    for report in [hostile(), hostile_unclear()] {
        for format in FORMATS {
            let shown = rendered(format.name, &report);
            let control = shown.chars().find(|&character| {
                (character.is_control() && character != '\n')
                    || matches!(character, '\u{202e}' | '\u{200b}')
            });
            assert_eq!(control, None, "{}:\n{shown:?}", format.name);
        }
    }
}

#[test]
fn no_finding_begins_a_workflow_command_of_its_own() {
    for report in [hostile(), hostile_unclear()] {
        for line in rendered("github", &report).lines() {
            let ours = ["codex-review: ", "::error ", "::warning ", "::notice "];
            assert!(ours.iter().any(|start| line.starts_with(start)), "{line:?}");
        }
    }
}

#[test]
fn nothing_in_a_finding_passes_for_a_part_of_the_markdown_report() {
    let shown = rendered("markdown", &hostile());
    let headings: Vec<&str> = shown.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(headings.len(), 5, "{headings:#?}");
    assert!(
        headings[1..]
            .iter()
            .all(|heading| heading.starts_with("## ")),
        "{headings:#?}"
    );
    assert!(!shown.lines().any(|line| line.starts_with("```")));
    // HTML is text, unless the line itself holds the code span that it stands in.
    for line in shown.lines().filter(|line| line.starts_with("- ")) {
        let is_in_code = line.matches("```").count() >= 2;
        assert!(is_in_code || !line.contains("<script"), "{line}");
    }
}

#[test]
fn annotations_are_ranked_and_the_rest_is_counted() {
    let mut report = passed();
    let Outcome::Judged(judgement) = &mut report.outcome else {
        unreachable!("passed is judged")
    };
    judgement.findings = (0..25)
        .map(|index| {
            let severity = if index == 24 {
                Severity::Critical
            } else {
                Severity::High
            };
            finding(severity, &format!("number {index}"), "a.rs", Some((1, 1)))
        })
        .collect();
    let shown = rendered("github", &report);
    assert_eq!(shown.matches("::error ").count(), 10);
    assert!(
        shown
            .lines()
            .nth(1)
            .unwrap()
            .contains("[critical] number 24")
    );
    assert!(shown.contains("15 more findings not shown as annotations"));
}

#[test]
fn sarif_results_have_what_code_scanning_needs() {
    let mut report = with_findings();
    if let Outcome::Judged(judgement) = &mut report.outcome {
        identify(&mut judgement.findings, &mut |_| None);
    }
    let sarif: serde_json::Value = serde_json::from_str(&rendered("sarif", &report)).unwrap();
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(
        results.len(),
        4,
        "the finding about the whole change is a notification"
    );
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let location = &result["locations"][0]["physicalLocation"];
        let uri = location["artifactLocation"]["uri"].as_str().unwrap();
        assert!(
            !uri.starts_with('/') && !uri.contains([' ', ':', ',']),
            "{uri}"
        );
        assert!(location["region"]["startLine"].as_u64().unwrap() >= 1);
        assert!(result["partialFingerprints"]["codexReviewFinding/v1"].is_string());
    }
    assert_eq!(
        results[1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "tests/a%2C%20b%3A%20100%25.js"
    );
}

#[test]
fn a_fingerprint_survives_moved_lines_and_tells_files_apart() {
    let fingerprint = |file: &str, line: u32| {
        let mut report = passed();
        let Outcome::Judged(judgement) = &mut report.outcome else {
            unreachable!("passed is judged")
        };
        judgement.findings = vec![finding(Severity::High, "t", file, Some((line, line)))];
        identify(&mut judgement.findings, &mut |_| None);
        let sarif: serde_json::Value = serde_json::from_str(&rendered("sarif", &report)).unwrap();
        sarif["runs"][0]["results"][0]["partialFingerprints"].to_string()
    };
    assert_eq!(fingerprint("a.rs", 1), fingerprint("a.rs", 99));
    assert_ne!(fingerprint("a.rs", 1), fingerprint("b.rs", 1));
}

#[test]
fn text_keeps_to_the_width_of_the_terminal_except_for_code_and_facts() {
    for width in [40, 60, 100] {
        let document = text_document(&with_findings(), width);
        for line in document.plain().lines() {
            let may_stick_out = ["gateway.charge", "FINDINGS", " · "]
                .iter()
                .any(|long| line.contains(long));
            assert!(
                line.chars().count() <= width || may_stick_out,
                "at {width}: {line}"
            );
        }
    }
}
