//! Claims about JSON-RPC lines, over inputs that nobody would think of.

use codex_review::rpc::{
    DecodeError, ErrorObject, LineBuffer, LineTooLong, Message, Notification, Request, RequestId,
    Response, decode, encode,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..5).prop_map(Value::from_iter),
        ]
    })
}

fn id() -> impl Strategy<Value = RequestId> {
    prop_oneof![
        any::<i64>().prop_map(RequestId::Number),
        ".*".prop_map(RequestId::Text)
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let request = (id(), ".*", value())
        .prop_map(|(id, method, params)| Message::Request(Request { id, method, params }));
    let notification = (".*", value())
        .prop_map(|(method, params)| Message::Notification(Notification { method, params }));
    let error =
        (any::<i64>(), ".*", proptest::option::of(value())).prop_map(|(code, message, data)| {
            ErrorObject {
                code,
                message,
                // On the wire, `null` data and no data are the same.
                data: data.filter(|data| !data.is_null()),
            }
        });
    let response =
        (id(), prop_oneof![value().prop_map(Ok), error.prop_map(Err)]).prop_map(|(id, result)| {
            Message::Response(Response {
                id: Some(id),
                result,
            })
        });
    prop_oneof![request, notification, response]
}

proptest! {
    #[test]
    fn every_message_survives_the_wire_as_one_line(message in message()) {
        let line = encode(&message);
        prop_assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        prop_assert_eq!(decode(&line).unwrap(), message);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let result = decode(&bytes);
        prop_assert!(result.is_ok() || matches!(result, Err(DecodeError::NotJson(_) | DecodeError::NotAMessage(_))));
    }

    #[test]
    fn lines_do_not_depend_on_how_the_bytes_arrive(
        lines in prop::collection::vec("[a-z]{0,12}", 0..20),
        cuts in prop::collection::vec(1..7_usize, 1..60),
        limit in 4..10_usize,
    ) {
        let bytes = lines.iter().flat_map(|line| line.bytes().chain([b'\n'])).collect::<Vec<u8>>();
        let mut whole = Vec::new();
        LineBuffer::new(limit).feed(&bytes, |line| whole.push(line));

        let mut buffer = LineBuffer::new(limit);
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            buffer.feed(piece, |line| pieces.push(line));
            rest = after;
        }
        prop_assert_eq!(&pieces, &whole);
        prop_assert_eq!(buffer.finish(), None);

        let expected: Vec<_> = lines
            .iter()
            .filter(|line| !line.is_empty())
            .map(|line| match line.len() > limit {
                true => Err(LineTooLong { limit }),
                false => Ok(line.clone().into_bytes()),
            })
            .collect();
        prop_assert_eq!(whole, expected);
    }
}

#[test]
fn a_deeply_nested_line_is_refused_and_not_a_stack_overflow() {
    let line = "[".repeat(200_000);
    assert!(matches!(
        decode(line.as_bytes()),
        Err(DecodeError::NotJson(_))
    ));
    let line = format!(
        "{{\"method\":\"m\",\"params\":{}",
        "{\"a\":".repeat(200_000)
    );
    assert!(matches!(
        decode(line.as_bytes()),
        Err(DecodeError::NotJson(_))
    ));
}

#[test]
fn the_dialects_quirks_are_read() {
    // With a `jsonrpc` member, with unknown members, and with an error that has no message.
    let decoded = decode(br#"{"jsonrpc":"2.0","id":1,"error":{"code":-1},"extra":{}}"#).unwrap();
    let error = ErrorObject::new(-1, "");
    assert_eq!(decoded, Message::error(Some(RequestId::Number(1)), error));
    let decoded = decode(br#"{"method":"m","params":{"a":1},"emittedAtMs":3}"#).unwrap();
    assert_eq!(decoded, Message::notification("m", json!({"a": 1})));
}
