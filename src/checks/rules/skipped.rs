//! Tests that do not run.

use std::sync::LazyLock;

use super::super::language::Language::{CSharp, Go, Java, JavaScript, Kotlin, Python, Ruby, Rust};
use super::pattern::{On, Patterns, case};
use super::{Check, Rule};
use crate::review::Severity;

/// `focused-test`
pub(super) static FOCUSED_TEST: Rule = Rule {
    id: "focused-test",
    severity: Severity::High,
    confidence: 0.9,
    title: "Focused test: all others are silently skipped",
    why: "With this line in, the runner runs only the focused tests and reports success. Every other test of the file \
          or suite stops guarding anything.",
    advice: "Remove the focus before committing.",
    check: Check::Patterns(&FOCUSED),
};

static FOCUSED: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |what| format!("Focused test (`{what}`): all others are silently skipped"),
        vec![
            case(
                &[JavaScript],
                On::Bare,
                r"\b(?:describe|it|test|context|suite|specify|bench)(?:\.(?:concurrent|sequential|serial|each))?\.only\b\s*[(`.]",
                ".only",
            ),
            case(
                &[JavaScript],
                On::Bare,
                r"^\s*(?:fdescribe|fcontext|ddescribe|iit)\s*\(",
                "fdescribe",
            ),
            case(&[JavaScript], On::Code, r#"^\s*fit\s*\(\s*["'`]"#, "fit"),
            case(
                &[Ruby],
                On::Code,
                r#"^\s*(?:fit|fdescribe|fcontext|fspecify)\s+["'A-Z]"#,
                "fit",
            ),
            case(
                &[Ruby],
                On::Bare,
                r"^\s*(?:it|describe|context)\b.*(?:,\s*:focus\b|\bfocus:\s*true)",
                "focus: true",
            ),
            case(
                &[Go],
                On::Bare,
                r"^\s*(?:\w+\s*:?=\s*)?(?:FIt|FDescribe|FContext|FWhen|FEntry|FDescribeTable)\s*\(",
                "FIt",
            ),
        ],
    )
});

/// `skipped-test`
pub(super) static SKIPPED_TEST: Rule = Rule {
    id: "skipped-test",
    severity: Severity::Medium,
    confidence: 0.8,
    title: "Test is skipped without a reason",
    why: "A skipped test looks like a passing one and guards nothing. Without a reason nobody knows when it may come \
          back, so it never does.",
    advice: "Mend the test, delete it, or give the reason (and a ticket) in the skip itself.",
    check: Check::Patterns(&SKIPPED),
};

static SKIPPED: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |what| format!("Test is skipped without a reason: `{what}`"),
        vec![
            case(&[Rust], On::Bare, r"^\s*#\[ignore\]", "#[ignore]"),
            case(
                &[JavaScript],
                On::Bare,
                r"\b(?:describe|it|test|context|suite)(?:\.(?:concurrent|sequential|serial))?\.skip\b\s*[(`.]",
                ".skip",
            ),
            case(
                &[JavaScript],
                On::Code,
                r#"^\s*(?:xit|xdescribe|xtest|xcontext|xspecify)\s*\(\s*["'`]"#,
                "xit",
            ),
            case(
                &[Python],
                On::Bare,
                r"^\s*@pytest\.mark\.skip\s*(?:\(\s*\))?\s*$",
                "@pytest.mark.skip",
            ),
            case(
                &[Python],
                On::Bare,
                r"^\s*@(?:unittest\.)?skip\s*(?:\(\s*\))?\s*$",
                "@unittest.skip",
            ),
            case(
                &[Python],
                On::Bare,
                r"^\s*pytest\.skip\s*\(\s*\)",
                "pytest.skip",
            ),
            case(
                &[Java, Kotlin],
                On::Bare,
                r"^\s*@(?:Disabled|Ignore)\s*(?:\(\s*\))?\s*(?:$|@|(?:public|void|fun|class)\b)",
                "@Disabled",
            ),
            case(
                &[CSharp],
                On::Bare,
                r"^\s*\[(?:\w+,\s*)*Ignore(?:\(\s*\))?\s*[\],]",
                "[Ignore]",
            ),
            case(
                &[Go],
                On::Bare,
                r"\b[tbf]\.(?:Skip|SkipNow)\s*\(\s*\)",
                "t.Skip",
            ),
            case(
                &[Ruby],
                On::Code,
                r#"^\s*(?:xit|xdescribe|xcontext)\s+["'A-Z]"#,
                "xit",
            ),
        ],
    )
});
