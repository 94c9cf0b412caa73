//! The embedded default: a private PostgreSQL in the data folder, run as a child of ours.
//!
//! [`Embedded::serve`] is for the server, [`Embedded::for_command`] for commands, which join the server's database while it runs and
//! otherwise start it for as long as they need it. A run that was killed leaves PostgreSQL running; the next one stops that first.

mod account;
mod binaries;
mod cluster;
mod dump;
mod error;
mod leftover;
mod lock;
mod supervisor;

pub use error::EmbeddedError;

use crate::clock::Clock;
use crate::config::DataRoot;
use cluster::Cluster;
use lock::{Holder, OwnerLock, Role, UsersLock};
use std::path::Path;
use std::time::Duration;
use store::engine::ConnectTo;
use supervisor::Supervisor;
use tokio::time::Instant;

/// A running embedded database, ours or another process's that we joined. To be ended with [`Embedded::stop`].
pub struct Embedded {
    cluster: Cluster,
    max_connections: usize,
    hold: Hold,
}

enum Hold {
    Owner { supervisor: Supervisor, dumps: Option<tokio::task::JoinHandle<()>>, role: Role, _lock: OwnerLock },
    User(#[expect(dead_code, reason = "held for its lock")] UsersLock),
}

/// A server that stops waits this long for commands that use its database; a command waits longer, as nobody waits for it.
const PATIENCE_OF_SERVER: Duration = Duration::from_secs(5);
const PATIENCE_OF_COMMAND: Duration = Duration::from_secs(600);
/// How long to wait for another process's database to come up, or for a command to be done with it.
const PATIENCE_WITH_OTHERS: Duration = Duration::from_secs(120);

impl Embedded {
    /// Starts the database for the server. `max_connections` is what one pool opens; there may be two pools. Keeps `dumps_kept` daily dumps.
    ///
    /// # Errors
    /// When PostgreSQL is missing or does not start, or another server runs on this folder. The message says what to do.
    pub async fn serve(root: &DataRoot, max_connections: usize, dumps_kept: usize, clock: Clock) -> Result<Self, EmbeddedError> {
        let cluster = Cluster::prepare(root)?;
        let until = Instant::now() + PATIENCE_WITH_OTHERS;
        let lock = loop {
            match OwnerLock::try_take(cluster.folder(), Role::Server)? {
                Ok(lock) => break lock,
                Err(Holder { role: Some(Role::Server), pid }) => {
                    return Err(EmbeddedError::AlreadyServed { pid, root: root.path().to_owned() });
                }
                Err(Holder { pid, .. }) if Instant::now() > until => return Err(no_answer(&cluster, root, pid)),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        Self::own(cluster, lock, Role::Server, max_connections, Some((dumps_kept, clock)).filter(|(kept, _)| *kept > 0)).await
    }

    /// Joins the running server's database, or starts it for the time of a command.
    ///
    /// # Errors
    /// As for [`Embedded::serve`].
    pub async fn for_command(root: &DataRoot, max_connections: usize) -> Result<Self, EmbeddedError> {
        let cluster = Cluster::prepare(root)?;
        let until = Instant::now() + PATIENCE_WITH_OTHERS;
        loop {
            let holder = match OwnerLock::try_take(cluster.folder(), Role::Command)? {
                Ok(lock) => return Self::own(cluster, lock, Role::Command, max_connections, None).await,
                Err(holder) => holder,
            };
            if let Some(lock) = UsersLock::try_share(cluster.folder())?
                && cluster.answers()
            {
                return Ok(Self { cluster, max_connections, hold: Hold::User(lock) });
            }
            if Instant::now() > until {
                return Err(no_answer(&cluster, root, holder.pid));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn own(
        cluster: Cluster,
        lock: OwnerLock,
        role: Role,
        max_connections: usize,
        dumps: Option<(usize, Clock)>,
    ) -> Result<Self, EmbeddedError> {
        leftover::clear(&cluster).await?;
        let binaries = cluster.binaries()?;
        cluster.initialise(&binaries).await?;
        // Two pools, and room for commands, the dump and an administrator. The same whoever starts it, as commands join a server's.
        let slots = (2 * max_connections).max(40) + 20;
        let supervisor = Supervisor::start(cluster.clone(), binaries.clone(), slots).await?;
        let dumps = dumps.map(|(keep, clock)| tokio::spawn(dump::daily(cluster.clone(), binaries, keep, clock)));
        Ok(Self { cluster, max_connections, hold: Hold::Owner { supervisor, dumps, role, _lock: lock } })
    }

    /// Whether another process runs it.
    pub fn is_joined(&self) -> bool {
        matches!(self.hold, Hold::User(_))
    }

    /// How to connect. Main and user database are the same.
    pub fn connect_to(&self) -> ConnectTo {
        self.cluster.connect_to(self.max_connections)
    }

    /// Makes a dump now and answers its file.
    ///
    /// # Errors
    /// When `pg_dump` fails; the message holds what it said.
    pub async fn dump(&self, now_ms: i64) -> Result<std::path::PathBuf, EmbeddedError> {
        dump::dump(&self.cluster, &self.cluster.binaries()?, now_ms).await
    }

    /// Fills the database, which must be empty, from a dump.
    ///
    /// # Errors
    /// When `pg_restore` fails, such as on a database that is not empty. Nothing is changed then.
    pub async fn restore(&self, file: &Path) -> Result<(), EmbeddedError> {
        dump::restore(&self.cluster, &self.cluster.binaries()?, file).await
    }

    /// Lets go of the database, and stops it if it is ours. Connections should be closed before.
    pub async fn stop(self) {
        let Hold::Owner { supervisor, dumps, role, _lock: lock } = self.hold else { return };
        if let Some(dumps) = dumps {
            dumps.abort();
        }
        let patience = if role == Role::Server { PATIENCE_OF_SERVER } else { PATIENCE_OF_COMMAND };
        let quiet = UsersLock::exclude_others(self.cluster.folder(), patience).await;
        supervisor.stop().await;
        // In this order: who gets the users' lock next finds no owner, and becomes it.
        drop(lock);
        drop(quiet);
    }
}

fn no_answer(cluster: &Cluster, root: &DataRoot, pid: String) -> EmbeddedError {
    EmbeddedError::NoAnswer { pid, root: root.path().to_owned(), log: cluster.log() }
}
