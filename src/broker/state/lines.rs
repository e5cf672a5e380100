//! Lines that the broker writes itself.

use serde_json::Value;

use super::{Action, ClientId, State};
use crate::broker::wire::BrokerReason;
use crate::rpc::{self, ErrorObject, Message, codes};

impl State {
    pub(super) fn send_client(&mut self, client: ClientId, line: Vec<u8>) {
        if self.clients.contains_key(&client) {
            self.actions.push(Action::ToClient(client, line));
        }
    }

    pub(super) fn notify(&mut self, client: ClientId, method: &str, line: Vec<u8>) {
        let wanted = self
            .clients
            .get(&client)
            .is_some_and(|client| !client.opt_outs.contains(method));
        if wanted {
            self.actions.push(Action::ToClient(client, line));
        }
    }

    pub(super) fn answer(&mut self, client: ClientId, id: &str, result: &Value) {
        self.send_client(
            client,
            format!("{{\"id\":{id},\"result\":{result}}}\n").into(),
        );
    }

    pub(super) fn answer_error(&mut self, client: ClientId, id: Option<&str>, error: ErrorObject) {
        let id = id.unwrap_or("null");
        let error = error_json(&error);
        self.send_client(
            client,
            format!("{{\"id\":{id},\"error\":{error}}}\n").into(),
        );
    }
}

pub(super) fn error_json(error: &ErrorObject) -> String {
    serde_json::to_string(error).expect("an error object always serialises")
}

pub(super) fn bad_params(message: impl Into<String>) -> ErrorObject {
    BrokerReason::BadParams.error(codes::INVALID_PARAMS, message)
}

pub(super) fn engine_error(kind: BrokerReason, what: &str, reason: &str) -> ErrorObject {
    let mut error = kind.error(codes::INTERNAL_ERROR, format!("{what}: {reason}"));
    if let Some(Value::Object(data)) = &mut error.data {
        data.insert("exit".to_owned(), reason.into());
    }
    error
}

pub(super) fn request_line(id: u64, method: &str, params: &Value) -> Vec<u8> {
    let id = i64::try_from(id).expect("a broker does not live to see so many calls");
    rpc::encode(&Message::request(id, method, params.clone()))
}

pub(super) fn notification_line(method: &str, params: &Value) -> Vec<u8> {
    rpc::encode(&Message::notification(method, params.clone()))
}
