//! All strategies by name: built in, then the user's, then the repository's.
//!
//! A strategy that cannot be read does not stop the others: it is kept as broken, shown in listings, and an error for
//! whoever asks for it. It still replaces what it was meant to replace, so that a slip in one's own `inline` is an
//! error and not a silent return to the built-in one. A built-in strategy is sound, as a test says, and is read when it is
//! asked for: most runs need one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fs, io};

use super::builtin::{EMBEDDED, Embedded};
use super::file::STRATEGY_FILE;
use super::{Layer, Strategy, StrategyError, load_strategy};
use crate::context::registry::Registry;
use crate::near_miss::nearest;

/// The folders that strategies are read from besides the built-in ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layers {
    /// The user's folder; one that does not exist is empty.
    pub user: Option<PathBuf>,
    /// The repository's folder; one that does not exist is empty.
    pub repository: Option<PathBuf>,
    /// Whether the user trusts the repository's folder. Without that its strategies are listed and never used: a
    /// strategy decides what a reviewer is told, and can name programs.
    pub repository_trusted: bool,
}

/// One strategy of a catalog.
#[derive(Debug)]
pub struct Entry {
    /// Its name, which is its folder's.
    pub name: String,
    /// Where it comes from.
    pub layer: Layer,
    /// Its folder; `None` for one that is compiled in.
    pub folder: Option<PathBuf>,
    /// The layer of a strategy that it replaces.
    pub replaces: Option<Layer>,
    source: Source,
}

/// Where an entry's strategy comes from.
#[derive(Debug)]
enum Source {
    Folder(Result<Strategy, StrategyError>),
    Embedded {
        files: &'static Embedded,
        registry: Arc<Registry>,
        read: OnceLock<Result<Strategy, StrategyError>>,
    },
}

impl Entry {
    /// The strategy, or what is wrong with it.
    ///
    /// # Errors
    ///
    /// It cannot be read, or says what no strategy may say.
    pub fn strategy(&self) -> Result<&Strategy, &StrategyError> {
        let read = match &self.source {
            Source::Folder(read) => read,
            Source::Embedded {
                files,
                registry,
                read,
            } => read.get_or_init(|| files.parse(registry)),
        };
        read.as_ref()
    }

    /// The place of a sound strategy in `auto`'s order; `None` where `auto` never takes it.
    fn rank(&self) -> Option<u32> {
        match &self.source {
            Source::Folder(read) => read.as_ref().ok()?.rank,
            Source::Embedded { files, .. } => files.rank,
        }
    }

    fn is_broken(&self) -> bool {
        matches!(self.source, Source::Folder(Err(_)))
    }
}

/// All strategies.
#[derive(Debug)]
pub struct Catalog {
    entries: Vec<Entry>,
    untrusted: Vec<String>,
    unreadable: Vec<StrategyError>,
}

impl Catalog {
    /// The built-in strategies alone.
    #[must_use]
    pub fn builtin(registry: &Registry) -> Self {
        let registry = Arc::new(registry.clone());
        let entries = EMBEDDED
            .iter()
            .map(|files| Entry {
                name: files.name.to_owned(),
                layer: Layer::BuiltIn,
                folder: None,
                replaces: None,
                source: Source::Embedded {
                    files,
                    registry: Arc::clone(&registry),
                    read: OnceLock::new(),
                },
            })
            .collect();
        Catalog {
            entries,
            untrusted: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    /// The built-in strategies, and those in the folders.
    #[must_use]
    pub fn load(layers: &Layers, registry: &Registry) -> Self {
        let mut catalog = Catalog::builtin(registry);
        if let Some(dir) = &layers.user {
            catalog.add_folder(dir, Layer::User, registry);
        }
        if let Some(dir) = &layers.repository {
            if layers.repository_trusted {
                catalog.add_folder(dir, Layer::Repository, registry);
            } else {
                catalog.untrusted = catalog.names_in(dir);
            }
        }
        catalog
    }

    fn add_folder(&mut self, dir: &Path, layer: Layer, registry: &Registry) {
        for name in self.names_in(dir) {
            let entry = Entry {
                source: Source::Folder(load_strategy(&dir.join(&name), layer, registry)),
                layer,
                folder: Some(dir.join(&name)),
                replaces: None,
                name,
            };
            match self
                .entries
                .iter_mut()
                .find(|known| known.name == entry.name)
            {
                Some(known) => {
                    *known = Entry {
                        replaces: Some(known.layer),
                        ..entry
                    }
                }
                None => self.entries.push(entry),
            }
        }
        self.entries.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// The folders in `dir` that hold a strategy file, by name. Names that are no UTF-8 cannot be strategies.
    fn names_in(&mut self, dir: &Path) -> Vec<String> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(source) => {
                self.unreadable.push(StrategyError::Read {
                    path: dir.to_owned(),
                    source,
                });
                return Vec::new();
            }
        };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| fs::symlink_metadata(entry.path().join(STRATEGY_FILE)).is_ok())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Every strategy, by name.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Names of strategies in a repository's folder that is not trusted: they are not used.
    #[must_use]
    pub fn untrusted(&self) -> &[String] {
        &self.untrusted
    }

    /// Folders that exist and could not be listed.
    #[must_use]
    pub fn unreadable(&self) -> &[StrategyError] {
        &self.unreadable
    }

    /// The entry of this name, sound or broken.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The name that was probably meant, `auto` among them.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let names = self.entries.iter().map(|entry| entry.name.as_str());
        nearest(name, names.chain(["auto"]))
    }

    /// The strategies that `auto` considers, in its order. Each is read when it is its turn.
    pub(in crate::context) fn ranked(&self) -> impl Iterator<Item = &Strategy> {
        let mut ranked: Vec<(u32, &Entry)> = self
            .entries
            .iter()
            .filter_map(|entry| Some((entry.rank()?, entry)))
            .collect();
        ranked.sort_by_key(|(rank, entry)| (*rank, &entry.name));
        ranked
            .into_iter()
            .filter_map(|(_, entry)| entry.strategy().ok())
    }

    /// A broken strategy that replaces another: `auto` must not pass it over in silence.
    pub(in crate::context) fn broken_replacement(&self) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.replaces.is_some() && entry.is_broken())
    }
}
