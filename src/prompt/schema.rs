//! The shape of a structured answer, as a strict JSON schema.

use serde_json::{Value, json};

const FINDINGS: &str = include_str!("templates/findings.schema.json");

/// The schema of a review's answer: `verdict`, `summary`, `findings[]`, `next_steps[]`.
///
/// Strict in the sense of the model API: every object lists all of its properties as required and allows no others.
#[must_use]
pub fn findings_schema() -> Value {
    serde_json::from_str(FINDINGS).expect("a test reads the embedded schema")
}

/// What an answer about costs says of each finding beyond a review's: the member, and what it holds.
const OPTIMIZATION: [(&str, &str); 4] = [
    (
        "evidence",
        "What in the code shows the cost: places, sizes, how often it runs.",
    ),
    (
        "expected_effect",
        "What the recommendation gains, and for which input.",
    ),
    ("risk", "What could break or get worse by it."),
    (
        "how_to_measure",
        "A command, benchmark or counter that shows the difference before and after.",
    ),
];

/// The schema of an answer about costs: that of [`findings_schema`] with `evidence`, `expected_effect`, `risk` and
/// `how_to_measure` in each finding.
#[must_use]
pub fn optimization_schema() -> Value {
    let mut schema = findings_schema();
    let item = &mut schema["properties"]["findings"]["items"];
    for (name, description) in OPTIMIZATION {
        item["properties"][name] = json!({"type": "string", "description": description});
        if let Some(required) = item["required"].as_array_mut() {
            required.push(name.into());
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_strict(schema: &Value, at: &str) {
        if let Some(properties) = schema.get("properties") {
            let properties = properties.as_object().unwrap();
            let names: Vec<&str> = properties.keys().map(String::as_str).collect();
            let required: Vec<&str> = schema["required"]
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap())
                .collect();
            assert_eq!(names, required, "at {at}");
            assert_eq!(schema["additionalProperties"], false, "at {at}");
            for (name, inner) in properties {
                check_strict(inner, &format!("{at}.{name}"));
            }
        } else {
            assert_ne!(schema["type"], "object", "at {at}");
        }
        if let Some(items) = schema.get("items") {
            check_strict(items, &format!("{at}[]"));
        }
    }

    #[test]
    fn every_object_requires_all_of_its_properties_and_no_others() {
        check_strict(&findings_schema(), "$");
        check_strict(&optimization_schema(), "$");
        let more = optimization_schema().to_string().len() - findings_schema().to_string().len();
        assert!(more > 400, "{more}");
    }

    #[test]
    fn the_words_are_those_of_the_review_module() {
        let schema = findings_schema();
        let words = |value: &Value| -> Vec<String> {
            let list = value["enum"].as_array().unwrap();
            list.iter()
                .map(|word| word.as_str().unwrap().to_owned())
                .collect()
        };
        let severity = &schema["properties"]["findings"]["items"]["properties"]["severity"];
        let known = crate::review::Severity::ALL.map(|severity| severity.as_str().to_owned());
        assert_eq!(words(severity), known);
        use crate::review::Verdict;
        let known =
            [Verdict::Approve, Verdict::NeedsAttention].map(|verdict| verdict.as_str().to_owned());
        assert_eq!(words(&schema["properties"]["verdict"]), known);
    }
}
