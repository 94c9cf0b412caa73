//! Who does something, for the audit log.

use std::net::IpAddr;

/// Somebody who changes something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// A username, or `command line` and the like.
    pub name: String,
    /// None for what did not come over the network.
    pub address: Option<IpAddr>,
}

impl Actor {
    pub fn new(name: impl Into<String>, address: Option<IpAddr>) -> Self {
        Self { name: name.into(), address }
    }
}

impl From<&str> for Actor {
    fn from(name: &str) -> Self {
        Self::new(name, None)
    }
}
