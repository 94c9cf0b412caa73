//! How to reach a PostgreSQL, encrypted or not.

use super::{PATIENCE, describe};
use crate::engine::tls::{Encryption, TlsMode, with_advice};
use crate::engine::{ConnectTo, Host};
use crate::error::{Result, StoreError};
use deadpool_postgres::{Manager, ManagerConfig};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A connection of its own, and the task that drives it until the client is dropped.
pub(super) type Single = (Client, JoinHandle<std::result::Result<(), Error>>);

/// The way to a server.
pub(super) struct Way {
    config: Config,
    /// None for connections that are not encrypted.
    tls: Option<MakeRustlsConnect>,
}

impl Way {
    /// Finds it out. Where encryption is wished for but not demanded, by trying.
    pub(super) async fn to(to: &ConnectTo) -> Result<Self> {
        let encryption = effective(to);
        let plain = Self { config: config(to, SslMode::Disable), tls: None };
        if encryption.mode == TlsMode::Off {
            return Ok(plain);
        }
        let tls = MakeRustlsConnect::new(encryption.client_config()?);
        let encrypted = Self { config: config(to, SslMode::Require), tls: Some(tls) };
        if !encryption.is_optional() {
            return Ok(encrypted);
        }
        let Err(error) = encrypted.connect().await else { return Ok(encrypted) };
        // What else is wrong is told by whoever connects next.
        if plain.connect().await.is_ok() {
            tracing::info!(database = ?to, "the connection to the database is not encrypted: {}", describe(&error));
            return Ok(plain);
        }
        Ok(encrypted)
    }

    async fn connect(&self) -> std::result::Result<Single, Error> {
        Ok(match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                (client, tokio::spawn(connection))
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                (client, tokio::spawn(connection))
            }
        })
    }

    /// What makes the connections of a pool.
    pub(super) fn manager(self, settings: ManagerConfig) -> Manager {
        match self.tls {
            Some(tls) => Manager::from_config(self.config, tls, settings),
            None => Manager::from_config(self.config, NoTls, settings),
        }
    }
}

/// A connection outside of a pool.
pub(super) async fn connect(to: &ConnectTo) -> Result<Single> {
    let connected = Way::to(to).await?.connect().await;
    connected.map_err(|e| connecting(&e, to))
}

/// Sorts an error of the first connection, with what to set if it is about encryption.
pub(super) fn connecting(error: &Error, to: &ConnectTo) -> StoreError {
    let text = describe(error);
    let text = match to.host {
        Host::Tcp(_) => with_advice(text, &to.encryption),
        Host::Socket(_) => text,
    };
    // Class 28: who we are; 3D: no such database.
    let is_denied = error
        .code()
        .is_some_and(|code| ["28", "3D"].iter().any(|class| code.code().starts_with(class)) || *code == SqlState::INSUFFICIENT_PRIVILEGE);
    if is_denied { StoreError::Denied(text) } else { StoreError::Unavailable(text) }
}

fn effective(to: &ConnectTo) -> Encryption {
    match to.host {
        Host::Tcp(_) => to.encryption.clone(),
        // What is on the same machine nobody listens to, and nobody can pretend to be.
        Host::Socket(_) => Encryption::default(),
    }
}

fn config(to: &ConnectTo, mode: SslMode) -> Config {
    let mut config = Config::new();
    match &to.host {
        Host::Tcp(host) => config.host(host),
        Host::Socket(folder) => config.host_path(folder),
    };
    config.port(to.port).user(&to.user).dbname(&to.database).application_name("djankiserv");
    config.connect_timeout(PATIENCE).ssl_mode(mode);
    if let Some(password) = &to.password {
        config.password(password);
    }
    config
}
