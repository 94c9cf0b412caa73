//! `collection`: the versions of a user's collection that uploads have replaced.

use super::support::open::Open;
use super::support::output;
use crate::actions::username::Username;
use crate::clock::readable_time;
use crate::config::Config;
use anyhow::bail;
use store::user_db::{Generation, GenerationState};

/// List and bring back replaced versions of a collection
///
/// When a client uploads a whole collection, the one that it replaces is kept for some days (DJANKISERV_KEPT_DAYS, DJANKISERV_KEPT_COUNT).
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the current and the kept versions of a user's collection
    #[command(after_help = "Example:\n  djankiserv collection list ann")]
    List {
        /// The user
        username: String,
    },
    /// Bring a kept version back
    ///
    /// The current one is kept in its place, so this can be undone in the same way. At the next sync, devices that have seen other data
    /// are asked to make a one-way sync: choose "download from the server" there.
    #[command(after_help = "Example:\n  djankiserv collection list ann\n  djankiserv collection restore ann 3")]
    Restore {
        /// The user
        username: String,
        /// The number that `collection list` shows
        number: i32,
    },
}

pub async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { username } => list(config, &username).await,
        Command::Restore { username, number } => restore(config, &username, number).await,
    }
}

async fn list(config: &Config, username: &str) -> anyhow::Result<()> {
    let username = Username::new(username)?;
    let generations = Open::run_existing(config, async |open| {
        let account = open.accounts.find(&username).await?;
        Ok(open.user.generations(account.id).await?)
    })
    .await?;
    let rows: Vec<Vec<String>> = generations.iter().filter(|g| is_whole(g)).map(as_row).collect();
    if rows.is_empty() {
        output::line(&format!("{} has not synced a collection yet.", username.typed()));
    } else {
        output::text(&output::table(
            &["NUMBER", "STATE", "NOTES", "CARDS", "REVIEWS", "LAST CHANGE (UTC)", "CAME BY", "ARRIVED (UTC)", "REPLACED (UTC)"],
            &rows,
        ));
    }
    Ok(())
}

async fn restore(config: &Config, username: &str, number: i32) -> anyhow::Result<()> {
    let username = Username::new(username)?;
    Open::run_existing(config, async |open| {
        let account = open.accounts.find(&username).await?;
        let (_, kept) = open.accounts.versions(account.id).await?;
        let is_plain_undo = kept.iter().any(|kept| kept.generation.number == number && kept.is_plain_undo);
        if !open.accounts.restore_collection(&account, number, super::user::ACTOR).await? {
            bail!("{} has no kept version {number}; `djankiserv collection list {0}` shows all", account.username);
        }
        output::line(&format!("Version {number} is the collection of {} again.", account.username));
        output::line(match is_plain_undo {
            true => "Only the device that made the last upload asks which side to keep at its next sync: choose \"download\" there.",
            false => "Each device asks which side to keep at its next sync: choose \"download\" there.",
        });
        Ok(())
    })
    .await
}

/// Not one that is still being loaded or is being removed.
fn is_whole(generation: &Generation) -> bool {
    matches!(generation.state, GenerationState::Current | GenerationState::Kept)
}

fn as_row(generation: &Generation) -> Vec<String> {
    let replaced = if generation.replaced == 0 { "-".to_owned() } else { readable_time(generation.replaced) };
    vec![
        generation.number.to_string(),
        generation.state.name().to_owned(),
        generation.counts.notes.to_string(),
        generation.counts.cards.to_string(),
        generation.counts.revlog.to_string(),
        readable_time(generation.stamps.modified),
        generation.origin.clone(),
        readable_time(generation.created),
        replaced,
    ]
}
