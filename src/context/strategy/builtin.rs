//! The strategies that are compiled in, from the folder `strategies/` of this crate.

use super::{Layer, Strategy, StrategyError, parse_strategy};
use crate::context::registry::Registry;

/// One strategy's files, and what is asked of it before anybody needs to read them.
#[derive(Debug)]
pub(super) struct Embedded {
    pub(super) name: &'static str,
    /// As the file says.
    pub(super) rank: Option<u32>,
    pub(super) strategy: &'static str,
    pub(super) guidance: &'static str,
}

/// Includes the files of one folder.
macro_rules! embedded {
    ($name:literal, $rank:expr) => {
        Embedded {
            name: $name,
            rank: $rank,
            strategy: include_str!(concat!("../../../strategies/", $name, "/strategy.toml")),
            guidance: include_str!(concat!("../../../strategies/", $name, "/guidance.md")),
        }
    };
}

/// All of them; a test reads the folder and finds any that is missing here.
pub(super) static EMBEDDED: [Embedded; 6] = [
    embedded!("deep", None),
    embedded!("focused", None),
    embedded!("history", None),
    embedded!("inline", Some(10)),
    embedded!("security", None),
    embedded!("self-collect", Some(100)),
];

impl Embedded {
    pub(super) fn parse(&self, registry: &Registry) -> Result<Strategy, StrategyError> {
        parse_strategy(self.strategy, self.name, Layer::BuiltIn, registry, &|_| {
            Ok(self.guidance.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_is_embedded_and_sound() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("strategies");
        let mut folders: Vec<String> = std::fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        folders.sort();
        let names: Vec<&str> = EMBEDDED.iter().map(|embedded| embedded.name).collect();
        assert_eq!(names, folders);
        for embedded in &EMBEDDED {
            let strategy = embedded.parse(&Registry::builtin()).unwrap();
            assert_eq!(strategy.rank, embedded.rank, "{}", embedded.name);
            assert!(!strategy.guidance.is_empty() && !strategy.description.is_empty());
        }
    }
}
