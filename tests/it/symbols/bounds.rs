//! No bytes make an outline hang, panic or differ.

use std::time::{Duration, Instant};

use codex_review::symbols::{
    FileOutline, Language, MOST_SOURCE_BYTES, Method, Source, outline, outline_all,
};
use proptest::prelude::*;

/// What must hold of every outline.
fn check(bytes: &[u8], outline: &FileOutline) -> Result<(), TestCaseError> {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
    for (index, definition) in outline.definitions.iter().enumerate() {
        prop_assert!(definition.lines.first >= 1 && definition.lines.last <= lines);
        prop_assert!(definition.lines.first <= definition.lines.last);
        prop_assert_eq!(definition.signature.first, definition.lines.first);
        prop_assert!(definition.signature.last <= definition.lines.last);
        prop_assert!(definition.container.is_none_or(|at| (at as usize) < index));
    }
    for (name, at) in outline.references.iter() {
        prop_assert!(at.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(at.iter().all(|line| (1..=lines).contains(line)));
        prop_assert_eq!(outline.references.lines_of(name), at);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_have_an_outline(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..400),
            "[a-z(){}\\[\\];:,.=<>\"'#@/* \n\t]{0,400}".prop_map(String::into_bytes),
            "((def|class|fn|struct|impl|func|type|const|let|public|#define|module|end) ?[a-z]{1,3}[({:;=\n ]{1,3}){0,60}"
                .prop_map(String::into_bytes),
        ],
        language in proptest::option::of(proptest::sample::select(Language::ALL.to_vec())),
    ) {
        let first = outline(language, &bytes);
        check(&bytes, &first)?;
        prop_assert_eq!(outline(language, &bytes), first);
    }
}

/// Sources that are made to exhaust a parser.
fn pathological() -> Vec<(&'static str, Vec<u8>)> {
    let most = 16_000;
    let repeated = |unit: &str| unit.repeat(most / unit.len()).into_bytes();
    let nested = |open: &str, close: &str| {
        let depth = most / (open.len() + close.len());
        (open.repeat(depth) + &close.repeat(depth)).into_bytes()
    };
    vec![
        ("open parentheses", repeated("(")),
        ("nested parentheses", nested("(", ")")),
        ("nested braces", nested("{", "}")),
        ("nested brackets", nested("[", "]")),
        ("open angles", repeated("a<")),
        ("unary", repeated("-!")),
        ("ternaries", repeated("a?b:")),
        ("nested functions", nested("function f(){", "}")),
        ("nested closures", nested("|x|{", "}")),
        ("nested classes", nested("class A {", "}")),
        ("nested if", repeated("if (a) ")),
        ("one long line", repeated("ab ")),
        ("quotes", repeated("\"'`")),
        ("heredocs", repeated("<<A ")),
        ("raw strings", repeated("R\"(r#\"")),
        ("casts", repeated("(a)(b)")),
        ("templates", repeated("template<class ")),
        ("garbage", repeated("}{)(][;@$\\")),
        ("line ends", repeated("\n")),
        (
            "deep indentation",
            (0..600)
                .map(|n| " ".repeat(n) + "if a:\n")
                .collect::<String>()
                .into_bytes(),
        ),
    ]
}

#[test]
fn pathological_sources_end_soon() {
    let most = Duration::from_secs(20);
    for (name, source) in pathological() {
        for language in Language::ALL {
            let began = Instant::now();
            let outline = outline(Some(language), &source);
            let took = began.elapsed();
            assert!(took < most, "{name} in {} took {took:?}", language.as_str());
            if let Err(error) = check(&source, &outline) {
                panic!("{name} in {}: {error}", language.as_str());
            }
        }
    }
}

#[test]
fn what_is_too_large_or_not_text_is_not_outlined() {
    let large = b"fn a() {}\n".repeat(MOST_SOURCE_BYTES / 10 + 1);
    assert_eq!(
        outline(Some(Language::Rust), &large).method,
        Method::Skipped
    );
    assert_eq!(
        outline(Some(Language::Rust), b"fn a() {}\0").method,
        Method::Skipped
    );
    assert_eq!(outline(None, b"a:\n  b\n").method, Method::NoGrammar);
}

#[test]
fn any_number_of_threads_gives_the_same_outlines_in_the_same_order() {
    let sources = || {
        (0..60).map(|key| Source {
            key: key * 7 % 60,
            language: Some(Language::ALL[key % 11]),
            bytes: format!("class A{key} {{ int f{key}() {{}} }}\ndef g{key}():\n    pass\n")
                .into_bytes(),
        })
    };
    let one = outline_all(sources(), 1);
    assert_eq!(one.len(), 60);
    for threads in [0, 2, 5, 16] {
        assert_eq!(outline_all(sources(), threads), one, "{threads} threads");
    }
}
