use std::time::Instant;

use proptest::prelude::*;

use super::*;

fn parse(chunk: &str) -> Result<Chunk, WireError> {
    Chunk::parse(format!(r#"{{"chunk":{chunk}}}"#).as_bytes())
}

fn problem(chunk: &str) -> String {
    parse(chunk).expect_err(chunk).to_string()
}

/// A row of twelve and more columns with one of them replaced.
fn with(row: &[&str], column: usize, value: &str) -> String {
    let mut row = row.to_vec();
    row[column] = value;
    format!("[{}]", row.join(","))
}

const REVIEW: [&str; 9] = ["1", "2", "3", "4", "5", "-6", "7", "8", "2"];
const CARD: [&str; 18] = ["1", "2", "3", "4", "5", "6", "2", "-1", "7", "8", "9", "10", "11", "12", "13", "14", "15", r#""{\"pos\":1}""#];
const NOTE: [&str; 11] = ["1", r#""g\"u""#, "2", "3", "4", r#"" a  b ""#, r#""x\u001fy""#, r#""""#, r#""""#, "0", r#""""#];

#[test]
fn a_captured_chunk() {
    let chunk = parse(
        r#"{"done":true,
        "cards":[[1795383881516,1795383881516,1,0,1795383881,1,0,0,2,0,0,0,0,0,0,0,0,"{}"]],
        "notes":[[1795383881516,"HW@uRYNURT",1795383880882,1795383881,1," tagZ ","second\u001fx","","",0,""]]}"#,
    )
    .expect("valid");
    assert!(chunk.done);
    let card = Card {
        id: 1_795_383_881_516,
        note_id: 1_795_383_881_516,
        deck_id: 1,
        mtime: 1_795_383_881,
        usn: 1,
        due: 2,
        data: "{}".to_owned(),
        ..Card::default()
    };
    let note = Note {
        id: 1_795_383_881_516,
        guid: "HW@uRYNURT".to_owned(),
        notetype_id: 1_795_383_880_882,
        mtime: 1_795_383_881,
        usn: 1,
        tags: " tagZ ".to_owned(),
        fields: "second\u{1f}x".to_owned(),
        ..Note::default()
    };
    assert_eq!((chunk.cards, chunk.notes, chunk.reviews), (vec![card], vec![note], vec![]));
}

#[test]
fn every_column_has_its_place() {
    let chunk = format!(r#"{{"revlog":[[{}]],"cards":[[{}]],"notes":[[{}]]}}"#, REVIEW.join(","), CARD.join(","), NOTE.join(","));
    let review = Review { id: 1, card_id: 2, usn: 3, ease: 4, interval: 5, last_interval: -6, factor: 7, time: 8, kind: 2 };
    let card = Card {
        id: 1,
        note_id: 2,
        deck_id: 3,
        ord: 4,
        mtime: 5,
        usn: 6,
        kind: 2,
        queue: -1,
        due: 7,
        interval: 8,
        factor: 9,
        reps: 10,
        lapses: 11,
        left: 12,
        original_due: 13,
        original_deck_id: 14,
        flags: 15,
        data: r#"{"pos":1}"#.to_owned(),
    };
    let note = Note {
        id: 1,
        guid: "g\"u".to_owned(),
        notetype_id: 2,
        mtime: 3,
        usn: 4,
        tags: " a b ".to_owned(),
        fields: "x\u{1f}y".to_owned(),
        ..Note::default()
    };
    assert_eq!(parse(&chunk), Ok(Chunk { done: false, reviews: vec![review], cards: vec![card], notes: vec![note] }));
}

#[test]
fn a_chunk_may_lack_everything() {
    for chunk in ["{}", r#"{"done":false,"cards":[],"notes":null}"#, r#"{"more":{"a":[1.5]}}"#] {
        assert_eq!(parse(chunk), Ok(Chunk::default()), "{chunk}");
    }
    Chunk::parse(b"{}").expect_err("no chunk");
    Chunk::parse(b"null").expect_err("no chunk");
}

#[test]
fn rows_may_be_objects() {
    let chunk = parse(r#"{"revlog":[{"id":1,"cid":2,"usn":3,"ease":1,"ivl":1,"lastIvl":1,"factor":0,"time":5,"x":[]}]}"#);
    let reviews = vec![Review { id: 1, card_id: 2, usn: 3, ease: 1, interval: 1, last_interval: 1, time: 5, ..Review::default() }];
    assert_eq!(chunk, Ok(Chunk { reviews, ..Chunk::default() }));
    assert_eq!(problem(r#"{"notes":[{"id":1}]}"#), "applyChunk: notes row 0, sfld: missing");
    assert_eq!(problem(r#"{"notes":[5]}"#), "applyChunk: notes row 0, the row: neither a list nor an object");
}

#[test]
fn accepted_numbers_of_cards() {
    let card = |column, value| parse(&format!(r#"{{"cards":[{}]}}"#, with(&CARD, column, value))).map(|chunk| chunk.cards[0].clone());
    let due = |value| card(8, value).map(|card| card.due);
    assert_eq!(due("1.9"), Ok(1));
    assert_eq!(due("-1.9"), Ok(-1));
    assert_eq!(due("4294967297"), Ok(1));
    assert_eq!(due("2147483648"), Ok(-2_147_483_648));
    assert_eq!(due("1e30"), Ok(-1));
    assert_eq!(card(4, "5.5").map(|card| card.mtime), Ok(5));
    assert_eq!(card(9, "-3").map(|card| card.interval), Ok(0));
    assert_eq!(card(9, "3.7").map(|card| card.interval), Ok(3));
    assert_eq!(card(14, "-0.5").map(|card| card.original_due), Ok(0));
    assert_eq!(card(2, "-9223372036854775808").map(|card| card.deck_id), Ok(i64::MIN));
    assert_eq!(card(17, r#""""#).map(|card| card.data), Ok(String::new()));
    assert_eq!(card(17, r#""\u00e9\n""#).map(|card| card.data), Ok("é\n".to_owned()));
}

#[test]
fn refused_numbers_of_cards() {
    for (column, value, wanted) in [
        (8, r#""7""#, "due: not a number"),
        (10, "2500.0", "factor: not a 64-bit integer"),
        (10, "-1", "factor: -1 is not within 0 to 65535"),
        (10, "65536", "factor: 65536 is not within 0 to 65535"),
        (11, "1.5", "reps: not a 64-bit integer"),
        (6, "4", "type: 4 is not within 0 to 3"),
        (7, "5", "queue: 5 is not within -3 to 4"),
        (7, "-4", "queue: -4 is not within -3 to 4"),
        (16, "256", "flags: 256 is not within 0 to 255"),
        (17, "null", "data: not a text"),
        (17, r#""\ud800""#, "data: "),
        (0, "9223372036854775808", "id: not a 64-bit integer"),
        (0, "true", "id: not a number"),
        (5, "2147483648", "usn: 2147483648 is not within -2147483648 to 2147483647"),
        (4, "[1]", "mod: not a number"),
    ] {
        let chunk = format!(r#"{{"cards":[[{}],{}]}}"#, CARD.join(","), with(&CARD, column, value));
        assert!(problem(&chunk).starts_with(&format!("applyChunk: cards row 1, {wanted}")), "{}", problem(&chunk));
    }
}

#[test]
fn reviews_as_leniently_as_the_official_server() {
    let review =
        |column, value| parse(&format!(r#"{{"revlog":[{}]}}"#, with(&REVIEW, column, value))).map(|chunk| chunk.reviews[0].clone());
    assert_eq!(review(8, "9").map(|review| review.kind), Ok(0));
    assert_eq!(review(8, r#""x""#).map(|review| review.kind), Ok(0));
    assert_eq!(review(4, "1.5").map(|review| review.interval), Ok(1));
    assert_eq!(review(7, "1500.7").map(|review| review.time), Ok(1500));
    assert_eq!(review(6, "-5").map(|review| review.factor), Ok(0));
    assert!(review(3, "256").is_err());
    assert!(review(3, "1.0").is_err());
    let eight = format!(r#"{{"revlog":[[{}]]}}"#, REVIEW[..8].join(","));
    assert_eq!(parse(&eight).map(|chunk| chunk.reviews[0].kind), Ok(0));
    let seven = format!(r#"{{"revlog":[[{}]]}}"#, REVIEW[..7].join(","));
    assert_eq!(problem(&seven), "applyChunk: revlog row 0, the row: 7 columns instead of 9");
}

#[test]
fn notes_are_cleaned_and_checked() {
    let note = |column, value| parse(&format!(r#"{{"notes":[{}]}}"#, with(&NOTE, column, value))).map(|chunk| chunk.notes[0].clone());
    assert_eq!(note(6, r#""a\u0000\r\n\tb\u001fc""#).map(|note| note.fields), Ok("a\n\tb\u{1f}c".to_owned()));
    assert_eq!(note(5, r#""b a\u3000b""#).map(|note| note.tags), Ok(" b a b ".to_owned()));
    assert_eq!(note(9, "7").map(|note| note.flags), Ok(0));
    assert_eq!(note(10, r#""x""#).map(|note| note.data), Ok(String::new()));
    for (column, value) in [(3, "1.0"), (0, r#""1""#), (7, "1"), (8, "0"), (9, "-1"), (10, "null"), (1, "5"), (6, "null")] {
        note(column, value).expect_err(value);
    }
    for row in [NOTE[..10].join(","), format!("{},1", NOTE.join(","))] {
        parse(&format!(r#"{{"notes":[[{row}]]}}"#)).expect_err(&row);
    }
}

#[test]
fn an_empty_chunk_is_written() {
    assert_eq!(ChunkWriter::new().finish(true), br#"{"done":true}"#);
}

#[test]
fn a_chunk_is_written_as_clients_expect() {
    let mut writer = ChunkWriter::new();
    writer.note(&Note { id: 1, guid: "a\"".to_owned(), fields: "x\u{1f}é".to_owned(), checksum: 5, flags: 3, ..Note::default() });
    writer.review(&Review { id: 2, kind: 7, ..Review::default() });
    writer.review(&Review { id: 3, ease: 999, interval: i64::MIN, factor: -1, kind: 5, ..Review::default() });
    let odd = Card { kind: 9, queue: -9, due: i64::MAX, factor: -1, flags: 300, data: "{}".to_owned(), ..Card::default() };
    writer.card(&odd);
    assert_eq!(writer.rows(), 4);
    let size = writer.size();
    let chunk = writer.finish(false);
    assert!(chunk.len().abs_diff(size) < 64);
    let wanted = concat!(
        r#"{"done":false,"revlog":[[2,0,0,0,0,0,0,0,0],[3,0,0,255,-2147483648,0,0,0,5]],"#,
        r#""cards":[[0,0,0,0,0,0,3,-3,2147483647,0,0,0,0,0,0,0,255,"{}"]],"#,
        r#""notes":[[1,"a\"",0,0,0,"","x\u001fé","","",0,""]]}"#,
    );
    assert_eq!(String::from_utf8_lossy(&chunk), wanted);
}

fn cards() -> impl Strategy<Value = Card> {
    (any::<[i64; 15]>(), any::<i32>(), "\\PC{0,12}").prop_map(|(n, usn, data)| Card {
        id: n[0],
        note_id: n[1],
        deck_id: n[2],
        ord: n[3],
        mtime: n[4],
        usn,
        kind: n[5],
        queue: n[6],
        due: n[7],
        interval: n[8],
        factor: n[9],
        reps: n[10],
        lapses: n[11],
        left: n[12],
        original_due: n[13],
        original_deck_id: n[14],
        flags: n[3] % 300,
        data,
    })
}

proptest! {
    #[test]
    fn whatever_is_written_can_be_read(card in cards(), guid in "\\PC{0,5}", fields in "[a-z<\"\\\\é\u{1f}\n]{0,20}") {
        let note = Note { guid, fields, ..Note::default() };
        let mut writer = ChunkWriter::new();
        writer.card(&card);
        writer.note(&note);
        writer.review(&Review { ease: card.ord, interval: card.due, factor: card.reps, time: card.left, ..Review::default() });
        let body = [b"{\"chunk\":".to_vec(), writer.finish(true), b"}".to_vec()].concat();
        let chunk = Chunk::parse(&body).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&chunk.cards[0].data, &card.data);
        prop_assert_eq!(chunk.cards[0].original_deck_id, card.original_deck_id);
        prop_assert_eq!(&chunk.notes[0], &note);
    }
}

/// 250 rows take well under a millisecond in a release build; the limit leaves room for slow and busy machines.
#[test]
fn parsing_is_quick() {
    let rows = |row: &[&str]| vec![format!("[{}]", row.join(",")); 84].join(",");
    let body = format!(r#"{{"chunk":{{"revlog":[{}],"cards":[{}],"notes":[{}]}}}}"#, rows(&REVIEW), rows(&CARD), rows(&NOTE));
    let start = Instant::now();
    for _ in 0..100 {
        Chunk::parse(body.as_bytes()).expect("valid");
    }
    assert!(start.elapsed().as_millis() < 1000, "{:?} for 100 chunks", start.elapsed());
}
