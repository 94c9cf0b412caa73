//! `migrate`: brings the tables up to date. `serve` does the same when it starts.

use super::open::Open;
use super::output;
use crate::config::Config;

/// Bring the databases' tables up to date
///
/// `serve` does this by itself at every start; run it ahead to keep that start short, or to see whether it works.
/// It is safe to run again, and while a server runs.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(config: &Config, _: &Args) -> anyhow::Result<()> {
    Open::run(config, async |_| Ok(())).await?;
    output::line("The databases are up to date.");
    Ok(())
}
