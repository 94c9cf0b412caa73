//! Cards come to what they came to in a client, 26.09.3, when it answered them: `answers.json`, which `make_answers.py` makes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use anki::model::{Card, Review};
use anki::scheduling::{Circumstances, Fsrs, Question, Rating, Settings, StudiedDeck};
use anki::search::Timing;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Studied {
    fsrs: bool,
    short_term_after_steps: bool,
    today: i64,
    next_day: i64,
    presets: HashMap<i64, Value>,
    decks: HashMap<i64, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    card: Vec<Value>,
    reviews: Vec<Vec<i64>>,
    rating: i64,
    milliseconds: u32,
    now: i64,
    labels: Option<Vec<String>>,
    after: Option<Vec<Value>>,
    review: Option<Vec<i64>>,
    leech: Option<bool>,
    error: Option<String>,
}

fn card(row: &[Value]) -> Card {
    let numbers: Vec<i64> = row.iter().take(13).map(|value| value.as_i64().unwrap()).collect();
    let [id, note_id, deck_id, kind, queue, due, interval, factor, reps, lapses, left, original_due, original_deck_id] =
        *numbers.as_slice()
    else {
        panic!("{row:?}")
    };
    let data = row[13].as_str().unwrap().to_owned();
    let card = Card { id, note_id, deck_id, kind, queue, due, interval, factor, reps, lapses, left, ..Card::default() };
    Card { original_due, original_deck_id, data, ..card }
}

fn review(row: &[i64]) -> Review {
    let [id, card_id, ease, interval, last_interval, factor, time, kind] = *row else { panic!("{row:?}") };
    Review { id, card_id, usn: 0, ease, interval, last_interval, factor, time, kind }
}

#[test]
fn cards_are_answered_as_by_a_client() {
    let all: Vec<Studied> = serde_json::from_str(include_str!("answers.json")).unwrap();
    let mut answered = 0;
    let mut refused = 0;
    for studied in &all {
        let deck = |id: i64| StudiedDeck::read(&studied.decks[&id].to_string()).unwrap();
        for case in &studied.cases {
            let before = card(&case.card);
            let reviews: Vec<Review> = case.reviews.iter().map(|row| review(row)).collect();
            let home = deck(if before.original_deck_id == 0 { before.deck_id } else { before.original_deck_id });
            let StudiedDeck::Normal { preset, .. } = home else { panic!("{before:?}") };
            let settings = Settings::read(&studied.presets[&preset].to_string()).unwrap();
            let fsrs = Fsrs { short_term_after_steps: studied.short_term_after_steps, reviews: &reviews };
            let with = Circumstances {
                timing: Timing { now: case.now, today: studied.today, next_day: studied.next_day },
                deck: deck(before.deck_id),
                home,
                settings: &settings,
                fsrs: studied.fsrs.then_some(fsrs),
                balance: None,
            };
            let question = Question::new(&before, &with);
            if let Some(error) = &case.error {
                assert!(question.is_err(), "{before:?}: the client says {error}");
                refused += 1;
                continue;
            }
            let question = question.unwrap();
            assert_eq!(question.isolated_labels(1200).as_slice(), case.labels.as_deref().unwrap(), "{before:?}");
            let ours = question.answer(Rating::from_number(case.rating).unwrap(), case.milliseconds);
            assert_eq!(ours.card, card(case.after.as_deref().unwrap()), "{before:?} {}", case.rating);
            let theirs = review(case.review.as_deref().unwrap());
            assert_eq!(ours.review, Review { id: 0, ..theirs }, "{before:?} {}", case.rating);
            assert_eq!(Some(ours.leech), case.leech, "{before:?}");
            answered += 1;
        }
    }
    assert!(answered > 100 && refused > 5, "{answered} answered, {refused} refused");
}
