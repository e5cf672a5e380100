//! Claims about connections.

use super::*;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf};

const LIMIT: Duration = Duration::from_secs(5);

struct Peer {
    lines: tokio::io::Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
}

impl Peer {
    async fn line(&mut self) -> Value {
        let line = self.lines.next_line().await.unwrap().expect("a line");
        serde_json::from_str(&line).unwrap()
    }

    async fn say(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).await.unwrap();
        self.writer.write_all(b"\n").await.unwrap();
    }
}

fn pair(bounds: ConnectionBounds) -> (Connection, Peer) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(ours);
    let (their_reader, their_writer) = tokio::io::split(theirs);
    let peer = Peer {
        lines: BufReader::new(their_reader).lines(),
        writer: their_writer,
    };
    (Connection::over(reader, writer, bounds), peer)
}

#[tokio::test(start_paused = true)]
async fn answers_find_their_calls_in_any_order() {
    let (connection, mut peer) = pair(ConnectionBounds::default());
    let (first, second, ()) = tokio::join!(
        connection.request("a", json!({}), LIMIT),
        connection.request("b", json!({}), LIMIT),
        async {
            let (one, two) = (peer.line().await, peer.line().await);
            for call in [two, one] {
                let answer = json!({"id": call["id"], "result": call["method"]});
                peer.say(&answer.to_string()).await;
            }
        }
    );
    assert_eq!((first.unwrap(), second.unwrap()), (json!("a"), json!("b")));
}

#[tokio::test(start_paused = true)]
async fn noise_is_counted_and_the_connection_lives_on() {
    let (mut connection, mut peer) = pair(ConnectionBounds {
        line: 100,
        ..ConnectionBounds::default()
    });
    peer.say("\u{1b}[33mWARN\u{1b}[0m {").await;
    peer.say(&"x".repeat(5000)).await;
    peer.say(r#"{"id":77,"result":{}}"#).await;
    peer.say(r#"{"method":"hello"}"#).await;
    let next = connection.next().await.unwrap();
    assert_eq!(
        next,
        Incoming::Notification(Notification {
            method: "hello".into(),
            params: Value::Null
        })
    );
    assert_eq!(connection.caller().skipped_lines(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_fails_every_open_call_at_once() {
    let (mut connection, mut peer) = pair(ConnectionBounds::default());
    let caller = connection.caller();
    let calls = tokio::spawn(async move {
        let a = caller.request("a", json!({}), LIMIT);
        let b = caller.request("b", json!({}), LIMIT);
        let (a, b) = tokio::join!(a, b);
        (a.unwrap_err(), b.unwrap_err())
    });
    peer.line().await;
    peer.line().await;
    let before = tokio::time::Instant::now();
    drop(peer);
    let (a, b) = calls.await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
    for error in [a, b] {
        assert!(
            matches!(
                error,
                CallError::Lost {
                    source: ConnectionLost::Closed,
                    ..
                }
            ),
            "{error:?}"
        );
    }
    assert_eq!(connection.next().await, None);
    let error = connection.request("c", json!({}), LIMIT).await.unwrap_err();
    assert!(matches!(error, CallError::Lost { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_and_a_peer_that_does_not_read_both_end_in_time() {
    let (connection, _peer) = pair(ConnectionBounds::default());
    let error = connection.request("a", json!({}), LIMIT).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer to `a` within 5s");
    // More than the pipe and the queue hold: the send itself has to wait.
    let big = json!("x".repeat(1 << 16));
    for _ in 0..OUTGOING + 2 {
        let error = connection
            .request("b", big.clone(), LIMIT)
            .await
            .unwrap_err();
        assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
    }
    assert!(connection.caller.0.state().pending.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_flood_waits_in_the_pipe_and_not_in_memory() {
    let bounds = ConnectionBounds {
        line: 1 << 20,
        queued_messages: 1000,
        queued_bytes: 4096,
    };
    let (mut connection, mut peer) = pair(bounds);
    let line = json!({"method": "m", "params": "x".repeat(1000)}).to_string();
    // The pipe holds 64 KiB, the queue 4 KiB: the last of these writes cannot end before somebody reads.
    let flood = tokio::spawn(async move {
        for _ in 0..200 {
            peer.say(&line).await;
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!flood.is_finished());
    for _ in 0..200 {
        connection.next().await.unwrap();
    }
    flood.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_writes_what_is_queued_first() {
    let (connection, mut peer) = pair(ConnectionBounds::default());
    connection
        .caller()
        .notify("bye", json!({}), LIMIT)
        .await
        .unwrap();
    connection.close(LIMIT).await;
    assert_eq!(peer.line().await["method"], "bye");
    assert_eq!(peer.lines.next_line().await.unwrap(), None);
}
