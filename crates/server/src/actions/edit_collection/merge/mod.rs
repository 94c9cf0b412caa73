//! Merging what another collection holds into one, as "File, Import" of a client does with an `.apkg`.
//!
//! What decides was found out by reading what Anki 26 does and by importing the same packages there: notes meet by guid, notetypes by id
//! and by the ids or names of their parts, decks by name, media by name and content. docs/moving.md lists where we differ on purpose.

mod cards;
mod decks;
mod media;
mod notes;
mod notetypes;
mod source;

pub use media::{PackedMedia, is_static, safe_name};
pub use source::{Source, SourceError};

use super::{Change, Edit, EditError, Problem, Result};
use crate::actions::collection_config::CollectionConfig;
use crate::actions::collection_file::Lot;
use crate::actions::quota::ROW;
use anki::file::FileError;
use anki::model::Card;
use anki::schema11::{Restamp, restamp};
use cards::Cards;
use media::Media;
use notes::Notes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::user_db::UserDb;
use tokio::sync::mpsc;
use utoipa::ToSchema;

/// What to take of a package besides notes, cards, notetypes, decks and media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MergeOptions {
    /// When cards are due, and how they were answered. Without it they are new.
    pub with_scheduling: bool,
    /// The presets of decks.
    pub with_presets: bool,
    /// Which notes that are here get what the package says of them.
    pub update_notes: Update,
    /// Which notetypes that are here, with the same fields and templates, get what the package says of them.
    pub update_notetypes: Update,
    /// Only find out what would happen.
    pub dry_run: bool,
}

/// When something that is here gets what a package says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UpdateFromPackage)]
pub enum Update {
    /// If the package's was changed later.
    #[default]
    IfNewer,
    /// If it was changed at another time, so also back to an older state.
    Always,
    Never,
}

impl Update {
    /// Of something that was changed at one time here, and at the other in the package.
    fn applies(self, here: i64, there: i64) -> bool {
        match self {
            Self::IfNewer => here < there,
            Self::Always => here != there,
            Self::Never => false,
        }
    }
}

/// Merges a package into a collection.
pub struct MergePackage {
    pub source: Arc<Source>,
    /// With contents that are in the store already.
    pub media: Vec<PackedMedia>,
    /// The most that the account's media may take, if that counts.
    pub media_quota: Option<i64>,
    pub options: MergeOptions,
    pub user: UserDb,
}

/// What became of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[schema(as = MergedPackage)]
pub struct Merged {
    pub notes_added: u64,
    /// Notes that were here, in an older state.
    pub notes_updated: u64,
    /// Notes that were here, in the same state or a newer one.
    pub notes_unchanged: u64,
    /// Notes that are here with another notetype, and were left alone.
    pub notes_conflicting: u64,
    pub cards_added: u64,
    pub reviews_added: u64,
    pub notetypes_added: u64,
    pub notetypes_updated: u64,
    pub decks_added: u64,
    pub decks_updated: u64,
    pub presets_added: u64,
    pub media_added: u64,
    /// Of those, files whose name belonged to another content here.
    pub media_renamed: u64,
    pub media_bytes_added: u64,
}

impl Merged {
    /// Whether the collection or its media are other ones afterwards.
    pub fn is_something(&self) -> bool {
        let Self { notes_unchanged, notes_conflicting, .. } = *self;
        *self != Self { notes_unchanged, notes_conflicting, ..Self::default() }
    }
}

impl Change for MergePackage {
    type Done = Merged;

    async fn make(&self, edit: &mut Edit) -> Result<Merged> {
        let mut report = Merged::default();
        let config = CollectionConfig::new(edit.stored().config().await?);
        let rules = config.day_rules(edit.created());
        if rules.scheduler < 2 {
            return Err(Problem::invalid(
                "scheduler",
                "this collection has the first scheduler, which Anki cannot import into; upgrade it in Anki",
            )
            .into());
        }
        let days = Days { here: rules.at(edit.now_secs()).today, there: self.source.today(&rules, edit.now_secs()) };
        let mut media = Media::load(self, edit).await?;
        let notetypes = notetypes::merge(&self.source.notetypes, self.options.update_notetypes, edit, &mut report).await?;
        let presets = self.merge_presets(edit, &mut report).await?;
        let decks = decks::merge(&self.source.decks, days, &presets, edit, &mut report).await?;
        let mut notes = Notes::load(notetypes, self.options.update_notes, edit).await?;
        let mut cards = Cards::new(decks, days);
        let mut lots = self.source.read();
        loop {
            match lots.next().await? {
                Lot::Notes(rows) => notes.merge(rows, &mut media, edit, &mut report).await?,
                Lot::Cards(rows) => cards.merge(rows, &notes, edit, &mut report).await?,
                Lot::Reviews(rows) if self.options.with_scheduling => cards.merge_reviews(rows, edit, &mut report).await?,
                Lot::Reviews(_) => {}
                Lot::End => break,
            }
        }
        notes.finish(edit).await?;
        media.write(self, edit, &mut report).await?;
        // A dry run does everything too, and is undone.
        edit.changed = !self.options.dry_run && report.is_something();
        Ok(report)
    }
}

impl MergePackage {
    /// Adds presets that are not here, and answers the ids of all.
    async fn merge_presets(&self, edit: &mut Edit, report: &mut Merged) -> Result<Vec<i64>> {
        let mut known: Vec<i64> = edit.stored().preset_rows().await?.into_iter().map(|row| row.id).collect();
        let mut added = Vec::new();
        for preset in &self.source.presets {
            if !known.contains(&preset.id) {
                let mut preset = preset.clone();
                restamp(&mut preset, &Restamp { usn: Some(edit.usn()), ..Restamp::default() })?;
                known.push(preset.id);
                added.push(preset);
            }
        }
        report.presets_added = added.len() as u64;
        edit.adds(added.iter().map(|preset| ROW + preset.json.len()).sum());
        edit.current.counts.presets += added.len() as i64;
        edit.stored().put_presets(added).await?;
        Ok(known)
    }
}

/// The number of today, in a collection and in the one that comes into it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days {
    pub here: i64,
    pub there: i64,
}

impl Days {
    /// Days of a card count from the beginning of its collection.
    pub(super) fn shift(self, card: &mut Card) {
        let ahead = self.there - self.here;
        if matches!(card.queue, 2 | 3) || card.kind == 2 {
            card.due -= ahead;
        }
        if card.kind == 2 && card.original_due != 0 {
            card.original_due -= ahead;
        }
    }
}

/// The rows of a package's collection, while a thread reads them.
struct Lots {
    lots: mpsc::Receiver<Lot>,
    reader: Option<tokio::task::JoinHandle<Result<(), FileError>>>,
}

impl Lots {
    async fn next(&mut self) -> Result<Lot> {
        if let Some(lot) = self.lots.recv().await {
            return Ok(lot);
        }
        let Some(reader) = self.reader.take() else { return Ok(Lot::End) };
        reader.await.map_err(|e| EditError::Internal(format!("reading the package: {e}")))?.map_err(|e| unreadable(&e))?;
        Ok(Lot::End)
    }
}

fn unreadable(error: &FileError) -> EditError {
    if error.is_refusal() { Problem::invalid("package", error.to_string()).into() } else { EditError::Internal(error.to_string()) }
}
