//! What was put in to find a bug, and what was put off.

use std::sync::LazyLock;

use super::super::examine::Note;
use super::super::language::Language::{
    C, CSharp, Elixir, Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust,
};
use super::pattern::{On, Patterns, case};
use super::{Check, Rule};
use crate::review::Severity;

/// `debug-leftover`
pub(super) static DEBUG_LEFTOVER: Rule = Rule {
    id: "debug-leftover",
    severity: Severity::Medium,
    confidence: 0.85,
    title: "Debugging left-over",
    why: "It was put in to find something and stops the program, or prints what nobody should read, wherever it runs. \
          In a server it blocks a request or fills the log.",
    advice: "Delete it, or turn it into a proper log line at debug level.",
    check: Check::Patterns(&LEFTOVERS),
};

static LEFTOVERS: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |what| format!("Debugging left-over: `{what}`"),
        vec![
            case(&[Rust], On::Bare, r"\bdbg!\s*[(\[{]", "dbg!"),
            case(
                &[JavaScript],
                On::Bare,
                r"(?:^|[;{}]\s*|^\s+)debugger\s*(?:;|$)",
                "debugger",
            ),
            case(
                &[JavaScript],
                On::Bare,
                r"\bconsole\.(?:log|debug|trace|dir|table)\s*\(",
                CONSOLE,
            ),
            case(
                &[Python],
                On::Bare,
                r"\b(?:pdb|ipdb|pudb|wdb|rpdb)\.set_trace\s*\(",
                "set_trace",
            ),
            case(
                &[Python],
                On::Bare,
                r"^\s*breakpoint\s*\(\s*\)",
                "breakpoint",
            ),
            case(
                &[Python],
                On::Bare,
                r"^\s*(?:import|from)\s+(?:pdb|ipdb|pudb|wdb|rpdb)\b",
                "import pdb",
            ),
            case(
                &[Ruby],
                On::Bare,
                r"\bbinding\.(?:pry|irb|break)\b",
                "binding.pry",
            ),
            case(&[Ruby], On::Bare, r"^\s*(?:byebug|debugger)\s*$", "byebug"),
            case(
                &[Php],
                On::Bare,
                r"(?:^|[^>:\w$])(?:var_dump|xdebug_break|debug_zval_refcount)\s*\(",
                "var_dump",
            )
            .unless(r"\bfunction\s"),
            case(&[Php], On::Bare, r"^\s*(?:dd|dump)\s*\(", "dd"),
            case(
                &[Java, Kotlin],
                On::Bare,
                r"\.printStackTrace\s*\(\s*\)",
                STACK,
            ),
            case(
                &[Go],
                On::Bare,
                r"\bspew\.(?:Dump|Printf)\s*\(|\bruntime\.Breakpoint\s*\(",
                "spew.Dump",
            ),
            case(&[Go], On::Bare, r"^\s*println\s*\(", "println"),
            case(
                &[CSharp],
                On::Bare,
                r"\bDebugger\.(?:Break|Launch)\s*\(",
                "Debugger.Break",
            ),
            case(
                &[Elixir],
                On::Bare,
                r"\bIEx\.pry\b|\bIO\.inspect\s*\(?",
                "IO.inspect",
            ),
            case(
                &[C],
                On::Bare,
                r"\b(?:__debugbreak|DebugBreak|__builtin_debugtrap)\s*\(",
                "__debugbreak",
            ),
        ],
    )
    .adjusted(|view, line, note| {
        let title = note.title.as_deref().unwrap_or_default();
        let quiet = if title.contains(CONSOLE) {
            // Command-line programs and scripts speak to people this way.
            if view.is_test || speaks_to_people(&view.path) || line.raw.contains("eslint-disable") {
                return None;
            }
            true
        } else {
            title.contains(STACK) && !view.is_test
        };
        Some(Note {
            severity: quiet.then_some(Severity::Low),
            confidence: quiet.then_some(0.5),
            ..note
        })
    })
});

const CONSOLE: &str = "console.log";
const STACK: &str = "printStackTrace";

fn speaks_to_people(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let parts = [
        "bin", "cli", "scripts", "script", "tools", "examples", "example", "demo", "docs", "bench",
        "benches",
    ];
    lower.split('/').any(|part| parts.contains(&part))
        || lower.contains("cli.")
        || lower.contains("config.")
        || lower.contains("logger")
        || lower.contains("gulpfile")
}

/// `unfinished-code`
pub(super) static UNFINISHED_CODE: Rule = Rule {
    id: "unfinished-code",
    severity: Severity::Low,
    confidence: 0.7,
    title: "Code that is not written yet",
    why: "The program stops as soon as this line is reached. A reviewer should know that the path exists and is empty.",
    advice: "Write it, return an error that says so, or keep the path unreachable until it is there.",
    check: Check::Patterns(&UNFINISHED),
};

static UNFINISHED: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |what| format!("Code that is not written yet: `{what}`"),
        vec![
            case(&[Rust], On::Bare, r"\b(?:todo|unimplemented)!\s*[(\[{]", "todo!"),
            case(&[Kotlin], On::Bare, r"(?:^|[^.\w])TODO\s*\(", "TODO()"),
            case(&[Java], On::Code, r#"\bnew\s+UnsupportedOperationException\s*\(\s*"(?i:todo|not (?:yet )?implemented)"#, "not implemented"),
            case(&[CSharp], On::Bare, r"\bthrow\s+new\s+NotImplementedException\b", "NotImplementedException"),
            case(&[JavaScript], On::Code, r#"\bnew\s+Error\s*\(\s*["'`](?i:todo\b|not (?:yet )?implemented)"#, "not implemented"),
            case(&[Go], On::Code, r#"\bpanic\s*\(\s*"(?i:todo\b|not (?:yet )?implemented|unimplemented)"#, "not implemented"),
        ],
    )
    .adjusted(|view, _, note| (!view.is_test).then_some(note))
});
