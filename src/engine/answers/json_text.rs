//! Finds the JSON object in what a model wrote: alone, in a code fence, or after some prose.

use serde_json::{Map, Value};

/// Where an object is tried for, at most.
const TRIES: usize = 64;

/// The first object that has a member of this name.
///
/// # Errors
///
/// Says what is in the way.
pub(super) fn find(text: &str, member: &str) -> Result<Map<String, Value>, String> {
    let text = text.trim().trim_start_matches('\u{feff}');
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut first_problem = None;
    let mut from = 0;
    for _ in 0..TRIES {
        let Some(at) = text[from..].find('{').map(|at| from + at) else {
            break;
        };
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(Value::Object(object))) if object.contains_key(member) => return Ok(object),
            // Another object, such as an example: what follows it may be the one.
            Some(Ok(_)) => from = at + values.byte_offset(),
            Some(Err(error)) => {
                first_problem.get_or_insert(format!("its JSON is broken: {error}"));
                from = at + 1;
            }
            None => break,
        }
    }
    Err(first_problem.unwrap_or_else(|| format!("it holds no JSON object with `{member}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

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
