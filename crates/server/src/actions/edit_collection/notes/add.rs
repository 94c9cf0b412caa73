use super::super::index::{self, Decks};
use super::super::{Change, DeckRef, Edit, NotetypeRef, Problem, Result};
use super::duplicates::{Duplicates, FirstFields};
use super::fields::Fields;
use super::new_cards::NewCards;
use super::note_tags::Tags;
use crate::actions::quota::ROW;
use crate::random;
use anki::cards::{self, CardRules};
use anki::model::Note;
use anki::text::{self, FIELD_SEPARATOR};
use std::collections::HashMap;
use store::collection::FreeId;

/// A note to add.
#[derive(Debug, Clone)]
pub struct NewNote {
    /// Made if there is none of that name.
    pub deck: DeckRef,
    pub notetype: NotetypeRef,
    pub fields: Fields,
    pub tags: Vec<String>,
    /// The identity by which imports know a note. Random if None.
    pub guid: Option<String>,
    pub duplicates: Duplicates,
    /// Refuse a note whose first field is empty.
    pub needs_first_field: bool,
}

/// Adds notes with their cards.
#[derive(Debug, Clone)]
pub struct AddNotes {
    pub notes: Vec<NewNote>,
    /// One that cannot be added refuses all. Otherwise the others are added.
    pub all_or_nothing: bool,
    /// Only find out what would happen.
    pub dry_run: bool,
}

/// A note that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedNote {
    pub note: Note,
    /// In the order of their ordinals.
    pub cards: Vec<i64>,
}

impl Change for AddNotes {
    type Done = Vec<Result<AddedNote, Problem>>;

    async fn make(&self, edit: &mut Edit) -> Result<Self::Done> {
        let mut work = Adding::load(self, edit).await?;
        let mut done = Vec::with_capacity(self.notes.len());
        for (at, note) in self.notes.iter().enumerate() {
            match work.add(&format!("notes[{at}]"), note, edit) {
                Ok(added) => done.push(Ok(added)),
                Err(super::super::EditError::Problem(problem)) if !self.all_or_nothing => done.push(Err(problem)),
                Err(error) => return Err(error),
            }
        }
        if !self.dry_run {
            work.write(&done, edit).await?;
        }
        Ok(done)
    }
}

struct Adding {
    decks: Decks,
    /// With what to say of those that do not exist.
    notetypes: HashMap<NotetypeRef, (i64, i32, CardRules)>,
    tags: Tags,
    cards: NewCards,
    first_fields: FirstFields,
    next_id: i64,
    nfc: bool,
}

impl Adding {
    async fn load(request: &AddNotes, edit: &Edit) -> Result<Self> {
        let decks = Decks::load(edit).await?;
        let mut notetypes = HashMap::new();
        for (reference, notetype) in index::notetypes(edit, request.notes.iter().map(|note| &note.notetype)).await? {
            notetypes.insert(reference, (notetype.id, notetype.sort_field, CardRules::new(&notetype)?));
        }
        let nfc = normalizes(edit).await?;
        let refusing = request.notes.iter().filter(|note| note.duplicates != Duplicates::Allow);
        let mut firsts = Vec::new();
        for note in refusing {
            if let Some((_, _, rules)) = notetypes.get(&note.notetype)
                && let Ok(fields) = note.fields.resolve("", rules, None, nfc)
                && let Some(first) = fields.into_iter().next()
            {
                firsts.push(first);
            }
        }
        Ok(Self {
            tags: Tags::load(edit).await?,
            cards: NewCards::load(edit, &decks).await?,
            first_fields: FirstFields::load(edit, firsts.iter().map(String::as_str), true).await?,
            next_id: edit.stored().free_id(FreeId::Notes, edit.now_ms()).await?,
            decks,
            notetypes,
            nfc,
        })
    }

    fn add(&mut self, at: &str, new: &NewNote, edit: &Edit) -> Result<AddedNote> {
        let (notetype, sort_field, rules) = self.notetypes.get(&new.notetype).ok_or_else(|| match &new.notetype {
            NotetypeRef::Id(id) => Problem::not_found("notetype", id),
            NotetypeRef::Name(name) => Problem::not_found("notetype", format!("`{name}`")),
        })?;
        let fields = new.fields.resolve(&format!("{at}.fields"), rules, None, self.nfc)?;
        let first = fields.first().map(String::as_str).unwrap_or_default();
        if new.needs_first_field && cards::is_empty(first) {
            return Err(Problem::Empty { field: format!("{at}.fields") }.into());
        }
        if let Duplicates::Refuse(scope) = &new.duplicates
            && let Some(note) = self.first_fields.find(*notetype, first, None, scope, &self.decks)
        {
            return Err(Problem::Duplicate { field: format!("{at}.fields"), note: (note != 0).then_some(note) }.into());
        }
        let deck = match &new.deck {
            DeckRef::Name(name) => self.decks.find_or_make(&format!("{at}.deck"), name, edit)?,
            by_id @ DeckRef::Id(_) => self.decks.find(by_id)?,
        };
        let mut note = Note {
            id: self.next_id,
            guid: match &new.guid {
                Some(guid) if guid.is_empty() || guid.len() > 1000 || guid.chars().any(char::is_control) => {
                    return Err(Problem::invalid(format!("{at}.guid"), "must have 1 to 1000 printable characters").into());
                }
                Some(guid) => guid.clone(),
                None => guid()?,
            },
            notetype_id: *notetype,
            mtime: edit.now_secs(),
            usn: edit.usn(),
            tags: self.tags.register(new.tags.iter().map(String::as_str), edit.usn()),
            fields: fields.join(&FIELD_SEPARATOR.to_string()),
            ..Note::default()
        };
        text::fill_derived(&mut note, *sort_field);
        let ordinals = rules.ordinals(&note.fields, !note.tags.is_empty());
        let cards = self.cards.of_new_note(note.id, ordinals, deck, rules, &self.decks, edit);
        self.first_fields.add(*notetype, first, note.id, Some(deck));
        self.next_id += 1;
        Ok(AddedNote { note, cards })
    }

    async fn write(mut self, done: &[Result<AddedNote, Problem>], edit: &mut Edit) -> Result<()> {
        let notes: Vec<Note> = done.iter().flatten().map(|added| added.note.clone()).collect();
        if notes.is_empty() {
            return Ok(());
        }
        self.decks.write_added(edit).await?;
        self.tags.write_added(edit).await?;
        edit.changed = true;
        edit.current.counts.notes += notes.len() as i64;
        edit.adds(notes.iter().map(|note| ROW + note.fields.len() + note.tags.len() + note.sort_field.len()).sum());
        edit.stored().put_notes(notes).await?;
        self.cards.write(edit).await
    }
}

/// Whether text is brought into composed form: unless the owner has switched it off.
pub(in super::super) async fn normalizes(edit: &Edit) -> Result<bool> {
    Ok(edit.stored().config_value("normalize_note_text").await?.is_none_or(|json| json.trim() != "false"))
}

/// Digits of a guid, as clients make them.
const DIGITS: &[u8; 91] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&()*+,-./:;<=>?@[]^_`{|}~";

fn guid() -> Result<String> {
    let mut number = u64::from_le_bytes(random::bytes()?);
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(char::from(DIGITS[(number % 91) as usize]));
        number /= 91;
    }
    Ok(digits.into_iter().rev().collect())
}
