//! Files that real clients made, read, written in both schemas, and read again.
//!
//! The files and what their makers say is in them come from `make_data.py`. That real clients accept what we write is shown by the
//! end-to-end tests, in which they download it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use anki::{
    file::{CollectionFile, FileError, FileWriter, Limits, Schema},
    model::{Card, ConfigEntry, Deck, Grave, GraveKind, Note, Notetype, Preset, Review, Stamps, Tag},
    names, schema11,
};
use rusqlite::Connection;
use serde_json::{Map, Value};

const MODERN: [&str; 2] = ["26.09.3-schema18", "26.09.3-schema11"];
const OLD: [&str; 2] = ["2.1.56-schema11", "2.1.49-schema11"];

/// Everything in a collection file.
#[derive(Debug, Clone, PartialEq)]
struct Contents {
    stamps: Stamps,
    notetypes: Vec<Notetype>,
    decks: Vec<Deck>,
    presets: Vec<Preset>,
    tags: Vec<Tag>,
    config: Vec<ConfigEntry>,
    graves: Vec<Grave>,
    notes: Vec<Note>,
    cards: Vec<Card>,
    reviews: Vec<Review>,
}

fn read(file: &CollectionFile) -> Contents {
    let (mut notes, mut cards, mut reviews) = (Vec::new(), Vec::new(), Vec::new());
    file.for_each_note(|note| -> Result<(), FileError> {
        notes.push(note.clone());
        Ok(())
    })
    .unwrap();
    file.for_each_card(|card| -> Result<(), FileError> {
        cards.push(card.clone());
        Ok(())
    })
    .unwrap();
    file.for_each_review(|review| -> Result<(), FileError> {
        reviews.push(review.clone());
        Ok(())
    })
    .unwrap();
    Contents {
        stamps: file.stamps(),
        notetypes: file.notetypes().unwrap(),
        decks: file.decks().unwrap(),
        presets: file.presets().unwrap(),
        tags: file.tags().unwrap(),
        config: file.config().unwrap(),
        graves: file.graves().unwrap(),
        notes,
        cards,
        reviews,
    }
}

fn write(path: &Path, schema: Schema, contents: &Contents) {
    let mut writer = FileWriter::create(path, schema, &contents.stamps).unwrap();
    writer.put_notetypes(&contents.notetypes).unwrap();
    writer.put_decks(&contents.decks).unwrap();
    writer.put_presets(&contents.presets).unwrap();
    writer.put_tags(&contents.tags).unwrap();
    writer.put_config(&contents.config).unwrap();
    writer.put_graves(&contents.graves).unwrap();
    contents.notes.iter().for_each(|note| writer.add_note(note).unwrap());
    contents.cards.iter().for_each(|card| writer.add_card(card).unwrap());
    contents.reviews.iter().for_each(|review| writer.add_review(review).unwrap());
    writer.finish().unwrap();
}

/// A plain connection to a file.
fn raw(path: &Path) -> Connection {
    let sqlite = Connection::open(path).unwrap();
    sqlite.create_collation("unicase", names::compare).unwrap();
    sqlite
}

/// A folder with the unpacked file of a client, and the path of that file.
fn unpack(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collection.anki2");
    let mut packed = flate2::read::GzDecoder::new(std::fs::File::open(data(&format!("{name}.anki2.gz"))).unwrap());
    let mut bytes = Vec::new();
    packed.read_to_end(&mut bytes).unwrap();
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn told(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(data(&format!("{name}.json"))).unwrap()).unwrap()
}

/// The contents of a client's file, written in `schema` and read again.
fn rewritten(contents: &Contents, schema: Schema) -> Contents {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("written.anki2");
    write(&path, schema, contents);
    let file = CollectionFile::open(&path, &Limits::default()).unwrap();
    assert_eq!(file.schema(), schema);
    let contents = read(&file);
    assert!(file.repairs().is_empty(), "our own files need no repairs: {}", file.repairs());
    contents
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap()
}

/// Checks that `ours` has everything that the client told, in the same types. Clients say -1 for unsent changes.
fn assert_holds(path: &str, ours: &Value, told: &Value, usn: i64) {
    match (ours, told) {
        (Value::Object(ours), Value::Object(told)) => {
            for (key, told) in told {
                let ours = ours.get(key).unwrap_or_else(|| panic!("{path}.{key} is missing"));
                if key == "usn" && told == &Value::from(-1) {
                    assert_eq!(ours, &Value::from(usn), "{path}.usn");
                } else {
                    assert_holds(&format!("{path}.{key}"), ours, told, usn);
                }
            }
        }
        (Value::Array(ours), Value::Array(told)) => {
            assert_eq!(ours.len(), told.len(), "{path}");
            for (index, (ours, told)) in ours.iter().zip(told).enumerate() {
                assert_holds(&format!("{path}[{index}]"), ours, told, usn);
            }
        }
        (Value::Number(ours), Value::Number(told)) => {
            assert_eq!(ours.as_i64(), told.as_i64(), "{path}");
            assert_eq!(ours.as_f64(), told.as_f64(), "{path}");
        }
        _ => assert_eq!(ours, told, "{path}"),
    }
}

/// The told objects by id. The client tells them as a list or as an object.
fn by_id(told: &Value) -> BTreeMap<i64, &Value> {
    let objects: Vec<&Value> = match told {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        other => panic!("no objects: {other}"),
    };
    objects.into_iter().map(|object| (object["id"].as_i64().unwrap(), object)).collect()
}

fn assert_objects<'a>(what: &str, ours: impl Iterator<Item = (i64, &'a str)>, told: &Value, usn: i64) {
    let told = by_id(told);
    let ours: BTreeMap<i64, &str> = ours.collect();
    assert_eq!(ours.keys().collect::<Vec<_>>(), told.keys().collect::<Vec<_>>(), "{what}");
    for (id, json) in ours {
        let ours = object(json);
        assert_holds(&format!("{what} {id}"), &Value::Object(ours.clone()), told[&id], usn);
        for key in ours.keys() {
            // Keys that clients leave out when they are empty may be there, but nothing else.
            assert!(told[&id].get(key).is_some() || ours[key].is_null(), "{what} {id} has the additional key {key:?}");
        }
    }
}

fn assert_told(contents: &Contents, told: &Value) {
    let usn = i64::from(contents.stamps.usn);
    let Stamps { created, modified, schema_modified, last_sync, .. } = contents.stamps;
    assert_eq!(Value::from(vec![created, modified, schema_modified, usn, last_sync]), told["stamps"]);
    assert_objects("notetype", contents.notetypes.iter().map(|object| (object.id, object.json.as_str())), &told["notetypes"], usn);
    assert_objects("deck", contents.decks.iter().map(|object| (object.id, object.json.as_str())), &told["decks"], usn);
    assert_objects("preset", contents.presets.iter().map(|object| (object.id, object.json.as_str())), &told["presets"], usn);

    let config: Map<String, Value> =
        contents.config.iter().map(|entry| (entry.key.clone(), serde_json::from_str(&entry.json).unwrap())).collect();
    assert_eq!(config.len(), told["config"].as_object().unwrap().len());
    assert_holds("config", &Value::Object(config), &told["config"], usn);

    let sent = |usn: i32| Value::from(usn);
    let notes = contents.notes.iter().map(|n| -> Value {
        let checksum = Value::from(n.checksum);
        let texts = [&n.tags, &n.fields, &n.sort_field].map(|text| Value::from(text.as_str()));
        let [tags, fields, sort] = texts;
        vec![
            n.id.into(),
            n.guid.as_str().into(),
            n.notetype_id.into(),
            n.mtime.into(),
            sent(n.usn),
            tags,
            fields,
            sort,
            checksum,
            n.flags.into(),
            n.data.as_str().into(),
        ]
        .into()
    });
    assert_rows("notes", notes, &told["rows"]["notes"], 4, usn);
    let cards = contents.cards.iter().map(|c| -> Value {
        let numbers = [
            c.id,
            c.note_id,
            c.deck_id,
            c.ord,
            c.mtime,
            c.usn.into(),
            c.kind,
            c.queue,
            c.due,
            c.interval,
            c.factor,
            c.reps,
            c.lapses,
            c.left,
            c.original_due,
            c.original_deck_id,
            c.flags,
        ];
        numbers.into_iter().map(Value::from).chain([c.data.as_str().into()]).collect()
    });
    assert_rows("cards", cards, &told["rows"]["cards"], 5, usn);
    let reviews = contents.reviews.iter().map(|r| -> Value {
        [r.id, r.card_id, r.usn.into(), r.ease, r.interval, r.last_interval, r.factor, r.time, r.kind]
            .into_iter()
            .map(Value::from)
            .collect()
    });
    assert_rows("revlog", reviews, &told["rows"]["revlog"], 2, usn);
}

fn assert_rows(table: &str, ours: impl Iterator<Item = Value>, told: &Value, usn_column: usize, usn: i64) {
    let ours: Vec<Value> = ours.collect();
    let mut told = told.as_array().unwrap().clone();
    for row in &mut told {
        if row[usn_column] == -1 {
            row[usn_column] = usn.into();
        }
    }
    assert!(!told.is_empty());
    assert_eq!(ours.len(), told.len(), "{table}");
    for (ours, told) in ours.iter().zip(&told) {
        for (index, (ours, told)) in ours.as_array().unwrap().iter().zip(told.as_array().unwrap()).enumerate() {
            // A sort text that is a number has become one in the file.
            let same = ours == told
                || table == "notes"
                    && index == 7
                    && ours.as_str().unwrap().parse::<f64>().ok() == told.as_str().unwrap().parse::<f64>().ok();
            assert!(same, "{table}, column {index}: {ours} is not {told}");
        }
    }
}

/// Compares part by part, so that a failure shows one part only.
fn assert_same(ours: &Contents, theirs: &Contents, name: &str) {
    assert_eq!(ours.stamps, theirs.stamps, "{name}");
    assert_eq!(ours.notetypes, theirs.notetypes, "{name}");
    assert_eq!(ours.decks, theirs.decks, "{name}");
    assert_eq!(ours.presets, theirs.presets, "{name}");
    assert_eq!(ours.tags, theirs.tags, "{name}");
    assert_eq!(ours.config, theirs.config, "{name}");
    assert_eq!(ours.graves, theirs.graves, "{name}");
    assert_eq!(ours.notes, theirs.notes, "{name}");
    assert_eq!(ours.cards, theirs.cards, "{name}");
    assert_eq!(ours.reviews, theirs.reviews, "{name}");
}

#[test]
fn files_hold_what_their_makers_say() {
    for name in MODERN.iter().chain(&OLD) {
        let (_folder, path) = unpack(name);
        let file = CollectionFile::open(&path, &Limits::default()).unwrap();
        assert_eq!(file.schema(), if name.ends_with("18") { Schema::V18 } else { Schema::V11 }, "{name}");
        let contents = read(&file);
        assert_told(&contents, &told(name));

        let counts = file.counts().unwrap();
        assert_eq!((counts.notes, counts.cards, counts.reviews, counts.graves), (18, 18, 27, 0), "{name}");
        let scheduler = file.scheduler().unwrap();
        assert_eq!((scheduler.version, scheduler.has_creation_offset), (if name.starts_with("26") { 3 } else { 2 }, true), "{name}");
        let rich = contents.notetypes.iter().find(|notetype| notetype.name == "Räich").unwrap();
        assert_eq!((rich.field_count, rich.template_count, rich.sort_field), (3, 1, 1), "{name}");
        // Real clients leave unsent changes, and nothing else that needs repair.
        let repairs = file.repairs();
        assert_eq!(anki::file::Repairs { usns: repairs.usns, ..Default::default() }, repairs, "{name}");
    }
}

#[test]
fn protobuf_of_clients_has_an_exact_json_form() {
    let (_folder, path) = unpack("26.09.3-schema18");
    let contents = read(&CollectionFile::open(&path, &Limits::default()).unwrap());
    assert!(contents.notetypes.iter().all(|object| object.extra.is_none()));
    assert!(contents.decks.iter().all(|object| object.extra.is_none()));
    assert!(contents.presets.iter().all(|object| object.extra.is_none()));
}

#[test]
fn a_written_file_reads_as_it_was() {
    for name in MODERN {
        let (_folder, path) = unpack(name);
        let contents = read(&CollectionFile::open(&path, &Limits::default()).unwrap());
        let mut back = rewritten(&contents, Schema::V11);
        if name.ends_with("18") {
            // All that schema 11 lacks: folded tags, and when the configuration changed.
            back.tags.clone_from(&contents.tags);
            back.config.clone_from(&contents.config);
        }
        assert_same(&back, &contents, name);

        let back = rewritten(&contents, Schema::V18);
        assert_told(&back, &told(name));
        if name.ends_with("18") {
            assert_same(&back, &contents, name);
        }
    }
}

#[test]
fn old_files_gain_keys_but_lose_none() {
    for name in OLD {
        let (_folder, path) = unpack(name);
        let contents = read(&CollectionFile::open(&path, &Limits::default()).unwrap());
        assert_same(&rewritten(&contents, Schema::V11), &contents, name);

        let back = rewritten(&contents, Schema::V18);
        let jsons = |contents: &Contents| {
            let texts = contents.notetypes.iter().map(|object| &object.json).chain(contents.decks.iter().map(|object| &object.json));
            texts.chain(contents.presets.iter().map(|object| &object.json)).map(|text| Value::Object(object(text))).collect::<Vec<_>>()
        };
        for (ours, theirs) in jsons(&back).iter().zip(jsons(&contents)) {
            assert_holds(name, ours, &theirs, 0);
        }
        assert_eq!(back.notes, contents.notes, "{name}");
        assert_eq!(back.cards, contents.cards, "{name}");
        assert_eq!(back.reviews, contents.reviews, "{name}");
    }
}

#[test]
fn fields_of_a_later_version_come_back() {
    let (folder, path) = unpack("26.09.3-schema18");
    // Field 200 with the text "new": in the deck's common part, a preset, a notetype, a field and a template.
    let later = "x'c20c036e6577'";
    let append = |table: &str, column: &str| format!("UPDATE {table} SET {column} = CAST({column} || {later} AS blob);");
    let changes = [("decks", "common"), ("deck_config", "config"), ("notetypes", "config"), ("fields", "config"), ("templates", "config")];
    let sqlite = raw(&path);
    for (table, column) in changes {
        // Only objects without an `other` field, which must stay the last one.
        sqlite.execute_batch(&append(table, column).replace(';', &format!(" WHERE instr({column}, x'fa0f') = 0;"))).unwrap();
    }
    drop(sqlite);
    let file = CollectionFile::open(&path, &Limits::default()).unwrap();
    let mut renamed = read(&file);
    assert!(renamed.decks.iter().any(|deck| deck.extra.is_some()));
    let change = schema11::Restamp { name: Some("Renamed"), usn: Some(9), ..Default::default() };
    schema11::restamp(&mut renamed.decks[0], &change).unwrap();

    let written = folder.path().join("written.anki2");
    write(&written, Schema::V18, &renamed);
    let blobs = |path: &Path, table: &str, column: &str| -> Vec<Vec<u8>> {
        let sqlite = raw(path);
        let mut query = sqlite.prepare(&format!("SELECT {column} FROM {table} WHERE instr({column}, x'fa0f') = 0 ORDER BY 1")).unwrap();
        let blobs = query.query_map([], |row| row.get(0)).unwrap();
        blobs.collect::<Result<_, _>>().unwrap()
    };
    for (table, column) in changes {
        let theirs = blobs(&path, table, column);
        assert!(theirs.iter().all(|blob| blob.ends_with(b"\xc2\x0c\x03new")) && !theirs.is_empty(), "{table}");
        assert_eq!(blobs(&written, table, column), theirs, "{table}");
    }
    let back = read(&CollectionFile::open(&written, &Limits::default()).unwrap());
    assert_same(&back, &renamed, "renamed");
}

#[test]
fn graves_come_back() {
    let (_folder, path) = unpack("26.09.3-schema18");
    let mut contents = read(&CollectionFile::open(&path, &Limits::default()).unwrap());
    let kinds = [GraveKind::Card, GraveKind::Note, GraveKind::Deck];
    contents.graves = kinds.map(|kind| Grave { id: 77, kind, usn: 3 }).into();
    for schema in [Schema::V11, Schema::V18] {
        assert_eq!(rewritten(&contents, schema).graves, contents.graves);
    }
}

#[test]
fn three_threads_read_three_tables() {
    let (_folder, path) = unpack("26.09.3-schema18");
    let file = CollectionFile::open(&path, &Limits::default()).unwrap();
    let count = |table: usize| -> Result<usize, FileError> {
        let mut rows = 0;
        match table {
            0 => file.for_each_note(|_| {
                rows += 1;
                Ok::<_, FileError>(())
            })?,
            1 => file.for_each_card(|_| {
                rows += 1;
                Ok::<_, FileError>(())
            })?,
            _ => file.for_each_review(|_| {
                rows += 1;
                Ok::<_, FileError>(())
            })?,
        }
        Ok(rows)
    };
    let rows = std::thread::scope(|scope| {
        let threads = [0, 1, 2].map(|table| scope.spawn(move || count(table).unwrap()));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(rows, [18, 18, 27]);
}

#[test]
fn reading_stops_when_the_taker_fails() {
    let (_folder, path) = unpack("26.09.3-schema18");
    let file = CollectionFile::open(&path, &Limits::default()).unwrap();
    let mut taken = 0;
    let result = file.for_each_card(|_| {
        taken += 1;
        if taken == 3 { Err(FileError::Stopped) } else { Ok(()) }
    });
    assert!(matches!(result, Err(FileError::Stopped)));
    assert_eq!(taken, 3);
}
