//! The databases, opened for a command or for the server: embedded or elsewhere.

use crate::actions::accounts::{AccountError, Accounts};
use crate::clock::Clock;
use crate::config::{Config, Databases};
use crate::embedded::Embedded;
use crate::media_store::MediaStore;
use crate::passwords::Passwords;
use std::future::Future;
use std::time::Duration;
use store::StoreError;
use store::engine::ConnectTo;
use store::main_db::MainDb;
use store::user_db::UserDb;
use tokio::time::Instant;

/// Both databases, up to date, and what works on them. To be ended with [`Open::close`].
pub struct Open {
    pub main: MainDb,
    pub user: UserDb,
    pub accounts: Accounts,
    pub clock: Clock,
    embedded: Option<Embedded>,
}

/// Connections of a command.
const COMMAND_CONNECTIONS: usize = 4;
/// The server waits so long for databases that start at the same time as it.
const PATIENCE_OF_SERVER: Duration = Duration::from_secs(60);
const BETWEEN_TRIES: Duration = Duration::from_secs(2);

impl Open {
    /// For a command: joins or starts the embedded database; does not wait for external ones.
    pub async fn for_command(config: &Config) -> anyhow::Result<Self> {
        let embedded = match &config.databases {
            Databases::Embedded => Some(Embedded::for_command(&config.data_root, COMMAND_CONNECTIONS).await?),
            Databases::External { .. } => None,
        };
        Self::with(config, embedded, Duration::ZERO, Some(COMMAND_CONNECTIONS)).await
    }

    /// For the server: starts the embedded database, or waits a while for external ones.
    pub async fn for_server(config: &Config) -> anyhow::Result<Self> {
        let embedded = match &config.databases {
            Databases::Embedded => {
                let connections = config.limits.db_connections;
                Some(Embedded::serve(&config.data_root, connections, config.dumps_kept, Clock::system()).await?)
            }
            Databases::External { .. } => None,
        };
        Self::with(config, embedded, PATIENCE_OF_SERVER, None).await
    }

    async fn with(config: &Config, embedded: Option<Embedded>, patience: Duration, connections: Option<usize>) -> anyhow::Result<Self> {
        let opened = match (&config.databases, &embedded) {
            (Databases::External { main, user }, _) => connect(config, main, user, patience, connections).await,
            (Databases::Embedded, Some(embedded)) => {
                let to = embedded.connect_to();
                connect(config, &to, &to, patience, connections).await
            }
            (Databases::Embedded, None) => Err(anyhow::anyhow!("the embedded database was not started")),
        };
        match opened {
            Ok((main, user, accounts, clock)) => Ok(Self { main, user, accounts, clock, embedded }),
            Err(error) => {
                if let Some(embedded) = embedded {
                    embedded.stop().await;
                }
                Err(error)
            }
        }
    }

    /// Closes the connections and stops the embedded database if this process started it.
    pub async fn close(self) {
        let Self { embedded, main, user, accounts, .. } = self;
        drop((main, user, accounts));
        if let Some(embedded) = embedded {
            embedded.stop().await;
        }
    }

    /// Runs a command with the databases open, and closes them whatever its outcome. Makes the embedded one where there is none, so this is
    /// for what brings something in.
    pub async fn run<T>(config: &Config, work: impl AsyncFnOnce(&Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let open = Self::for_command(config).await?;
        let outcome = work(&open).await;
        open.close().await;
        outcome.map_err(|error| match error.downcast::<AccountError>() {
            // Whoever looks into the wrong folder sees it.
            Ok(error @ AccountError::NoSuchUser(_)) => anyhow::anyhow!("{error}{}", in_folder(config)),
            Ok(other) => other.into(),
            Err(other) => other,
        })
    }

    /// The same for what can only be about something that is there: nothing is made in a folder that was not meant.
    pub async fn run_existing<T>(config: &Config, work: impl AsyncFnOnce(&Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        if config.databases == Databases::Embedded && !config.data_root.has_database() {
            let root = &config.data_root;
            if root.path().exists() {
                root.create().map_err(|error| anyhow::anyhow!("cannot use the data folder {}: {error}", root.path().display()))?;
            }
            anyhow::bail!(
                "there is no installation in {}; if your server uses another folder, pass it with --data-root, and otherwise begin with \
                 `djankiserv serve`",
                config.data_root.path().display()
            );
        }
        Self::run(config, work).await
    }
}

/// Where the embedded database is, to be appended to a message.
pub fn in_folder(config: &Config) -> String {
    match config.databases {
        Databases::Embedded => format!(" (the data folder is {})", config.data_root.path().display()),
        Databases::External { .. } => String::new(),
    }
}

/// For whoever makes the first thing in a data folder: that it was empty. To be asked before anything is opened.
pub fn new_folder(config: &Config) -> Option<String> {
    (config.databases == Databases::Embedded && !config.data_root.has_database()).then(|| config.data_root.path().display().to_string())
}

/// What is said about a user in a data folder that was empty.
pub fn made(what: &str, username: &str, new_folder: Option<&str>) -> String {
    match new_folder {
        Some(folder) => format!(
            "Made the {what} {username} in the new data folder {folder} (it was empty until now; if your server uses another one, pass \
             --data-root)."
        ),
        None => format!("Made the {what} {username}."),
    }
}

async fn connect(
    config: &Config,
    main_to: &ConnectTo,
    user_to: &ConnectTo,
    patience: Duration,
    connections: Option<usize>,
) -> anyhow::Result<(MainDb, UserDb, Accounts, Clock)> {
    let limited = |to: &ConnectTo| ConnectTo { max_connections: connections.unwrap_or(to.max_connections), ..to.clone() };
    let (main_to, user_to) = (limited(main_to), limited(user_to));
    let clock = Clock::system();
    let new_installation = crate::random::token()?;
    let until = Instant::now() + patience;
    let main = retry(until, "main", || MainDb::open(&main_to, &new_installation, clock.now_ms()));
    let main = main.await.map_err(|e| cannot_use("main", &main_to, "MAINDB", &e))?;
    let user = retry(until, "user", || UserDb::open(&user_to, main.installation(), clock.now_ms()));
    let user = user.await.map_err(|e| cannot_use("user", &user_to, "USERDB", &e))?;
    let media = MediaStore::of(config)?;
    let files = config.data_root.clone();
    let accounts = Accounts::new(main.clone(), user.clone(), Passwords::new()?, config.login, files, media, clock.clone());
    Ok((main, user, accounts, clock))
}

/// For whoever set it.
fn cannot_use(which: &str, to: &ConnectTo, settings: &str, error: &StoreError) -> anyhow::Error {
    let advice = match error {
        StoreError::Denied(_) => {
            format!(
                "; see that name, password and database are right (DJANKISERV_{settings}_…, docs/databases.md); `djankiserv doctor` looks closer"
            )
        }
        StoreError::Unavailable(_) => {
            format!("; see that it runs and that DJANKISERV_{settings}_… lead to it; `djankiserv doctor` looks closer")
        }
        _ => String::new(),
    };
    anyhow::anyhow!("cannot use the {which} database {to:?}: {error}{advice}")
}

/// Tries again for as long as the database is merely away.
async fn retry<T, F: Future<Output = store::Result<T>>>(until: Instant, which: &str, open: impl Fn() -> F) -> store::Result<T> {
    loop {
        match open().await {
            Err(error) if passes(&error) && Instant::now() + BETWEEN_TRIES < until => {
                tracing::warn!(%error, "cannot use the {which} database yet, trying again for a minute");
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            outcome => return outcome,
        }
    }
}

fn passes(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_) | StoreError::Busy(_) | StoreError::LockWait(_) | StoreError::Repeat(_))
}
