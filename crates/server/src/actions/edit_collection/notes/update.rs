use super::super::index::Decks;
use super::super::{Change, Edit, EditError, Problem, Result};
use super::add::normalizes;
use super::fields::Fields;
use super::new_cards::NewCards;
use super::note_tags::{TagChange, Tags};
use anki::cards::CardRules;
use anki::model::{Card, Note};
use anki::text::{self, FIELD_SEPARATOR, split_fields};
use std::collections::{HashMap, HashSet};

/// What to change in a note.
#[derive(Debug, Clone)]
pub struct NoteUpdate {
    pub id: i64,
    pub fields: Option<Fields>,
    /// One after the other.
    pub tags: Vec<TagChange>,
    /// The [`super::version`] that the caller has seen; None to change whatever is there.
    pub version: Option<String>,
}

/// Changes notes. Cards that become necessary are added; none is removed.
#[derive(Debug, Clone)]
pub struct UpdateNotes {
    pub notes: Vec<NoteUpdate>,
    /// Pass over notes that do not exist, instead of refusing all.
    pub skip_missing: bool,
}

impl Change for UpdateNotes {
    /// The notes as they are now, in the order in which they were named.
    type Done = Vec<Note>;

    async fn make(&self, edit: &mut Edit) -> Result<Vec<Note>> {
        let ids: Vec<i64> = self.notes.iter().map(|note| note.id).collect();
        let mut notes: HashMap<i64, Note> = edit.stored().notes_by_id(&ids).await?.into_iter().map(|note| (note.id, note)).collect();
        let used: HashSet<i64> = notes.values().map(|note| note.notetype_id).collect();
        let mut rules = HashMap::new();
        for notetype in edit.stored().notetypes_by_id(&used.into_iter().collect::<Vec<_>>()).await? {
            rules.insert(notetype.id, (notetype.sort_field, CardRules::new(&notetype)?));
        }
        let nfc = normalizes(edit).await?;
        let mut tags = Tags::load(edit).await?;
        let mut changed = HashSet::new();
        for (at, update) in self.notes.iter().enumerate() {
            let Some(note) = notes.get_mut(&update.id) else {
                if self.skip_missing {
                    continue;
                }
                return Err(Problem::not_found("note", update.id).into());
            };
            if update.version.as_ref().is_some_and(|seen| *seen != super::version(note)) {
                return Err(Problem::Changed { what: "note", which: update.id.to_string() }.into());
            }
            let (sort_field, rules) = rules.get(&note.notetype_id).ok_or_else(|| missing_notetype(note))?;
            let before = (note.fields.clone(), note.tags.clone());
            if let Some(fields) = &update.fields {
                let old: Vec<&str> = split_fields(&note.fields).collect();
                let fields = fields.resolve(&format!("notes[{at}].fields"), rules, Some(&old), nfc)?;
                note.fields = fields.join(&FIELD_SEPARATOR.to_string());
                text::fill_derived(note, *sort_field);
            }
            for change in &update.tags {
                note.tags = tags.change(&note.tags, change, edit.usn());
            }
            if before != (note.fields.clone(), note.tags.clone()) {
                let (old, new) = (before.0.len() + before.1.len(), note.fields.len() + note.tags.len());
                edit.adds(new.saturating_sub(old));
                note.mtime = edit.now_secs();
                note.usn = edit.usn();
                changed.insert(note.id);
            }
        }
        if !changed.is_empty() {
            tags.write_added(edit).await?;
            let changed: Vec<Note> = notes.values().filter(|note| changed.contains(&note.id)).cloned().collect();
            add_missing_cards(&changed, &rules, edit).await?;
            edit.changed = true;
            edit.stored().put_notes(changed).await?;
        }
        Ok(self.notes.iter().filter_map(|update| notes.get(&update.id).cloned()).collect())
    }
}

/// Adds the cards that these notes do not have yet. `rules` holds sort field and rules of their notetypes.
pub(in super::super) async fn add_missing_cards(notes: &[Note], rules: &HashMap<i64, (i32, CardRules)>, edit: &mut Edit) -> Result<()> {
    let ids: Vec<i64> = notes.iter().map(|note| note.id).collect();
    let mut siblings: HashMap<i64, Vec<Card>> = HashMap::new();
    for card in edit.stored().cards_of_notes(&ids).await? {
        siblings.entry(card.note_id).or_default().push(card);
    }
    let decks = Decks::load(edit).await?;
    let mut cards = NewCards::load(edit, &decks).await?;
    for note in notes {
        let Some((_, rules)) = rules.get(&note.notetype_id) else { continue };
        let siblings = siblings.get(&note.id).map(Vec::as_slice).unwrap_or_default();
        let ordinals: Vec<i64> = siblings.iter().map(|card| card.ord).collect();
        let missing = rules.missing(&note.fields, !note.tags.is_empty(), &ordinals);
        cards.of_old_note(note.id, missing, siblings, rules, &decks, edit);
    }
    cards.write(edit).await
}

fn missing_notetype(note: &Note) -> EditError {
    EditError::Internal(format!("note {} has the notetype {}, which does not exist", note.id, note.notetype_id))
}
