#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::schema11::stock;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What the client 26.09.3 says, made with `tests/make_cards.py`.
const CLIENT: &str = include_str!("../../tests/data/26.09.3-cards.json");

fn client() -> Value {
    serde_json::from_str(CLIENT).unwrap()
}

fn with_questions(questions: &[Value]) -> CardRules {
    let mut notetype = stock::notetypes(1, &mut || 1).remove(0);
    let mut object: Value = serde_json::from_str(&notetype.json).unwrap();
    let template = object["tmpls"][0].clone();
    let field = object["flds"][0].clone();
    object["flds"].as_array_mut().unwrap().push(field);
    object["flds"][2]["name"] = "Third".into();
    object["tmpls"] = questions
        .iter()
        .map(|question| {
            let mut template = template.clone();
            template["qfmt"] = question.clone();
            template
        })
        .collect();
    notetype.json = object.to_string();
    CardRules::new(&notetype).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn templates_make_the_cards_that_a_client_makes() {
    let client = client();
    let templates = client["templates"].as_array().unwrap();
    let rules = with_questions(templates);
    for note in client["normal"].as_array().unwrap() {
        let fields = texts(&note["fields"]).join("\u{1f}");
        let ours = json!(rules.ordinals(&fields, !note["tags"].as_array().unwrap().is_empty()));
        let differ = |a: &Value, b: &Value| -> Vec<String> {
            let missing = a.as_array().unwrap().iter().filter(|ord| !b.as_array().unwrap().contains(ord));
            missing.map(|ord| templates[usize::try_from(ord.as_u64().unwrap()).unwrap()].to_string()).collect()
        };
        let theirs = &note["ords"];
        assert_eq!(&ours, theirs, "{fields:?}: only we {:?}, only they {:?}", differ(&ours, theirs), differ(theirs, &ours));
    }
    assert_eq!(json!(with_questions(&[json!("{{Back}}"), json!("{{Front}}")]).ordinals("\u{1f}\u{1f}x", false)), client["fallback"]);
}

#[test]
fn fields_are_empty_where_a_client_says_so() {
    for case in client()["empty"].as_array().unwrap() {
        assert_eq!(is_empty(case[0].as_str().unwrap()), case[1].as_bool().unwrap(), "{case}");
    }
}

#[test]
fn clozes_make_the_cards_that_a_client_makes() {
    let rules = CardRules::new(&stock::notetypes(1, &mut || 1)[4]).unwrap();
    assert!(rules.is_cloze());
    let client = client();
    let cases = client["cloze"].as_array().unwrap();
    assert!(cases.len() > 400);
    for case in cases {
        assert_eq!(json!(rules.ordinals(case[0].as_str().unwrap(), false)), case[1], "{case}");
    }
    assert_eq!(rules.ordinals("{{c2::a}}\u{1f}{{c1::b}}", false), [0, 1], "all fields count");
    assert_eq!(rules.ordinals("{{c501::a}}{{c700::a}}", false), [499]);
}

#[test]
fn cards_that_exist_are_not_made_again_and_none_is_taken_away() {
    let rules = with_questions(&[json!("{{Front}}"), json!("{{Back}}")]);
    assert_eq!(rules.missing("f\u{1f}b\u{1f}", false, &[0]), [1]);
    assert_eq!(rules.missing("\u{1f}\u{1f}", false, &[1]), [0; 0]);
    assert_eq!(rules.missing("\u{1f}\u{1f}", false, &[]), [0]);
}

#[test]
fn a_template_names_its_deck() {
    let mut notetype = stock::notetypes(1, &mut || 1).remove(0);
    notetype.json = notetype.json.replace("\"did\":null,\"bfont\"", "\"did\":77,\"bfont\"");
    assert_eq!(CardRules::new(&notetype).unwrap().deck_of(0), Some(77));
    assert_eq!(CardRules::new(&stock::notetypes(1, &mut || 1)[0]).unwrap().deck_of(0), None);
}

#[test]
fn a_field_is_renamed_wherever_it_is_named() {
    let text = "{{Front}} {{text:Front}} {{#Front}}{{ Front }}{{/Front}} {{^Front}}Front{{/Front}} {{Fronts}} {{x";
    let want = "{{A b}} {{text:A b}} {{#A b}}{{A b}}{{/A b}} {{^A b}}Front{{/A b}} {{Fronts}} {{x";
    assert_eq!(rename_field(text, "Front", "A b"), want);
}

proptest! {
    #[test]
    fn anything_can_be_looked_at(text in "(\\{\\{c1::|\\}\\}|\\{\\{#a|\\{\\{/a|<!--|-->|a|::|,|\\PC){0,40}") {
        cloze_numbers(&text);
        is_empty(&text);
        let _ = check_question(&text);
    }
}

/// The notetypes of files that clients made, with the requirements that they wrote into them.
#[test]
fn requirements_are_those_of_clients() {
    let mut compared = 0;
    for file in [include_str!("../../tests/data/26.09.3-fresh.json"), include_str!("../../tests/data/26.09.3-schema18.json")] {
        let said: Value = serde_json::from_str(file).unwrap();
        for notetype in said["notetypes"].as_array().unwrap() {
            let model = crate::schema11::any_notetype(notetype.as_object().unwrap().clone()).unwrap();
            assert_eq!(CardRules::new(&model).unwrap().requirements(), notetype["req"], "{}", notetype["name"]);
            compared += 1;
        }
    }
    assert!(compared > 10, "{compared}");
}

#[test]
fn requirements_of_odd_templates() {
    for (question, wanted) in [
        ("{{Front}}{{#Back}}x{{/Back}}", json!([0, "any", [0]])),
        ("{{#Front}}{{Back}}{{Third}}{{/Front}}", json!([0, "all", [0]])),
        ("{{#Front}}{{#Back}}{{Third}}{{/Back}}{{/Front}}", json!([0, "all", [0, 1, 2]])),
        ("only text", json!([0, "none", []])),
        ("{{Deck}}", json!([0, "none", []])),
        ("{{^Front}}{{Back}}{{/Front}}", json!([0, "any", [1]])),
        ("{{Front", json!([0, "none", []])),
    ] {
        assert_eq!(with_questions(&[question.into()]).requirements(), json!([wanted]), "{question}");
    }
}
