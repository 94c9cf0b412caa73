use prost::Message;
use serde_json::Map;

use super::*;
use crate::file::blobs::{DeckBlobs, NotetypeBlobs, Row, read_deck, read_notetype, read_preset, write_deck, write_notetype, write_preset};
use crate::schema11::{
    any_deck, any_notetype, any_preset,
    messages::{DeckCommon, DeckKind, FieldConfig, Kind, NormalDeck, NotetypeConfig, PresetConfig, TemplateConfig},
};

/// Field 900 of a later version.
const LATER: [u8; 4] = [0xa2, 0x38, 0x01, 0x42];

fn row<B>(blobs: B) -> Row<B> {
    Row { id: 7, name: "A".into(), mtime: 1, usn: 2, blobs }
}

fn edited(json: &str, change: impl FnOnce(&mut Map<String, Value>)) -> Map<String, Value> {
    let mut object = blobs::parse(json).unwrap();
    change(&mut object);
    object
}

fn later(message: &impl Message) -> Vec<u8> {
    [message.encode_to_vec(), LATER.into()].concat()
}

#[test]
fn an_edit_of_a_deck_is_not_undone() {
    let normal = NormalDeck { config_id: 1, desired_retention: Some(0.905), ..NormalDeck::default() };
    let kind = DeckKind { kind: Some(Kind::Normal(normal)) };
    let deck = read_deck(&row(DeckBlobs { common: later(&DeckCommon::default()), kind: kind.encode_to_vec() })).unwrap();
    let after = |key: &str, value: Value| {
        let mut new = any_deck(edited(&deck.json, |json| drop(json.insert(key.into(), value)))).unwrap();
        new.keep_extra_of(&deck).unwrap();
        let blobs = write_deck(&new).unwrap().blobs;
        assert!(blobs.common.ends_with(&LATER), "what nobody knows stays");
        let Some(Kind::Normal(normal)) = DeckKind::decode(blobs.kind.as_slice()).unwrap().kind else { panic!("a normal deck") };
        (normal.desired_retention, normal.description)
    };
    assert_eq!(after("desc", "new".into()), (Some(0.905), "new".into()), "what has no exact JSON stays as well");
    assert_eq!(after("desiredRetention", 80.into()), (Some(0.8), String::new()));
}

#[test]
fn an_edit_of_a_preset_is_not_undone() {
    let config = PresetConfig { new_per_day: 20, ..PresetConfig::default() };
    let odd = [later(&config), PresetConfig { review_order: 99, ..PresetConfig::default() }.encode_to_vec()].concat();
    let preset = read_preset(&row(odd)).unwrap();
    let after = |key: &str, value: Value| {
        let mut new = any_preset(edited(&preset.json, |json| drop(json.insert(key.into(), value)))).unwrap();
        new.keep_extra_of(&preset).unwrap();
        let blobs = write_preset(&new).unwrap().blobs;
        assert!(blobs.windows(4).any(|bytes| bytes == LATER));
        PresetConfig::decode(blobs.as_slice()).unwrap().review_order
    };
    assert_eq!(after("maxTaken", 61.into()), 99);
    assert_eq!(after("reviewOrder", 3.into()), 3);
}

#[test]
fn extra_fields_follow_fields_and_templates() {
    for ids in [[Some(11), Some(12), Some(13)], [None; 3]] {
        let field = |place: usize| FieldConfig { id: ids[place], ..FieldConfig::default() };
        let fields = ["Front", "Back", "Other"].into_iter().zip([field(0).encode_to_vec(), later(&field(1)), field(2).encode_to_vec()]);
        let template = |question: &str| TemplateConfig { q_format: question.into(), ..TemplateConfig::default() };
        let templates = [("One".to_owned(), template("{{Back}}").encode_to_vec()), ("Two".to_owned(), later(&template("{{Other}}")))];
        let config = later(&NotetypeConfig::default());
        let fields = fields.map(|(name, blob)| (name.to_owned(), blob)).collect();
        let notetype = read_notetype(&row(NotetypeBlobs { config, fields, templates: templates.into() })).unwrap();
        let after = |change: &dyn Fn(&mut Vec<Value>, &mut Vec<Value>)| {
            let json = edited(&notetype.json, |json| {
                let mut take = |key: &str| json.remove(key).unwrap().as_array().cloned().unwrap();
                let (mut fields, mut templates) = (take("flds"), take("tmpls"));
                change(&mut fields, &mut templates);
                json.insert("flds".into(), fields.into());
                json.insert("tmpls".into(), templates.into());
            });
            let mut new = any_notetype(json).unwrap();
            new.keep_extra_of(&notetype).unwrap();
            let blobs = write_notetype(&new).unwrap().blobs;
            assert!(blobs.config.ends_with(&LATER));
            let marked = |parts: Vec<(String, Vec<u8>)>| -> Vec<String> {
                parts.into_iter().filter(|(_, blob)| blob.ends_with(&LATER)).map(|(name, _)| name).collect()
            };
            (marked(blobs.fields).join(" "), marked(blobs.templates).join(" "))
        };
        let both = || ("Back".to_owned(), "Two".to_owned());
        assert_eq!(after(&|_, _| {}), both());
        assert_eq!(after(&|fields, _| drop(fields.remove(0))), both());
        assert_eq!(after(&|fields, templates| [fields, templates].into_iter().for_each(|list| list.reverse())), both());
        assert_eq!(after(&|fields, _| drop(fields.remove(1))), (String::new(), "Two".into()));
        assert_eq!(after(&|fields, _| fields[1]["name"] = "Renamed".into()).0, "Renamed");
        let new = |fields: &[Value]| {
            let mut new = fields[0].clone();
            new["name"] = "New".into();
            new["id"] = 99.into();
            new
        };
        assert_eq!(after(&|fields, _| fields.insert(0, new(fields))), both());
        assert_eq!(after(&|_, templates| templates[1]["qfmt"] = "{{Front}}".into()), both());
    }
}
