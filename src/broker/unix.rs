//! Unix: sockets, folders that are the user's alone, and leaving the caller's session.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokio::net::{UnixListener, UnixStream, unix};

use super::{BrokerError, Endpoint};

pub(super) type ReadHalf = unix::OwnedReadHalf;
pub(super) type WriteHalf = unix::OwnedWriteHalf;

/// The longest path that fits into a socket's address with its terminator.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MAX_SOCKET_PATH: usize = 107;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MAX_SOCKET_PATH: usize = 103;

/// Chooses where the socket of a broker goes.
pub(super) fn place(session_dir: &Path, runtime_dir: &Path) -> Result<Endpoint, BrokerError> {
    let usual = session_dir.join("broker.sock");
    if fits(&usual) {
        return Ok(Endpoint::Unix(usual));
    }
    let folder = runtime_dir.join(format!("codex-review-{}", own_uid()));
    let digest = Sha256::digest(session_dir.as_os_str().as_encoded_bytes());
    let name: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let short = folder.join(format!("{name}.sock"));
    if !fits(&short) {
        return Err(BrokerError::PathTooLong {
            state: usual,
            runtime: short,
        });
    }
    private_folder(&folder)?;
    Ok(Endpoint::Unix(short))
}

fn fits(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|text| text.len() <= MAX_SOCKET_PATH)
}

/// Makes a folder for the user alone, or makes sure that the one there is: no link, owned by the user, mode 0700.
pub(super) fn private_folder(path: &Path) -> Result<(), BrokerError> {
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(BrokerError::io("create", path)(error)),
    }
    check_private_folder(path)
}

/// The check of [`private_folder`] alone.
pub(super) fn check_private_folder(path: &Path) -> Result<(), BrokerError> {
    let meta = std::fs::symlink_metadata(path).map_err(BrokerError::io("inspect", path))?;
    let problem = if !meta.is_dir() {
        "it is no folder"
    } else if meta.uid() != own_uid() {
        "it belongs to another user"
    } else if meta.permissions().mode() & 0o077 != 0 {
        "others may enter it"
    } else {
        return Ok(());
    };
    Err(BrokerError::UnsafeFolder {
        path: path.to_owned(),
        problem,
    })
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn socket_path(endpoint: &Endpoint) -> io::Result<&PathBuf> {
    match endpoint {
        Endpoint::Unix(path) => Ok(path),
        Endpoint::Pipe(_) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "named pipes exist on Windows alone",
        )),
    }
}

fn check_peer(stream: &UnixStream) -> io::Result<()> {
    if stream.peer_cred()?.uid() == own_uid() {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the peer belongs to another user",
        ))
    }
}

/// A bound socket; its file goes when it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    inner: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Binds, in place of whatever socket a dead broker has left there. The caller holds the broker's lock.
    pub(super) fn bind(endpoint: &Endpoint) -> io::Result<Self> {
        let path = socket_path(endpoint)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let inner = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Listener {
            inner,
            path: path.clone(),
        })
    }

    /// The next connection of this user's; another user's is an error.
    pub(super) async fn accept(&mut self) -> io::Result<(ReadHalf, WriteHalf)> {
        let (stream, _) = self.inner.accept().await?;
        check_peer(&stream)?;
        Ok(stream.into_split())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Gone already is as good.
        let _gone = std::fs::remove_file(&self.path);
    }
}

/// Connects to a broker of this user's.
pub(super) async fn connect(endpoint: &Endpoint) -> io::Result<(ReadHalf, WriteHalf)> {
    let stream = UnixStream::connect(socket_path(endpoint)?).await?;
    check_peer(&stream)?;
    Ok(stream.into_split())
}

/// Leaves the caller's session, so that neither its terminal nor its end reaches this process.
pub(super) fn leave_session() {
    // A process that leads a group already cannot, and need not: nothing is sent to the caller's group.
    let _leader = rustix::process::setsid();
}

/// Closes what the caller's callers left open: a pipe that somebody waits on would stay open for the broker's life.
///
/// To be called before this process opens anything of its own.
pub(super) fn close_inherited_files() {
    use std::os::fd::{FromRawFd as _, OwnedFd};
    let Ok(entries) = std::fs::read_dir("/dev/fd") else {
        return;
    };
    let open: Vec<i32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open {
        // The listing's own descriptor is closed by now.
        if fd > 2 && is_open(fd) {
            // SAFETY: the caller promises that this process has opened nothing yet, so nobody else owns it.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
}

fn is_open(fd: i32) -> bool {
    Path::new("/dev/fd")
        .join(fd.to_string())
        .symlink_metadata()
        .is_ok()
}

/// Resolves when the system asks this process to end.
pub(super) async fn told_to_end() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}
