//! Windows: named pipes. Folders get their access rights from the user's profile, which the state folder is in.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf as Half, WriteHalf as OtherHalf};
use tokio::net::windows::named_pipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions,
};

use super::{BrokerError, Endpoint};

/// Either end of a pipe.
#[derive(Debug)]
pub enum Pipe {
    /// The broker's.
    Server(NamedPipeServer),
    /// A client's.
    Client(NamedPipeClient),
}

pub(super) type ReadHalf = Half<Pipe>;
pub(super) type WriteHalf = OtherHalf<Pipe>;

macro_rules! on_either {
    ($pipe:expr, $inner:ident => $call:expr) => {
        match $pipe.get_mut() {
            Pipe::Server($inner) => $call,
            Pipe::Client($inner) => $call,
        }
    };
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_either!(self, pipe => Pin::new(pipe).poll_read(cx, buf))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_either!(self, pipe => Pin::new(pipe).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_either!(self, pipe => Pin::new(pipe).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_either!(self, pipe => Pin::new(pipe).poll_shutdown(cx))
    }
}

/// A pipe named after the broker's folder: pipes live in a space of their own.
pub(super) fn place(session_dir: &Path, _runtime_dir: &Path) -> Result<Endpoint, BrokerError> {
    let digest = Sha256::digest(session_dir.as_os_str().as_encoded_bytes());
    let name: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Endpoint::Pipe(format!(r"\\.\pipe\codex-review-{name}")))
}

pub(super) fn private_folder(path: &Path) -> Result<(), BrokerError> {
    std::fs::create_dir_all(path).map_err(BrokerError::io("create", path))
}

pub(super) fn check_private_folder(path: &Path) -> Result<(), BrokerError> {
    std::fs::metadata(path)
        .map(drop)
        .map_err(BrokerError::io("inspect", path))
}

fn pipe_name(endpoint: &Endpoint) -> io::Result<&str> {
    match endpoint {
        Endpoint::Pipe(name) => Ok(name),
        Endpoint::Unix(_) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this system has no Unix sockets here",
        )),
    }
}

/// A pipe with one instance that waits for its client.
#[derive(Debug)]
pub(super) struct Listener {
    name: String,
    waiting: NamedPipeServer,
}

impl Listener {
    pub(super) fn bind(endpoint: &Endpoint) -> io::Result<Self> {
        let name = pipe_name(endpoint)?.to_owned();
        // The first instance fails where anybody else has the name. The default access rights of a pipe let other users
        // read at most; a request needs writing.
        let waiting = ServerOptions::new()
            .first_pipe_instance(true)
            .reject_remote_clients(true)
            .create(&name)?;
        Ok(Listener { name, waiting })
    }

    pub(super) async fn accept(&mut self) -> io::Result<(ReadHalf, WriteHalf)> {
        self.waiting.connect().await?;
        let next = ServerOptions::new()
            .reject_remote_clients(true)
            .create(&self.name)?;
        let connected = std::mem::replace(&mut self.waiting, next);
        Ok(tokio::io::split(Pipe::Server(connected)))
    }
}

/// Every instance busy: the broker is about to make the next.
const ERROR_PIPE_BUSY: i32 = 231;

pub(super) async fn connect(endpoint: &Endpoint) -> io::Result<(ReadHalf, WriteHalf)> {
    let name = pipe_name(endpoint)?;
    for _ in 0..50 {
        match ClientOptions::new().open(name) {
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            opened => return opened.map(|pipe| tokio::io::split(Pipe::Client(pipe))),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        "the pipe stays busy",
    ))
}

/// The broker is started detached, so there is no session to leave.
pub(super) fn leave_session() {}

/// Handles are inherited by name alone here.
pub(super) fn close_inherited_files() {}

pub(super) async fn told_to_end() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
