//! `user rename`.

use crate::actions::username::Username;
use crate::cli::support::open::Open;
use crate::cli::support::output;
use crate::config::Config;

/// Give a user another name
///
/// Devices stay logged in, and nothing about the collection changes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  djankiserv user rename ann ann@example.com")]
pub struct Args {
    /// The user
    username: String,
    /// The new name
    new_username: String,
}

pub async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let (username, new) = (Username::new(&args.username)?, Username::new(&args.new_username)?);
    Open::run_existing(config, async |open| Ok(open.accounts.rename(&username, &new, super::ACTOR).await?)).await?;
    output::line(&format!("{} is now called {}.", username.typed(), new.typed()));
    Ok(())
}
