//! A small HTTP server on loopback: the layer below the stand-ins for model providers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

/// The longest body that is read.
const MAX_BODY: usize = 64 << 20;
/// Connections at once; more are refused.
const MAX_CONNECTIONS: usize = 64;

/// Answers a path and a body with a whole response; `None` ends the connection.
type Handler = dyn Fn(&str, &[u8]) -> Option<Vec<u8>> + Send + Sync;

#[derive(Default)]
struct Connections {
    open: Vec<TcpStream>,
    stopped: bool,
}

/// The server. Dropping it ends every connection and joins its thread.
pub struct HttpServer {
    address: SocketAddr,
    connections: Arc<Mutex<Connections>>,
    acceptor: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Starts on a free port.
    pub fn start(handler: impl Fn(&str, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("the listener is bound");
        let connections = Arc::new(Mutex::new(Connections::default()));
        let acceptor = std::thread::spawn({
            let connections = Arc::clone(&connections);
            let handler: Arc<Handler> = Arc::new(handler);
            move || accept(&listener, &connections, &handler)
        });
        HttpServer {
            address,
            connections,
            acceptor: Some(acceptor),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        let mut connections = lock(&self.connections);
        connections.stopped = true;
        for connection in &connections.open {
            // It may be closed already.
            drop(connection.shutdown(Shutdown::Both));
        }
        drop(connections);
        // Wakes the acceptor; should that fail, it has ended already.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

/// A whole response.
pub fn http(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut response = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    response.extend_from_slice(body);
    response
}

fn lock(connections: &Mutex<Connections>) -> MutexGuard<'_, Connections> {
    connections.lock().expect("no holder of the lock panics")
}

fn accept(listener: &TcpListener, connections: &Arc<Mutex<Connections>>, handler: &Arc<Handler>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let mut now = lock(connections);
        if now.stopped {
            return;
        }
        if now.open.len() >= MAX_CONNECTIONS {
            continue;
        }
        let Ok(registered) = stream.try_clone() else {
            continue;
        };
        let peer = registered.peer_addr();
        now.open.push(registered);
        drop(now);
        let (connections, handler) = (Arc::clone(connections), Arc::clone(handler));
        std::thread::spawn(move || {
            // A client that goes away in the middle is no matter.
            drop(serve(stream, &*handler));
            lock(&connections)
                .open
                .retain(|other| other.peer_addr().ok() != peer.as_ref().ok().copied());
        });
    }
}

fn serve(stream: TcpStream, handler: &Handler) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some((path, body)) = read_request(&mut reader)? {
        let Some(response) = handler(&path, &body) else {
            break;
        };
        writer.write_all(&response)?;
    }
    Ok(())
}

/// The next request, or `None` at the end of the connection.
fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut first = String::new();
    if reader.take(1 << 16).read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
    let mut length = 0;
    for _ in 0..200 {
        let mut line = String::new();
        if reader.take(1 << 16).read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    if length > MAX_BODY {
        return Ok(None);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((path, body)))
}
