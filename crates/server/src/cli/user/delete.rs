//! `user delete`.

use crate::actions::username::Username;
use crate::cli::support::open::Open;
use crate::cli::support::output;
use crate::config::Config;
use anyhow::bail;
use std::io::{BufRead, IsTerminal, Write};

/// Delete a user with all data
///
/// Removes the account, the collection, its kept older versions, and all media. There is no way back except a backup
/// (`djankiserv restore PLACE --user ann`).
/// To merely keep somebody out, use `user disable`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  djankiserv user delete ann\n  djankiserv user delete ann --yes")]
pub struct Args {
    /// The user
    username: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let username = Username::new(&args.username)?;
    Open::run_existing(config, async |open| {
        let account = open.accounts.find(&username).await?;
        if !args.yes {
            confirm(&account.username)?;
        }
        open.accounts.delete(&username, super::ACTOR).await?;
        output::line(&format!("{} is deleted, with collection and media.", account.username));
        Ok(())
    })
    .await
}

fn confirm(username: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask whether {username} shall really be deleted; use --yes");
    }
    output::line(&format!(
        "This deletes {username} with collection, kept older versions and media. Only a backup brings them back (`djankiserv restore PLACE --user {username}`)."
    ));
    output::text("Type the username to go on: ");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    if line.trim() != username {
        bail!("that is another name; nothing has been changed");
    }
    Ok(())
}
