//! Claims about formats that others define: every outcome, hostile text included, is valid by the published schema and by
//! what the schema leaves to the documentation.

use std::collections::BTreeSet;

use codex_review::review::{Finding, Outcome};
use serde_json::Value;

use super::{all, finding, passed, rendered, with_findings};
use crate::support::debian::XmlLint;
use crate::support::{Sandbox, fixture_path};

fn schema(name: &str) -> jsonschema::Validator {
    let path = fixture_path("schemas").join(name);
    // SARIF's pattern for languages has a stray bracket, which strict readers of patterns refuse.
    let text = std::fs::read_to_string(path)
        .unwrap()
        .replace("-[a-zA-Z]{2}]?$", "-[a-zA-Z]{2}$");
    let schema: Value = serde_json::from_str(&text).unwrap();
    jsonschema::validator_for(&schema).expect("the schema itself is valid")
}

#[track_caller]
fn assert_valid(schema: &jsonschema::Validator, document: &Value) {
    let complaints: Vec<String> = schema
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}\n{document:#}");
}

fn json_of(format: &str, report: &codex_review::report::Report) -> Value {
    serde_json::from_str(&rendered(format, report)).unwrap()
}

#[test]
fn sarif_is_valid_and_has_what_code_scanning_asks_for() {
    let schema = schema("sarif-2.1.0.json");
    for (name, report) in all() {
        let document = json_of("sarif", &report);
        assert_valid(&schema, &document);
        let run = &document["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        for rule in rules {
            assert!(rule["id"].as_str().unwrap().len() <= 255, "{name}");
            for text in ["shortDescription", "fullDescription"] {
                assert!(rule[text]["text"].as_str().unwrap().len() <= 1024, "{name}");
            }
            assert!(rule["help"]["text"].is_string(), "{name}");
            assert!(rule["properties"]["tags"].as_array().unwrap().len() <= 10);
        }
        for result in run["results"].as_array().unwrap() {
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte);
            assert!(
                !uri.starts_with('/') && uri.bytes().all(plain),
                "{name}: {uri}"
            );
        }
    }
    assert!(
        !schema.is_valid(&serde_json::json!({"version": "2.1.0"})),
        "the schema says no, too"
    );
}

#[test]
fn gitlab_issues_are_valid_and_each_has_its_own_fingerprint() {
    let schema = schema("gitlab-codequality.json");
    for (name, report) in all() {
        let document = json_of("gitlab", &report);
        let issues = document.as_array().expect("a list");
        let mut fingerprints = BTreeSet::new();
        for issue in issues {
            assert_valid(&schema, issue);
            let severity = issue["severity"].as_str().unwrap();
            let known = ["info", "minor", "major", "critical", "blocker"];
            assert!(known.contains(&severity), "{name}: {severity}");
            assert!(issue["check_name"].is_string(), "{name}");
            let path = issue["location"]["path"].as_str().unwrap();
            assert!(!path.is_empty() && !path.starts_with('/'), "{name}: {path}");
            assert!(
                issue["location"]["lines"]["begin"].as_u64().unwrap() >= 1,
                "{name}"
            );
            assert!(
                fingerprints.insert(issue["fingerprint"].to_string()),
                "{name}"
            );
        }
        let count = match &report.outcome {
            Outcome::Judged(_) => report.shown_findings().len(),
            Outcome::NotJudged(_) => 1,
            Outcome::Empty => 0,
        };
        assert_eq!(issues.len(), count, "{name}");
    }
    assert!(
        !schema.is_valid(&serde_json::json!({"description": "d"})),
        "the schema says no, too"
    );
}

#[test]
fn rdjson_is_valid_and_each_diagnostic_has_a_message_and_a_path() {
    let schema = schema("rdjson.json");
    for (name, report) in all() {
        let document = json_of("rdjson", &report);
        assert_valid(&schema, &document);
        assert_eq!(document["source"]["name"], "codex-review", "{name}");
        for diagnostic in document["diagnostics"].as_array().unwrap() {
            assert!(
                !diagnostic["message"].as_str().unwrap().is_empty(),
                "{name}"
            );
            assert!(
                !diagnostic["location"]["path"].as_str().unwrap().is_empty(),
                "{name}"
            );
        }
    }
    let first = &json_of("rdjson", &with_findings())["diagnostics"][0];
    let range = serde_json::json!({"start": {"line": 31}, "end": {"line": 38}});
    assert_eq!(
        (&first["location"]["range"], &first["severity"]),
        (&range, &"ERROR".into())
    );
    assert!(
        !schema.is_valid(&serde_json::json!({"severity": "FATAL"})),
        "the schema says no, too"
    );
}

#[test]
fn xml_reports_are_valid() {
    let Some(xmllint) = XmlLint::find() else {
        return;
    };
    let sandbox = Sandbox::new();
    for (format, schema) in [
        ("checkstyle", "checkstyle-1.0.0.xsd"),
        ("junit", "junit-10.xsd"),
    ] {
        let schema = fixture_path("schemas").join(schema);
        for (name, report) in all() {
            let document = rendered(format, &report);
            let complaints = xmllint.complaints(&sandbox, &schema, document.as_bytes());
            assert_eq!(complaints, "", "{format} {name}:\n{document}");
        }
        let complaints = xmllint.complaints(&sandbox, &schema, b"<other/>");
        assert!(
            complaints.contains("other"),
            "the schema says no, too: {complaints}"
        );
    }
}

#[test]
fn a_text_that_xml_cannot_hold_is_shown_all_the_same() {
    let mut report = passed();
    let Outcome::Judged(judgement) = &mut report.outcome else {
        unreachable!("passed is judged")
    };
    let title = "]]> \u{0}\u{1b}\u{fffe} <a b='c'>&amp; \u{1f680}";
    judgement.findings = vec![Finding {
        body: "line 1\nline 2 ]]>".to_owned(),
        ..finding(
            codex_review::review::Severity::High,
            title,
            "a.rs",
            Some((1, 1)),
        )
    }];
    for format in ["checkstyle", "junit"] {
        let shown = rendered(format, &report);
        let expected = "]]&gt; \\u{0}\\u{1b}\u{fffd} &lt;a b=&apos;c&apos;&gt;&amp;amp; \u{1f680}";
        assert!(shown.contains(expected), "{format}:\n{shown}");
    }
    assert!(rendered("checkstyle", &report).contains("&#10;&#10;line 1&#10;line 2"));
    assert!(rendered("junit", &report).contains("\n\nline 1\nline 2 ]]&gt;</failure>"));
}

#[test]
fn junit_counts_what_it_holds_and_the_threshold_decides_what_fails() {
    for (fail_on, failures, skipped) in [("none", 0, 5), ("high", 2, 3), ("any", 5, 0)] {
        let mut report = with_findings();
        report.fail_on = fail_on.parse().unwrap();
        let shown = rendered("junit", &report);
        let counts =
            format!("tests=\"5\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"");
        assert!(shown.contains(&counts), "{fail_on}:\n{shown}");
        assert_eq!(shown.matches("<testcase ").count(), 5);
        assert_eq!(shown.matches("<failure ").count(), failures);
        assert_eq!(shown.matches("<skipped ").count(), skipped);
    }
}

#[test]
fn a_path_that_is_no_utf_8_is_a_uri_of_its_bytes() {
    let mut report = with_findings();
    let Outcome::Judged(judgement) = &mut report.outcome else {
        unreachable!("findings are judged")
    };
    let bytes = b"caf\xe9/\xff.rs".to_vec();
    let shown = String::from_utf8_lossy(&bytes).into_owned();
    judgement.findings = vec![finding(
        codex_review::review::Severity::High,
        "t",
        &shown,
        Some((1, 1)),
    )];
    report.raw_paths.insert(shown, bytes);
    let place = "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri";
    let stored = codex_review::report::json::parse(rendered("json", &report).as_bytes()).unwrap();
    for report in [report, stored] {
        assert_eq!(
            json_of("sarif", &report).pointer(place).unwrap(),
            "caf%E9/%FF.rs"
        );
    }
}

#[test]
fn a_path_that_leads_out_of_the_repository_is_no_location() {
    for outside in ["/etc/passwd", "../secret", "a/../../b"] {
        let mut report = passed();
        let Outcome::Judged(judgement) = &mut report.outcome else {
            unreachable!("passed is judged")
        };
        judgement.findings = vec![finding(
            codex_review::review::Severity::High,
            "a title",
            outside,
            Some((1, 1)),
        )];
        let sarif = json_of("sarif", &report);
        assert_eq!(sarif["runs"][0]["results"], serde_json::json!([]));
        let notifications = &sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"];
        assert_eq!(notifications[0]["message"]["text"], "a title");
        assert_eq!(json_of("gitlab", &report)[0]["location"]["path"], ".");
    }
}
