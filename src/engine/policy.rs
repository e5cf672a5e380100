//! What engines are answered when they ask.
//!
//! A review asks nobody: the sandbox is set before it starts, and no person sits behind the connection. Each kind of
//! request gets the refusal that lets the turn go on, in the shape that its method wants; a request that is not known
//! gets `-32601`, never silence.

use serde_json::{Map, Value, json};

use crate::rpc::{ErrorObject, Request, codes};

/// Why the engine is refused, in words that a model may read.
const REFUSAL: &str =
    "declined: this session runs unattended, within the sandbox it was started with";

/// The answer to a request of the engine's.
///
/// # Errors
///
/// The error object to answer with, for what cannot be granted in any other shape and for methods that are not known.
pub fn answer(request: &Request) -> Result<Value, ErrorObject> {
    match request.method.as_str() {
        "item/commandExecution/requestApproval" | "item/fileChange/requestApproval" => {
            Ok(json!({"decision": "decline"}))
        }
        // The names of these two before threads had items.
        "execCommandApproval" | "applyPatchApproval" => {
            Ok(json!({"decision": {"denied": {"rejection": REFUSAL}}}))
        }
        "item/permissions/requestApproval" => Ok(json!({"permissions": {}, "scope": "turn"})),
        "mcpServer/elicitation/request" => Ok(json!({"action": "decline", "content": null})),
        "item/tool/requestUserInput" => Ok(json!({"answers": no_answers(&request.params)})),
        "item/tool/call" => Ok(json!({
            "success": false,
            "contentItems": [{"type": "inputText", "text": "this client offers no tools"}],
        })),
        "account/chatgptAuthTokens/refresh" | "attestation/generate" => Err(ErrorObject::new(
            codes::INVALID_REQUEST,
            format!(
                "`{}` is not offered: Codex keeps its own login",
                request.method
            ),
        )),
        method => Err(ErrorObject::new(
            codes::METHOD_NOT_FOUND,
            format!("`{method}` is not known to this client"),
        )),
    }
}

/// No answer to each question that was asked.
fn no_answers(params: &Value) -> Value {
    let questions = params["questions"].as_array();
    let answers: Map<String, Value> = questions
        .into_iter()
        .flatten()
        .filter_map(|question| question["id"].as_str())
        .map(|id| (id.to_owned(), json!({"answers": []})))
        .collect();
    Value::Object(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::RequestId;

    #[track_caller]
    fn check(method: &str, params: Value, expected: Value) {
        let request = Request {
            id: RequestId::Number(1),
            method: method.to_owned(),
            params,
        };
        assert_eq!(answer(&request).unwrap(), expected);
    }

    #[test]
    fn every_known_question_has_an_answer_in_its_own_shape() {
        let declined = json!({"decision": "decline"});
        check(
            "item/commandExecution/requestApproval",
            json!({}),
            declined.clone(),
        );
        check("item/fileChange/requestApproval", json!({}), declined);
        check(
            "item/tool/requestUserInput",
            json!({"questions": [{"id": "a"}, {"id": 3}, {"id": "b"}]}),
            json!({"answers": {"a": {"answers": []}, "b": {"answers": []}}}),
        );
        check(
            "item/tool/requestUserInput",
            Value::Null,
            json!({"answers": {}}),
        );
    }

    #[test]
    fn an_unknown_question_is_refused_by_name() {
        let request = Request {
            id: RequestId::Number(1),
            method: "item/future".to_owned(),
            params: Value::Null,
        };
        let error = answer(&request).unwrap_err();
        assert_eq!(error.code, codes::METHOD_NOT_FOUND);
        assert!(error.message.contains("item/future"));
    }
}
