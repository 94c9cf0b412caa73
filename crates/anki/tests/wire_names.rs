//! Names against a table made by Anki 26.09.3.

use std::cmp::Ordering;

use anki::names;
use serde::Deserialize;

type TagCase = (Vec<String>, Vec<String>, String, Vec<String>);

#[derive(Deserialize)]
struct Table {
    /// A name as typed, and as the client stored it.
    decks: Vec<(String, String)>,
    /// Registered tags, the tags given to a note, the text that was stored with the note, and the tags registered afterwards.
    tags: Vec<TagCase>,
    /// All characters that have others equal to them, in groups, in ascending order.
    letters: Vec<String>,
    /// Names in ascending order, equal ones together.
    words: Vec<Vec<String>>,
}

fn table() -> Table {
    serde_json::from_str(include_str!("wire_names.json")).expect("the table is JSON")
}

#[test]
fn deck_names_are_normalised_as_by_a_client() {
    let decks = table().decks;
    assert!(decks.len() > 200);
    for (typed, stored) in decks {
        assert_eq!(names::normalize_deck_name(&typed), stored, "{typed:?}");
    }
}

#[test]
fn tags_are_normalised_and_registered_as_by_a_client() {
    let tags = table().tags;
    assert!(tags.len() > 200);
    for (registered, given, stored, after) in tags {
        let mut list: names::TagList = registered.iter().cloned().collect();
        let mut new = registered.clone();
        let mut spelled = Vec::new();
        for tag in given.iter().flat_map(|tags| names::split_tags(tags)) {
            let (spelling, is_new) = list.register(tag);
            if is_new {
                new.push(spelling.clone());
            }
            spelled.push(spelling);
        }
        assert_eq!(names::join_tags(spelled.iter().map(String::as_str)), stored, "{registered:?} {given:?}");
        new.sort_by(|a, b| names::compare(a, b));
        assert_eq!(new, after, "{registered:?} {given:?}");
    }
}

#[test]
fn letters_fold_as_at_a_client() {
    let groups: Vec<Vec<String>> = table().letters.iter().map(|group| group.chars().map(String::from).collect()).collect();
    assert!(groups.len() > 1000);
    check_order(&groups);
}

#[test]
fn names_sort_as_at_a_client() {
    check_order(&table().words);
}

fn check_order(groups: &[Vec<String>]) {
    for group in groups {
        for (a, b) in group.iter().zip(group.iter().skip(1)) {
            assert!(names::same(a, b), "{a:?} {b:?}");
            assert_eq!(names::key(a), names::key(b), "{a:?} {b:?}");
        }
    }
    for (before, after) in groups.iter().zip(groups.iter().skip(1)) {
        for (a, b) in before.iter().zip(after) {
            assert_eq!(names::compare(a, b), Ordering::Less, "{a:?} {b:?}");
            assert_eq!(names::fold(a).cmp(&names::fold(b)), Ordering::Less, "{a:?} {b:?}");
        }
    }
}
