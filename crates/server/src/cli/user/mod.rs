//! `user`: accounts from the command line. Works while the server runs, which notices within five seconds, and while it does not.

mod add;
mod delete;
mod list;
mod passwd;
mod rename;
mod set_active;
mod token;

use crate::config::Config;

/// Who did it, in the audit log.
pub const ACTOR: &str = "command line";

/// Make, list and change users
///
/// A running server notices every change within five seconds.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Add(add::Args),
    List(list::Args),
    Passwd(passwd::Args),
    Rename(rename::Args),
    Disable(set_active::DisableArgs),
    Enable(set_active::EnableArgs),
    Delete(delete::Args),
    #[command(subcommand)]
    Token(token::Command),
}

pub async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(args) => add::run(config, args).await,
        Command::List(args) => list::run(config, &args).await,
        Command::Passwd(args) => passwd::run(config, &args).await,
        Command::Rename(args) => rename::run(config, &args).await,
        Command::Disable(args) => set_active::run(config, &args.username, false).await,
        Command::Enable(args) => set_active::run(config, &args.username, true).await,
        Command::Delete(args) => delete::run(config, &args).await,
        Command::Token(command) => token::run(config, command).await,
    }
}
