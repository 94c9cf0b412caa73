//! `import apkg`.

use super::{ACTOR, tell_quotas};
use crate::actions::edit_collection::merge::{MergeOptions, Merged, Update};
use crate::actions::import::apkg::{self, Giver};
use crate::actions::username::Username;
use crate::app::App;
use crate::cli::support::{output, progress};
use anyhow::Context;
use std::path::PathBuf;
use std::sync::Arc;

/// Merge an .apkg file into a user's collection
///
/// Takes what Anki's "File, Export" writes and what is shared as decks, in all forms, and merges as Anki does: notes are known by their
/// identity, and brought up to date if the package's are newer, or as asked for. Devices get all of it at their next sync, which stays a normal one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  djankiserv import apkg --user ann deck.apkg --dry-run\n  djankiserv import apkg --user ann deck.apkg --with-scheduling --with-presets"
)]
pub struct Args {
    /// The package
    file: PathBuf,
    /// The user, who must exist
    #[arg(long, value_name = "NAME")]
    user: String,
    /// Bring along when cards are due and how they were answered; otherwise they are new
    #[arg(long)]
    with_scheduling: bool,
    /// Bring along the options of decks
    #[arg(long)]
    with_presets: bool,
    /// Which notes that are there already get what the package says of them
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    update_notes: Update,
    /// Which notetypes that are there already, with the same fields and templates, get what the package says of them
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    update_notetypes: Update,
    /// Do everything, undo it, and say what it was
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(app: &Arc<App>, args: Args) -> anyhow::Result<()> {
    let account = app.accounts.find(&Username::new(&args.user)?).await?;
    let options = MergeOptions {
        with_scheduling: args.with_scheduling,
        with_presets: args.with_presets,
        update_notes: args.update_notes,
        update_notetypes: args.update_notetypes,
        dry_run: args.dry_run,
    };
    let spinner = progress::spinner(&format!("{}: {}", account.username, args.file.display()));
    let merged = apkg::import(app, &account, args.file.clone(), options, Giver::Operator).await;
    spinner.finish_and_clear();
    let merged = merged.with_context(|| format!("cannot import {}", args.file.display()))?;
    tell(&account.username, &merged, args.dry_run);
    if !args.dry_run && merged.is_something() {
        let what = format!("`{}`: merged with a package", account.username);
        app.accounts.record(&ACTOR.into(), Some(account.id), "collection.merge", what).await;
    }
    tell_quotas(app, &account).await
}

fn tell(user: &str, merged: &Merged, dry_run: bool) {
    let would = if dry_run { "would be: " } else { "" };
    let line = |text: String| output::line(&format!("{user}: {would}{text}"));
    line(format!("{} notes added, {} updated, {} there already", merged.notes_added, merged.notes_updated, merged.notes_unchanged));
    if merged.notes_conflicting > 0 {
        line(format!("{} notes left alone, as they are there with another notetype", merged.notes_conflicting));
    }
    line(format!("{} cards and {} reviews added", merged.cards_added, merged.reviews_added));
    line(format!(
        "{} notetypes added, {} updated; {} decks added, {} updated; {} presets added",
        merged.notetypes_added, merged.notetypes_updated, merged.decks_added, merged.decks_updated, merged.presets_added
    ));
    line(format!("{} media files added, {} of them by another name", merged.media_added, merged.media_renamed));
}
