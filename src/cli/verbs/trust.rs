//! Carries out `trust`: shows what a repository configures, and records the user's word on it.

use std::path::Path;

use codex_review::config::{
    FileText, KEYS, Layers, Provenance, REPOSITORY_FILE, RepositoryContent, RepositoryScope, Trust,
    TrustError, TrustState, load_file, record_trust, resolve, revoke_trust, trust_state,
};
use codex_review::context::Layer;
use codex_review::jobs::{Clock, JobsError, ensure_private};
use codex_review::review::ExitStatus;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::{Surroundings, trust_record};
use crate::cli::trust::{TrustDeed, TrustRequest};
use crate::cli::ui::Ui;

use super::strategies::catalog_at;
use super::workspace::state_root;

pub(crate) fn run(
    request: TrustRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let repository = surroundings.repository()?;
    let record = trust_record(&state_root()?, &repository);
    let root = repository.root();
    let content = RepositoryContent::read(root)?;
    match request.deed {
        TrustDeed::Record => {
            if content.is_empty() {
                return Err(TrustError::Nothing.into());
            }
            let folder = record.parent().expect("a record lies in a folder");
            ensure_private(folder).map_err(JobsError::from)?;
            record_trust(&content, &record, &Clock::system().now().to_string())?;
        }
        TrustDeed::Revoke => {
            if !revoke_trust(&record)? {
                ui.note("this repository was not trusted");
            }
        }
        TrustDeed::Show => {}
    }
    let told = Told {
        state: trust_state(root, &record),
        lets_through: LetsThrough::of(root)?,
        content,
    };
    match request.shape {
        Shape::Json => ui.json(&told.document())?,
        Shape::People => ui.result(told.text().as_bytes())?,
    }
    Ok(ExitStatus::Passed)
}

/// What trusting a repository means: settings, strategies, and the programs that they start.
struct LetsThrough {
    /// Settings that count only where the repository is trusted.
    settings: Vec<&'static str>,
    /// Strategies, with what each of them starts.
    strategies: Vec<(String, Vec<String>)>,
    /// Why some of it could not be read.
    faults: Vec<String>,
}

impl LetsThrough {
    fn of(root: &Path) -> Result<Self, Failure> {
        let file = load_file(&root.join(REPOSITORY_FILE))?;
        let mut faults = Vec::new();
        let settings = settings_of(file).unwrap_or_else(|error| {
            faults.push(error);
            Vec::new()
        });
        let catalog = catalog_at(root, Trust::Trusted).catalog;
        let mut strategies = Vec::new();
        for entry in catalog.entries() {
            match entry.strategy() {
                _ if entry.layer != Layer::Repository => {}
                Ok(strategy) => {
                    let programs = strategy.programs().into_iter();
                    let words = programs.map(|program| program.word).collect();
                    strategies.push((entry.name.clone(), words));
                }
                Err(error) => faults.push(error.to_string()),
            }
        }
        Ok(LetsThrough {
            settings,
            strategies,
            faults,
        })
    }
}

/// The settings of a repository's file that its trust decides on.
fn settings_of(file: Option<FileText>) -> Result<Vec<&'static str>, String> {
    let resolved = resolve(&Layers {
        repository: file,
        trust: Trust::Trusted,
        ..Layers::default()
    })
    .map_err(|error| match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    })?;
    let decided = KEYS.iter().filter(|key| {
        key.repository == RepositoryScope::Trusted
            && resolved
                .get(key)
                .is_some_and(|(_, from)| matches!(from, Provenance::RepositoryFile(_)))
    });
    Ok(decided.map(|key| key.name).collect())
}

struct Told {
    state: TrustState,
    content: RepositoryContent,
    lets_through: LetsThrough,
}

impl Told {
    fn since(&self) -> Option<&str> {
        match &self.state {
            TrustState::Trusted { since } | TrustState::Changed { since } => Some(since),
            TrustState::Nothing | TrustState::Untrusted | TrustState::Unfit(_) => None,
        }
    }

    fn document(&self) -> Value {
        json!({
            "state": self.state.as_str(),
            "trusted": self.state.trust() == Trust::Trusted,
            "since": self.since(),
            "sha256": (!self.content.is_empty()).then_some(&self.content.hash),
            "files": self.content.files.iter().map(|file| json!({
                "path": file.path.to_string_lossy(),
                "bytes": file.bytes,
            })).collect::<Vec<_>>(),
            "settings": self.lets_through.settings,
            "strategies": self.lets_through.strategies.iter().map(|(name, programs)| json!({
                "name": name,
                "programs": programs,
            })).collect::<Vec<_>>(),
            "faults": self.lets_through.faults,
        })
    }

    fn text(&self) -> String {
        let mut text = match &self.state {
            TrustState::Nothing => "This repository configures nothing.\n".to_owned(),
            TrustState::Untrusted => "This repository is not trusted.\n".to_owned(),
            TrustState::Trusted { since } => {
                format!("This repository is trusted, as it is now, since {since}.\n")
            }
            TrustState::Changed { since } => format!(
                "This repository is not trusted: what it configures has changed since you trusted it at {since}.\n"
            ),
            TrustState::Unfit(error) => format!("This repository cannot be trusted: {error}.\n"),
        };
        if self.content.is_empty() {
            return text;
        }
        text.push_str(&format!("\nFiles (sha256 {})\n", &self.content.hash[..16]));
        for file in &self.content.files {
            text.push_str(&format!(
                "  {} ({} bytes)\n",
                file.path.display(),
                file.bytes
            ));
        }
        let LetsThrough {
            settings,
            strategies,
            faults,
        } = &self.lets_through;
        text.push_str("\nWhat trust lets through\n");
        if !settings.is_empty() {
            text.push_str(&format!("  settings    {}\n", settings.join(", ")));
        }
        for (name, programs) in strategies {
            let starts = match programs.as_slice() {
                [] => "starts no program".to_owned(),
                programs => format!("starts {}", programs.join(", ")),
            };
            text.push_str(&format!("  strategy    {name}, which {starts}\n"));
        }
        if settings.is_empty() && strategies.is_empty() {
            text.push_str("  nothing that does not count without it\n");
        }
        for fault in faults {
            text.push_str(&format!("  broken      {fault}\n"));
        }
        text.push_str(match self.state.trust() {
            Trust::Trusted => "\nA change to any of these files voids it; `codex-review trust --revoke` takes it back.\n",
            Trust::Untrusted => "\n`codex-review trust` trusts exactly this content.\n",
        });
        // Names in a repository are not ours to send to a terminal as they are.
        text.lines()
            .map(|line| codex_review::report::visible::line(line).into_owned() + "\n")
            .collect()
    }
}
