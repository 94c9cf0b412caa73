//! Which notes can be added, and as what.

use super::append;
use super::wanted::{Rules, Wanted};
use crate::actions::edit_collection::notes::{Duplicates, Fields, NewNote};
use crate::actions::edit_collection::{DeckRef, NotetypeRef};
use crate::api::ankiconnect::attachments::{Append, Attachment};
use crate::api::ankiconnect::decks::DeckNames;
use crate::api::ankiconnect::failed::{Failed, Result, internal, said};
use crate::api::ankiconnect::note_fields::{ClozeProblem, Layout, named};
use anki::model::Note;
use anki::text;
use std::collections::{HashMap, HashSet};
use store::collection::Collection;

const EMPTY: &str = "cannot create note because it is empty";
const DUPLICATE: &str = "cannot create note because it is a duplicate";
/// What the add-on says about cloze deletions that are missing or in the wrong place.
const UNKNOWN: &str = "cannot create note for unknown reason";

/// Why notes could not even be looked at.
pub enum Examining {
    Store(store::StoreError),
    Internal(String),
}

impl From<store::StoreError> for Examining {
    fn from(error: store::StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Examining> for Failed {
    fn from(error: Examining) -> Self {
        match error {
            Examining::Store(error) => error.into(),
            Examining::Internal(reason) => internal(&reason),
        }
    }
}

/// Which of the notes can be added, and as what. With `in_series`, each counts as added for those after it.
pub async fn examine(stored: Collection<'_>, wanted: &[Result<Wanted>], in_series: bool) -> Result<Vec<Result<NewNote>>, Examining> {
    let decks = DeckNames::load(stored).await?;
    let models: HashSet<&String> = wanted.iter().flatten().map(|note| &note.model).collect();
    let models: Vec<String> = models.into_iter().cloned().collect();
    let notetypes = stored.notetypes_by_name(&models).await?;
    let mut layouts = HashMap::new();
    for notetype in &notetypes {
        layouts.insert(notetype.id, Layout::of(notetype).map_err(|failed| Examining::Internal(failed.0))?);
    }
    let nfc = stored.config_value("normalize_note_text").await?.is_none_or(|json| json.trim() != "false");
    let mut drafts = Vec::with_capacity(wanted.len());
    for note in wanted {
        drafts.push(match note {
            Err(failed) => Err(failed.again()),
            Ok(note) => Draft::new(note, &decks, &notetypes, &layouts, nfc),
        });
    }
    let checksums: HashSet<i64> = drafts.iter().flatten().filter_map(Draft::checksum).collect();
    let same = stored.notes_by_checksum(&checksums.into_iter().collect::<Vec<_>>()).await?;
    let needs_decks = wanted.iter().flatten().any(|note| note.rules.as_ref().is_ok_and(|rules| rules.in_deck));
    let mut taken = Taken::load(stored, same, needs_decks).await?;
    let mut outcomes = Vec::with_capacity(drafts.len());
    for (draft, note) in drafts.into_iter().zip(wanted) {
        let outcome = || {
            let (draft, note) = (draft?, note.as_ref().map_err(Failed::again)?);
            let rules = note.rules.as_ref().map_err(Failed::again)?;
            match draft.problem(rules, &decks, &taken) {
                Some(problem) => Err(said(problem)),
                None => Ok((draft, note)),
            }
        };
        outcomes.push(outcome().map(|(draft, note)| {
            if in_series {
                taken.add(&draft);
            }
            draft.into_note(note)
        }));
    }
    Ok(outcomes)
}

/// A note with deck, notetype and fields found.
struct Draft {
    deck: i64,
    notetype: i64,
    fields: Vec<String>,
    cloze: Option<ClozeProblem>,
}

impl Draft {
    fn new(
        note: &Wanted,
        decks: &DeckNames,
        notetypes: &[anki::model::Notetype],
        layouts: &HashMap<i64, Layout>,
        nfc: bool,
    ) -> Result<Self> {
        let notetype = named(notetypes, &note.model).ok_or_else(|| said(format!("model was not found: {}", note.model)))?;
        let layout = layouts.get(&notetype.id).ok_or_else(|| said(format!("model was not found: {}", note.model)))?;
        let deck = decks.find(&note.deck).ok_or_else(|| said(format!("deck was not found: {}", note.deck)))?;
        let mut fields = vec![String::new(); layout.field_names().len()];
        for (name, text) in &note.fields {
            if let Some(field) = layout.position_in_any_case(name).and_then(|at| fields.get_mut(at)) {
                field.clone_from(text);
            }
        }
        let assumed: Vec<Append> = note.attachments.iter().map(Attachment::assumed).collect();
        append(&mut fields, layout, assumed.iter().chain(&note.appends));
        if nfc {
            fields.iter_mut().for_each(|field| *field = text::normalize_nfc(field).into_owned());
        }
        let cloze = layout.cloze_problem(&fields);
        Ok(Self { deck, notetype: notetype.id, fields, cloze })
    }

    fn first(&self) -> &str {
        self.fields.first().map(String::as_str).unwrap_or_default()
    }

    fn checksum(&self) -> Option<i64> {
        Some(text::checksum(self.first()))
    }

    /// What the add-on would refuse the note for. It has two ways to look: Anki's own, and one of its own for other scopes.
    fn problem(&self, rules: &Rules, decks: &DeckNames, taken: &Taken) -> Option<&'static str> {
        if !rules.in_deck && !rules.all_models {
            if self.cloze == Some(ClozeProblem::WrongField) {
                return Some(UNKNOWN);
            }
            let shown = text::strip_html_keeping_media_names(self.first());
            if shown.trim().is_empty() {
                return Some(EMPTY);
            }
            if self.cloze.is_some() {
                return Some(UNKNOWN);
            }
            let is_taken = taken.with(self).any(|other| other.notetype == self.notetype && other.shown == shown);
            return (is_taken && !rules.allow).then_some(DUPLICATE);
        }
        if self.first().trim().is_empty() {
            return Some(EMPTY);
        }
        let scope = match (rules.in_deck, &rules.deck) {
            (false, _) => None,
            (true, None) => Some(self.deck),
            (true, Some(name)) => match decks.find(name) {
                Some(id) => Some(id),
                // Nothing can be a duplicate in a deck that does not exist.
                None => return None,
            },
        };
        let scope: Option<HashSet<i64>> = scope.map(|deck| {
            let below = if rules.with_children { decks.below(deck) } else { Vec::new() };
            below.into_iter().chain([deck]).collect()
        });
        let fits = |other: &&Known| {
            (rules.all_models || other.notetype == self.notetype) && scope.as_ref().is_none_or(|scope| !other.decks.is_disjoint(scope))
        };
        (taken.with(self).any(|other| fits(&other)) && !rules.allow).then_some(DUPLICATE)
    }

    fn into_note(self, note: &Wanted) -> NewNote {
        NewNote {
            deck: DeckRef::Id(self.deck),
            notetype: NotetypeRef::Id(self.notetype),
            fields: Fields::InOrder(self.fields),
            tags: note.tags.clone(),
            guid: None,
            duplicates: Duplicates::Allow,
            needs_first_field: false,
        }
    }
}

/// First fields that are in use, by checksum.
struct Taken(HashMap<i64, Vec<Known>>);

struct Known {
    notetype: i64,
    shown: String,
    /// Where its cards are, or are at home while a filtered deck has them.
    decks: HashSet<i64>,
}

impl Taken {
    async fn load(stored: Collection<'_>, notes: Vec<Note>, needs_decks: bool) -> Result<Self, Examining> {
        let mut decks: HashMap<i64, HashSet<i64>> = HashMap::new();
        if needs_decks {
            let ids: Vec<i64> = notes.iter().map(|note| note.id).collect();
            for card in stored.cards_of_notes(&ids).await? {
                let places = [card.deck_id, card.original_deck_id];
                decks.entry(card.note_id).or_default().extend(places.into_iter().filter(|id| *id != 0));
            }
        }
        let mut known: HashMap<i64, Vec<Known>> = HashMap::new();
        for note in notes {
            let first = text::split_fields(&note.fields).next().unwrap_or_default();
            known.entry(text::checksum(first)).or_default().push(Known {
                notetype: note.notetype_id,
                shown: text::strip_html_keeping_media_names(first).into_owned(),
                decks: decks.remove(&note.id).unwrap_or_default(),
            });
        }
        Ok(Self(known))
    }

    fn with(&self, draft: &Draft) -> impl Iterator<Item = &Known> {
        self.0.get(&text::checksum(draft.first())).into_iter().flatten()
    }

    fn add(&mut self, draft: &Draft) {
        let shown = text::strip_html_keeping_media_names(draft.first()).into_owned();
        let known = Known { notetype: draft.notetype, shown, decks: HashSet::from([draft.deck]) };
        self.0.entry(text::checksum(draft.first())).or_default().push(known);
    }
}
