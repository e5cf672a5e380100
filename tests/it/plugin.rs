//! Claims about the plugin.
