//! The shape of a structured answer, as a strict JSON schema.

use serde_json::Value;

const FINDINGS: &str = include_str!("templates/findings.schema.json");

/// The schema of a review's answer: `verdict`, `summary`, `findings[]`, `next_steps[]`.
///
/// Strict in the sense of the model API: every object lists all of its properties as required and allows no others.
#[must_use]
pub fn findings_schema() -> Value {
    serde_json::from_str(FINDINGS).expect("a test reads the embedded schema")
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
