//! `import`: collections from files and from the folders of other servers.

mod ankisyncd;
mod apkg;
mod colpkg;
mod djankiserv;
mod sync_server;

use crate::actions::import::media::{self, Entry, Index, Outcome, Source};
use crate::actions::import::{Imported, over_quota};
use crate::app::App;
use crate::cli::support::open::Open;
use crate::cli::support::{output, progress};
use crate::config::Config;
use anki::file::Repairs;
use anyhow::Context;
use std::sync::Arc;
use store::main_db::Account;

/// Bring in collections with their media, from files or from other servers
///
/// Nothing is changed where they come from. What an import replaces here is kept for some days: see `djankiserv collection`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Apkg(apkg::Args),
    Colpkg(colpkg::Args),
    AnkiSyncServer(sync_server::Args),
    Ankisyncd(ankisyncd::Args),
    Djankiserv(djankiserv::Args),
}

const ACTOR: &str = "command line";

pub async fn run(config: Config, command: Command) -> anyhow::Result<()> {
    let config = Arc::new(config);
    Open::run(&config.clone(), async |open| {
        let app = App::new(config, open.clock.clone(), open.main.clone(), open.user.clone(), open.accounts.clone());
        let app = Arc::new(app.context("cannot use the data folder")?);
        match command {
            Command::Apkg(args) => apkg::run(&app, args).await,
            Command::Colpkg(args) => colpkg::run(&app, args).await,
            Command::AnkiSyncServer(args) => sync_server::run(&app, args).await,
            Command::Ankisyncd(args) => ankisyncd::run(&app, args).await,
            Command::Djankiserv(args) => djankiserv::run(&app, args).await,
        }
    })
    .await
}

/// Brings media in, with a bar for whoever watches.
async fn media(app: &Arc<App>, account: &Account, source: impl Source, entries: Vec<Entry>, index: Index) -> anyhow::Result<Outcome> {
    let bar = progress::count(&format!("{}: media", account.username), entries.len() as u64);
    let outcome = media::import(app, account, source, entries, index, |done| bar.set_position(done)).await;
    bar.finish_and_clear();
    Ok(outcome?)
}

/// Says what a collection holds, and what was put right.
fn tell_collection(user: &str, done: &str, imported: &Imported) {
    let Imported { counts, repairs, .. } = imported;
    output::line(&format!(
        "{user}: {done}: {} notes, {} cards, {} reviews, {} decks, {} notetypes",
        counts.notes, counts.cards, counts.revlog, counts.decks, counts.notetypes
    ));
    if *repairs != Repairs::default() {
        output::line(&format!("{user}: put right: {repairs:?}"));
    }
}

/// Warns of quotas that are exceeded now.
async fn tell_quotas(app: &App, account: &Account) -> anyhow::Result<()> {
    for warning in over_quota(app, account).await? {
        output::line(&format!("{}: warning: {warning}", account.username));
    }
    Ok(())
}

fn tell_media(user: &str, outcome: &Outcome) {
    output::line(&format!("{user}: {} media files stored, {} there already", outcome.stored, outcome.known));
    for (name, why) in &outcome.skipped {
        let name: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        output::line(&format!("{user}: left out: {name}: {why}"));
    }
}
