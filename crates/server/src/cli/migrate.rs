//! `migrate`: brings the tables up to date. `serve` does the same when it starts.

use super::support::open::Open;
use super::support::output;
use crate::config::Config;
use anyhow::bail;
use store::collection::SCHEMA_VERSION;

/// Bring the databases' tables up to date
///
/// `serve` does this by itself at every start; run it ahead to keep that start short, or to see whether it works.
/// It is safe to run again, and while servers run, also of the version before.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  djankiserv migrate --all")]
pub struct Args {
    /// The tables of all collections too, instead of each when it is next used
    #[arg(long)]
    all: bool,
}

pub async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let versions = Open::run(config, async |open| Ok(open.user.table_versions().await?)).await?;
    output::line("The databases are up to date.");
    if args.all {
        // There is one version so far, so there is nothing to bring up to date, but newer ones can be found.
        let newer: i64 = versions.iter().filter(|(version, _)| *version > i64::from(SCHEMA_VERSION)).map(|(_, count)| count).sum();
        if newer > 0 {
            bail!("{newer} collections were made by a newer version of djankiserv: run that one");
        }
        let count: i64 = versions.iter().map(|(_, count)| count).sum();
        output::line(&format!("The tables of all {count} collections are up to date."));
    }
    Ok(())
}
