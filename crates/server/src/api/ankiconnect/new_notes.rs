//! `addNote`, `addNotes` and the questions whether they would work. Checks and texts are the add-on's.

use super::args::{Args, text_of, texts, wrong};
use super::attachments::{self, Append, Attachment};
use super::context::Context;
use super::decks::DeckNames;
use super::failed::{Failed, Result, said};
use super::note_fields::{ClozeProblem, Layout, named};
use crate::actions::edit_collection::notes::{AddNotes, Duplicates, Fields, NewNote};
use crate::actions::edit_collection::{self, Change, DeckRef, Edit, NotetypeRef};
use anki::model::Note;
use anki::text;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use store::collection::Collection;

/// Notes in one request.
const MOST: usize = 10_000;

const EMPTY: &str = "cannot create note because it is empty";
const DUPLICATE: &str = "cannot create note because it is a duplicate";
/// What the add-on says about cloze deletions that are missing or in the wrong place.
const UNKNOWN: &str = "cannot create note for unknown reason";

/// A note as it was asked for.
struct Wanted {
    deck: String,
    model: String,
    /// The first of a name counts, whatever its case.
    fields: Vec<(String, String)>,
    tags: Vec<String>,
    attachments: Vec<Attachment>,
    /// What is wrong with them is said after what is wrong with names.
    rules: Result<Rules>,
    /// What attachments add to fields.
    appends: Vec<Append>,
}

/// What counts as a duplicate.
#[derive(Default)]
struct Rules {
    allow: bool,
    in_deck: bool,
    deck: Option<String>,
    with_children: bool,
    all_models: bool,
}

pub async fn add(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    match add_notes(cx, std::slice::from_ref(args.value("note"))).await?.pop() {
        Some(Ok(id)) => Ok(id.into()),
        Some(Err(failed)) => Err(failed),
        None => Err(said("there is no note")),
    }
}

/// All of them or none: what is wrong with single ones comes as one text, written as Python writes a list.
pub async fn add_all(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let outcomes = add_notes(cx, args.list("notes")?).await?;
    let errors: Vec<String> = outcomes.iter().filter_map(|one| one.as_ref().err()).map(|failed| python_text(&failed.0)).collect();
    if !errors.is_empty() {
        return Err(said(format!("[{}]", errors.join(", "))));
    }
    Ok(outcomes.into_iter().flatten().collect::<Vec<i64>>().into())
}

pub async fn can_add(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let outcomes = try_notes(cx, std::slice::from_ref(args.value("note"))).await?;
    Ok(outcomes.first().is_some_and(Result::is_ok).into())
}

pub async fn can_add_all(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let outcomes = try_notes(cx, args.list("notes")?).await?;
    Ok(outcomes.iter().map(Result::is_ok).collect::<Vec<bool>>().into())
}

pub async fn can_add_with_detail(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let outcomes = try_notes(cx, std::slice::from_ref(args.value("note"))).await?;
    Ok(outcomes.first().map(detail).unwrap_or_default())
}

pub async fn can_add_all_with_detail(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    Ok(try_notes(cx, args.list("notes")?).await?.iter().map(detail).collect())
}

fn detail(outcome: &Result<()>) -> Value {
    match outcome {
        Ok(()) => json!({"canAdd": true}),
        Err(failed) => json!({"canAdd": false, "error": failed.0}),
    }
}

/// What would become of each note alone: nothing is stored, and they do not count as each other's duplicates.
async fn try_notes(cx: &Context<'_>, notes: &[Value]) -> Result<Vec<Result<()>>> {
    let wanted = parse_all(notes)?;
    let current = cx.open().await?;
    let outcomes = examine(cx.stored(&current), &wanted, false).await?;
    Ok(outcomes.into_iter().map(|one| one.map(drop)).collect())
}

/// Adds all notes, or none when something is wrong with one. Files are stored only when the notes can be added as it looks.
async fn add_notes(cx: &Context<'_>, notes: &[Value]) -> Result<Vec<Result<i64>>> {
    let mut wanted = parse_all(notes)?;
    let has_files = wanted.iter().flatten().any(|note| !note.attachments.is_empty());
    if wanted.iter().any(Result::is_err) || has_files {
        let current = cx.open().await?;
        let outcomes = examine(cx.stored(&current), &wanted, true).await?;
        if outcomes.iter().any(Result::is_err) {
            return Ok(outcomes.into_iter().map(|one| one.map(|_| 0)).collect());
        }
    }
    for note in wanted.iter_mut().flatten() {
        note.appends = attachments::store(cx, std::mem::take(&mut note.attachments)).await?;
    }
    cx.edit(&Add(wanted)).await
}

struct Add(Vec<Result<Wanted>>);

impl Change for Add {
    type Done = Vec<Result<i64>>;

    async fn make(&self, edit: &mut Edit) -> edit_collection::Result<Self::Done> {
        let outcomes = match examine(edit.stored(), &self.0, true).await {
            Ok(outcomes) => outcomes,
            Err(Examining::Store(error)) => return Err(error.into()),
            Err(Examining::Internal(reason)) => return Err(edit_collection::EditError::Internal(reason)),
        };
        if outcomes.iter().any(Result::is_err) {
            return Ok(outcomes.into_iter().map(|one| one.map(|_| 0)).collect());
        }
        let notes = outcomes.into_iter().flatten().collect();
        let added = AddNotes { notes, all_or_nothing: true, dry_run: false }.make(edit).await?;
        Ok(added.into_iter().map(|one| one.map(|added| added.note.id).map_err(Failed::from)).collect())
    }
}

/// Why notes could not even be looked at.
enum Examining {
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
            Examining::Internal(reason) => super::failed::internal(&reason),
        }
    }
}

/// Which of the notes can be added, and as what. With `in_series`, each counts as added for those after it.
async fn examine(stored: Collection<'_>, wanted: &[Result<Wanted>], in_series: bool) -> Result<Vec<Result<NewNote>>, Examining> {
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

/// Writes to the ends of fields what came of attachments.
pub fn append<'a>(fields: &mut [String], layout: &Layout, appends: impl Iterator<Item = &'a Append>) {
    for append in appends {
        for name in &append.fields {
            if let Some(field) = layout.position(name).and_then(|at| fields.get_mut(at)) {
                field.push_str(&append.text);
            }
        }
    }
}

fn parse_all(notes: &[Value]) -> Result<Vec<Result<Wanted>>> {
    if notes.len() > MOST {
        return Err(said(format!("at most {MOST} notes can be sent in one request")));
    }
    Ok(notes.iter().map(parse).collect())
}

fn parse(note: &Value) -> Result<Wanted> {
    let note = note.as_object().ok_or_else(|| wrong("note", "an object"))?;
    let model = text_of(note, "modelName")?.to_owned();
    let deck = text_of(note, "deckName")?.to_owned();
    let tags = match note.get("tags") {
        None | Some(Value::Null) => Vec::new(),
        Some(tags) => texts(tags).ok_or_else(|| wrong("tags", "a list of texts"))?,
    };
    Ok(Wanted {
        deck,
        model,
        fields: field_texts(note)?,
        tags,
        attachments: attachments::of_note(note)?,
        rules: rules(note.get("options")),
        appends: Vec::new(),
    })
}

/// The property `fields`.
///
/// # Errors
/// When it is missing or holds anything but texts.
pub fn field_texts(note: &Map<String, Value>) -> Result<Vec<(String, String)>> {
    let fields = note.get("fields").ok_or_else(|| said("'fields' is missing"))?;
    let fields = fields.as_object().ok_or_else(|| wrong("fields", "an object"))?;
    let one = |(name, text): (&String, &Value)| match text {
        Value::String(text) => Ok((name.clone(), text.clone())),
        _ => Err(said(format!("the field `{name:.100}` has to be a text"))),
    };
    fields.iter().map(one).collect()
}

fn rules(options: Option<&Value>) -> Result<Rules> {
    let options = match options {
        None | Some(Value::Null) => return Ok(Rules::default()),
        Some(options) => options.as_object().ok_or_else(|| wrong("options", "an object"))?,
    };
    let flag = |object: &Map<String, Value>, key: &str, called: &str| match object.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(said(format!("option parameter \"{called}\" must be boolean"))),
    };
    let mut rules = Rules {
        allow: flag(options, "allowDuplicate", "allowDuplicate")?,
        in_deck: options.get("duplicateScope").is_some_and(|scope| scope == "deck"),
        ..Rules::default()
    };
    if let Some(Value::Object(scope)) = options.get("duplicateScopeOptions") {
        rules.deck = scope.get("deckName").and_then(Value::as_str).map(str::to_owned);
        rules.with_children = flag(scope, "checkChildren", "duplicateScopeOptions.checkChildren")?;
        rules.all_models = flag(scope, "checkAllModels", "duplicateScopeOptions.checkAllModels")?;
    }
    Ok(rules)
}

/// A text as Python writes it in a list.
fn python_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut written = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\\' => written.push_str("\\\\"),
            c if c == quote => {
                written.push('\\');
                written.push(c);
            }
            c => written.push(c),
        }
    }
    written.push(quote);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_as_python_writes_them() {
        for (text, wanted) in [("a", "'a'"), ("it's", "\"it's\""), ("'\"", "'\\'\"'"), ("a\\b\n", "'a\\\\b\\n'")] {
            assert_eq!(python_text(text), wanted);
        }
    }
}
