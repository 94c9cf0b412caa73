//! `database`: dumps of the embedded database.

use super::support::open::Open;
use super::support::output;
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
    /// Afterwards every device is asked for a one-way sync, once: it may know what the dump does not.
    #[command(after_help = "Example:\n  mv /var/lib/djankiserv/postgres/data /var/lib/djankiserv/postgres/data.old\n  \
        djankiserv database restore /var/lib/djankiserv/dumps/djankiserv-20261122-235456.dump")]
    Restore {
        /// The dump
        file: PathBuf,
        /// No device has synced since the dump was made, because the server was stopped before: devices go on without a one-way sync
        #[arg(long)]
        nothing_since: bool,
    },
    /// Say that the databases were put back to an earlier moment by their own tools
    ///
    /// For external databases, after pg_restore, a snapshot of the disk, or whatever it was; while no server runs. Devices may have synced
    /// since that moment, and would go on from where they are: some changes would reach nobody. So every device is asked for a one-way
    /// sync, once. `database restore` does this by itself.
    Restored,
}

/// `pg_dump` and `pg_restore` do the work.
const CONNECTIONS: usize = 2;

pub async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    if matches!(command, Command::Restored) {
        return renew(config).await;
    }
    if config.databases != Databases::Embedded {
        bail!(
            "an external database is configured; use its own tools, such as pg_dump or mariadb-dump, and `djankiserv database restored` \
             after it was put back to an earlier moment"
        );
    }
    if let Command::Restore { file, .. } = &command
        && !file.is_file()
    {
        bail!("there is no file {}", file.display());
    }
    let embedded = Embedded::for_command(&config.data_root, CONNECTIONS).await?;
    let outcome = work(&embedded, &command).await;
    embedded.stop().await;
    outcome?;
    if matches!(command, Command::Restore { nothing_since: false, .. }) { renew(config).await } else { Ok(()) }
}

/// Asks every device for a one-way sync.
async fn renew(config: &Config) -> anyhow::Result<()> {
    Open::run(config, async |open| {
        let renewed = open.user.renew_stamps(open.clock.now_ms()).await?;
        output::line(&format!("Every device of {renewed} collections is asked for a one-way sync at its next sync."));
        Ok(())
    })
    .await
}

async fn work(embedded: &Embedded, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Dump => {
            let file = embedded.dump(Clock::system().now_ms()).await?;
            output::line(&format!("Dumped to {}.", file.display()));
        }
        Command::Restore { file, .. } => {
            embedded.restore(&absolute(file)?).await?;
            output::line(&format!("Restored from {}.", file.display()));
        }
        Command::Restored => {}
    }
    Ok(())
}

fn absolute(file: &Path) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(file)?)
}
