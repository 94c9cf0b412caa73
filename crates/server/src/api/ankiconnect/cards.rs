//! Cards, to read.

use super::args::Args;
use super::context::Context;
use super::decks::DeckNames;
use super::failed::{Result, said};
use super::note_fields;
use super::notes::{shown_fields, tag_list};
use super::study;
use anki::cards::render::{Rendering, render};
use anki::model::{Card, Note};
use serde_json::{Value, json};
use std::collections::HashMap;
use store::collection::search::Target;

/// Whole cards in one answer.
const MOST: usize = 10_000;

/// Also `guiBrowse`, of which tools use the answer.
pub async fn find(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    match args.opt_text("query")? {
        Some(query) => Ok(cx.search(Target::Cards, query).await?.into()),
        None => Ok(json!([])),
    }
}

impl Context<'_> {
    /// Those of the cards that exist, by id.
    pub async fn cards(&self, ids: &[i64]) -> Result<HashMap<i64, Card>> {
        let current = self.open().await?;
        Ok(self.stored(&current).cards_by_id(ids).await?.into_iter().map(|card| (card.id, card)).collect())
    }
}

/// One object for each id, an empty one for each that is not a card's.
pub async fn info(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let ids = args.ids("cards")?;
    if ids.len() > MOST {
        return Err(said(format!("these are {} cards; at most {MOST} can be answered at once", ids.len())));
    }
    let current = cx.open().await?;
    let stored = cx.stored(&current);
    let cards: HashMap<i64, Card> = stored.cards_by_id(&ids).await?.into_iter().map(|card| (card.id, card)).collect();
    let note_ids: Vec<i64> = cards.values().map(|card| card.note_id).collect();
    let notes: HashMap<i64, Note> = stored.notes_by_id(&note_ids).await?.into_iter().map(|note| (note.id, note)).collect();
    let notetypes = note_fields::by_id(stored, notes.values().map(|note| note.notetype_id)).await?;
    let decks = DeckNames::load(stored).await?;
    let labels = study::labels(cx, &current, &ids).await?;
    let one = |id: &i64| {
        let Some(card) = cards.get(id) else { return json!({}) };
        let Some(note) = notes.get(&card.note_id) else { return json!({}) };
        let Some((notetype, layout)) = notetypes.get(&note.notetype_id) else { return json!({}) };
        let deck = decks.name(card.deck_id).unwrap_or_default();
        let sides = render(&Rendering {
            notetype: &notetype.json,
            fields: &note.fields,
            ordinal: card.ord,
            tags: &tag_list(note).join(" "),
            deck,
            flag: card.flags & 7,
            card: card.id,
        });
        json!({
            "cardId": card.id,
            "fields": shown_fields(layout, &note.fields),
            "fieldOrder": card.ord,
            "question": sides.question,
            "answer": sides.answer,
            "modelName": notetype.name,
            "ord": card.ord,
            "deckName": deck,
            "css": sides.css,
            "factor": card.factor,
            "interval": card.interval,
            "note": card.note_id,
            "type": card.kind,
            "queue": card.queue,
            "due": card.due,
            "reps": card.reps,
            "lapses": card.lapses,
            "left": card.left,
            "mod": card.mtime,
            "nextReviews": labels.get(id).map(<[String; 4]>::as_slice).unwrap_or_default(),
            "flags": card.flags,
        })
    };
    Ok(ids.iter().map(one).collect())
}

pub async fn mod_time(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let ids = args.ids("cards")?;
    let current = cx.open().await?;
    let cards = cx.stored(&current).card_stamps(&ids).await?;
    Ok(ids.iter().map(|id| cards.get(id).map_or_else(|| json!({}), |stamp| json!({"cardId": id, "mod": stamp.modified}))).collect())
}

/// The notes of cards, each once.
pub async fn to_notes(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let mut notes: Vec<i64> = cx.cards(&args.ids("cards")?).await?.into_values().map(|card| card.note_id).collect();
    notes.sort_unstable();
    notes.dedup();
    Ok(notes.into())
}

pub async fn suspended(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let id = args.int("card")?;
    let card = cx.cards(&[id]).await?.remove(&id).ok_or_else(|| said(format!("Card was not found: {id}")))?;
    Ok((card.queue == -1).into())
}

/// Null for what is not a card.
pub async fn are_suspended(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    of_each(cx, args, |card| (card.queue == -1).into()).await
}

/// Null for what is not a card.
pub async fn ease_factors(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    of_each(cx, args, |card| card.factor.into()).await
}

async fn of_each(cx: &Context<'_>, args: &Args<'_>, what: impl Fn(&Card) -> Value) -> Result<Value> {
    let ids = args.ids("cards")?;
    let cards = cx.cards(&ids).await?;
    Ok(ids.iter().map(|id| cards.get(id).map(&what).unwrap_or_default()).collect())
}
