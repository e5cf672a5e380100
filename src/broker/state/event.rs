//! What happens to a broker, and what it does about it.

/// A connected client. Never reused within one broker's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClientId(pub(crate) u64);

/// One run of the engine, the first being 1. An event about an earlier run than the current one has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EngineRun(pub(crate) u64);

/// What happens. Lines come without their line end.
#[derive(Debug)]
pub(crate) enum Event {
    /// A client connected.
    ClientJoined(ClientId),
    /// A client sent a line.
    ClientLine(ClientId, Vec<u8>),
    /// A client sent a line of more bytes than are read.
    ClientLineTooLong(ClientId),
    /// A client is gone, whoever ended the connection.
    ClientLeft(ClientId),
    /// The engine's process runs.
    EngineStarted(EngineRun, Option<u32>),
    /// The engine sent a line.
    EngineLine(EngineRun, Vec<u8>),
    /// The engine sent a line of more bytes than are read.
    EngineLineTooLong(EngineRun),
    /// The engine's process is gone, or could not be started; says why. Comes once for each run.
    EngineExited(EngineRun, String),
    /// The engine takes no more lines.
    EngineStalled(EngineRun),
    /// Time went by: a deadline may have passed.
    Tick,
    /// The broker is told to end by the system, whatever runs.
    Stop,
}

/// What to do, in this order. Lines carry their line end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start the engine.
    StartEngine(EngineRun),
    /// Write a line to the engine.
    ToEngine(EngineRun, Vec<u8>),
    /// Kill the engine; its exit is reported as any other.
    KillEngine(EngineRun),
    /// Write a line to a client.
    ToClient(ClientId, Vec<u8>),
    /// End: write what is queued for clients, then end the engine.
    End(Ending),
}

/// Why a broker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// No client and no turn for the idle time.
    Idle,
    /// A client asked for it.
    Asked,
    /// The system asked for it.
    Stopped,
}
