//! The strategies that are compiled in, from the folder `strategies/` of this crate.

use super::{Layer, Strategy, StrategyError, parse_strategy};
use crate::context::registry::Registry;

/// One strategy's files.
pub(super) struct Embedded {
    pub(super) name: &'static str,
    pub(super) strategy: &'static str,
    pub(super) guidance: &'static str,
}

/// Includes the files of one folder.
macro_rules! embedded {
    ($name:literal) => {
        Embedded {
            name: $name,
            strategy: include_str!(concat!("../../../strategies/", $name, "/strategy.toml")),
            guidance: include_str!(concat!("../../../strategies/", $name, "/guidance.md")),
        }
    };
}

/// All of them; a test reads the folder and finds any that is missing here.
pub(super) const EMBEDDED: [Embedded; 4] = [
    embedded!("history"),
    embedded!("inline"),
    embedded!("security"),
    embedded!("self-collect"),
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
        for embedded in EMBEDDED {
            let strategy = embedded.parse(&Registry::builtin()).unwrap();
            assert!(!strategy.guidance.is_empty() && !strategy.description.is_empty());
        }
    }
}
