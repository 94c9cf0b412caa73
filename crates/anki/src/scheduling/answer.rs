//! A card as it is, and as an answer makes it.

use super::CannotStudy;
use super::balance::Balance;
use super::card_data::CardData;
use super::dice::Dice;
use super::fuzz::{self, to_whole, whole};
use super::history::last_review;
use super::label::{isolated_label, label};
use super::memory::Model;
use super::settings::{Settings, StudiedDeck};
use super::state::{Interval, Rating, Rules, State, Step, Wait};
use super::steps::Steps;
use crate::model::{Card, Review};
use crate::search::Timing;

/// Dues above this are seconds, others days.
const LAST_DAY: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// What has to be known to answer a card.
#[derive(Debug, Clone)]
pub struct Circumstances<'a, 'b> {
    pub timing: Timing,
    /// The deck that the card is in.
    pub deck: StudiedDeck,
    /// The deck that it belongs to: the same, or where it came from.
    pub home: StudiedDeck,
    /// The preset of the deck that it belongs to.
    pub settings: &'a Settings,
    pub fsrs: Option<Fsrs<'b>>,
    pub balance: Option<Balance<'b>>,
}

/// What FSRS has to know, where it is in use.
#[derive(Debug, Clone, Copy)]
pub struct Fsrs<'a> {
    /// It may decide after the last step as well.
    pub short_term_after_steps: bool,
    /// All reviews of the card, in their order.
    pub reviews: &'a [Review],
}

/// A card that is about to be answered.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    card: Card,
    data: CardData,
    settings: &'a Settings,
    timing: Timing,
    /// In a filtered deck whose answers count.
    rescheduled_by_filter: bool,
    state: State,
    next: [State; 4],
    desired_retention: Option<f32>,
    seed: u64,
}

/// What an answer leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// With the stamps that it had.
    pub card: Card,
    /// Without id and usn.
    pub review: Review,
    /// The note is to be tagged.
    pub leech: bool,
    /// How the deck counts it for today: as a new card, or as a review.
    pub counts_as_new: bool,
    pub counts_as_review: bool,
}

/// Whether FSRS has to look at a card's reviews.
pub fn needs_reviews(card: &Card) -> bool {
    let data = CardData::read(&card.data);
    data.last_review.is_none() || (data.memory.is_none() && card.kind != 0)
}

/// The seed of everything that is left to chance when a card is answered.
pub fn seed(card: &Card) -> u64 {
    fuzz::seed(card.id, clamped(card.reps))
}

impl<'a> Question<'a> {
    /// # Errors
    /// When the card, its deck or its preset are none that a scheduler can work with.
    pub fn new(card: &Card, with: &Circumstances<'a, '_>) -> Result<Self, CannotStudy> {
        let mut data = CardData::read(&card.data);
        let card = in_range(card)?;
        let StudiedDeck::Normal { desired_retention, .. } = with.home else { return Err(CannotStudy::NoHome) };
        let is_filtered = matches!(with.deck, StudiedDeck::Filtered { .. });
        if is_filtered != (card.original_deck_id != 0) {
            return Err(CannotStudy::NoHome);
        }
        let settings = with.settings;
        let retention = desired_retention.unwrap_or(settings.desired_retention);
        let mut rules = Rules {
            settings,
            forecast: None,
            short_term: false,
            short_term_after_steps: false,
            chance: Dice::new(seed(&card)).fraction(),
            delays: [0; 3],
            balance: with.balance.as_ref(),
        };
        if let Some(fsrs) = with.fsrs {
            let model = Model::new(settings)?;
            let next_day = with.timing.next_day;
            data.decay = Some(model.decay);
            if data.memory.is_none() && card.kind != 0 {
                data.memory = model.remember(fsrs.reviews, next_day, settings, ease(&card), clamped(card.interval))?;
            }
            let days = data.last_review.or_else(|| last_review(fsrs.reviews)).map_or(0, |last| next_day.saturating_sub(last).max(0) / DAY);
            rules.forecast = Some(model.forecast(data.memory, retention, clamped(days))?);
            rules.short_term = model.short_term;
            rules.short_term_after_steps = fsrs.short_term_after_steps;
        }
        let state = match with.deck {
            StudiedDeck::Filtered { reschedules: false, delays } => {
                rules.delays = delays;
                State::Preview { seconds: delays[0], finished: false }
            }
            _ => current(&card, &data, settings, with.timing.today),
        };
        let next = rules.next(state);
        Ok(Self {
            seed: seed(&card),
            card,
            data,
            settings,
            timing: with.timing,
            rescheduled_by_filter: matches!(with.deck, StudiedDeck::Filtered { reschedules: true, .. }),
            state,
            next,
            desired_retention: with.fsrs.map(|_| retention),
        })
    }

    /// How long until the card would be shown again after each rating.
    pub fn waits(&self) -> [Wait; 4] {
        self.next.map(|state| state.wait().in_days_after(self.left_today()))
    }

    /// What clients write on their buttons.
    pub fn labels(&self, learn_ahead: u32) -> [String; 4] {
        self.waits().map(|wait| label(wait.seconds(), learn_ahead))
    }

    /// The same with marks around the numbers, as add-ons get it.
    pub fn isolated_labels(&self, learn_ahead: u32) -> [String; 4] {
        self.waits().map(|wait| isolated_label(wait.seconds(), learn_ahead))
    }

    /// Answers, after so many milliseconds.
    pub fn answer(mut self, rating: Rating, milliseconds: u32) -> Answered {
        let [again, hard, good, easy] = self.next;
        let next = match rating {
            Rating::Again => again,
            Rating::Hard => hard,
            Rating::Good => good,
            Rating::Easy => easy,
        };
        let queue = self.card.queue;
        let left = self.left_today();
        if let State::Preview { seconds, finished } = next {
            self.preview(seconds, finished);
        } else {
            self.move_on(next);
            self.data.last_review = Some(self.timing.now);
        }
        let factor = match next {
            State::Preview { .. } | State::New { .. } => 0.0,
            State::Learning(step) => step.memory.map_or(0.0, super::Memory::factor),
            State::Review(interval) => interval.memory.map_or(interval.ease, super::Memory::factor),
            State::Relearning(step, interval) => step.memory.map_or(interval.ease, super::Memory::factor),
        };
        self.card.data = self.data.write();
        let review = Review {
            id: 0,
            card_id: self.card.id,
            usn: 0,
            ease: rating.number(),
            interval: next.wait().in_days_after(left).stored(),
            last_interval: self.state.wait().in_days_after(left).stored(),
            factor: thousandths(factor).into(),
            time: milliseconds.min(self.settings.longest_answer_secs.saturating_mul(1000)).into(),
            kind: self.state.review_kind(),
        };
        Answered { card: self.card, review, leech: next.is_leech(), counts_as_new: queue == 0, counts_as_review: queue == 2 || queue == 3 }
    }

    fn left_today(&self) -> u32 {
        clamped(self.timing.next_day - self.timing.now)
    }

    fn preview(&mut self, seconds: u32, finished: bool) {
        if !finished {
            self.card.queue = 4;
            self.card.due = self.timing.now + i64::from(fuzz::lengthened(self.seed, seconds));
            return;
        }
        let card = &mut self.card;
        card.deck_id = std::mem::take(&mut card.original_deck_id);
        match std::mem::take(&mut card.original_due) {
            0 => {}
            due => card.due = due,
        }
        if card.queue >= 0 {
            card.queue = queue_of(card);
        }
    }

    fn move_on(&mut self, next: State) {
        let stays = self.rescheduled_by_filter && !matches!(next, State::Review(_));
        let card = &mut self.card;
        if self.rescheduled_by_filter && !stays {
            card.deck_id = std::mem::take(&mut card.original_deck_id);
            card.original_due = 0;
        }
        card.reps = clamped(card.reps).wrapping_add(1).into();
        self.data.desired_retention = self.desired_retention;
        if let State::New { position } = self.state {
            self.data.position = Some(position);
        }
        match next {
            State::New { .. } | State::Preview { .. } => {}
            State::Learning(step) => {
                self.card.kind = 1;
                self.step(step);
            }
            State::Relearning(step, interval) => {
                self.card.kind = 3;
                self.known(interval);
                self.step(step);
            }
            State::Review(interval) => {
                self.known(interval);
                let card = &mut self.card;
                (card.kind, card.queue, card.left) = (2, 2, 0);
                card.due = self.timing.today + i64::from(interval.days);
                self.data.memory = interval.memory;
            }
        }
        if next.is_leech() && self.settings.suspend_leeches {
            self.card.queue = -1;
        }
        if stays {
            self.card.original_due = self.card.due;
        }
    }

    fn known(&mut self, interval: Interval) {
        self.card.interval = interval.days.into();
        self.card.factor = thousandths(interval.ease).min(u16::MAX.into()).into();
        self.card.lapses = interval.lapses.into();
    }

    fn step(&mut self, step: Step) {
        self.card.left = step.left.into();
        self.data.memory = step.memory;
        (self.card.queue, self.card.due) = match Wait::Seconds(step.seconds).in_days_after(self.left_today()) {
            Wait::Seconds(seconds) => (1, self.timing.now + i64::from(fuzz::lengthened(self.seed, seconds))),
            Wait::Days(days) => (3, self.timing.today + i64::from(days)),
        };
    }
}

/// Brings a card back that was buried on an earlier day, as clients do when a day begins.
pub fn unbury(card: &mut Card) {
    if card.queue == -2 || card.queue == -3 {
        card.queue = queue_of(card);
    }
}

/// The queue that a card's type belongs into.
fn queue_of(card: &Card) -> i64 {
    match card.kind {
        0 => 0,
        2 => 2,
        _ if card.due > LAST_DAY => 1,
        _ => 3,
    }
}

/// How far a card has come, in a deck whose answers count.
fn current(card: &Card, data: &CardData, settings: &Settings, today: i64) -> State {
    let due = match (card.original_deck_id, card.original_due) {
        (0, _) if card.kind == 2 => card.due.min(today),
        (0, _) | (_, 0) => card.due,
        (_, due) => due,
    };
    let days = clamped(card.interval);
    let left = clamped(card.left.rem_euclid(1000));
    let step = |steps: &[f32]| Step { left, seconds: Steps(steps).current(left), memory: data.memory };
    let interval = |elapsed| Interval { days, elapsed, ease: ease(card), lapses: clamped(card.lapses), leech: false, memory: data.memory };
    match card.kind {
        0 => State::New { position: clamped(due) },
        1 => State::Learning(step(&settings.learning_steps)),
        2 => State::Review(interval(clamped(card.interval - (due - today)))),
        _ => State::Relearning(step(&settings.relearning_steps), interval(days)),
    }
}

/// The card with numbers as wide as clients have them.
fn in_range(card: &Card) -> Result<Card, CannotStudy> {
    if !(0..=3).contains(&card.kind) || !(-3..=4).contains(&card.queue) {
        return Err(CannotStudy::Kind(card.kind, card.queue));
    }
    let due = |due: i64| due.clamp(i32::MIN.into(), i32::MAX.into());
    let count = |count: i64| count.clamp(0, u32::MAX.into());
    Ok(Card {
        due: due(card.due),
        original_due: due(card.original_due),
        interval: card.interval.clamp(0, i32::MAX.into()),
        factor: card.factor.clamp(0, u16::MAX.into()),
        reps: count(card.reps),
        lapses: count(card.lapses),
        left: count(card.left),
        ..card.clone()
    })
}

fn ease(card: &Card) -> f32 {
    whole(clamped(card.factor)) / 1000.0
}

fn thousandths(number: f32) -> u32 {
    to_whole((number * 1000.0).round())
}

fn clamped(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}
