//! Hermetic sandboxes, commands and fixture repositories for every test here.
