//! No text is harmed: neither what looks alike, nor what is long.

use crate::support::{admin, by_engine, user_db};
use anki::model::{Note, Tag};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use store::StoreError;
use store::collection::{Collection, Load, LoadRows};
use store::user_db::media::{MediaWrite, StoredContent};
use store::user_db::sessions::Verdict;
use store::user_db::{UserDb, staging::PieceKind};

/// Different for Anki, and the same or forbidden for one database or another.
const ALIKE: &[&str] = &[
    "a",
    "A",
    "a ",
    "a  ",
    " a",
    "á",
    "a\u{301}",
    "ä",
    "å",
    "Å",
    "\u{212B}",
    "ß",
    "ss",
    "ẞ",
    "ı",
    "i",
    "İ",
    "ﬁ",
    "fi",
    "\u{1F600}",
    "\u{1F601}",
    "\u{10FFFF}",
    "a\0",
    "a\0\0",
    "\u{FDD0}",
    "\u{FDD0}0",
    "\u{FFFD}",
    "a\t",
    "a\n",
    "a\u{a0}",
    "a\u{200B}",
    "'",
    "\\",
    "\\'",
    "%",
    "_",
    "`",
    "?",
    "??",
    "{s}",
    "{c}",
    "は",
    "ハ",
    "ﾊ",
    "ば",
    "\u{e000}",
    "",
];

fn note(id: i64, fields: String) -> Note {
    Note { id, guid: format!("g{id}"), notetype_id: 1, fields, ..Note::default() }
}

/// An empty schema with a table for notes and one for tags.
async fn with_tables(notes: &[Note]) -> (UserDb, String) {
    let user = user_db().await;
    user.create_collection(7, 1).await.unwrap();
    let schema = user.begin_generation(7, "upload", 1, 2).await.unwrap().schema;
    load(&user, &schema, notes).await.unwrap();
    Load::new(user.db(), &schema).tags(futures_util::stream::empty::<Result<Bytes, StoreError>>()).await.unwrap();
    (user, schema)
}

async fn load(user: &UserDb, schema: &str, notes: &[Note]) -> Result<u64, StoreError> {
    let blocks = futures_util::stream::iter(notes).map(|note| {
        let mut rows = LoadRows::new();
        rows.note(note);
        Ok(rows.take())
    });
    Load::new(user.db(), schema).notes(blocks).await
}

async fn notes(user: &UserDb, schema: &str) -> Vec<Note> {
    let (tx, _) = user.snapshot(7).await.unwrap();
    Collection::stream_notes(&tx, schema).await.unwrap().try_collect().await.unwrap()
}

#[tokio::test]
async fn names_that_look_alike_stay_apart() {
    let user = user_db().await;
    user.create_collection(7, 1).await.unwrap();
    let write = |(n, name): (usize, &&str)| MediaWrite {
        name: (*name).into(),
        content: Some(StoredContent { sha1: "11".into(), content_key: Some(format!("key{n}")), size: 1 }),
    };
    let writes: Vec<MediaWrite> = ALIKE.iter().enumerate().map(write).collect();
    assert_eq!(user.apply_media(7, &writes, 1).await.unwrap() as usize, ALIKE.len(), "each is a file of its own");
    for (n, name) in ALIKE.iter().enumerate() {
        let found = user.media_files(7, &[(*name).into()]).await.unwrap();
        let found: Vec<_> = found.iter().map(|file| (file.name.as_str(), file.content_key.clone())).collect();
        assert_eq!(found, [(*name, format!("key{n}"))]);
    }
    let all: Vec<String> = ALIKE.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(user.media_files(7, &all).await.unwrap().len(), ALIKE.len());
    user.apply_media(7, &[MediaWrite { name: "a ".into(), content: None }], 1).await.unwrap();
    assert_eq!(user.media_files(7, &all).await.unwrap().len(), ALIKE.len() - 1, "and nothing else was deleted");
}

#[tokio::test]
async fn text_comes_back_as_it_was() {
    let loaded: Vec<Note> = ALIKE.iter().enumerate().map(|(n, text)| note(n as i64, (*text).into())).collect();
    let (user, schema) = with_tables(&loaded).await;
    assert_eq!(notes(&user, &schema).await, loaded);
    let tx = user.db().begin().await.unwrap();
    let within = Collection::within(&tx, &schema);
    let written: Vec<Note> = loaded.iter().map(|note| Note { id: note.id + 1000, ..note.clone() }).collect();
    within.put_notes(written.clone()).await.unwrap();
    // Tags that differ by case alone are one tag for Anki; here they are told apart by a number in front.
    let tags: Vec<Tag> = ALIKE.iter().enumerate().map(|(n, text)| Tag { name: format!("{n}{text}"), usn: 1, collapsed: false }).collect();
    assert_eq!(within.add_tags(&tags).await.unwrap() as usize, tags.len());
    tx.commit().await.unwrap();
    assert_eq!(notes(&user, &schema).await, [loaded, written].concat());
    let mut stored: Vec<String> = Collection::new(user.db(), &schema).tags().await.unwrap().into_iter().map(|tag| tag.name).collect();
    let mut wanted: Vec<String> = tags.into_iter().map(|tag| tag.name).collect();
    stored.sort();
    wanted.sort();
    assert_eq!(stored, wanted);
}

#[tokio::test]
async fn fields_may_have_megabytes() {
    // Each byte of it is doubled on the way by one encoding or another.
    let long = "\\\u{1F600}\n\0\u{1f}".repeat(500_000);
    let (user, schema) = with_tables(&[note(1, long.clone()), note(2, "short".into())]).await;
    let tx = user.db().begin().await.unwrap();
    Collection::within(&tx, &schema).put_notes(vec![note(3, long.clone()), note(2, long.clone()), note(4, "short".into())]).await.unwrap();
    tx.commit().await.unwrap();
    let stored = notes(&user, &schema).await;
    assert!(stored.len() == 4 && stored[..3].iter().all(|note| note.fields == long) && stored[3].fields == "short");

    let page = Collection::new(user.db(), &schema).notes_since(i32::MIN, (i32::MIN, i64::MIN), 9).await.unwrap();
    assert!(page == stored, "also in the order of usns");

    // The same on its way through a sync.
    let session = crate::sessions::session("k", 1);
    user.lock(7).await.unwrap().start_session(&session).await.unwrap();
    assert!(user.stage(&session, PieceKind::Rows, vec![long.clone().into_bytes(), vec![0, 255]], 2).await.unwrap());
    let (session, _) = user.session(7, "k").await.unwrap().unwrap();
    assert_eq!((session.verdict, session.pieces), (Verdict::None, 2));
    let staged = user.staged(&session, 0).await.unwrap();
    assert!(staged[0].1 == long.as_bytes() && staged[1].1 == [0, 255]);
}

#[tokio::test]
async fn what_is_too_large_for_the_server_is_refused_with_the_reason() {
    let limit = by_engine("SELECT CAST(16777216 AS BIGINT)", "SELECT CAST(@@max_allowed_packet AS SIGNED)");
    let limit = usize::try_from(admin().await.query(limit, vec![]).await.unwrap()[0].int(0).unwrap()).unwrap();
    let large = "x".repeat(limit + (1 << 20));
    // An upload is a stream, so the limit does not hold for it.
    let (user, schema) = with_tables(&[note(1, large.clone())]).await;
    assert!(notes(&user, &schema).await[0].fields == large);
    let tx = user.db().begin().await.unwrap();
    let outcome = Collection::within(&tx, &schema).put_notes(vec![note(2, large.clone())]).await;
    match by_engine(None, Some("max_allowed_packet")) {
        None => {
            outcome.unwrap();
            tx.commit().await.unwrap();
            assert!(notes(&user, &schema).await[1].fields == large);
        }
        Some(reason) => {
            assert!(outcome.as_ref().is_err_and(|e| !e.is_passing() && e.to_string().contains(reason)), "{outcome:?}");
            drop(tx);
            assert_eq!(notes(&user, &schema).await.len(), 1);
        }
    }
}
