//! `user disable` and `user enable`.

use crate::actions::username::Username;
use crate::cli::support::open::Open;
use crate::cli::support::output;
use crate::config::Config;

/// Keep a user out without deleting anything
///
/// The user cannot log in, and devices that are logged in cannot sync, until `user enable`.
/// Such devices are told that their login is wrong, and may forget it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  djankiserv user disable ann")]
pub struct DisableArgs {
    /// The user
    pub username: String,
}

/// Let a disabled user in again
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  djankiserv user enable ann")]
pub struct EnableArgs {
    /// The user
    pub username: String,
}

pub async fn run(config: &Config, username: &str, active: bool) -> anyhow::Result<()> {
    let username = Username::new(username)?;
    Open::run_existing(config, async |open| Ok(open.accounts.set_active(&username, active, super::ACTOR).await?)).await?;
    output::line(&format!("{} is {}.", username.typed(), if active { "enabled" } else { "disabled" }));
    Ok(())
}
