//! The messages of the sync protocol.
