//! Lists of what was deleted: the body of `applyGraves`, and both directions of `start`.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{WireError, from_json, to_json};
use crate::model::GraveKind;

/// Deleted ids, each at most once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Graves {
    pub cards: Vec<i64>,
    pub decks: Vec<i64>,
    pub notes: Vec<i64>,
}

impl Graves {
    /// Reads the body of `applyGraves`.
    ///
    /// # Errors
    /// When it has no `chunk`, or something in there is no id.
    pub fn parse_apply(body: &[u8]) -> Result<Self, WireError> {
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            chunk: Option<GraveLists<'a>>,
        }
        let message: Message<'_> = from_json("applyGraves", body)?;
        match message.chunk {
            Some(chunk) => chunk.read("applyGraves"),
            None => Err(WireError::message("applyGraves", "no chunk")),
        }
    }

    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        self.cards.len() + self.decks.len() + self.notes.len()
    }

    /// All of them, in the order in which they are to be applied.
    pub fn iter(&self) -> impl Iterator<Item = (GraveKind, i64)> {
        let cards = self.cards.iter().map(|id| (GraveKind::Card, *id));
        let notes = self.notes.iter().map(|id| (GraveKind::Note, *id));
        let decks = self.decks.iter().map(|id| (GraveKind::Deck, *id));
        cards.chain(notes).chain(decks)
    }

    /// Adds an id of its kind.
    pub fn push(&mut self, kind: GraveKind, id: i64) {
        match kind {
            GraveKind::Card => self.cards.push(id),
            GraveKind::Note => self.notes.push(id),
            GraveKind::Deck => self.decks.push(id),
        }
    }
}

/// Graves as they stand in a message. Lists may be missing, and old AnkiMobile writes ids as strings.
#[derive(Deserialize)]
pub(super) struct GraveLists<'a> {
    #[serde(borrow)]
    cards: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    decks: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    notes: Option<Vec<&'a RawValue>>,
}

impl GraveLists<'_> {
    pub(super) fn read(self, message: &'static str) -> Result<Graves, WireError> {
        Ok(Graves {
            cards: ids(message, "cards", self.cards)?,
            decks: ids(message, "decks", self.decks)?,
            notes: ids(message, "notes", self.notes)?,
        })
    }
}

fn ids(message: &'static str, list: &str, values: Option<Vec<&RawValue>>) -> Result<Vec<i64>, WireError> {
    let values = values.unwrap_or_default();
    let mut seen = HashSet::with_capacity(values.len());
    let mut ids = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let text = value.get();
        let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        let id = digits.parse().map_err(|_| WireError::message(message, format!("graves, {list}[{index}]: not an id")))?;
        if seen.insert(id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(chunk: &str) -> Result<Graves, WireError> {
        Graves::parse_apply(format!(r#"{{"chunk":{chunk}}}"#).as_bytes())
    }

    #[test]
    fn all_forms_of_ids() {
        for (chunk, cards, decks, notes) in [
            (r#"{"cards":[1,2],"decks":[3],"notes":[]}"#, vec![1, 2], vec![3], vec![]),
            (r#"{"cards":["1","2"],"decks":[],"notes":["-3"]}"#, vec![1, 2], vec![], vec![-3]),
            (r#"{"cards":[1,"2",1,"1"],"offset":"x"}"#, vec![1, 2], vec![], vec![]),
            (r#"{"cards":null,"notes":[9223372036854775807]}"#, vec![], vec![], vec![i64::MAX]),
            ("{}", vec![], vec![], vec![]),
        ] {
            assert_eq!(parse(chunk), Ok(Graves { cards, decks, notes }), "{chunk}");
        }
    }

    #[test]
    fn refused() {
        for (chunk, problem) in [
            ("null", "applyGraves: no chunk"),
            (r#"{"cards":[1,1.5]}"#, "applyGraves: graves, cards[1]: not an id"),
            (r#"{"notes":["x"]}"#, "applyGraves: graves, notes[0]: not an id"),
            (r#"{"decks":[null]}"#, "applyGraves: graves, decks[0]: not an id"),
            (r#"{"decks":[9223372036854775808]}"#, "applyGraves: graves, decks[0]: not an id"),
        ] {
            assert_eq!(parse(chunk).map_err(|error| error.to_string()), Err(problem.to_owned()), "{chunk}");
        }
        Graves::parse_apply(b"{}").expect_err("no chunk");
        parse("[]x").expect_err("no JSON");
    }

    #[test]
    fn written_with_all_keys() {
        let mut graves = Graves::default();
        assert_eq!(graves.to_json(), br#"{"cards":[],"decks":[],"notes":[]}"#);
        assert!(graves.is_empty());
        graves.push(GraveKind::Deck, 1);
        graves.push(GraveKind::Card, 2);
        graves.push(GraveKind::Note, 3);
        assert_eq!(graves.iter().collect::<Vec<_>>(), [(GraveKind::Card, 2), (GraveKind::Note, 3), (GraveKind::Deck, 1)]);
        assert_eq!(graves.len(), 3);
    }
}
