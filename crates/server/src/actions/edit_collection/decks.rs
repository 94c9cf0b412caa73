//! Decks: making, renaming, moving, deleting, and their settings.

use super::index::Decks;
use super::notes::DeletedNotes;
use super::{Change, DeckRef, Edit, Problem, Result};
use anki::file::Edited;
use anki::model::{Card, Deck, Grave, GraveKind};
use anki::names;
use anki::schema11::{self, Restamp, restamp, stock};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Makes a deck of this name, with its parents. One that exists stays as it is.
#[derive(Debug, Clone)]
pub struct CreateDeck {
    pub name: String,
    /// Refuse a name that is in use.
    pub must_be_new: bool,
}

impl Change for CreateDeck {
    type Done = i64;

    async fn make(&self, edit: &mut Edit) -> Result<i64> {
        let mut decks = Decks::load(edit).await?;
        if self.must_be_new && decks.id_of(&self.name).is_some() {
            return Err(taken(&self.name).into());
        }
        let id = decks.find_or_make("name", &self.name, edit)?;
        decks.write_added(edit).await?;
        Ok(id)
    }
}

/// Gives a deck another name, and so perhaps another place; the decks below go with it.
#[derive(Debug, Clone)]
pub struct RenameDeck {
    pub deck: DeckRef,
    pub name: String,
}

impl Change for RenameDeck {
    type Done = ();

    async fn make(&self, edit: &mut Edit) -> Result<()> {
        let mut decks = Decks::load(edit).await?;
        let id = decks.find(&self.deck)?;
        let below = decks.below(id);
        let old = decks.get(id).map(|deck| deck.name.clone()).unwrap_or_default();
        let name = decks.spelled("name", &self.name)?;
        if name == old {
            return Ok(());
        }
        if decks.id_of(&name).is_some_and(|holder| holder != id) {
            return Err(taken(&name).into());
        }
        if names::fold(&name).starts_with(&names::fold(&format!("{old}::"))) {
            return Err(Problem::invalid("name", "a deck cannot be moved below itself").into());
        }
        let mut renamed = Vec::new();
        for mut deck in edit.stored().decks_by_id(&below.iter().copied().chain([id]).collect::<Vec<_>>()).await? {
            // By levels, as folding may have changed the number of bytes.
            let levels = old.split("::").count();
            let rest: Vec<&str> = deck.name.split("::").skip(levels).collect();
            let new = [&[name.as_str()], rest.as_slice()].concat().join("::");
            if decks.id_of(&new).is_some_and(|holder| holder != id && !below.contains(&holder)) {
                return Err(taken(&new).into());
            }
            let mtime = Some(edit.stamp_after(deck.mtime));
            restamp(&mut deck, &Restamp { name: Some(&new), mtime, usn: Some(edit.usn()), id: None })?;
            renamed.push(deck);
        }
        if let Some(parent) = names::parent_deck_name(&name) {
            decks.find_or_make("name", parent, edit)?;
        }
        edit.changed = true;
        edit.stored().put_decks(renamed).await?;
        decks.write_added(edit).await
    }
}

/// Deletes decks with the decks below them, their cards, and the notes that then have no cards. Cards that a filtered deck has go home.
#[derive(Debug, Clone)]
pub struct DeleteDecks {
    pub decks: Vec<DeckRef>,
    /// Pass over decks that do not exist.
    pub skip_missing: bool,
}

impl Change for DeleteDecks {
    type Done = DeletedNotes;

    async fn make(&self, edit: &mut Edit) -> Result<DeletedNotes> {
        let decks = Decks::load(edit).await?;
        let mut gone = HashSet::new();
        for deck in &self.decks {
            match decks.find(deck) {
                Ok(id) => gone.extend(decks.below(id).into_iter().chain([id])),
                Err(_) if self.skip_missing => {}
                Err(problem) => return Err(problem.into()),
            }
        }
        let normal: Vec<i64> = gone.iter().copied().filter(|id| decks.is_normal(*id)).collect();
        let filtered: Vec<i64> = gone.iter().copied().filter(|id| !decks.is_normal(*id)).collect();
        let any_filtered = decks.all().any(|(_, deck)| deck.filtered);
        let mut going_home: Vec<Card> = edit.stored().cards_of_decks(&filtered, false).await?;
        going_home.retain(|card| !normal.contains(&card.original_deck_id));
        let cards = edit.stored().cards_of_decks(&normal, any_filtered).await?;
        let deleted = super::cards::delete_cards(&cards, edit).await?;
        for card in &mut going_home {
            super::cards::take_home(card);
            (card.mtime, card.usn) = (edit.now_secs(), edit.usn());
        }
        edit.changed |= !gone.is_empty();
        edit.stored().put_cards(going_home).await?;
        // The default deck cannot go: it is emptied, and gets its first name back.
        if gone.remove(&stock::DEFAULT_ID) {
            for mut deck in edit.stored().decks_by_id(&[stock::DEFAULT_ID]).await? {
                let free = decks.id_of("Default").is_none_or(|holder| holder == stock::DEFAULT_ID || gone.contains(&holder));
                let name = free.then_some("Default");
                let mtime = Some(edit.stamp_after(deck.mtime));
                restamp(&mut deck, &Restamp { name, mtime, usn: Some(edit.usn()), id: None })?;
                edit.stored().put_decks(vec![deck]).await?;
            }
        }
        let usn = edit.usn();
        let graves: Vec<Grave> = gone.iter().map(|id| Grave { id: *id, kind: GraveKind::Deck, usn }).collect();
        let ids: Vec<i64> = gone.into_iter().collect();
        edit.current.counts.decks -= edit.stored().delete_decks(&ids).await?.cast_signed();
        edit.stored().put_graves(&graves).await?;
        Ok(deleted)
    }
}

/// Changes settings of a deck: keys of its schema-11 object, such as `conf` (the preset), `desc`, `newLimit`.
#[derive(Debug, Clone)]
pub struct UpdateDeck {
    pub deck: DeckRef,
    pub set: Map<String, Value>,
    /// What [`object_version`] said when the caller read it.
    pub version: Option<String>,
}

/// Keys that are not settings.
const FIXED: [&str; 9] = ["id", "name", "mod", "usn", "dyn", "newToday", "revToday", "lrnToday", "timeToday"];

impl Change for UpdateDeck {
    type Done = Deck;

    async fn make(&self, edit: &mut Edit) -> Result<Deck> {
        let decks = Decks::load(edit).await?;
        let id = decks.find(&self.deck)?;
        let stored = edit.stored().decks_by_id(&[id]).await?.into_iter().next().ok_or_else(|| Problem::not_found("deck", id))?;
        check_version("deck", id, &stored.json, self.version.as_ref())?;
        if let Some(key) = self.set.keys().find(|key| FIXED.contains(&key.as_str())) {
            return Err(Problem::invalid(key.as_str(), "this is not a setting").into());
        }
        if let Some(preset) = self.set.get("conf") {
            let exists = match preset.as_i64() {
                Some(preset) => !edit.stored().existing_presets(&[preset]).await?.is_empty(),
                None => false,
            };
            if !exists {
                return Err(Problem::not_found("preset", preset).into());
            }
        }
        let before = object(&stored.json)?;
        let mut object = before.clone();
        object.extend(self.set.clone());
        if object == before {
            return Ok(stored);
        }
        let old = stored.json.len();
        let mut deck = schema11::deck(object).map_err(|e| Problem::invalid("deck", e.to_string()))?;
        deck.keep_extra_of(&stored)?;
        let mtime = Some(edit.stamp_after(stored.mtime));
        restamp(&mut deck, &Restamp { mtime, usn: Some(edit.usn()), ..Restamp::default() })?;
        edit.changed = true;
        edit.adds(deck.json.len().saturating_sub(old));
        edit.stored().put_decks(vec![deck.clone()]).await?;
        Ok(deck)
    }
}

/// Changes settings of a deck and gives it another name, both or neither.
#[derive(Debug, Clone)]
pub struct ChangeDeck {
    pub deck: DeckRef,
    pub name: Option<String>,
    /// As in [`UpdateDeck`].
    pub set: Option<Map<String, Value>>,
    pub version: Option<String>,
}

impl Change for ChangeDeck {
    type Done = ();

    async fn make(&self, edit: &mut Edit) -> Result<()> {
        let Self { deck, name, set, version } = self.clone();
        // Without settings too, as the version has to be right for a new name as well.
        if set.is_some() || version.is_some() || name.is_none() {
            UpdateDeck { deck: deck.clone(), set: set.unwrap_or_default(), version }.make(edit).await?;
        }
        if let Some(name) = name {
            RenameDeck { deck, name }.make(edit).await?;
        }
        Ok(())
    }
}

/// What tells one state of a deck, preset or notetype from another.
pub fn object_version(json: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(&Sha256::digest(json)[..12])
}

/// Refuses a change of what the caller has not seen.
pub(super) fn check_version(what: &'static str, id: i64, json: &str, seen: Option<&String>) -> Result<(), Problem> {
    match seen {
        Some(seen) if *seen != object_version(json) => Err(Problem::Changed { what, which: id.to_string() }),
        _ => Ok(()),
    }
}

/// A stored object, to change.
pub(super) fn object(json: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(json).map_err(|e| super::EditError::Internal(format!("stored object: {e}")))
}

fn taken(name: &str) -> Problem {
    Problem::NameTaken { field: "name".into(), name: name.to_owned() }
}
