//! One JSON-RPC connection to an engine, over its pipes or over a broker's socket.
//!
//! [`Connection`] owns two tasks. The reader decodes lines, hands answers to the calls that wait for them and puts
//! notifications and requests into one queue; the writer writes what callers queue. Both queues are bounded, the
//! incoming one by its bytes as well: when it is full, the reader stops reading, so a caller that waits for an answer
//! must drain the queue meanwhile, as [`super::run_turn`] does.
//!
//! A line that is not JSON, is no message or is too long is counted and skipped. The end of the stream, in either
//! direction, fails every open call at once with one [`ConnectionLost`]; so does dropping the connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::rpc::{
    ErrorObject, LineBuffer, Message, Notification, Pending, Request, RequestId, Response,
};

use super::ExitWatch;

/// The bounds of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionBounds {
    /// The longest line that is read, in bytes.
    pub line: usize,
    /// How many messages may wait to be taken.
    pub queued_messages: usize,
    /// How many bytes of lines may wait to be taken; one line may exceed it when nothing else waits.
    pub queued_bytes: u32,
}

impl Default for ConnectionBounds {
    fn default() -> Self {
        ConnectionBounds {
            line: 32 << 20,
            queued_messages: 1024,
            queued_bytes: 64 << 20,
        }
    }
}

/// How many messages may wait to be written.
const OUTGOING: usize = 64;

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionLost {
    /// The peer closed it.
    #[error("the engine closed the connection")]
    Closed,
    /// Reading or writing failed.
    #[error("the connection to the engine failed: {0}")]
    Failed(String),
    /// The engine's process ended.
    #[error("the engine {0}")]
    Exited(super::ExitReason),
    /// A broker says that its engine is gone.
    #[error("the broker lost its engine: {0}")]
    EngineGone(String),
    /// This side closed it.
    #[error("the connection was closed here")]
    Dropped,
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The answer did not come in time.
    #[error("no answer to `{method}` within {limit:?}")]
    TimedOut {
        /// The method.
        method: String,
        /// How long it had.
        limit: Duration,
    },
    /// The connection ended first.
    #[error("the connection ended before `{method}` was answered")]
    Lost {
        /// The method.
        method: String,
        /// How it ended.
        #[source]
        source: ConnectionLost,
    },
    /// The engine answered with an error.
    #[error("`{method}` was refused")]
    Refused {
        /// The method.
        method: String,
        /// The engine's error.
        #[source]
        source: ErrorObject,
    },
}

impl CallError {
    /// Whether the engine does not know the method, as an old one does not. Codex says so with `-32600`.
    #[must_use]
    pub fn is_unknown_method(&self) -> bool {
        match self {
            CallError::Refused { source, .. } => {
                source.code == crate::rpc::codes::METHOD_NOT_FOUND
                    || (source.code == crate::rpc::codes::INVALID_REQUEST
                        && source.message.contains("unknown variant"))
            }
            _ => false,
        }
    }
}

/// What the engine sends of its own accord.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// News.
    Notification(Notification),
    /// A question that wants an answer by [`Caller::respond`].
    Request(Request),
}

struct Queued {
    incoming: Incoming,
    _bytes: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct State {
    pending: Pending<oneshot::Sender<Result<Value, ErrorObject>>>,
    lost: Option<ConnectionLost>,
    /// Taken when the connection is over, so that the writer ends.
    outgoing: Option<mpsc::Sender<Vec<u8>>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    skipped: AtomicU64,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection; only the first reason counts.
    fn lose(&self, reason: ConnectionLost) {
        let mut state = self.state();
        state.lost.get_or_insert(reason);
        state.outgoing = None;
        // Dropping a sender fails its call, which then reads the reason.
        state.pending.drain().for_each(drop);
    }

    fn answer(&self, response: Response) {
        let waiter = response.id.and_then(|id| self.state().pending.close(&id));
        match waiter {
            // The caller may have given up meanwhile.
            Some(waiter) => drop(waiter.send(response.result)),
            None => self.skip(),
        }
    }

    fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Makes calls on a connection; cheap to clone, usable from any task.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Shared>);

/// Forgets an open call when its caller stops waiting, for whatever reason.
struct Open<'a>(&'a Shared, RequestId);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        drop(self.0.state().pending.close(&self.1));
    }
}

impl Caller {
    /// Calls a method and waits for its answer, at most for `limit`. Dropping the future forgets the call.
    ///
    /// # Errors
    ///
    /// No answer in time, a lost connection, or the engine's refusal.
    pub async fn request(
        &self,
        method: &str,
        params: Value,
        limit: Duration,
    ) -> Result<Value, CallError> {
        let (waiter, answer) = oneshot::channel();
        let lost = |source| CallError::Lost {
            method: method.to_owned(),
            source,
        };
        let (id, outgoing) = {
            let mut state = self.0.state();
            match (&state.lost, state.outgoing.clone()) {
                (None, Some(outgoing)) => (state.pending.open(waiter), outgoing),
                (reason, _) => {
                    return Err(lost(reason.clone().unwrap_or(ConnectionLost::Dropped)));
                }
            }
        };
        let open = Open(&self.0, id.clone());
        let message = Message::Request(Request {
            id,
            method: method.to_owned(),
            params,
        });
        let line = crate::rpc::encode(&message);
        let exchange = async {
            outgoing.send(line).await.ok()?;
            // A clone held here would keep the writer alive past a loss.
            drop(outgoing);
            answer.await.ok()
        };
        let result = tokio::time::timeout(limit, exchange).await;
        drop(open);
        match result {
            Ok(Some(Ok(value))) => Ok(value),
            Ok(Some(Err(source))) => Err(CallError::Refused {
                method: method.to_owned(),
                source,
            }),
            Ok(None) => Err(lost(self.lost().unwrap_or(ConnectionLost::Dropped))),
            Err(_) => Err(CallError::TimedOut {
                method: method.to_owned(),
                limit,
            }),
        }
    }

    /// Sends a notification, waiting for room in the queue at most for `limit`.
    ///
    /// # Errors
    ///
    /// A lost connection, or a peer that does not read.
    pub async fn notify(
        &self,
        method: &str,
        params: Value,
        limit: Duration,
    ) -> Result<(), CallError> {
        let message = Message::notification(method, params);
        self.send(method, &message, limit).await
    }

    /// Answers a request of the engine's, waiting for room in the queue at most for `limit`.
    ///
    /// # Errors
    ///
    /// A lost connection, or a peer that does not read.
    pub async fn respond(
        &self,
        request: &Request,
        result: Result<Value, ErrorObject>,
        limit: Duration,
    ) -> Result<(), CallError> {
        let message = Message::Response(Response {
            id: Some(request.id.clone()),
            result,
        });
        self.send(&request.method, &message, limit).await
    }

    async fn send(
        &self,
        method: &str,
        message: &Message,
        limit: Duration,
    ) -> Result<(), CallError> {
        let outgoing = self.0.state().outgoing.clone();
        let sent = match outgoing {
            Some(outgoing) => {
                let line = crate::rpc::encode(message);
                tokio::time::timeout(limit, outgoing.send(line)).await
            }
            None => {
                return Err(CallError::Lost {
                    method: method.to_owned(),
                    source: self.lost().unwrap_or(ConnectionLost::Dropped),
                });
            }
        };
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(CallError::Lost {
                method: method.to_owned(),
                source: self.lost().unwrap_or(ConnectionLost::Dropped),
            }),
            Err(_) => Err(CallError::TimedOut {
                method: method.to_owned(),
                limit,
            }),
        }
    }

    /// Why the connection is over, or `None` while it stands.
    #[must_use]
    pub fn lost(&self) -> Option<ConnectionLost> {
        self.0.state().lost.clone()
    }

    /// Lines that were skipped so far: noise, over-long lines, answers that nobody waits for.
    #[must_use]
    pub fn skipped_lines(&self) -> u64 {
        self.0.skipped.load(Ordering::Relaxed)
    }
}

/// A connection to an engine.
#[derive(Debug)]
pub struct Connection {
    caller: Caller,
    incoming: mpsc::Receiver<Queued>,
    exit: Option<ExitWatch>,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
    undertaker: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Queued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.incoming.fmt(f)
    }
}

impl Connection {
    /// A connection over any byte stream. Must be called within a tokio runtime.
    pub fn over<R, W>(reader: R, writer: W, bounds: ConnectionBounds) -> Connection
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (outgoing, to_write) = mpsc::channel(OUTGOING);
        let (queue, incoming) = mpsc::channel(bounds.queued_messages);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                pending: Pending::default(),
                lost: None,
                outgoing: Some(outgoing),
            }),
            skipped: AtomicU64::new(0),
        });
        let reader = tokio::spawn(read(reader, Arc::clone(&shared), queue, bounds));
        let writer = tokio::spawn(write(writer, Arc::clone(&shared), to_write));
        Connection {
            caller: Caller(shared),
            incoming,
            exit: None,
            reader,
            writer,
            undertaker: None,
        }
    }

    /// Names the process behind the connection, so that its end explains a loss, and is one even where somebody else
    /// holds its end of the pipe open.
    #[must_use]
    pub fn with_exit(mut self, exit: ExitWatch) -> Self {
        /// What a process wrote before it ended is read within this time.
        const LAST_LINES: Duration = Duration::from_millis(500);
        self.exit = Some(exit.clone());
        let (shared, reader) = (Arc::clone(&self.caller.0), self.reader.abort_handle());
        self.undertaker = Some(tokio::spawn(async move {
            let mut exit = exit;
            let reason = exit.wait().await;
            tokio::time::sleep(LAST_LINES).await;
            shared.lose(ConnectionLost::Exited(reason));
            reader.abort();
        }));
        self
    }

    /// A handle for calls.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// [`Caller::request`], for callers that expect nothing but answers.
    ///
    /// # Errors
    ///
    /// As [`Caller::request`].
    pub async fn request(
        &self,
        method: &str,
        params: Value,
        limit: Duration,
    ) -> Result<Value, CallError> {
        self.caller.request(method, params, limit).await
    }

    /// The next notification or request; `None` once the connection is over and everything was taken. May be dropped
    /// at any time without losing a message.
    pub async fn next(&mut self) -> Option<Incoming> {
        self.incoming.recv().await.map(|queued| queued.incoming)
    }

    /// Why the connection is over, in its best words: the end of a process explains a closed pipe, and is waited for
    /// a moment, because the pipe closes first.
    pub async fn loss(&mut self) -> ConnectionLost {
        const A_MOMENT: Duration = Duration::from_secs(1);
        let reason = self.caller.lost().unwrap_or(ConnectionLost::Closed);
        let plain = matches!(reason, ConnectionLost::Closed | ConnectionLost::Failed(_));
        match &mut self.exit {
            Some(exit) if plain => match tokio::time::timeout(A_MOMENT, exit.wait()).await {
                Ok(exit) => ConnectionLost::Exited(exit),
                Err(_) => reason,
            },
            _ => reason,
        }
    }

    /// Lets what is queued be written, at most for `limit`, and closes the writing side: end of input for the engine.
    pub async fn close(mut self, limit: Duration) {
        self.caller.0.lose(ConnectionLost::Dropped);
        // A peer that does not read loses what was queued, and the writer ends with this connection.
        let _late = tokio::time::timeout(limit, &mut self.writer).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.caller.0.lose(ConnectionLost::Dropped);
        self.reader.abort();
        self.writer.abort();
        if let Some(undertaker) = &self.undertaker {
            undertaker.abort();
        }
    }
}

async fn read<R: AsyncRead + Unpin>(
    mut reader: R,
    shared: Arc<Shared>,
    queue: mpsc::Sender<Queued>,
    bounds: ConnectionBounds,
) {
    let room = Arc::new(Semaphore::new(bounds.queued_bytes as usize));
    let mut lines = LineBuffer::new(bounds.line);
    let mut chunk = vec![0; 64 << 10];
    loop {
        let n = match reader.read(&mut chunk).await {
            Ok(0) => return shared.lose(ConnectionLost::Closed),
            Ok(n) => n,
            Err(error) => return shared.lose(ConnectionLost::Failed(error.to_string())),
        };
        let mut whole = Vec::new();
        lines.feed(&chunk[..n], |line| match line {
            Ok(line) => whole.push(line),
            Err(_) => shared.skip(),
        });
        for line in whole {
            let incoming = match crate::rpc::decode(&line) {
                Ok(Message::Response(response)) => {
                    shared.answer(response);
                    continue;
                }
                Ok(Message::Notification(notification)) => Incoming::Notification(notification),
                Ok(Message::Request(request)) => Incoming::Request(request),
                Err(_) => {
                    shared.skip();
                    continue;
                }
            };
            let size = u32::try_from(line.len()).unwrap_or(u32::MAX);
            let size = size.min(bounds.queued_bytes);
            let bytes = Arc::clone(&room)
                .acquire_many_owned(size)
                .await
                .expect("the semaphore is never closed");
            let queued = Queued {
                incoming,
                _bytes: bytes,
            };
            if queue.send(queued).await.is_err() {
                return;
            }
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(
    mut writer: W,
    shared: Arc<Shared>,
    mut queue: mpsc::Receiver<Vec<u8>>,
) {
    while let Some(line) = queue.recv().await {
        let written = match writer.write_all(&line).await {
            Ok(()) if queue.is_empty() => writer.flush().await,
            other => other,
        };
        if let Err(error) = written {
            // What the peer said before it went is still read: the reader sees the end by itself, and has the better
            // reason where both know one.
            return match error.kind() {
                std::io::ErrorKind::BrokenPipe => shared.lose(ConnectionLost::Closed),
                _ => shared.lose(ConnectionLost::Failed(error.to_string())),
            };
        }
    }
    // The peer may be gone already.
    let _gone = writer.shutdown().await;
}

#[cfg(test)]
mod tests {
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
}
