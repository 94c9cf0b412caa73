//! Cards: moving, suspending, burying, flags, and their schedule.

use super::index::Decks;
use super::notes::DeletedNotes;
use super::{Change, DeckRef, Edit, Problem, Result};
use anki::model::{Card, Grave, GraveKind, Review};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use store::collection::FreeId;

/// Does one thing to some cards.
#[derive(Debug, Clone)]
pub struct ChangeCards {
    pub cards: Vec<i64>,
    pub change: CardChange,
    /// Pass over cards that do not exist.
    pub skip_missing: bool,
}

/// What to do to cards.
#[derive(Debug, Clone, PartialEq)]
pub enum CardChange {
    /// Into a normal deck, which is made if there is none of that name.
    Move(DeckRef),
    Suspend,
    /// Back from being suspended or buried.
    Restore,
    /// Until tomorrow.
    Bury,
    /// 0 for none to 7.
    Flag(u8),
    /// Back to new, with the position that they had. `forget_counts` also forgets how often they were answered.
    Forget {
        forget_counts: bool,
    },
    /// Due in a number of days from `today` between the two, each of them another.
    SetDue {
        today: i64,
        from: u32,
        to: u32,
        set_interval: bool,
    },
    /// New cards only: another position.
    Position(i64),
    /// In thousandths.
    Ease(u16),
    /// A learning step again, as of now.
    Relearn,
}

impl Change for ChangeCards {
    /// The cards that exist, in the order in which they were named, and which of them were changed.
    type Done = Vec<(Card, bool)>;

    async fn make(&self, edit: &mut Edit) -> Result<Self::Done> {
        let stored = edit.stored().cards_by_id(&self.cards).await?;
        let mut stored: HashMap<i64, Card> = stored.into_iter().map(|card| (card.id, card)).collect();
        if !self.skip_missing
            && let Some(missing) = self.cards.iter().find(|id| !stored.contains_key(*id))
        {
            return Err(Problem::not_found("card", missing).into());
        }
        let mut target = None;
        if let CardChange::Move(deck) = &self.change {
            let mut decks = Decks::load(edit).await?;
            let id = match deck {
                DeckRef::Name(name) => decks.find_or_make("deck", name, edit)?,
                by_id @ DeckRef::Id(_) => decks.find(by_id)?,
            };
            if !decks.is_normal(id) {
                return Err(Problem::invalid("deck", "cards cannot be moved into a filtered deck").into());
            }
            decks.write_added(edit).await?;
            target = Some(id);
        }
        let mut work = Work { now: edit.now_secs(), now_ms: edit.now_ms(), usn: edit.usn(), reviews: Vec::new(), target, end: None };
        if matches!(self.change, CardChange::Forget { .. }) {
            work.end = edit.stored().config_value("nextPos").await?.and_then(|json| json.trim().parse().ok());
        }
        let mut done = Vec::with_capacity(stored.len());
        for id in &self.cards {
            // A card that is named twice is changed once.
            let Some(card) = stored.remove(id) else { continue };
            let mut new = card.clone();
            work.change(&mut new, &self.change);
            let changed = new != card;
            if changed {
                (new.mtime, new.usn) = (edit.now_secs(), edit.usn());
            }
            done.push((new, changed));
        }
        let changed: Vec<Card> = done.iter().filter(|(_, changed)| *changed).map(|(card, _)| card.clone()).collect();
        if !changed.is_empty() {
            edit.changed = true;
            edit.stored().put_cards(changed).await?;
        }
        if !work.reviews.is_empty() {
            let first = edit.stored().free_id(FreeId::Reviews, edit.now_ms()).await?;
            work.reviews.iter_mut().zip(first..).for_each(|(review, id)| review.id = id);
            let added = edit.stored().add_reviews(work.reviews).await?;
            edit.current.counts.revlog += added.cast_signed();
        }
        Ok(done)
    }
}

/// Deletes cards, and notes that then have none.
#[derive(Debug, Clone)]
pub struct DeleteCards(pub Vec<i64>);

impl Change for DeleteCards {
    type Done = DeletedNotes;

    async fn make(&self, edit: &mut Edit) -> Result<DeletedNotes> {
        let cards = edit.stored().cards_by_id(&self.0).await?;
        delete_cards(&cards, edit).await
    }
}

/// Deletes cards that exist, and the notes that then have none.
pub(super) async fn delete_cards(cards: &[Card], edit: &mut Edit) -> Result<DeletedNotes> {
    if cards.is_empty() {
        return Ok(DeletedNotes { notes: 0, cards: 0 });
    }
    let ids: HashSet<i64> = cards.iter().map(|card| card.id).collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let usn = edit.usn();
    let graves: Vec<Grave> = ids.iter().map(|id| Grave { id: *id, kind: GraveKind::Card, usn }).collect();
    let notes: HashSet<i64> = cards.iter().map(|card| card.note_id).collect();
    let notes: Vec<i64> = notes.into_iter().collect();
    let deleted = edit.stored().delete_cards(&ids).await?;
    edit.stored().put_graves(&graves).await?;
    edit.current.counts.cards -= deleted.cast_signed();
    edit.changed = true;
    let alive: HashSet<i64> = edit.stored().cards_of_notes(&notes).await?.into_iter().map(|card| card.note_id).collect();
    let orphans: Vec<i64> = edit.stored().existing_notes(&notes).await?.into_iter().filter(|id| !alive.contains(id)).collect();
    let notes = super::notes::delete_notes(&orphans, edit).await?.notes;
    Ok(DeletedNotes { notes, cards: deleted })
}

/// Out of the filtered deck in which a card may be, back to where it came from.
pub(in crate::actions) fn take_home(card: &mut Card) {
    if card.original_deck_id == 0 {
        return;
    }
    card.deck_id = card.original_deck_id;
    card.original_deck_id = 0;
    if card.original_due != 0 {
        card.due = card.original_due;
        card.original_due = 0;
    }
    if card.queue >= 0 {
        card.queue = queue_of(card);
    }
}

/// The queue that a card's kind belongs into.
pub(super) fn queue_of(card: &Card) -> i64 {
    match card.kind {
        0 => 0,
        2 => 2,
        // A learning card's due is a moment or a day.
        _ if (if card.original_due == 0 { card.due } else { card.original_due }) > 1_000_000_000 => 1,
        _ => 3,
    }
}

struct Work {
    now: i64,
    now_ms: i64,
    usn: i32,
    reviews: Vec<Review>,
    /// The deck to move to.
    target: Option<i64>,
    /// The position after the last new card.
    end: Option<i64>,
}

impl Work {
    fn change(&mut self, card: &mut Card, change: &CardChange) {
        match change {
            CardChange::Move(_) => {
                if let Some(target) = self.target.filter(|target| *target != card.deck_id) {
                    take_home(card);
                    card.deck_id = target;
                }
            }
            CardChange::Suspend => card.queue = -1,
            CardChange::Restore if card.queue < 0 => card.queue = queue_of(card),
            CardChange::Restore => {}
            CardChange::Bury if card.queue != -1 => card.queue = -3,
            CardChange::Bury => {}
            CardChange::Flag(flag) => card.flags = card.flags & !7 | i64::from(flag & 7),
            CardChange::Forget { forget_counts } => self.forget(card, *forget_counts),
            CardChange::SetDue { today, from, to, set_interval } => self.set_due(card, *today, *from, *to, *set_interval),
            CardChange::Position(position) if card.kind == 0 => {
                if card.original_deck_id == 0 {
                    card.due = *position;
                } else {
                    card.original_due = *position;
                }
            }
            CardChange::Position(_) => {}
            CardChange::Ease(ease) => card.factor = (*ease).into(),
            CardChange::Relearn => {
                take_home(card);
                card.kind = if card.kind == 0 || card.kind == 1 { 1 } else { 3 };
                (card.queue, card.due) = (1, self.now);
            }
        }
    }

    fn forget(&mut self, card: &mut Card, forget_counts: bool) {
        let last_interval = card.interval;
        let was_new = card.kind == 0;
        take_home(card);
        let position = data(card).get("pos").and_then(Value::as_i64);
        if !was_new {
            card.due = position.or(self.end).unwrap_or_default();
        }
        (card.kind, card.queue, card.interval, card.left, card.factor) = (0, 0, 0, 0, 0);
        if forget_counts {
            (card.reps, card.lapses) = (0, 0);
        }
        forget_memory(card, true);
        if !was_new {
            self.log(card, last_interval);
        }
    }

    fn set_due(&mut self, card: &mut Card, today: i64, from: u32, to: u32, set_interval: bool) {
        let span = i64::from(to.saturating_sub(from)) + 1;
        // Spread evenly, and the same for each attempt.
        let days = i64::from(from) + card.id.wrapping_mul(6_364_136_223_846_793_005).rotate_right(33).rem_euclid(span);
        let last_interval = card.interval;
        if card.kind == 0 {
            let position = card.due;
            let mut object = data(card);
            object.entry("pos").or_insert(position.into());
            card.data = Value::from(object).to_string();
        }
        take_home(card);
        if set_interval || card.kind != 2 {
            card.interval = days.max(1);
        }
        if card.factor == 0 {
            card.factor = 2500;
        }
        (card.kind, card.queue, card.due, card.left) = (2, 2, today + days, 0);
        self.log(card, last_interval);
    }

    /// The entry that says that somebody changed the schedule by hand.
    fn log(&mut self, card: &Card, last_interval: i64) {
        self.reviews.push(Review {
            id: self.now_ms,
            card_id: card.id,
            usn: self.usn,
            ease: 0,
            interval: card.interval,
            last_interval,
            factor: card.factor,
            time: 0,
            kind: 4,
        });
    }
}

fn data(card: &Card) -> Map<String, Value> {
    serde_json::from_str(&card.data).unwrap_or_default()
}

/// Without what the scheduler knows of the owner's memory.
fn forget_memory(card: &mut Card, with_position: bool) {
    let mut object = data(card);
    let before = object.len();
    object.retain(|key, _| !(matches!(key.as_str(), "s" | "d" | "dr" | "decay" | "lrt") || with_position && key == "pos"));
    if object.len() != before {
        card.data = Value::from(object).to_string();
    }
}
