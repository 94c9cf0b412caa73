//! Decks and notetypes by id or name, and new ids.

use super::{Edit, Problem, Result};
use crate::actions::quota::ROW;
use anki::model::{Deck, Notetype};
use anki::names;
use anki::schema11::{self, Restamp, restamp, stock};
use std::collections::{BTreeMap, HashMap, HashSet};
use store::collection::FreeId;

/// A deck as a caller names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeckRef {
    Id(i64),
    /// Levels joined by `::`. Compared as Anki does, whatever its case.
    Name(String),
}

/// A notetype as a caller names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NotetypeRef {
    Id(i64),
    Name(String),
}

/// All decks of a collection, and those that a change adds.
pub(super) struct Decks {
    by_id: BTreeMap<i64, Entry>,
    by_key: HashMap<i64, i64>,
    added: Vec<Deck>,
    next_id: i64,
}

pub(super) struct Entry {
    pub name: String,
    pub filtered: bool,
    /// 0 for a filtered deck.
    pub preset: i64,
}

impl Decks {
    pub(super) async fn load(edit: &Edit) -> Result<Self> {
        let stored = edit.stored();
        let next_id = stored.free_id(FreeId::Decks, edit.now_ms()).await?;
        let mut decks = Self { by_id: BTreeMap::new(), by_key: HashMap::new(), added: Vec::new(), next_id };
        for deck in stored.decks().await? {
            decks.insert(&deck);
        }
        Ok(decks)
    }

    fn insert(&mut self, deck: &Deck) {
        let json: serde_json::Value = serde_json::from_str(&deck.json).unwrap_or_default();
        let filtered = schema11::is_filtered(&json["dyn"]);
        let preset = json["conf"].as_i64().unwrap_or_default();
        self.by_key.entry(names::key(&deck.name)).or_insert(deck.id);
        self.by_id.insert(deck.id, Entry { name: deck.name.clone(), filtered, preset });
    }

    pub(super) fn get(&self, id: i64) -> Option<&Entry> {
        self.by_id.get(&id)
    }

    pub(super) fn id_of(&self, name: &str) -> Option<i64> {
        self.by_key.get(&names::key(&names::normalize_deck_name(name))).copied()
    }

    /// The id of an existing deck.
    pub(super) fn find(&self, deck: &DeckRef) -> Result<i64, Problem> {
        match deck {
            DeckRef::Id(id) => self.by_id.contains_key(id).then_some(*id).ok_or_else(|| Problem::not_found("deck", id)),
            DeckRef::Name(name) => self.id_of(name).ok_or_else(|| Problem::not_found("deck", format!("`{name}`"))),
        }
    }

    /// All of them, new ones too.
    pub(super) fn all(&self) -> impl Iterator<Item = (i64, &Entry)> {
        self.by_id.iter().map(|(id, deck)| (*id, deck))
    }

    /// Whether cards can live there.
    pub(super) fn is_normal(&self, id: i64) -> bool {
        self.by_id.get(&id).is_some_and(|deck| !deck.filtered)
    }

    /// The decks below one, without itself.
    pub(super) fn below(&self, id: i64) -> Vec<i64> {
        let Some(top) = self.by_id.get(&id) else { return Vec::new() };
        let start = names::fold(&format!("{}::", top.name));
        self.by_id.iter().filter(|(_, deck)| names::fold(&deck.name).starts_with(&start)).map(|(id, _)| *id).collect()
    }

    /// The deck of this name, made with its parents if there is none.
    pub(super) fn find_or_make(&mut self, field: &str, name: &str, edit: &Edit) -> Result<i64> {
        if let Some(id) = self.id_of(name) {
            return Ok(id);
        }
        let name = self.spelled(field, name)?;
        let mut id = 0;
        let mut path = String::new();
        for level in name.split("::") {
            if !path.is_empty() {
                path.push_str("::");
            }
            path.push_str(level);
            id = match self.id_of(&path) {
                Some(id) => id,
                None => self.make(&path, edit)?,
            };
        }
        Ok(id)
    }

    /// A new deck's name in Anki's form, with the spelling of the parents that exist.
    ///
    /// # Errors
    /// When a parent is a filtered deck, which can have no children.
    pub(super) fn spelled(&self, field: &str, name: &str) -> Result<String, Problem> {
        if name.trim().is_empty() {
            return Err(Problem::invalid(field, "a deck needs a name"));
        }
        let mut name = names::normalize_deck_name(name).into_owned();
        if name.len() > 10_000 {
            return Err(Problem::invalid(field, "this name is too long"));
        }
        let mut above = name.clone();
        while let Some((parent, _)) = above.rsplit_once("::") {
            if let Some(deck) = self.id_of(parent).and_then(|id| self.by_id.get(&id)) {
                if deck.filtered {
                    return Err(Problem::invalid(field, "a filtered deck can have no decks below it"));
                }
                name = format!("{}{}", deck.name, &name[parent.len()..]);
                break;
            }
            above = parent.to_owned();
        }
        Ok(name)
    }

    fn make(&mut self, name: &str, edit: &Edit) -> Result<i64> {
        let mut deck = stock::default_deck();
        let id = self.next_id;
        restamp(&mut deck, &Restamp { id: Some(id), name: Some(name), mtime: Some(edit.now_secs()), usn: Some(edit.usn()) })?;
        self.next_id += 1;
        self.insert(&deck);
        self.added.push(deck);
        Ok(id)
    }

    /// Adds a deck that comes from elsewhere, under this name, with the parents that it needs.
    pub(super) fn add(&mut self, mut deck: Deck, name: &str, edit: &Edit) -> Result<i64> {
        let name = self.spelled("deck", name)?;
        if let Some(parent) = names::parent_deck_name(&name) {
            self.find_or_make("deck", parent, edit)?;
        }
        let id = self.next_id;
        restamp(&mut deck, &Restamp { id: Some(id), name: Some(&name), mtime: Some(edit.now_secs()), usn: Some(edit.usn()) })?;
        self.next_id += 1;
        self.insert(&deck);
        self.added.push(deck);
        Ok(id)
    }

    /// Writes the decks that were made.
    pub(super) async fn write_added(&mut self, edit: &mut Edit) -> Result<()> {
        if !self.added.is_empty() {
            edit.current.counts.decks += self.added.len() as i64;
            edit.adds(self.added.iter().map(|deck| ROW + deck.json.len()).sum());
            edit.changed = true;
            edit.stored().put_decks(std::mem::take(&mut self.added)).await?;
        }
        Ok(())
    }
}

/// The notetypes that a request names, each read once.
pub(super) async fn notetypes(edit: &Edit, wanted: impl Iterator<Item = &NotetypeRef>) -> Result<HashMap<NotetypeRef, Notetype>> {
    let wanted: HashSet<&NotetypeRef> = wanted.collect();
    let mut ids = Vec::new();
    let mut names_wanted = Vec::new();
    for reference in &wanted {
        match reference {
            NotetypeRef::Id(id) => ids.push(*id),
            NotetypeRef::Name(name) => names_wanted.push(name.clone()),
        }
    }
    let mut found = Vec::new();
    if !ids.is_empty() {
        found.append(&mut edit.stored().notetypes_by_id(&ids).await?);
    }
    if !names_wanted.is_empty() {
        found.append(&mut edit.stored().notetypes_by_name(&names_wanted).await?);
    }
    let mut known = HashMap::new();
    for reference in wanted {
        let fits = |notetype: &&Notetype| match reference {
            NotetypeRef::Id(id) => notetype.id == *id,
            NotetypeRef::Name(name) => names::same(&notetype.name, name),
        };
        if let Some(notetype) = found.iter().find(fits) {
            known.insert(reference.clone(), notetype.clone());
        }
    }
    Ok(known)
}
