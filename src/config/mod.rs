//! Layered settings, each with its provenance.
//!
//! ```text
//! defaults < user file < repository file < environment < flags      Layers --resolve--> Resolved { Settings, … }
//! ```
//!
//! [`KEYS`] declares every setting once: name, kind, default, meaning, and whether a repository may set it. [`Resolved`]
//! holds the typed [`Settings`] and, per key, the value and where it came from. Everything enters as parameters: file
//! texts, environment, flags; only [`load_file`] and the trust functions read files and only [`update_file`] writes a
//! configuration, when they are asked to.
//!
//! A wrong value or an unknown key is an error wherever it stands: a typo must not silently loosen a gate. A repository
//! file may tune, but what starts programs or weakens the user's gate is left out unless the user trusts the repository:
//! each such value is returned as [`Ignored`], and the run goes on without it. [`trust_state`] says whether the user does.

mod edit;
mod file;
mod key;
mod layer;
mod locations;
mod provenance;
mod settings;
mod trust;
mod value;

pub use edit::{Edit, Edited, edit};
pub use file::update_file;
pub use key::{KEYS, Key, Kind, RepositoryScope, Unit, find_key};
pub use layer::{FileText, Flag, Ignored, Layers, Trust, check_file, load_file, resolve};
pub use locations::{REPOSITORY_FILE, REPOSITORY_FOLDER, USER_FILE, Variables, user_file};
pub use provenance::Provenance;
pub use settings::{
    BrokerSettings, ContextSettings, EngineChoice, GateSettings, JobSettings, LimitSettings,
    PrePushSettings, Resolved, Settings, WatchSettings,
};
pub use trust::{
    ContentFile, RepositoryContent, TRUST_FILE, TrustError, TrustState, record_trust, revoke_trust,
    trust_state,
};
pub use value::{ConfigError, InvalidValue, Value};
