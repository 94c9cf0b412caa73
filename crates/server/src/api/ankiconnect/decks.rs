//! Decks.

use super::args::Args;
use super::context::Context;
use super::failed::{Result, said};
use crate::actions::edit_collection::DeckRef;
use crate::actions::edit_collection::cards::{CardChange, ChangeCards};
use crate::actions::edit_collection::decks::{CreateDeck, DeleteDecks};
use crate::actions::statistics;
use anki::names;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use store::StoreError;
use store::collection::Collection;

/// All decks, in the order in which clients list them.
pub struct DeckNames(Vec<(i64, String)>);

impl DeckNames {
    pub async fn load(stored: Collection<'_>) -> Result<Self, StoreError> {
        let mut decks: Vec<(i64, String)> = stored.decks().await?.into_iter().map(|deck| (deck.id, deck.name)).collect();
        decks.sort_by(|a, b| names::compare(&names::to_native_deck_name(&a.1), &names::to_native_deck_name(&b.1)));
        Ok(Self(decks))
    }

    /// The deck of this name, compared as Anki does.
    pub fn find(&self, name: &str) -> Option<i64> {
        self.0.iter().find(|(_, known)| names::same(known, name)).map(|(id, _)| *id)
    }

    /// The deck of exactly this name.
    fn find_exact(&self, name: &str) -> Option<i64> {
        self.0.iter().find(|(_, known)| known == name).map(|(id, _)| *id)
    }

    pub fn name(&self, id: i64) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, name)| name.as_str())
    }

    /// The decks below one, without itself.
    pub fn below(&self, id: i64) -> Vec<i64> {
        let Some(top) = self.name(id) else { return Vec::new() };
        let start = names::fold(&format!("{top}::"));
        self.0.iter().filter(|(_, name)| names::fold(name).starts_with(&start)).map(|(id, _)| *id).collect()
    }
}

impl Context<'_> {
    pub async fn deck_names(&self) -> Result<DeckNames> {
        let current = self.open().await?;
        Ok(DeckNames::load(self.stored(&current)).await?)
    }
}

/// The deck that a parameter names.
///
/// # Errors
/// When there is none.
pub fn needed(decks: &DeckNames, name: &str) -> Result<i64> {
    decks.find(name).ok_or_else(|| said(format!("deck was not found: {name}")))
}

pub async fn names(cx: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Ok(cx.deck_names().await?.0.into_iter().map(|(_, name)| name).collect::<Vec<_>>().into())
}

pub async fn names_and_ids(cx: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Ok(Value::Object(cx.deck_names().await?.0.into_iter().map(|(id, name)| (name, id.into())).collect()))
}

pub async fn name_from_id(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let id = args.int("deckId")?;
    let decks = cx.deck_names().await?;
    Ok(decks.name(id).ok_or_else(|| said(format!("deck was not found: {id}")))?.into())
}

/// Names of decks, each with those of the cards that are in it.
pub async fn of_cards(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let ids = args.ids("cards")?;
    let current = cx.open().await?;
    let decks = DeckNames::load(cx.stored(&current)).await?;
    let cards = cx.stored(&current).cards_by_id(&ids).await?;
    let places: HashMap<i64, i64> = cards.into_iter().map(|card| (card.id, card.deck_id)).collect();
    let mut found: Map<String, Value> = Map::new();
    for id in ids {
        let deck = places.get(&id).and_then(|deck| decks.name(*deck)).ok_or_else(|| said(format!("Card was not found: {id}")))?;
        if let Value::Array(list) = found.entry(deck).or_insert_with(|| json!([])) {
            list.push(id.into());
        }
    }
    Ok(Value::Object(found))
}

/// What each of some decks has to study today, as the list of decks shows it. Names that are not those of decks are passed over.
pub async fn stats(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let wanted = args.texts("decks")?;
    let decks = cx.deck_names().await?;
    let wanted: HashSet<i64> = wanted.iter().filter_map(|name| decks.find(name)).collect();
    let mut answer = Map::new();
    let mut waiting = statistics::decks(&cx.app.user, &cx.app.clock, cx.account()).await?;
    while let Some(deck) = waiting.pop() {
        if wanted.contains(&deck.id) {
            let shown = json!({
                "deck_id": deck.id,
                "name": deck.name.rsplit("::").next(),
                "new_count": deck.new,
                "learn_count": deck.learning,
                "review_count": deck.review,
                "total_in_deck": deck.total,
            });
            answer.insert(deck.id.to_string(), shown);
        }
        waiting.extend(deck.children);
    }
    Ok(Value::Object(answer))
}

/// Answers the id of a deck that exists as well.
pub async fn create(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let name = args.text("deck")?.to_owned();
    Ok(cx.edit(&CreateDeck { name, must_be_new: false }).await?.into())
}

/// The deck is made if there is none of that name.
pub async fn change(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let deck = DeckRef::Name(args.text("deck")?.to_owned());
    cx.edit(&ChangeCards { cards: args.ids("cards")?, change: CardChange::Move(deck), skip_missing: true }).await?;
    Ok(Value::Null)
}

/// Passes over names that are not exactly those of decks.
pub async fn delete(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    if !args.flag("cardsToo", false)? {
        return Err(said("Since Anki 2.1.28 it's not possible to delete decks without deleting cards as well"));
    }
    let wanted = args.texts("decks")?;
    let known = cx.deck_names().await?;
    let decks: Vec<DeckRef> = wanted.iter().filter_map(|name| known.find_exact(name)).map(DeckRef::Id).collect();
    if !decks.is_empty() {
        cx.edit(&DeleteDecks { decks, skip_missing: true }).await?;
    }
    Ok(Value::Null)
}
