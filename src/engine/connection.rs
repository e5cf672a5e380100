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

use super::{CallError, ConnectionLost, ExitWatch};

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
mod tests;
