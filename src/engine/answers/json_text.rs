//! Finds the JSON object in what a model wrote: alone, in a code fence, or after some prose.
//!
//! What a model quotes from a file can look like an answer too, and no quotation may stand in for an answer that objects.
//! Of several, one that objects counts before one that approves; beside one that is broken, an approval is none.

use serde_json::{Map, Value};

/// Where an object is tried for, at most.
const TRIES: usize = 512;

/// The object that has a member of this name: of several the last one, but one that `approves` only if all do.
///
/// # Errors
///
/// Says what is in the way.
pub(super) fn find(
    text: &str,
    member: &str,
    approves: impl Fn(&Map<String, Value>) -> bool,
) -> Result<Map<String, Value>, String> {
    let text = text.trim().trim_start_matches('\u{feff}');
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut found: Option<Map<String, Value>> = None;
    let mut first_problem = None;
    let (mut is_inside, mut is_broken) = (false, false);
    let mut from = 0;
    for tried in 0.. {
        let next = text[from..].find('{').map(|at| from + at);
        is_broken |= is_inside && names(&text[from..next.unwrap_or(text.len())], member);
        let Some(at) = next else { break };
        if tried == TRIES {
            return Err(format!(
                "it holds more than {TRIES} braces around its answer"
            ));
        }
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                from = at + values.byte_offset();
                is_inside = false;
                match value {
                    Value::Object(object) if object.contains_key(member) => {
                        let objects = found.as_ref().is_some_and(|found| !approves(found));
                        if !(objects && approves(&object)) {
                            found = Some(object);
                        }
                    }
                    // Another one, such as an example: what follows it may be the one.
                    _ => {}
                }
            }
            Some(Err(error)) => {
                first_problem.get_or_insert(format!("its JSON is broken: {error}"));
                from = at + 1;
                is_inside = true;
            }
            None => break,
        }
    }
    match found {
        Some(found) if is_broken && approves(&found) => Err(format!(
            "it holds two objects with `{member}`, one of them broken"
        )),
        Some(found) => Ok(found),
        None => {
            Err(first_problem.unwrap_or_else(|| format!("it holds no JSON object with `{member}`")))
        }
    }
}

/// Whether text that is no JSON has the member all the same: `"member":`.
fn names(text: &str, member: &str) -> bool {
    let name = format!("\"{member}\"");
    text.match_indices(&name)
        .any(|(at, _)| text[at + name.len()..].trim_start().starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, member: &str) -> Result<Map<String, Value>, String> {
        super::find(text, member, |object| object[member] == 1)
    }

    #[test]
    fn fences_prose_and_examples_are_passed_over() {
        for text in [
            r#"{"v": 1}"#,
            "```json\n{\"v\": 1}\n```\nThat is all.",
            "Here {as promised} is an example {\"x\": {\"v\": 2}} and the answer:\n{\"v\": 1} ok",
        ] {
            assert_eq!(find(text, "v").unwrap()["v"], 1, "{text}");
        }
    }

    #[test]
    fn no_quotation_stands_in_for_an_answer_that_objects() {
        for text in [
            r#"The file holds {"v": 1}. My answer: {"v": 2}"#,
            r#"{"v": 2} is what I say; the file says {"v": 1}"#,
            r#"Draft: {"v": 3} Final: {"v": 2}"#,
            r#"I chose "v": 2, so {"v": 2}, and json!({"v": x})"#,
        ] {
            assert_eq!(find(text, "v").unwrap()["v"], 2, "{text}");
        }
        for text in [
            r#"The file holds {"v": 1}. My answer: {"v": [2, "#,
            r#"My answer: {"v": [2, oops. The file holds {"v": 1}"#,
        ] {
            assert!(find(text, "v").is_err(), "{text}");
        }
        let many = format!(r#"{{"v": 1}} {} {{"v": 2}}"#, "{".repeat(TRIES));
        assert!(find(&many, "v").unwrap_err().contains("braces"));
        // Said twice is said.
        for text in [
            r#"{"v": 1} and once more: {"v": 1}"#,
            r#"{"v": 1} where "v": 1 is the verdict"#,
        ] {
            assert_eq!(find(text, "v").unwrap()["v"], 1, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(find("  ", "v").unwrap_err(), "it is empty");
        assert!(
            find("no", "v")
                .unwrap_err()
                .contains("no JSON object with `v`")
        );
        assert!(find("{\"v\": [1, 2", "v").unwrap_err().contains("EOF"));
        assert!(find(&"{".repeat(100_000), "v").is_err());
    }
}
