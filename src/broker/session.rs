//! One connected client: a task that reads its lines, a task that writes what is queued for it.
//!
//! The queue of a client is bounded in bytes. A client that lets it grow past the bound is disconnected; it can slow
//! nobody else down, because putting a line into a queue never waits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::state::{ClientId, Event};
use crate::rpc::{LineBuffer, LineTooLong};

const READ_BYTES: usize = 16 << 10;
const BATCH_LINES: usize = 64;
const BATCH_BYTES: usize = 64 << 10;

/// A client as the broker's loop holds it.
#[derive(Debug)]
pub(super) struct Session {
    lines: mpsc::UnboundedSender<Vec<u8>>,
    queued_bytes: Arc<AtomicUsize>,
    max_queued_bytes: usize,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Session {
    pub(super) fn start(
        client: ClientId,
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        line_limit: usize,
        max_queued_bytes: usize,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (lines, to_write) = mpsc::unbounded_channel();
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let leaving = events.clone();
        let reader = tokio::spawn(async move {
            read_lines(reader, line_limit, events, move |line| match line {
                Ok(line) => Event::ClientLine(client, line),
                Err(LineTooLong { .. }) => Event::ClientLineTooLong(client),
            })
            .await;
            // A closed channel means that the broker ends.
            let _ending = leaving.send(Event::ClientLeft(client)).await;
        });
        let counted = queued_bytes.clone();
        let writer = tokio::spawn(async move {
            // A client that cannot be written to is about to be seen leaving by its reader.
            let _gone = write_lines(writer, to_write, counted).await;
        });
        Session {
            lines,
            queued_bytes,
            max_queued_bytes,
            reader,
            writer,
        }
    }

    /// Queues a line. False when too much waits already: the client does not read.
    pub(super) fn write(&self, line: Vec<u8>) -> bool {
        let before = self.queued_bytes.fetch_add(line.len(), Ordering::Relaxed);
        // A writer that is gone has lost its peer.
        let _gone = self.lines.send(line);
        before <= self.max_queued_bytes
    }

    /// Writes what is queued, for no longer than `grace`, and closes the connection.
    pub(super) async fn finish(self, grace: Duration) {
        let Session {
            lines,
            reader,
            mut writer,
            ..
        } = self;
        drop(lines);
        reader.abort();
        if tokio::time::timeout(grace, &mut writer).await.is_err() {
            writer.abort();
        }
    }

    /// Closes the connection, whatever is queued.
    pub(super) fn cut(self) {
        self.reader.abort();
        self.writer.abort();
    }
}

/// Reads lines until the stream ends, and reports each. An unfinished last line is no line.
pub(super) async fn read_lines(
    mut reader: impl AsyncRead + Unpin,
    line_limit: usize,
    events: mpsc::Sender<Event>,
    event: impl Fn(Result<Vec<u8>, LineTooLong>) -> Event,
) {
    let mut buffer = LineBuffer::new(line_limit);
    let mut bytes = vec![0; READ_BYTES];
    let mut found = Vec::new();
    while let Ok(count @ 1..) = reader.read(&mut bytes).await {
        buffer.feed(&bytes[..count], |line| found.push(event(line)));
        for event in found.drain(..) {
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
}

/// Writes queued lines until the queue is closed, then closes the stream.
pub(super) async fn write_lines(
    mut writer: impl AsyncWrite + Unpin,
    mut lines: mpsc::UnboundedReceiver<Vec<u8>>,
    queued_bytes: Arc<AtomicUsize>,
) -> io::Result<()> {
    let mut batch = Vec::new();
    let mut joined = Vec::new();
    while lines.recv_many(&mut batch, BATCH_LINES).await > 0 {
        for line in batch.drain(..) {
            // Small lines share a write; a big one is not copied.
            if !joined.is_empty() && joined.len() + line.len() > BATCH_BYTES {
                flush(&mut writer, &mut joined, &queued_bytes).await?;
            }
            if line.len() > BATCH_BYTES {
                writer.write_all(&line).await?;
                queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
            } else {
                joined.extend_from_slice(&line);
            }
        }
        flush(&mut writer, &mut joined, &queued_bytes).await?;
    }
    writer.shutdown().await
}

async fn flush(
    writer: &mut (impl AsyncWrite + Unpin),
    joined: &mut Vec<u8>,
    queued_bytes: &AtomicUsize,
) -> io::Result<()> {
    if !joined.is_empty() {
        writer.write_all(joined).await?;
        queued_bytes.fetch_sub(joined.len(), Ordering::Relaxed);
        joined.clear();
    }
    Ok(())
}
