//! Text that becomes a program: shell, SQL, eval, object graphs.

use std::sync::LazyLock;

use regex::Regex;

use super::super::examine::{Note, Sink};
use super::super::language::Language::{
    self, CSharp, Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust, Shell,
};
use super::super::view::{AddedLine, FileView};
use super::pattern::{On, Patterns, case, compile};
use super::{Check, Rule};
use crate::review::Severity;

/// `shell-from-input`
pub(super) static SHELL_FROM_INPUT: Rule = Rule {
    id: "shell-from-input",
    severity: Severity::High,
    confidence: 0.7,
    title: "A shell command is built from values",
    why: "A value with a blank, a quote or a semicolon in it changes the command, or adds another one. When any part \
          of it comes from outside, that is remote code execution.",
    advice: "Start the program directly with a list of arguments, without a shell; where a shell is a must, quote each \
             value with the library's own function.",
    check: Check::Patterns(&SHELL),
};

static SHELL: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |what| format!("A shell command is built from values: `{what}`"),
        vec![
            case(
                &[Python],
                On::Code,
                r#"\bos\.(?:system|popen)\s*\(\s*(?:[rR]?[fF]["'].*\{|["'][^"']*["']\s*(?:%|\+|\.\s*format)|[\w.\[\]]+\s*\+)"#,
                "os.system",
            ),
            case(
                &[Python],
                On::Code,
                r#"\bsubprocess\.\w+\s*\(\s*(?:[rR]?[fF]["'].*\{|["'].*["']\s*(?:%|\+|\.\s*format)|[\w.\[\]]+\s*\+).*\bshell\s*=\s*True"#,
                "subprocess with shell=True",
            ),
            case(
                &[JavaScript],
                On::Code,
                r#"(?:^|[^.\w]|child_process\.|\bcp\.)(?:exec|execSync)\s*\(\s*(?:`[^`]*\$\{|["'][^"']*["']\s*\+|\w+\s*\+)"#,
                "exec",
            ),
            case(&[Java, Kotlin], On::Code, r#"\bgetRuntime\(\)\s*\.\s*exec\s*\(\s*(?:"[^"]*"\s*\+|\w+\s*\+|"[^"]*\$)"#, "Runtime.exec"),
            case(&[Ruby], On::Code, r##"(?:^|[^.\w])(?:system|exec|spawn|popen)\s*\(?\s*"[^"]*#\{"##, "system"),
            case(&[Ruby], On::Code, r"`[^`]*#\{[^`]*`|%x[\[({][^\])}]*#\{", "a command in backticks")
                .unless(r"Shellwords|shellescape"),
            case(
                &[Php],
                On::Code,
                r#"(?:^|[^>:\w])(?:shell_exec|exec|system|passthru|popen|proc_open)\s*\(\s*(?:"[^"]*\$|["'][^"']*["']\s*\.\s*\$|\$_(?:GET|POST|REQUEST|COOKIE))"#,
                "shell_exec",
            )
            .unless(r"escapeshell(?:arg|cmd)"),
            case(
                &[Go],
                On::Code,
                r#"\bexec\.Command(?:Context)?\s*\((?:[^,"]*,\s*)?"(?:/bin/)?(?:ba|z)?sh",\s*"-l?c",\s*(?:fmt\.Sprintf|"[^"]*"\s*\+|\w+\s*\+)"#,
                "sh -c",
            ),
            case(&[Rust], On::Code, r#""-c"\s*\)?\s*[,.].*\bformat!\s*\("#, "sh -c"),
        ],
    )
});

/// `eval-call`
pub(super) static EVAL_CALL: Rule = Rule {
    id: "eval-call",
    severity: Severity::Medium,
    confidence: 0.7,
    title: "Text is run as code",
    why: "Whoever controls the text controls the program. Even with trusted text, such code cannot be checked, \
          searched or debugged.",
    advice: "Parse the value (`JSON.parse`, `ast.literal_eval`), or look the function up in a table of allowed names.",
    check: Check::Patterns(&EVAL),
};

static EVAL: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |what| format!("Text is run as code: `{what}`"),
        vec![
            case(
                &[Python],
                On::Bare,
                r#"(?:^|[^.\w])eval\s*\(\s*[^)"'\s]"#,
                "eval",
            )
            .unless(r"^\s*def\s"),
            case(
                &[Python],
                On::Bare,
                r#"(?:^|[^.\w])exec\s*\(\s*[^)"'\s]"#,
                "exec",
            )
            .unless(r"^\s*def\s"),
            case(
                &[JavaScript],
                On::Bare,
                r"(?:^|[^.\w$]|\bwindow\.|\bglobalThis\.)eval\s*\(\s*[^)\s]",
                "eval",
            )
            .unless(r"\bfunction\s+eval\b|\beval\s*\([^)]*\)\s*\{"),
            case(
                &[JavaScript],
                On::Bare,
                r"\bnew\s+Function\s*\(",
                "new Function",
            ),
            case(
                &[Php],
                On::Bare,
                r"(?:^|[^>:\w$])eval\s*\(\s*[^)\s]",
                "eval",
            ),
            case(
                &[Ruby],
                On::Bare,
                r"(?:^|[^.\w:])eval\s*[( ]\s*[^)\s=]",
                "eval",
            )
            .unless(r"^\s*def\s"),
            case(
                &[Shell],
                On::Code,
                r#"(?:^|[;&|]\s*|\bthen\s+|\bdo\s+)eval\s+["']?[^"']*\$(?:\w|\{)"#,
                "eval",
            ),
        ],
    )
});

/// `unsafe-deserialization`
pub(super) static UNSAFE_DESERIALIZATION: Rule = Rule {
    id: "unsafe-deserialization",
    severity: Severity::Medium,
    confidence: 0.65,
    title: "A format that can run code is read",
    why: "Reading this format creates any object that the data names, which in practice means running what its author \
          wants. It is safe only while nobody else can ever write the data.",
    advice: "Use a plain data format such as JSON, or the safe loader of the library.",
    check: Check::Patterns(&DESERIALIZATION),
};

static DESERIALIZATION: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |what| format!("A format that can run code is read: `{what}`"),
        vec![
            case(
                &[Python],
                On::Bare,
                r"\b(?:pickle|cPickle|dill|cloudpickle)\.loads?\s*\(",
                "pickle",
            ),
            case(
                &[Python],
                On::Bare,
                r"\byaml\.(?:load|load_all)\s*\(",
                "yaml.load",
            )
            .unless(r"Safe|safe"),
            case(
                &[Python],
                On::Bare,
                r"\byaml\.unsafe_load(?:_all)?\s*\(",
                "yaml.unsafe_load",
            ),
            case(
                &[Ruby],
                On::Bare,
                r"\bMarshal\.load\b|\bYAML\.unsafe_load\b",
                "Marshal.load",
            ),
            case(
                &[Php],
                On::Bare,
                r"(?:^|[^>:\w])unserialize\s*\(",
                "unserialize",
            )
            .unless(r"allowed_classes"),
            case(
                &[Java, Kotlin],
                On::Bare,
                r"\bObjectInputStream\s*\(",
                "ObjectInputStream",
            ),
            case(
                &[CSharp],
                On::Bare,
                r"\bnew\s+(?:BinaryFormatter|NetDataContractSerializer|SoapFormatter)\b",
                "BinaryFormatter",
            ),
        ],
    )
    .adjusted(|view, _, note| (!view.is_test).then_some(note))
});

/// `sql-from-input`
pub(super) static SQL_FROM_INPUT: Rule = Rule {
    id: "sql-from-input",
    severity: Severity::High,
    confidence: 0.65,
    title: "A SQL statement is built from values",
    why: "A value with a quote in it changes the statement. When any part of it comes from outside, that is SQL \
          injection: reading, changing or deleting any row.",
    advice: "Use placeholders and pass the values as parameters; for a table or column name, look it up in a list of \
             allowed names.",
    check: Check::File(sql),
};

/// In capitals anywhere, in small letters only right behind a quote: prose selects and updates things too.
static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"(?:SELECT\s.{1,300}\sFROM|INSERT\s+INTO|UPDATE\s+\S{1,80}\s+SET|DELETE\s+FROM|DROP\s+TABLE)\s";
    compile(&format!(r#"\b{words}|["'`]\s*(?i:{words})"#))
});

/// What joins a value into a string that has begun, by language.
fn joins(language: Language) -> Option<&'static Regex> {
    static PYTHON: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r#"["']\s*(?:\+\s*\w|%\s*[\w(]|\.\s*format\s*\()|(?:^|[^\w])[rR]?[fF]["'][^"]*\{[^}]"#,
        )
    });
    static TEMPLATE: LazyLock<Regex> = LazyLock::new(|| compile(r#"\$\{[^}]|["']\s*\+\s*[\w$(]"#));
    static PLUS: LazyLock<Regex> =
        LazyLock::new(|| compile(r#"["]\s*\+\s*\w|\bString\.format\s*\(|\.formatted\s*\("#));
    static SHARP: LazyLock<Regex> =
        LazyLock::new(|| compile(r#"["]\s*\+\s*\w|\$@?"[^"]*\{[^}]|\bstring\.Format\s*\("#));
    static GO: LazyLock<Regex> =
        LazyLock::new(|| compile(r#"["`]\s*\+\s*\w|\bSprintf\s*\(.*%[+#]?[svdq]"#));
    static RUST: LazyLock<Regex> = LazyLock::new(|| compile(r"\bformat!\s*\(.*\{[\w:.]*\}"));
    static RUBY: LazyLock<Regex> = LazyLock::new(|| compile(r##"#\{|["']\s*\+\s*\w"##));
    static PHP: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r#"["']\s*\.\s*\$|(?:SELECT|INSERT|UPDATE|DELETE)[^"]*(?:\{\$|\s'?\$\w|=\s?'?\$\w)"#,
        )
    });
    static KOTLIN: LazyLock<Regex> =
        LazyLock::new(|| compile(r#"["]\s*\+\s*\w|\$\{[^}]|[\s='(]\$[A-Za-z]"#));
    match language {
        Python => Some(&PYTHON),
        JavaScript => Some(&TEMPLATE),
        Java => Some(&PLUS),
        CSharp => Some(&SHARP),
        Go => Some(&GO),
        Rust => Some(&RUST),
        Ruby => Some(&RUBY),
        Php => Some(&PHP),
        Kotlin => Some(&KOTLIN),
        _ => None,
    }
}

fn sql(view: &FileView<'_>, sink: &mut Sink) {
    let Some(joins) = joins(view.language) else {
        return;
    };
    for line in &view.added {
        if has_statement(line) && joins.is_match(&line.code) && !is_tagged(line) {
            sink.line(
                line.number,
                Note {
                    severity: view.is_test.then_some(Severity::Low),
                    ..Note::default()
                },
            );
        }
    }
}

/// The statement stands in a string: it is gone where strings are blanked.
fn has_statement(line: &AddedLine) -> bool {
    STATEMENT.is_match(&line.code) && !STATEMENT.is_match(&line.bare)
}

/// A tagged template binds its values as parameters.
fn is_tagged(line: &AddedLine) -> bool {
    static TAG: LazyLock<Regex> =
        LazyLock::new(|| compile(r"(?i)\b(?:sql|query|queryRaw|executeRaw)(?:<[^>]*>)?`"));
    TAG.is_match(&line.code)
}
