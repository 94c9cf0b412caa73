//! Answers to cards, as if they had been given on a device.

use super::notes::Tags;
use super::{Change, Edit, EditError, Problem, Result};
use crate::actions::collection_config::CollectionConfig;
use crate::actions::quota::ROW;
use crate::actions::study::{Desk, StudyError, begun, unburies};
use anki::model::{Card, ConfigEntry, Review};
use anki::names;
use anki::scheduling::{Answered, Rating, Studied, count_studied};
use anki::schema11::{Restamp, restamp};
use std::collections::HashSet;
use store::collection::FreeId;

/// Answers cards, one after the other, all or none.
#[derive(Debug, Clone)]
pub struct AnswerCards {
    pub answers: Vec<CardAnswer>,
    /// Pass over cards that do not exist.
    pub skip_missing: bool,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardAnswer {
    /// Which part of the request this is, for complaints.
    pub field: String,
    pub card: i64,
    pub rating: Rating,
    /// How long it took. What is beyond the preset's limit does not count.
    pub milliseconds: u32,
}

/// The tag of notes that are forgotten again and again.
const LEECH: &str = "leech";

impl Change for AnswerCards {
    /// For each answer, the card as it is after all of them. None for one that does not exist.
    type Done = Vec<Option<Card>>;

    async fn make(&self, edit: &mut Edit) -> Result<Self::Done> {
        let ids: Vec<i64> = self.answers.iter().map(|answer| answer.card).collect();
        begin_day(edit).await?;
        let desk = Desk::load(edit.stored(), edit.created(), edit.now_secs(), &ids).await;
        let mut work = Work {
            desk: desk.map_err(|error| refused(error, "card"))?,
            now: edit.now_secs(),
            usn: edit.usn(),
            next_review: edit.stored().free_id(FreeId::Reviews, edit.now_ms()).await?,
            changed: HashSet::new(),
            decks: HashSet::new(),
            leeches: HashSet::new(),
            reviews: Vec::new(),
        };
        for answer in &self.answers {
            match work.desk.cards.get(&answer.card).cloned() {
                Some(card) => work.answer(answer, &card)?,
                None if self.skip_missing => {}
                None => return Err(Problem::not_found("card", answer.card).into()),
            }
        }
        let done = self.answers.iter().map(|answer| work.desk.cards.get(&answer.card).cloned()).collect();
        if !work.reviews.is_empty() {
            work.write(edit).await?;
        }
        Ok(done)
    }
}

struct Work {
    desk: Desk,
    now: i64,
    usn: i32,
    next_review: i64,
    changed: HashSet<i64>,
    decks: HashSet<i64>,
    /// Notes.
    leeches: HashSet<i64>,
    reviews: Vec<Review>,
}

impl Work {
    fn answer(&mut self, answer: &CardAnswer, before: &Card) -> Result<()> {
        let question = self.desk.question(before).map_err(|error| refused(error.into(), &answer.field))?;
        let Answered { mut card, mut review, leech, counts_as_new, counts_as_review } = question.answer(answer.rating, answer.milliseconds);
        (review.id, review.usn) = (self.next_review, self.usn);
        self.next_review = self.next_review.saturating_add(1);
        let studied = Studied {
            new: counts_as_new.into(),
            reviews: counts_as_review.into(),
            milliseconds: i32::try_from(review.time).unwrap_or(i32::MAX),
        };
        for id in self.desk.with_parents(before.deck_id) {
            let today = self.desk.timing.today;
            if let Some(deck) = self.desk.deck_mut(id) {
                count_studied(deck, today, studied)?;
                self.decks.insert(id);
            }
        }
        if leech {
            self.leeches.insert(before.note_id);
        }
        let bury = self.desk.bury(before);
        let siblings = self.desk.cards.values().filter(|card| card.note_id == before.note_id && card.id != before.id);
        let buried: Vec<Card> = siblings.filter(|card| bury.takes(before.queue, card.queue)).cloned().collect();
        for sibling in buried {
            self.changed.insert(sibling.id);
            self.desk.put(&Card { queue: -2, mtime: self.now, usn: self.usn, ..sibling }, None);
        }
        (card.mtime, card.usn) = (self.now, self.usn);
        self.changed.insert(card.id);
        self.desk.put(&card, Some(&review));
        self.reviews.push(review);
        Ok(())
    }

    async fn write(mut self, edit: &mut Edit) -> Result<()> {
        let cards = self.changed.iter().filter_map(|id| self.desk.cards.get(id).cloned()).collect();
        edit.changed = true;
        edit.stored().put_cards(cards).await?;
        let mut decks = Vec::new();
        for id in &self.decks {
            let Some(deck) = self.desk.deck_mut(*id) else { continue };
            let mtime = Some(edit.stamp_after(deck.mtime));
            restamp(deck, &Restamp { mtime, usn: Some(edit.usn()), ..Restamp::default() })?;
            decks.push(deck.clone());
        }
        edit.stored().put_decks(decks).await?;
        edit.adds(self.reviews.len() * ROW / 2);
        let added = edit.stored().add_reviews(self.reviews).await?;
        edit.current.counts.revlog += added.cast_signed();
        tag_leeches(&self.leeches.into_iter().collect::<Vec<_>>(), edit).await
    }
}

/// Brings back what was buried before today, as clients do before the first card of a day, and notes that this was done: devices would else
/// take what is buried today for what was buried yesterday. Each of them does the same when it syncs.
async fn begin_day(edit: &mut Edit) -> Result<()> {
    let config = CollectionConfig::new(edit.stored().config().await?);
    let timing = config.day_rules(edit.created()).at(edit.now_secs());
    if unburies(&config, &timing) {
        edit.stored().unbury_cards(begun(&timing)).await?;
        let json = timing.today.to_string();
        let entry = ConfigEntry { key: "lastUnburied".into(), usn: edit.usn(), mtime: edit.now_secs(), json };
        edit.stored().put_config(vec![entry]).await?;
    }
    Ok(())
}

async fn tag_leeches(notes: &[i64], edit: &mut Edit) -> Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let mut tags = Tags::load(edit).await?;
    let mut tagged = Vec::new();
    for mut note in edit.stored().notes_by_id(notes).await? {
        let with_tag = tags.register(names::split_tags(&note.tags).chain([LEECH]), edit.usn());
        if with_tag != note.tags {
            edit.adds(with_tag.len().saturating_sub(note.tags.len()));
            (note.tags, note.mtime, note.usn) = (with_tag, edit.now_secs(), edit.usn());
            tagged.push(note);
        }
    }
    tags.write_added(edit).await?;
    if !tagged.is_empty() {
        edit.stored().put_notes(tagged).await?;
    }
    Ok(())
}

fn refused(error: StudyError, field: &str) -> EditError {
    match error {
        StudyError::FirstScheduler | StudyError::Card(_) => Problem::invalid(field, error.to_string()).into(),
        StudyError::Object(error) => error.into(),
        StudyError::Store(error) => error.into(),
    }
}
