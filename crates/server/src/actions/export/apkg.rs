//! An `.apkg`: some notes with what belongs to them, made as clients make it.
//!
//! What is in one was found out by reading what Anki 26 does and by comparing with its packages: cards of the notes, the notetypes and
//! decks that these have, reviews and presets if wanted, media files that fields, templates or styling name, and beside that a fresh
//! collection with the beginning of this one.

use super::{COLLECTION, Export, ExportError, assemble, file_name};
use crate::actions::collection_config::CollectionConfig;
use crate::actions::collection_file::{self, Lot, WriteError, hand_over};
use crate::actions::edit_collection::merge::safe_name;
use crate::actions::exchange::{CardRewrite, Extent, Gathered, gather, value, without_system_tags};
use crate::actions::search;
use crate::app::App;
use anki::file::{FileError, FileWriter, Schema};
use anki::model::{Note, Notetype, Stamps};
use anki::names;
use anki::package::Form;
use anki::schema11::stock;
use anki::text::{media_in_css, media_in_field, media_in_template, split_fields};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::collection::Collection;
use store::collection::search::{Order, Target, Wanted as WantedPage};
use store::engine::Tx;
use store::main_db::Account;
use store::user_db::Current;
use store::user_db::media::MediaFile;
use tokio::sync::mpsc;

/// Which notes to put into a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    All,
    /// Those with a card in the deck of this name or in one below it.
    Deck(String),
    /// Those that a search finds.
    Search(String),
}

/// What to put into a package besides notes, cards, notetypes and decks.
#[derive(Debug, Clone, Copy)]
pub struct PackageOptions {
    pub extent: Extent,
    pub with_media: bool,
    pub form: Form,
}

/// Ids in one statement. The rows of it come as a stream.
const SET_SIZE: usize = 10_000;
/// Names asked for at a time.
const NAMES: usize = 5_000;
const DAY_MS: i64 = 86_400_000;

/// Prepares a package of an account's notes as they are at this moment. `patience` is how long to wait for other whole collections to come
/// in and go out.
///
/// # Errors
/// When nothing is selected, the collection is still being loaded or has what clients could not import, or a database or the disk fails.
pub async fn prepare(
    app: &Arc<App>,
    account: &Account,
    selection: &Selection,
    options: PackageOptions,
    patience: Option<Duration>,
) -> Result<Export, ExportError> {
    let permit = tokio::time::timeout(patience.unwrap_or(Duration::MAX), app.transfers.acquire()).await;
    let Ok(Ok(permit)) = permit else { return Err(ExportError::Busy) };
    let folder = tempfile::tempdir_in(&app.temporary)?;
    let (path, now_ms) = (folder.path().join(COLLECTION), app.clock.now_ms());
    let (tx, state) = app.user.snapshot(account.id).await?;
    let Some(current) = state.and_then(|state| state.current) else {
        collection_file::end_snapshot(tx).await;
        return Err(ExportError::Nothing);
    };
    if !current.has_all_rows() {
        tx.rollback().await?;
        return Err(ExportError::Importing);
    }
    let names = write(app, tx, &current, selection, options, path.clone(), now_ms).await?;
    let media = if options.with_media { media(app, account.id, names).await? } else { Vec::new() };
    let title = match selection {
        Selection::Deck(name) => name,
        _ => &account.username,
    };
    let export = assemble(app, account.id, options.form, folder, media, file_name(title, now_ms, "apkg"), now_ms).await?;
    drop(permit);
    Ok(export)
}

/// Writes the collection of a package and answers which media files it names.
async fn write(
    app: &App,
    tx: Tx,
    current: &Current,
    selection: &Selection,
    options: PackageOptions,
    path: PathBuf,
    now_ms: i64,
) -> Result<HashSet<String>, ExportError> {
    let stored = Collection::within(&tx, &current.schema);
    let notes = selected(app, &tx, current, selection).await?;
    let used = stored.notetypes_of_notes(notes.as_deref()).await?;
    let mut notetypes = stored.notetypes().await?;
    notetypes.retain(|notetype| used.contains(&notetype.id));
    if used.is_empty() {
        return Err(ExportError::Nothing);
    }
    if notetypes.len() < used.len() {
        return Err(ExportError::Damaged("notes have a notetype that is not there".into()));
    }
    let places = stored.places_of_cards(notes.as_deref()).await?;
    let gathered = gather(&stored.decks().await?, stored.presets().await?, &places, options.extent)
        .map_err(|e| ExportError::Damaged(format!("a deck or preset: {e}")))?;
    let config = CollectionConfig::new(stored.config().await?);
    let cards = match &notes {
        Some(notes) => Some(stored.card_ids_of_notes(notes).await?),
        None => None,
    };
    let frame = Frame {
        path,
        schema: options.form.schema(),
        stamps: Stamps { created: current.stamps.created, modified: now_ms, schema_modified: now_ms, usn: 0, last_sync: 0 },
        creation_offset: config.int("creationOffset"),
        latest: now_ms + DAY_MS,
        rewrite: CardRewrite {
            scheduling: options.extent.scheduling,
            keep_filtered: gathered.keep_filtered,
            position: config.int("nextPos").unwrap_or(1).max(0),
        },
        with_media: options.with_media,
    };
    let (sender, lots) = mpsc::channel(4);
    let writer = tokio::task::spawn_blocking(move || frame.fill(&notetypes, &gathered, lots));
    let read = hand_over_rows(&tx, &current.schema, notes.as_deref(), cards.as_deref(), options.extent.scheduling, &sender).await;
    drop(sender);
    collection_file::end_snapshot(tx).await;
    let written = writer.await.map_err(|_| WriteError::Stopped)?;
    match read {
        // The writer's own error says more than that it stopped.
        Err(WriteError::Stopped) | Ok(()) => written,
        Err(e) => Err(e.into()),
    }
}

/// Ids of the selected notes; None for all.
async fn selected(app: &App, tx: &Tx, current: &Current, selection: &Selection) -> Result<Option<Vec<i64>>, ExportError> {
    let stored = Collection::within(tx, &current.schema);
    match selection {
        Selection::All => Ok(None),
        Selection::Deck(wanted) => {
            let decks = stored.decks().await?;
            let wanted = names::normalize_deck_name(wanted);
            let deck = decks.iter().find(|deck| names::same(&deck.name, &wanted)).ok_or(ExportError::NoDeck)?;
            let below = format!("{}::", names::fold(&deck.name));
            let in_it = decks.iter().filter(|other| other.id == deck.id || names::fold(&other.name).starts_with(&below));
            let ids: Vec<i64> = in_it.map(|deck| deck.id).collect();
            Ok(Some(stored.notes_in_decks(&ids).await?))
        }
        Selection::Search(text) => {
            let node = anki::search::parse(text).map_err(search::SearchFailed::from)?;
            let all = WantedPage { target: Target::Notes, order: Order::Id, descending: false, after: None, limit: MANY };
            let found = search::within(tx, current, &app.clock, text, &node, all).await?;
            // What follows may take its time.
            tx.limit_time(0).await?;
            Ok(Some(found.ids))
        }
    }
}

/// More than there can be.
const MANY: usize = usize::MAX >> 8;

async fn hand_over_rows(
    tx: &Tx,
    schema: &str,
    notes: Option<&[i64]>,
    cards: Option<&[i64]>,
    with_reviews: bool,
    sender: &mpsc::Sender<Lot>,
) -> Result<(), WriteError> {
    let (note_size, card_size) = (|note: &Note| note.fields.len(), |card: &anki::model::Card| card.data.len());
    if let (Some(notes), Some(cards)) = (notes, cards) {
        for part in notes.chunks(SET_SIZE) {
            hand_over(sender, Collection::stream_notes_among(tx, schema, part).await?, note_size, Lot::Notes).await?;
        }
        for part in cards.chunks(SET_SIZE) {
            hand_over(sender, Collection::stream_cards_among(tx, schema, part).await?, card_size, Lot::Cards).await?;
        }
        for part in cards.chunks(SET_SIZE).filter(|_| with_reviews) {
            hand_over(sender, Collection::stream_reviews_among(tx, schema, part).await?, |_| 0, Lot::Reviews).await?;
        }
    } else {
        hand_over(sender, Collection::stream_notes(tx, schema).await?, note_size, Lot::Notes).await?;
        hand_over(sender, Collection::stream_cards_of_notes(tx, schema).await?, card_size, Lot::Cards).await?;
        if with_reviews {
            hand_over(sender, Collection::stream_reviews_of_notes(tx, schema).await?, |_| 0, Lot::Reviews).await?;
        }
    }
    sender.send(Lot::End).await.map_err(|_| WriteError::Stopped)
}

/// What a package's collection is written with.
struct Frame {
    path: PathBuf,
    schema: Schema,
    stamps: Stamps,
    creation_offset: Option<i64>,
    /// Clients refuse what has an id above this.
    latest: i64,
    rewrite: CardRewrite,
    with_media: bool,
}

impl Frame {
    /// Writes everything, and answers which media files are named. Blocks.
    fn fill(mut self, notetypes: &[Notetype], gathered: &Gathered, mut lots: mpsc::Receiver<Lot>) -> Result<HashSet<String>, ExportError> {
        let mut writer = FileWriter::create(&self.path, self.schema, &self.stamps)?;
        self.put_frame(&mut writer, notetypes, gathered)?;
        let (mut names, svg) = (HashSet::new(), notetypes.iter().map(|n| (n.id, value(&n.json)["latexsvg"] == true)).collect());
        if self.with_media {
            notetypes.iter().for_each(|notetype| names_in_notetype(notetype, &mut names));
        }
        loop {
            match lots.blocking_recv() {
                Some(Lot::Notes(notes)) => {
                    for mut note in notes {
                        self.check(note.id, "note")?;
                        if self.with_media {
                            names_in_note(&note, &svg, &mut names);
                        }
                        if !self.rewrite.scheduling {
                            note.tags = names::join_tags(without_system_tags(&note.tags));
                        }
                        // Clients keep nothing there.
                        (note.flags, note.data) = (0, String::new());
                        writer.add_note(&note)?;
                    }
                }
                Some(Lot::Cards(cards)) => {
                    for mut card in cards {
                        self.check(card.id, "card")?;
                        self.rewrite.apply(&mut card);
                        writer.add_card(&card)?;
                    }
                }
                Some(Lot::Reviews(reviews)) => {
                    for review in reviews {
                        self.check(review.id, "review")?;
                        writer.add_review(&review)?;
                    }
                }
                Some(Lot::End) => break,
                // Without the end mark the reader has failed, and what we have is not all.
                None => return Err(WriteError::Stopped.into()),
            }
        }
        writer.finish()?;
        Ok(names)
    }

    /// What is not rows.
    fn put_frame(&self, writer: &mut FileWriter, notetypes: &[Notetype], gathered: &Gathered) -> Result<(), FileError> {
        let mut config = stock::config(notetypes.first().map_or(0, |notetype| notetype.id), 0);
        match self.creation_offset {
            Some(offset) => {
                for entry in config.iter_mut().filter(|entry| entry.key == "creationOffset") {
                    entry.json = offset.to_string();
                }
            }
            None => config.retain(|entry| entry.key != "creationOffset"),
        }
        writer.put_config(&config)?;
        writer.put_notetypes(notetypes)?;
        writer.put_decks(&gathered.decks)?;
        writer.put_presets(&gathered.presets)?;
        // Every collection has these.
        if !gathered.decks.iter().any(|deck| deck.id == stock::DEFAULT_ID) {
            writer.put_decks(&[stock::default_deck()])?;
        }
        if !gathered.presets.iter().any(|preset| preset.id == stock::DEFAULT_ID) {
            writer.put_presets(&[stock::default_preset()])?;
        }
        Ok(())
    }

    fn check(&self, id: i64, what: &str) -> Result<(), ExportError> {
        if id > self.latest { Err(ExportError::Damaged(format!("{what} {id} has an id of the future"))) } else { Ok(()) }
    }
}

fn names_in_note(note: &Note, svg: &HashMap<i64, bool>, names: &mut HashSet<String>) {
    let svg = svg.get(&note.notetype_id).copied().unwrap_or_default();
    for field in split_fields(&note.fields) {
        media_in_field(field, svg, |name| names.extend(safe_name(name)));
    }
}

fn names_in_notetype(notetype: &Notetype, names: &mut HashSet<String>) {
    let json = value(&notetype.json);
    media_in_css(json["css"].as_str().unwrap_or_default(), |name| names.extend(safe_name(name)));
    for template in json["tmpls"].as_array().into_iter().flatten() {
        for side in ["qfmt", "afmt"] {
            media_in_template(template[side].as_str().unwrap_or_default(), |name| names.extend(safe_name(name)));
        }
    }
}

/// Those of the named files that there are.
async fn media(app: &App, account: i64, names: HashSet<String>) -> Result<Vec<MediaFile>, ExportError> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_unstable();
    let mut files = Vec::new();
    for part in names.chunks(NAMES) {
        files.extend(app.user.media_files(account, part).await?);
    }
    files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}
