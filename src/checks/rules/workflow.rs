//! GitHub Actions workflows: whose code runs with which rights.

use std::sync::LazyLock;

use regex::Regex;

use super::super::examine::{Note, Sink};
use super::super::language::Language::Yaml;
use super::super::view::FileView;
use super::pattern::{On, Patterns, case, compile};
use super::{Check, Rule};
use crate::review::Severity;

/// `workflow-untrusted-checkout`
pub(super) static UNTRUSTED_CHECKOUT: Rule = Rule {
    id: "workflow-untrusted-checkout",
    severity: Severity::Critical,
    confidence: 0.85,
    title: "A privileged workflow checks out a stranger's code",
    why: "`pull_request_target` and `workflow_run` run with the repository's secrets and a token that may write. \
          Checking out the head of a pull request there lets anybody who opens one run code with them.",
    advice: "Use `pull_request`, which has no secrets, for anything that builds or runs the proposed code; keep the \
             privileged workflow away from its checkout.",
    check: Check::File(untrusted_checkout),
};

fn is_workflow(view: &FileView<'_>) -> bool {
    let actions =
        view.path.starts_with(".github/workflows/") || view.path.contains("/.github/workflows/");
    let action = view.path.ends_with("/action.yml") || view.path.ends_with("/action.yaml");
    view.language == Yaml && (actions || action)
}

static PRIVILEGED: LazyLock<Regex> =
    LazyLock::new(|| compile(r"\b(?:pull_request_target|workflow_run)\b"));
static FOREIGN_REF: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"\b(?:ref|repository):.*\bgithub\.(?:event\.(?:pull_request\.head\.|workflow_run\.head_|pull_request\.merge_commit_sha)|head_ref)|refs/pull/.*(?:/head|/merge)|\bgh\s+pr\s+checkout\b",
    )
});

fn untrusted_checkout(view: &FileView<'_>, sink: &mut Sink) {
    if !is_workflow(view) {
        return;
    }
    let Some(content) = &view.content else {
        return;
    };
    let masked = super::super::mask::Masked::new(content, view.language).code;
    let foreign = masked.lines().any(|line| FOREIGN_REF.is_match(line));
    let privileged = masked.lines().any(|line| PRIVILEGED.is_match(line));
    if !(foreign && privileged) {
        return;
    }
    // The line of the checkout says it best; the trigger, when only that is new.
    let line_of = |pattern: &Regex| view.added.iter().find(|line| pattern.is_match(&line.code));
    if let Some(line) = line_of(&FOREIGN_REF).or_else(|| line_of(&PRIVILEGED)) {
        sink.line(line.number, Note::default());
    }
}

/// `workflow-script-injection`
pub(super) static SCRIPT_INJECTION: Rule = Rule {
    id: "workflow-script-injection",
    severity: Severity::High,
    confidence: 0.75,
    title: "A workflow pastes a stranger's text into a script",
    why: "The expression is replaced by the text before the shell sees it, so a title or branch name such as \
          `$(…)` runs as a command. Anybody who can open an issue or a pull request can choose that text.",
    advice: "Put the expression into `env:` and use the variable, quoted, in the script.",
    check: Check::File(script_injection),
};

static FOREIGN_TEXT: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"\$\{\{[^}]*\bgithub\.(?:head_ref|event\.(?:issue|pull_request|comment|review|review_comment|discussion|head_commit|commits|workflow_run|pages)\b[^}]*\.(?:title|body|message|name|email|ref|label|head_branch|page_name|default_branch))\b[^}]*\}\}",
    )
});
/// A value of a key, as under `env:`, `with:` or `if:`; the shell never sees it.
static PLAIN_VALUE: LazyLock<Regex> = LazyLock::new(|| compile(r"^\s*(?:-\s+)?([\w-]+)\s*:\s"));

fn script_injection(view: &FileView<'_>, sink: &mut Sink) {
    if !is_workflow(view) {
        return;
    }
    for line in &view.added {
        if !FOREIGN_TEXT.is_match(&line.code) {
            continue;
        }
        let key = PLAIN_VALUE
            .captures(&line.code)
            .and_then(|captures| captures.get(1))
            .map(|key| key.as_str());
        if key.is_none_or(|key| key == "run" || key == "script") {
            sink.line(line.number, Note::default());
        }
    }
}

/// `workflow-broad-permissions`
pub(super) static BROAD_PERMISSIONS: Rule = Rule {
    id: "workflow-broad-permissions",
    severity: Severity::Medium,
    confidence: 0.85,
    title: "A workflow's token may write everything",
    why: "Every step and every third-party action of the workflow can then push code, publish packages and change \
          releases. One bad dependency is enough.",
    advice: "Name the few permissions that the job needs, on the job that needs them, and `contents: read` above.",
    check: Check::Patterns(&PERMISSIONS),
};

static PERMISSIONS: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |_| "A workflow's token may write everything".to_owned(),
        vec![case(
            &[Yaml],
            On::Code,
            r#"^\s*permissions:\s*["']?write-all\b"#,
            "",
        )],
    )
    .adjusted(|view, _, note| is_workflow(view).then_some(note))
});

/// `moving-action`
pub(super) static MOVING_ACTION: Rule = Rule {
    id: "moving-action",
    severity: Severity::Low,
    confidence: 0.8,
    title: "An action is taken from a moving branch",
    why: "Whatever is pushed to that branch next runs in this workflow, with its token and secrets. The same commit \
          can build differently tomorrow.",
    advice: "Pin the action to a commit id, or at least to a released tag.",
    check: Check::Patterns(&ACTIONS),
};

static ACTIONS: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |_| "An action is taken from a moving branch".to_owned(),
        vec![case(
            &[Yaml],
            On::Code,
            r#"^\s*(?:-\s+)?uses:\s*["']?[\w.-]+/[\w./-]+@(?:main|master|develop|dev|trunk|latest|HEAD)\b["']?\s*$"#,
            "",
        )],
    )
    .adjusted(|view, _, note| is_workflow(view).then_some(note))
});
