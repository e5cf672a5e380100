//! Claims about rpc.
