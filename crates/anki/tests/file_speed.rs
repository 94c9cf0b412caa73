//! How fast a large collection file is written and read. Run by hand:
//! `cargo test --release -p djankiserv-anki --test file_speed -- --ignored --nocapture`

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Instant;

use anki::{
    file::{CollectionFile, FileError, FileWriter, Limits, Schema},
    model::{Card, Note, Review, Stamps},
    schema11, text,
};

const NOTES: i64 = 100_000;
const CARDS: i64 = 200_000;
const REVIEWS: i64 = 1_000_000;

#[test]
#[ignore = "takes a minute and judges nothing"]
fn a_large_collection() {
    let folder = tempfile::tempdir().unwrap();
    for schema in [Schema::V11, Schema::V18] {
        let path = folder.path().join(format!("{schema:?}.anki2"));
        let start = Instant::now();
        let rows = write(&path, schema);
        let bytes = std::fs::metadata(&path).unwrap().len();
        eprintln!("{schema:?}: {} MB, rows written after {rows:.2?}, finished after {:.2?}", bytes >> 20, start.elapsed());

        let start = Instant::now();
        let file = CollectionFile::open(&path, &Limits::default()).unwrap();
        eprintln!("  opened and checked in {:.2?}", start.elapsed());
        for _ in 0..2 {
            let start = Instant::now();
            let mut size = 0;
            file.for_each_note(|note| {
                size += note.fields.len();
                Ok::<_, FileError>(())
            })
            .unwrap();
            let notes = start.elapsed();
            file.for_each_card(|card| {
                size += card.data.len();
                Ok::<_, FileError>(())
            })
            .unwrap();
            let cards = start.elapsed() - notes;
            file.for_each_review(|review| {
                size += usize::from(review.ease == 1);
                Ok::<_, FileError>(())
            })
            .unwrap();
            let reviews = start.elapsed() - notes - cards;
            eprintln!("  notes {notes:.2?}, cards {cards:.2?}, reviews {reviews:.2?} ({size})");
        }
    }
}

fn write(path: &std::path::Path, schema: Schema) -> std::time::Duration {
    let start = Instant::now();
    let stamps = Stamps { created: 1_600_000_000, modified: 1, schema_modified: 1, usn: 5, last_sync: 1 };
    let mut writer = FileWriter::create(path, schema, &stamps).unwrap();
    writer.put_notetypes(&[schema11::notetype(notetype()).unwrap()]).unwrap();
    let words = [
        "<b>der Hund</b>",
        "to run &amp; jump",
        "日本語のカード",
        "[sound:a.mp3]",
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit",
    ];
    for index in 0..NOTES {
        let word = |offset: i64| words[usize::try_from((index + offset) % 5).unwrap()];
        let fields = format!("{} {index}\u{1f}{} {} {}", word(0), word(1), word(2), word(3));
        let (sort_field, checksum) = text::derive(&fields, 0);
        let note = Note {
            id: 1_600_000_000_000 + index * 1000,
            guid: format!("g{index:x}"),
            notetype_id: 1,
            mtime: 1_600_000_000,
            usn: 3,
            tags: " tag ".to_owned(),
            fields,
            sort_field,
            checksum,
            ..Note::default()
        };
        writer.add_note(&note).unwrap();
    }
    for index in 0..CARDS {
        let card = Card {
            id: 1_600_000_000_000 + index * 500,
            note_id: 1_600_000_000_000 + index / 2 * 1000,
            deck_id: 1 + index % 20,
            due: index % 1000,
            kind: 2,
            queue: 2,
            factor: 2500,
            interval: index % 300,
            data: r#"{"pos":1,"s":12.3456,"d":5.67,"dr":0.9,"lrt":1700000000}"#.to_owned(),
            ..Card::default()
        };
        writer.add_card(&card).unwrap();
    }
    for index in 0..REVIEWS {
        let review = Review {
            id: 1_600_000_000_000 + index * 77,
            card_id: 1_600_000_000_000 + index * 7919 % CARDS * 500,
            usn: 3,
            ease: 1 + index % 4,
            interval: 20,
            last_interval: 10,
            factor: 2500,
            time: 5000 + index % 5000,
            kind: 1,
        };
        writer.add_review(&review).unwrap();
    }
    let rows = start.elapsed();
    writer.finish().unwrap();
    rows
}

fn notetype() -> serde_json::Map<String, serde_json::Value> {
    let field = r#""sticky":false,"rtl":false,"font":"Arial","size":20"#;
    let text = format!(
        r#"{{"id":1,"name":"Basic","type":0,"mod":0,"usn":0,"sortf":0,"did":null,"css":"",
        "flds":[{{"name":"Front",{field}}},{{"name":"Back",{field}}}],"tmpls":[{{"name":"Card 1","qfmt":"{{{{Front}}}}"}}]}}"#
    );
    serde_json::from_str(&text).unwrap()
}
