//! `database`: dumps of the embedded database.

use super::output;
use crate::clock::Clock;
use crate::config::{Config, Databases};
use crate::embedded::Embedded;
use anyhow::bail;
use std::path::{Path, PathBuf};

/// Dump and restore the embedded database
///
/// The server makes a dump every day by itself (DJANKISERV_DUMPS_KEPT). Media files are not in it: back up the folder `media` as well.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a dump now, while the server runs or not
    Dump,
    /// Fill a new, empty database from a dump
    ///
    /// Refuses to touch a database that is not empty: to go back to a dump, stop the server and move the folder `postgres/data` away first.
    /// Afterwards, devices that have synced since the dump was made are asked for a one-way sync.
    #[command(after_help = "Example:\n  mv /var/lib/djankiserv/postgres/data /var/lib/djankiserv/postgres/data.old\n  \
        djankiserv database restore /var/lib/djankiserv/dumps/djankiserv-20261122-235456.dump")]
    Restore {
        /// The dump
        file: PathBuf,
    },
}

/// `pg_dump` and `pg_restore` do the work.
const CONNECTIONS: usize = 2;

pub async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    if config.databases != Databases::Embedded {
        bail!("an external database is configured; use its own tools, such as pg_dump or mariadb-dump");
    }
    if let Command::Restore { file } = &command
        && !file.is_file()
    {
        bail!("there is no file {}", file.display());
    }
    let embedded = Embedded::for_command(&config.data_root, CONNECTIONS).await?;
    let outcome = work(&embedded, &command).await;
    embedded.stop().await;
    outcome
}

async fn work(embedded: &Embedded, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Dump => {
            let file = embedded.dump(Clock::system().now_ms()).await?;
            output::line(&format!("Dumped to {}.", file.display()));
        }
        Command::Restore { file } => {
            embedded.restore(&absolute(file)?).await?;
            output::line(&format!("Restored from {}.", file.display()));
        }
    }
    Ok(())
}

fn absolute(file: &Path) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(file)?)
}
