use super::super::index::{self, NotetypeRef};
use super::super::{Change, Edit, Problem, Result, cards};
use super::add::normalizes;
use super::fields::Fields;
use super::note_tags::Tags;
use super::update::add_missing_cards;
use anki::cards::CardRules;
use anki::model::Card;
use anki::text::{self, FIELD_SEPARATOR};
use std::collections::HashMap;

/// Gives a note another notetype, and new fields and tags. Cards for which the new notetype has no template go, the others stay.
#[derive(Debug, Clone)]
pub struct RetypeNote {
    pub note: i64,
    pub notetype: NotetypeRef,
    pub fields: Fields,
    pub tags: Vec<String>,
}

impl Change for RetypeNote {
    type Done = ();

    async fn make(&self, edit: &mut Edit) -> Result<()> {
        let note = edit.stored().notes_by_id(&[self.note]).await?.pop();
        let mut note = note.ok_or_else(|| Problem::not_found("note", self.note))?;
        let notetype = index::notetypes(edit, std::iter::once(&self.notetype)).await?.remove(&self.notetype);
        let notetype = notetype.ok_or_else(|| match &self.notetype {
            NotetypeRef::Id(id) => Problem::not_found("notetype", id),
            NotetypeRef::Name(name) => Problem::not_found("notetype", format!("`{name}`")),
        })?;
        let rules = CardRules::new(&notetype)?;
        let fields = self.fields.resolve("fields", &rules, None, normalizes(edit).await?)?;
        let old = note.fields.len() + note.tags.len();
        let mut tags = Tags::load(edit).await?;
        note.notetype_id = notetype.id;
        note.fields = fields.join(&FIELD_SEPARATOR.to_string());
        note.tags = tags.register(self.tags.iter().map(String::as_str), edit.usn());
        text::fill_derived(&mut note, notetype.sort_field);
        (note.mtime, note.usn) = (edit.now_secs(), edit.usn());
        tags.write_added(edit).await?;
        edit.adds((note.fields.len() + note.tags.len()).saturating_sub(old));
        edit.changed = true;
        edit.stored().put_notes(vec![note.clone()]).await?;
        // The new cards first: a note that loses its last card would go with it.
        let cards = edit.stored().cards_of_notes(&[note.id]).await?;
        let gone: Vec<Card> = cards.into_iter().filter(|card| !rules.can_have(card.ord)).collect();
        add_missing_cards(&[note], &HashMap::from([(notetype.id, (notetype.sort_field, rules))]), edit).await?;
        cards::delete_cards(&gone, edit).await?;
        Ok(())
    }
}
