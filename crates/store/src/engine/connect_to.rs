//! Which database to connect to, and how.

use super::{Encryption, Engine};
use std::net::IpAddr;
use std::path::PathBuf;

/// Where a database is and how to log in.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectTo {
    pub engine: Engine,
    pub host: Host,
    pub port: u16,
    pub user: String,
    /// None for a server that asks for no password, such as our own over its private socket.
    pub password: Option<String>,
    pub database: String,
    /// Most connections that one process opens.
    pub max_connections: usize,
    pub encryption: Encryption,
}

/// The place of a database server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A host name or address.
    Tcp(String),
    /// The folder of a unix socket, or the socket itself where the engine has no fixed name for it.
    Socket(PathBuf),
}

impl Host {
    /// Whether it is on this machine, so that nothing of what is said crosses a network.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Socket(_) => true,
            Self::Tcp(name) => {
                name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
            }
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) if address.contains(':') => write!(f, "[{address}]"),
            Self::Tcp(name) => f.write_str(name),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

impl std::fmt::Debug for ConnectTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}@{}:{}/{}", self.engine, self.user, self.host, self.port, self.database)
    }
}
