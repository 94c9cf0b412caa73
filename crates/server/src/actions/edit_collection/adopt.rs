//! The first device of an account that was written to before: what was made here joins what the device uploads.
//!
//! Objects meet by name, as ids say nothing across collections: decks of one name are one, notetypes of one name are if their fields and
//! templates are called alike. Notes that the device has too, by their guid, are its own.

use super::index::Decks;
use super::merge::Days;
use super::notes::Tags;
use super::{Edit, Result};
use crate::actions::collection_config::CollectionConfig;
use crate::app::App;
use anki::cards::CardRules;
use anki::merge::NameTable;
use anki::model::{ConfigEntry, Note, Notetype};
use anki::names;
use anki::schema11::{Restamp, restamp, stock};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use store::collection::{Collection, FreeId};
use store::user_db::{CollectionState, Current, Locked};

/// What was made here and waits for a first device. None when there is nothing to lose.
pub fn waiting(state: Option<&CollectionState>) -> Option<Current> {
    state.filter(|state| state.awaits_first_device && !state.is_untouched()).and_then(|state| state.current.clone())
}

/// Adds the rows of `made_here` to those of `uploaded`, which nobody uses yet. Answers the stamps and counters that result.
///
/// # Errors
/// When the database fails.
pub async fn adopt(app: &App, account: i64, made_here: &Current, uploaded: Current) -> Result<Current> {
    let tx = app.user.db().begin().await?;
    let state = CollectionState {
        account,
        current: None,
        awaits_first_device: false,
        is_stuck: false,
        empty_schema_modified: 0,
        ahead_schema_modified: 0,
        media_usn: 0,
    };
    let now_ms = app.clock.now_ms();
    let locked = Locked { tx, state };
    let mut edit = Edit { locked, current: uploaded, now_ms, changed: false, config_changed: false, needs_one_way: false, added: 0 };
    let from = Collection::new(app.user.db(), &made_here.schema);
    let begun = made_here.stamps.created;
    join(&from, begun, &mut edit).await?;
    edit.current.stamps.modified += 1;
    edit.locked.tx.commit().await?;
    tracing::info!(account, notes = made_here.counts.notes, "what was made before the first device synced has joined its upload");
    Ok(edit.current)
}

/// `begun` is when the collection was begun whose rows these are, in seconds.
async fn join(from: &Collection<'_>, begun: i64, edit: &mut Edit) -> Result<()> {
    let notetypes = join_notetypes(from, edit).await?;
    join_presets(from, edit).await?;
    let decks = join_decks(from, edit).await?;
    let mut tags = Tags::load(edit).await?;
    let registered: Vec<String> = from.tags().await?.into_iter().map(|tag| tag.name).collect();
    tags.register(registered.iter().map(String::as_str), edit.usn());
    let known: HashSet<String> = edit.stored().guids().await?.into_iter().collect();
    let mut notes: Vec<Note> = from.notes_after(i64::MIN, i64::from(i32::MAX)).await?;
    notes.retain(|note| !known.contains(&note.guid));
    let ids: Vec<i64> = notes.iter().map(|note| note.id).collect();
    let mut cards = from.cards_of_notes(&ids).await?;
    let taken: HashSet<i64> = edit.stored().existing_notes(&ids).await?.into_iter().collect();
    let mut free = edit.stored().free_id(FreeId::Notes, ids.iter().max().map_or(0, |id| id + 1)).await?;
    let mut new_ids = HashMap::new();
    for note in &mut notes {
        let old = note.id;
        if taken.contains(&old) {
            (note.id, free) = (free, free + 1);
        }
        new_ids.insert(old, note.id);
        note.notetype_id = notetypes.get(&note.notetype_id).copied().unwrap_or(note.notetype_id);
        note.tags = tags.register(std::iter::once(note.tags.as_str()), edit.usn());
        note.usn = edit.usn();
    }
    let position: i64 = edit.stored().config_value("nextPos").await?.and_then(|json| json.trim().parse().ok()).unwrap_or(1);
    let card_ids: Vec<i64> = cards.iter().map(|card| card.id).collect();
    let taken: HashSet<i64> = edit.stored().existing_cards(&card_ids).await?.into_iter().collect();
    let mut free = edit.stored().free_id(FreeId::Cards, card_ids.iter().max().map_or(0, |id| id + 1)).await?;
    let today = async |of: &Collection<'_>, created| {
        let rules = CollectionConfig::new(of.config().await?).day_rules(created);
        Ok::<_, super::EditError>(rules.at(edit.now_secs()).today)
    };
    let days = Days { there: today(from, begun).await?, here: today(&edit.stored(), edit.created()).await? };
    let mut new_cards = HashMap::new();
    for card in &mut cards {
        let old = card.id;
        if taken.contains(&old) {
            (card.id, free) = (free, free + 1);
        }
        new_cards.insert(old, card.id);
        card.note_id = new_ids.get(&card.note_id).copied().unwrap_or(card.note_id);
        card.deck_id = decks.get(&card.deck_id).copied().unwrap_or(stock::DEFAULT_ID);
        let later = |due: i64| (due + position - 1).min(i32::MAX.into());
        if card.original_deck_id != 0 {
            card.original_deck_id = decks.get(&card.original_deck_id).copied().unwrap_or(stock::DEFAULT_ID);
            if card.kind == 0 {
                card.original_due = later(card.original_due);
            }
        } else if card.kind == 0 {
            card.due = later(card.due);
        }
        days.shift(card);
        card.usn = edit.usn();
    }
    let mut reviews = from.reviews_of_cards(&card_ids).await?;
    for review in &mut reviews {
        review.card_id = new_cards.get(&review.card_id).copied().unwrap_or(review.card_id);
        review.usn = edit.usn();
    }
    tags.write_added(edit).await?;
    edit.current.counts.notes += notes.len() as i64;
    edit.current.counts.cards += cards.len() as i64;
    edit.stored().put_notes(notes).await?;
    edit.stored().put_cards(cards).await?;
    edit.current.counts.revlog += edit.stored().add_reviews(reviews).await?.cast_signed();
    join_config(from, position, edit).await
}

/// Old to new ids.
async fn join_notetypes(from: &Collection<'_>, edit: &mut Edit) -> Result<HashMap<i64, i64>> {
    let theirs = edit.stored().notetypes().await?;
    let used: HashSet<i64> = from.notes_by_notetype().await?.into_iter().map(|(id, _)| id).collect();
    let mut table = NameTable::new(theirs.iter().map(|notetype| (notetype.id, notetype.name.as_str())));
    let mut free = edit.stored().free_id(FreeId::Notetypes, edit.now_ms()).await?;
    let mut ids = HashMap::new();
    let mut added = Vec::new();
    for (notetype, at) in from.notetypes().await?.into_iter().zip(1..) {
        if let Some(same) = theirs.iter().find(|other| is_same(other, &notetype)) {
            ids.insert(notetype.id, same.id);
            continue;
        }
        // A stock notetype that nobody has used or changed is of no interest.
        if !used.contains(&notetype.id) && notetype.mtime == 0 {
            continue;
        }
        let mut notetype: Notetype = notetype;
        let old = notetype.id;
        let new = if theirs.iter().any(|other| other.id == old) { free + at } else { old };
        free = free.max(new);
        let claimed = table.claim(new, &notetype.name);
        restamp(&mut notetype, &Restamp { id: Some(new), name: Some(&claimed.name), mtime: Some(edit.now_secs()), usn: Some(edit.usn()) })?;
        ids.insert(old, new);
        added.push(notetype);
    }
    edit.current.counts.notetypes += added.len() as i64;
    edit.stored().put_notetypes(added).await?;
    Ok(ids)
}

/// Whether notes of one can be notes of the other.
fn is_same(a: &Notetype, b: &Notetype) -> bool {
    let (Ok(rules_a), Ok(rules_b)) = (CardRules::new(a), CardRules::new(b)) else { return false };
    let template_names = |notetype: &Notetype| -> Vec<String> {
        let json: Value = serde_json::from_str(&notetype.json).unwrap_or_default();
        json["tmpls"].as_array().into_iter().flatten().map(|template| template["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    names::same(&a.name, &b.name)
        && rules_a.is_cloze() == rules_b.is_cloze()
        && rules_a.field_names() == rules_b.field_names()
        && template_names(a) == template_names(b)
}

async fn join_presets(from: &Collection<'_>, edit: &mut Edit) -> Result<()> {
    let theirs: HashSet<i64> = edit.stored().preset_rows().await?.into_iter().map(|row| row.id).collect();
    let mut added = Vec::new();
    for mut preset in from.presets().await? {
        if !theirs.contains(&preset.id) {
            restamp(&mut preset, &Restamp { usn: Some(edit.usn()), ..Restamp::default() })?;
            added.push(preset);
        }
    }
    edit.current.counts.presets += added.len() as i64;
    edit.stored().put_presets(added).await?;
    Ok(())
}

/// Old to new ids. A deck that the device does not have keeps its settings.
async fn join_decks(from: &Collection<'_>, edit: &mut Edit) -> Result<HashMap<i64, i64>> {
    let mut decks = Decks::load(edit).await?;
    let mut ids = HashMap::new();
    let mut brought = Vec::new();
    for deck in from.decks().await? {
        let known = decks.id_of(&deck.name);
        let id = decks.find_or_make("deck", &deck.name, edit)?;
        ids.insert(deck.id, id);
        if known.is_none() {
            brought.push((id, deck));
        }
    }
    decks.write_added(edit).await?;
    let mut written = Vec::new();
    for (id, mut deck) in brought {
        let name = decks.get(id).map(|deck| deck.name.as_str());
        restamp(&mut deck, &Restamp { id: Some(id), mtime: Some(edit.now_secs()), usn: Some(edit.usn()), name })?;
        written.push(deck);
    }
    edit.stored().put_decks(written).await?;
    Ok(ids)
}

/// Keys that the device does not have, and the position of the next new card.
async fn join_config(from: &Collection<'_>, position: i64, edit: &mut Edit) -> Result<()> {
    let theirs: HashSet<String> = edit.stored().config().await?.into_iter().map(|entry| entry.key).collect();
    let ours = from.config().await?;
    let used: i64 = ours.iter().find(|entry| entry.key == "nextPos").and_then(|entry| entry.json.trim().parse().ok()).unwrap_or(1);
    let mut put: Vec<ConfigEntry> = ours.into_iter().filter(|entry| !theirs.contains(&entry.key) && entry.key != "nextPos").collect();
    let next = (position + used - 1).clamp(1, i32::MAX.into());
    put.push(ConfigEntry { key: "nextPos".into(), usn: 0, mtime: edit.now_secs(), json: next.to_string() });
    put.iter_mut().for_each(|entry| entry.usn = edit.usn());
    edit.stored().put_config(put).await?;
    Ok(())
}
