//! Our checks beside those of a real client.

use serde_json::json;

use super::*;

/// What the client 26.09.3 makes of objects with one value replaced, made with `tests/make_strictness.py`.
const TABLE: &str = include_str!("../../tests/data/26.09.3-strictness.json");

/// Where we take what the client refuses, because the value is put right, or no check is called for.
fn may_be_taken(path: &str) -> bool {
    // Truth values in other forms become `true` or `false`; the client's refusal of empty lists is not its parser's.
    ["resched", "flds/0/sticky", "flds/0/rtl", "flds", "tmpls"].contains(&path)
}

/// Preset values that the client replaces by defaults when it reads them out of range, which is not the parser's doing.
const RANGED: [&str; 14] = [
    "desiredRetention",
    "newPerDayMinimum",
    "sm2Retention",
    "perDay",
    "initialFactor",
    "ease4",
    "hardFactor",
    "mult",
    "ivlFct",
    "maxIvl",
    "minInt",
    "ints",
    "leechFails",
    "maxTaken",
];

type Check = fn(Map<String, Value>) -> Result<String, SchemaError>;

/// The sorts of the table, with the check and the round trip through the typed form.
const SORTS: [(&str, Check, Check); 4] = [
    ("deck", |object| any_deck(object).map(|deck| deck.json), |mut object| deck::read(&mut object).map(|deck| text(&deck::write(&deck)))),
    (
        "filtered",
        |object| any_deck(object).map(|deck| deck.json),
        |mut object| deck::read(&mut object).map(|deck| text(&deck::write(&deck))),
    ),
    (
        "preset",
        |object| any_preset(object).map(|preset| preset.json),
        |mut object| preset::read(&mut object).map(|preset| text(&preset::write(&preset))),
    ),
    (
        "notetype",
        |object| any_notetype(object).map(|notetype| notetype.json),
        |mut object| notetype::read(&mut object).map(|notetype| text(&notetype::write(&notetype))),
    ),
];

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

/// The object with the value at a path like `flds/0/size` removed or replaced.
fn changed(sound: &Value, path: &str, value: Option<&Value>) -> Value {
    let mut result = sound.clone();
    let (outer, key) = path.rsplit_once('/').map_or(("", path), |(outer, key)| (outer, key));
    let outer = if outer.is_empty() { String::new() } else { format!("/{outer}") };
    let map = result.pointer_mut(&outer).unwrap().as_object_mut().unwrap();
    match value {
        None => drop(map.shift_remove(key)),
        Some(value) => drop(map.insert(key.to_owned(), value.clone())),
    }
    result
}

/// Whether two values mean the same to a client: numbers by value, a missing key like null.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => ours.as_i64() == theirs.as_i64() && ours.as_f64() == theirs.as_f64(),
        (Value::Array(ours), Value::Array(theirs)) => ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b)),
        (Value::Object(ours), Value::Object(theirs)) => {
            let keys = ours.keys().chain(theirs.keys());
            keys.into_iter().all(|key| same(ours.get(key).unwrap_or(&Value::Null), theirs.get(key).unwrap_or(&Value::Null)))
        }
        _ => ours == theirs,
    }
}

#[test]
fn objects_are_taken_and_put_right_as_by_a_client() {
    let table: Value = serde_json::from_str(TABLE).unwrap();
    let values: Vec<Option<&Value>> = std::iter::once(None).chain(table["values"].as_array().unwrap().iter().map(Some)).collect();
    let mut compared = 0;
    for (sort, check, through) in SORTS {
        let sound = &table[sort]["sound"];
        for (path, answers) in table[sort]["told"].as_object().unwrap() {
            for (value, told) in values.iter().zip(answers.as_array().unwrap()) {
                let place = format!("{sort} {path} = {value:?}");
                let wanted = changed(sound, path, *value);
                let ours = check(wanted.as_object().unwrap().clone());
                if *told == Value::Bool(false) {
                    assert!(ours.is_err() || may_be_taken(path), "{place} is refused by the client");
                    continue;
                }
                let ours = ours.unwrap_or_else(|error| panic!("{place} is taken by the client, but: {error}"));
                assert_eq!(check(object(&ours)).unwrap(), ours, "{place}: what was put right stays");
                // The client tells all keys, also those that it added itself.
                let mut theirs = if *told == Value::Bool(true) { wanted } else { sound.clone() };
                if let Some(differs) = told.get("differs").and_then(Value::as_object) {
                    theirs.as_object_mut().unwrap().extend(differs.clone());
                }
                let ours: Value = serde_json::from_str(&through(object(&ours)).unwrap()).unwrap();
                let key = path.rsplit('/').next().unwrap_or_default();
                if RANGED.contains(&key) || ["mod", "usn"].contains(&key) {
                    continue;
                }
                if sort == "notetype" {
                    // The client follows changes of fields in templates, keeps the sort field in range and computes `req` anew.
                    if ["name", "ord", "sortf"].contains(&key) {
                        continue;
                    }
                    theirs["req"] = ours["req"].clone();
                }
                assert!(same(&ours, &theirs), "{place}: {ours} is not {theirs}");
                compared += 1;
            }
        }
    }
    assert!(compared > 800, "{compared}");
}

fn sound_deck() -> Map<String, Value> {
    object(&stock::default_deck().json)
}

#[test]
fn unknown_keys_and_numbers_stay_as_they_came() {
    let mut deck = sound_deck();
    deck.insert("addon".to_owned(), serde_json::from_str(r#"{"z":1.10,"a":123456789012345678901234567890,"s":"\u00e9"}"#).unwrap());
    deck.insert("return".to_owned(), json!(true));
    deck["dyn"] = json!(false);
    deck["id"] = json!("1795384264642");
    deck["conf"] = json!("12");
    deck["name"] = json!(" A :: b");
    let deck = super::deck(deck).unwrap();
    assert_eq!((deck.id, deck.name.as_str()), (1_795_384_264_642, "A::b"));
    let expected = r#"{"id":1795384264642,"mod":0,"name":"A::b","usn":0,"lrnToday":[0,0],"revToday":[0,0],"newToday":[0,0],"timeToday":[0,0],"collapsed":true,"browserCollapsed":true,"desc":"","dyn":0,"conf":12,"extendNew":0,"extendRev":0,"reviewLimit":null,"newLimit":null,"reviewLimitToday":null,"newLimitToday":null,"desiredRetention":null,"addon":{"z":1.10,"a":123456789012345678901234567890,"s":"é"}}"#;
    assert_eq!(deck.json, expected);
}

#[test]
fn filtered_decks_are_known_by_one_rule() {
    for (value, want) in [("1", true), ("true", true), ("0", false), ("2", false), ("false", false), ("null", false), (r#""1""#, false)] {
        let value: Value = serde_json::from_str(value).unwrap();
        assert_eq!(is_filtered(&value), want, "{value}");
    }
}

#[test]
fn an_id_of_zero_is_refused() {
    let mut deck = sound_deck();
    deck["id"] = json!(0);
    assert_eq!(super::deck(deck).unwrap_err().to_string(), "id: must not be 0");
    let mut preset = object(&stock::default_preset().json);
    preset["id"] = json!("0");
    assert!(super::preset(preset).is_err());
    let mut notetype = object(&stock::notetypes(1, &mut || 1)[0].json);
    notetype["id"] = json!(0);
    assert!(super::notetype(notetype).is_err());
}

#[test]
fn errors_say_where() {
    let mut notetype = object(&stock::notetypes(1, &mut || 1)[0].json);
    notetype["flds"][1]["size"] = json!("big");
    assert_eq!(
        super::notetype(notetype.clone()).unwrap_err().to_string(),
        "flds[1].size: expected an integer from 0 to 65535, found a string"
    );
    notetype["flds"][1]["size"] = json!(70_000);
    let error = super::notetype(notetype.clone()).unwrap_err().to_string();
    assert_eq!(error, "flds[1].size: expected an integer from 0 to 65535, found an integer out of range");
    notetype["tmpls"][0] = json!(5);
    notetype["flds"][1]["size"] = json!(7);
    assert_eq!(super::notetype(notetype).unwrap_err().to_string(), "tmpls[0]: expected an object, found an integer out of range");
    let mut deck = sound_deck();
    deck.insert("addon".to_owned(), serde_json::from_str(r#"[1,{"x":[1e400]}]"#).unwrap());
    assert_eq!(super::deck(deck).unwrap_err().path, "addon");
}

#[test]
fn search_terms_and_days() {
    let mut deck = sound_deck();
    deck.extend(object(r#"{"dyn":true,"resched":1,"terms":[["a","50",6],{"search":"b","limit":-3,"order":1}],"delays":"x"}"#));
    deck["newToday"] = json!([9, 4]);
    deck["timeToday"] = json!([3, 700]);
    let read = deck::read(&mut deck).unwrap();
    assert_eq!((read.common.last_day_studied, read.common.new_studied, read.common.milliseconds_studied), (9, 4, 700));
    assert_eq!(deck["terms"], json!([["a", 50, 6], ["b", -3, 1]]));
    assert_eq!((&deck["resched"], &deck["dyn"], &deck["delays"]), (&json!(true), &json!(1), &Value::Null));
    for terms in [json!([["a", 1]]), json!([["a", 1, 2, 3]]), json!([["a", "x", 1]]), json!(["a"]), json!([{"search": "a"}])] {
        let mut deck = deck.clone();
        deck["terms"] = terms.clone();
        assert_eq!(deck::read(&mut deck).unwrap_err().path, "terms[0]", "{terms}");
    }
}
