//! Notetypes, decks, presets, tags and config in a normal sync.

use crate::support::{BASIC, Device, NOW, TestServer, collection, note_row};
use anki::file::Schema;
use anki::schema11::stock;
use serde_json::{Map, Value, json};

const ODD: &str = "\u{FDD0}0 \u{1F600} Straße \\N 'x' \"y\" {c} ?? \u{202E}z";

fn edited(json: &str, changes: &Value) -> Value {
    let mut object: Map<String, Value> = serde_json::from_str(json).unwrap();
    object.extend(changes.as_object().unwrap().clone());
    object.into()
}

fn basic() -> String {
    stock::notetypes(BASIC, &mut || 5).remove(0).json
}

fn changes(models: &[Value], decks: &[Value], presets: &[Value]) -> Value {
    json!({"changes": {"models": models, "decks": [decks, presets], "tags": []}})
}

/// Another device that hears of everything since `usn`: the answer to `applyChanges`.
async fn heard(server: &TestServer, usn: i64) -> Value {
    let device = Device { session: format!("hears since {usn}"), ..server.log_in("a").await };
    device.start(usn).await;
    let answer = device.json("sync/applyChanges", changes(&[], &[], &[])).await;
    device.json("sync/abort", json!({})).await;
    answer
}

#[tokio::test]
async fn a_notetype_changes_its_shape_only_one_way() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    let field =
        |name: &str| edited(&serde_json::from_str::<Value>(&basic()).unwrap()["flds"][0].to_string(), &json!({"name": name, "ord": 0}));
    let three = json!([field("a"), field("b"), field("c")]);
    a.start(1).await;
    for (modified, status) in [(0, 400), (NOW, 400), (-1, 200)] {
        let notetype = edited(&basic(), &json!({"flds": three, "mod": modified}));
        assert_eq!(a.status("sync/applyChanges", changes(&[notetype], &[], &[])).await, status, "mod {modified}; the stored one has 0");
    }
    // A new one, and its notes, in one sync; a note of the shape that was left out is refused.
    let new = edited(&basic(), &json!({"id": 700, "name": "New", "flds": three, "sortf": 2, "mod": 5}));
    a.json("sync/applyChanges", changes(std::slice::from_ref(&new), &[], &[])).await;
    let send = |mid: i64, fields: &str| json!({"chunk": {"notes": [note_row(50, mid, 9, fields)]}});
    assert_eq!(a.status("sync/applyChunk", send(700, "a\u{1f}b")).await, 400);
    assert_eq!(a.status("sync/applyChunk", send(BASIC, "a\u{1f}b\u{1f}c")).await, 400);
    a.json("sync/applyChunk", send(700, "a\u{1f}b\u{1f}<b>c</b>")).await;
    assert_eq!(a.json("sync/sanityCheck2", json!({"client": [[0, 0, 0], 1, 2, 0, 0, 7, 1, 1]})).await["status"], "ok");
    a.json("sync/finish", json!({})).await;
    assert_eq!(a.notes().await[1].sort_field, "c", "by the notetype's own sort field");
    let answer = heard(&server, 1).await;
    assert_eq!(answer["models"], json!([edited(&new.to_string(), &json!({"usn": 1}))]), "as it was sent but for the usn");
    server.end().await;
}

/// As old clients hold them. No client of today could store such a notetype, so none could sync any more.
#[tokio::test]
async fn fields_and_templates_that_differ_only_in_case_are_told_apart() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    let stock: Value = serde_json::from_str(&basic()).unwrap();
    let parts = |list: &str, names: [&str; 3]| -> Value {
        let part = |(ord, name): (usize, &&str)| edited(&stock[list][0].to_string(), &json!({"name": name, "ord": ord}));
        names.iter().enumerate().map(part).collect()
    };
    let lists = json!({"id": 702, "name": "Alike", "mod": 5, "flds": parts("flds", ["F", "f", "e\u{301}"]), "tmpls": parts("tmpls", ["T", "t", "t"])});
    a.start(1).await;
    a.json("sync/applyChanges", changes(&[edited(&basic(), &lists)], &[], &[])).await;
    a.json("sync/finish", json!({})).await;
    let stored = &heard(&server, 1).await["models"][0];
    let names = |list: &str| -> Vec<&str> { stored[list].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect() };
    assert_eq!(names("flds"), ["F", "f+", "e\u{301}"], "and nothing else is touched: templates refer to it");
    assert_eq!(names("tmpls"), ["T", "t+", "t++"]);
    assert_eq!(stored["mod"], NOW / 1000, "so that the sender takes the names over");
    server.end().await;
}

#[tokio::test]
async fn a_notetype_without_fields_has_notes() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    a.start(1).await;
    let bare = edited(&basic(), &json!({"id": 703, "name": "Bare", "mod": 5, "flds": [], "tmpls": []}));
    a.json("sync/applyChanges", changes(&[bare], &[], &[])).await;
    a.json("sync/applyChunk", json!({"chunk": {"notes": [note_row(50, 703, 9, "hello")]}})).await;
    assert_eq!(a.status("sync/applyChunk", json!({"chunk": {"notes": [note_row(51, 703, 9, "a\u{1f}b")]}})).await, 400);
    a.json("sync/finish", json!({})).await;
    assert_eq!(a.notes().await.len(), 2);
    server.end().await;
}

/// A device's clock may be five minutes ahead, and then the stamp does not go back. Further ahead, each device would be the older side,
/// whose config is replaced, until that time has come.
#[tokio::test]
async fn a_stamp_that_no_clock_has_given_is_not_carried_on() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    for (uploaded, then) in [(NOW + 400_000, NOW), (NOW + 200_000, NOW + 200_001), (NOW, NOW + 1), (NOW - 5, NOW)] {
        a.upload(&collection(Schema::V18, 1, uploaded)).await;
        assert_eq!(a.meta().await["mod"], uploaded);
        a.start(1).await;
        a.json("sync/applyChanges", changes(&[], &[], &[])).await;
        assert_eq!(a.json("sync/finish", json!({})).await, then);
        assert_eq!(a.meta().await["mod"], then);
    }
    server.end().await;
}

#[tokio::test]
async fn unknown_keys_and_odd_text_go_through() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    let big = json!({"n": i64::MAX, "m": i64::MIN, "nested": [null, true, {"": ODD}]});
    let name = ODD.replace('"', "");
    let deck = edited(&stock::default_deck().json, &json!({"id": i64::MAX, "name": name, "desc": ODD, "addon": big, "usn": -1}));
    let preset = edited(&stock::default_preset().json, &json!({"id": -5, "name": ODD, "addon": big, "usn": -1}));
    let notetype = edited(&basic(), &json!({"id": 701, "name": name, "css": "\0\u{1}", "addon": big, "usn": -1}));
    let conf = json!({"schedVer": 2, ODD: big, "": 0, "\u{0}": "\u{0}", "K": 1, "k": 2});
    let tags = ["A::b", "Straße", "\u{1F600}"];
    let message = json!({"models": [notetype], "decks": [[deck], [preset]], "tags": tags, "conf": conf, "crt": -86_400});
    a.start(1).await;
    a.json("sync/applyChanges", json!({"changes": message})).await;
    a.json("sync/finish", json!({})).await;
    let answer = heard(&server, 1).await;
    for (sent, got) in [(&notetype, &answer["models"][0]), (&deck, &answer["decks"][0][0]), (&preset, &answer["decks"][1][0])] {
        assert_eq!(got, &edited(&sent.to_string(), &json!({"usn": 1})));
    }
    assert_eq!((&answer["conf"], &answer["crt"]), (&conf, &json!(-86_400)));
    let mut told: Vec<&str> = answer["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
    told.sort_unstable();
    // A parent is not registered with its child.
    assert_eq!(told, ["A::b", "Straße", "\u{1F600}"]);
    for legacy in [false, true] {
        let device = Device { legacy, ..a.clone() };
        assert_eq!(device.notes().await.len(), 1, "a file can be made of it");
    }
    server.end().await;
}

#[tokio::test]
async fn the_config_is_replaced_as_a_whole_by_the_newer_side() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    let send = async |usn: i64, body: &str| {
        a.start(usn).await;
        let (status, _) = a.raw("sync/applyChanges", body.as_bytes()).await;
        assert_eq!(status, 200, "{body}");
        a.json("sync/finish", json!({})).await;
        heard(&server, usn + 1).await["conf"].clone()
    };
    let with = |conf: &str| format!(r#"{{"changes":{{"models":[],"decks":[[],[]],"tags":[],"conf":{conf}}}}}"#);
    let digits: Value = serde_json::from_str(r#"{"a":1,"b":[1.50,12345678901234567890.25]}"#).unwrap();
    assert_eq!(send(1, &with(&digits.to_string())).await, digits, "to the last digit");
    assert_eq!(send(2, &with("null")).await, digits, "null is as if absent");
    assert_eq!(send(3, &with(r#"{"b":2}"#)).await, json!({"b": 2}), "what is missing is deleted");
    assert_eq!(send(4, &with(r#"{"c":1,"c":2,"b":2,"c":3}"#)).await, json!({"b": 2, "c": 3}), "a key twice: the last counts");
    assert_eq!(send(5, &with("{}")).await, json!({}));
    // A client that is newer is not told ours.
    let message = json!({"minUsn": 1, "lnewer": true, "graves": null});
    a.json("sync/start", message).await;
    let answer = a.json("sync/applyChanges", changes(&[], &[], &[])).await;
    assert!(answer.get("conf").is_none() && answer.get("crt").is_none(), "{answer}");
    server.end().await;
}

/// Names are unique as Anki folds them; whoever comes later is renamed, and everybody hears of it.
#[tokio::test]
async fn names_that_clash_are_told_apart() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    let deck = |id: i64, name: &str| edited(&stock::default_deck().json, &json!({"id": id, "name": name, "mod": 5}));
    let notetype = |id: i64, name: &str| edited(&basic(), &json!({"id": id, "name": name, "mod": 5}));
    a.start(1).await;
    // In one message, and in one that follows.
    let decks = [deck(70, "Straße"), deck(71, "STRASSE"), deck(72, "straße+"), deck(73, "default")];
    a.json("sync/applyChanges", changes(&[notetype(74, "BASIC")], &decks, &[])).await;
    a.json("sync/applyChanges", changes(&[notetype(75, "basic")], &[deck(76, "strasse")], &[])).await;
    a.json("sync/finish", json!({})).await;
    let answer = heard(&server, 1).await;
    let names = |list: &Value| {
        let mut names: Vec<_> =
            list.as_array().unwrap().iter().map(|o| (o["id"].as_i64().unwrap(), o["name"].as_str().unwrap().to_owned())).collect();
        names.sort();
        names
    };
    let of = |names: &[(i64, &str)]| names.iter().map(|(id, name)| (*id, (*name).to_owned())).collect::<Vec<_>>();
    assert_eq!(names(&answer["decks"][0]), of(&[(70, "Straße"), (71, "STRASSE+"), (72, "straße++"), (73, "default+"), (76, "strasse+++")]));
    assert_eq!(names(&answer["models"]), of(&[(74, "BASIC+"), (75, "basic++")]));
    // Two decks swap their names in one sync.
    a.start(2).await;
    a.json("sync/applyChanges", changes(&[], &[deck(80, "One"), deck(81, "Two")], &[])).await;
    a.json("sync/finish", json!({})).await;
    a.start(3).await;
    let swapped = [edited(&deck(80, "Two").to_string(), &json!({"mod": 6})), edited(&deck(81, "One").to_string(), &json!({"mod": 6}))];
    a.json("sync/applyChanges", changes(&[], &swapped, &[])).await;
    a.json("sync/finish", json!({})).await;
    assert_eq!(names(&heard(&server, 3).await["decks"][0]), of(&[(80, "Two+"), (81, "One")]), "one by one, as Anki does");
    for legacy in [false, true] {
        assert_eq!(Device { legacy, ..a.clone() }.notes().await.len(), 1, "a file can be made of it");
    }
    server.end().await;
}
