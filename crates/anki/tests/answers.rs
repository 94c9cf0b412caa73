//! Cards come to what they came to in a client, 26.09.3, when it answered them: `answers.json`, which `make_answers.py` makes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use anki::model::{Card, Review};
use anki::scheduling::{Circumstances, Fsrs, Question, Rating, Settings, StudiedDeck};
use anki::schema11::stock;
use anki::search::Timing;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
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

/// Numbers as damaged collections and other programs have them.
fn odd() -> impl Strategy<Value = i64> {
    prop_oneof![
        -5_i64..100,
        any::<i32>().prop_map(i64::from),
        any::<i64>(),
        prop::sample::select(vec![i64::MIN, i64::MAX, 1 << 31, 1 << 32, 1_700_000_000, 1_700_000_000_000, 36_500])
    ]
}

/// The same as parts of JSON.
fn odd_json() -> impl Strategy<Value = Value> {
    prop_oneof![
        odd().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::collection::vec(prop_oneof![any::<f32>().prop_map(f64::from), 0.0..30_000.0_f64], 0..22).prop_map(Value::from),
        prop::sample::select(vec![Value::Null, Value::Bool(true), "x".into(), "2024-01-01".into(), json!([]), json!(vec![0.0; 7])]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    /// Whatever a collection holds, a card is answered or refused.
    #[test]
    fn nothing_makes_it_panic(
        numbers in prop::collection::vec(odd(), 13),
        (kind, queue) in (0_i64..4, -3_i64..5),
        data in prop_oneof![Just("{}".to_owned()), (any::<f32>(), any::<f32>(), any::<f32>(), odd()).prop_map(|(s, d, dr, lrt)| format!(r#"{{"s":{s},"d":{d},"dr":{dr},"decay":{dr},"lrt":{lrt},"pos":{lrt}}}"#))],
        reviews in prop::collection::vec(prop::collection::vec(odd(), 8), 0..6),
        preset in prop::collection::hash_map(prop::sample::select(vec!["fsrsParams6", "fsrsParams5", "desiredRetention", "sm2Retention", "easyDaysPercentages", "ignoreRevlogsBeforeDate"]), odd_json(), 0..4),
        parts in prop::collection::hash_map(prop::sample::select(vec!["delays", "ints", "initialFactor", "mult", "minInt", "leechFails", "maxIvl", "ease4", "ivlFct", "hardFactor"]), odd_json(), 0..5),
        (now, today, left_of_day) in (1_500_000_000_i64..3_000_000_000, -30_000_i64..60_000, 1_i64..86_401),
        (filtered, resched, fsrs, milliseconds, rating) in (any::<bool>(), any::<bool>(), any::<bool>(), any::<u32>(), 1_i64..5),
    ) {
        let mut object: serde_json::Map<String, Value> = serde_json::from_str(&stock::default_preset().json).unwrap();
        object.extend(preset.into_iter().map(|(key, value)| (key.to_owned(), value)));
        for group in ["new", "rev", "lapse"] {
            let group = object[group].as_object_mut().unwrap();
            for (key, value) in &parts {
                if group.contains_key(*key) {
                    group.insert((*key).to_owned(), value.clone());
                }
            }
        }
        // What is stored was checked.
        let Ok(preset) = anki::schema11::preset(object) else { return Ok(()) };
        let settings = Settings::read(&preset.json).unwrap();
        let home = StudiedDeck::read(&stock::default_deck().json).unwrap();
        let deck = if filtered { json!({"dyn": 1, "resched": resched, "previewDelay": numbers[0], "delays": null}).to_string() } else { stock::default_deck().json };
        let Ok(deck) = StudiedDeck::read(&deck) else { return Ok(()) };
        let reviews: Vec<Review> = reviews.iter().map(|row| review(row)).collect();
        let [id, note_id, deck_id, _, _, due, interval, factor, reps, lapses, left, original_due, _] = *numbers.as_slice() else { panic!() };
        let original_deck_id = i64::from(filtered);
        let card = Card { id, note_id, deck_id, kind, queue, due, interval, factor, reps, lapses, left, original_due, original_deck_id, data, ..Card::default() };
        let with = Circumstances {
            timing: Timing { now, today, next_day: now + left_of_day },
            deck,
            home,
            settings: &settings,
            fsrs: fsrs.then_some(Fsrs { short_term_after_steps: resched, reviews: &reviews }),
            balance: None,
        };
        if let Ok(question) = Question::new(&card, &with) {
            let _ = question.isolated_labels(1200);
            let _ = question.answer(Rating::from_number(rating).unwrap(), milliseconds);
        }
    }
}
