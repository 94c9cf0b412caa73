use crate::support::user_db;
use anki::model::{Card, ConfigEntry, Deck, Grave, GraveKind, Note, Notetype, Preset, Review, Tag};
use bytes::Bytes;
use futures_util::TryStreamExt;
use store::StoreError;
use store::collection::{Collection, Load, LoadRows, StoredStamp};
use store::user_db::{Counts, UserDb};

const ODD: &str = "\0 \u{FDD0}0 \u{1F600} \\N\t\r\n\u{1f}";
const FIRST: (i32, i64) = (i32::MIN, i64::MIN);

fn note(id: i64, usn: i32, fields: &str) -> Note {
    Note {
        id,
        guid: format!("guid {ODD}{id}"),
        notetype_id: -7,
        mtime: i64::MAX,
        usn,
        tags: format!(" {ODD} "),
        fields: fields.into(),
        sort_field: ODD.into(),
        checksum: 4_294_967_295,
        flags: -1,
        data: ODD.into(),
    }
}

fn card(id: i64, usn: i32) -> Card {
    Card {
        id,
        note_id: 1,
        deck_id: i64::MIN,
        ord: 65_535,
        mtime: 8,
        usn,
        kind: 3,
        queue: -3,
        due: -5_000_000_000,
        interval: 9,
        factor: 10,
        reps: 11,
        lapses: 12,
        left: 13,
        original_due: -14,
        original_deck_id: 15,
        flags: 16,
        data: ODD.into(),
    }
}

fn review(id: i64, usn: i32) -> Review {
    let (interval, last_interval) = (i32::MIN.into(), i32::MAX.into());
    Review { id, card_id: i64::MAX, usn, ease: 4, interval, last_interval, factor: -2, time: 5_000_000_000, kind: 5 }
}

fn deck(id: i64, usn: i32, name: &str) -> Deck {
    Deck { id, name: name.into(), mtime: 9, usn, json: format!("{{\"id\":{id},\"x\":\"{ODD}\"}}"), extra: Some(vec![0, 1, 255]) }
}

fn preset(id: i64, usn: i32) -> Preset {
    Preset { id, name: "the same".into(), mtime: 10, usn, json: "{}".into(), extra: None }
}

fn notetype(id: i64, usn: i32, name: &str) -> Notetype {
    let (field_count, template_count, sort_field) = (3, 2, -1);
    Notetype { id, name: name.into(), mtime: 11, usn, json: "{}".into(), extra: Some(vec![]), field_count, template_count, sort_field }
}

fn tag(name: &str, usn: i32) -> Tag {
    Tag { name: name.into(), usn, collapsed: usn % 2 == 1 }
}

fn entry(key: &str, json: &str) -> ConfigEntry {
    ConfigEntry { key: key.into(), usn: 3, mtime: 4, json: json.into() }
}

fn grave(id: i64, kind: GraveKind, usn: i32) -> Grave {
    Grave { id, kind, usn }
}

fn block(fill: impl FnOnce(&mut LoadRows)) -> impl futures_util::Stream<Item = Result<Bytes, StoreError>> {
    let mut rows = LoadRows::new();
    fill(&mut rows);
    assert!(rows.size() > 0);
    let block = rows.take();
    assert_eq!(rows.size(), 0);
    futures_util::stream::iter([Ok(block)])
}

/// A collection with three of everything, loaded as an upload is. Usns are 0, 1 and 2.
async fn loaded() -> (UserDb, String) {
    let user = user_db().await;
    user.create_collection(7, 1).await.unwrap();
    let schema = user.begin_generation(7, "upload", 1, 2).await.unwrap().schema;
    let load = Load::new(user.db(), &schema);
    let all = || (0..3).map(|usn| (i64::from(usn) + 1, usn));
    let loads = [
        load.notes(block(|rows| all().for_each(|(id, usn)| rows.note(&note(id, usn, "a"))))).await.unwrap(),
        load.cards(block(|rows| all().for_each(|(id, usn)| rows.card(&card(id, usn))))).await.unwrap(),
        load.reviews(block(|rows| all().for_each(|(id, usn)| rows.review(&review(id, usn))))).await.unwrap(),
        load.graves(block(|rows| all().for_each(|(id, usn)| rows.grave(&grave(id, GraveKind::Note, usn))))).await.unwrap(),
        load.notetypes(block(|rows| all().for_each(|(id, usn)| rows.notetype(&notetype(id, usn, &format!("N{id}")))))).await.unwrap(),
        load.decks(block(|rows| all().for_each(|(id, usn)| rows.deck(&deck(id, usn, &format!("D{id}")))))).await.unwrap(),
        load.presets(block(|rows| all().for_each(|(id, usn)| rows.preset(&preset(id, usn))))).await.unwrap(),
        load.tags(block(|rows| all().for_each(|(id, usn)| rows.tag(&tag(&format!("Tag{id}"), usn))))).await.unwrap(),
        load.config(block(|rows| ["k1", "k2", "K1"].iter().for_each(|key| rows.config(&entry(key, "1"))))).await.unwrap(),
    ];
    assert_eq!(loads, [3; 9]);
    (user, schema)
}

#[tokio::test]
async fn rows_are_read_as_they_were_loaded_or_written() {
    let (user, schema) = loaded().await;
    // A loaded row and a written one take different ways into the database.
    let tx = user.db().begin().await.unwrap();
    let within = Collection::within(&tx, &schema);
    within.put_notes(vec![note(2, 5, ODD), note(i64::MAX, 5, "")]).await.unwrap();
    within.put_cards(vec![card(2, 5), card(i64::MIN, 5)]).await.unwrap();
    assert_eq!(within.add_reviews(vec![review(2, 5), review(-4, 5)]).await.unwrap(), 1, "the first writer wins");
    within.put_notetypes(vec![notetype(2, 5, "N1"), notetype(-1, 5, ODD)]).await.unwrap();
    within.put_decks(vec![deck(2, 5, "D1"), deck(-1, 5, ODD)]).await.unwrap();
    within.put_presets(vec![preset(2, 5), preset(-1, 5)]).await.unwrap();
    tx.commit().await.unwrap();

    let stored = Collection::new(user.db(), &schema);
    assert_eq!(
        stored.notes_since(i32::MIN, FIRST, 9).await.unwrap(),
        [note(1, 0, "a"), note(3, 2, "a"), note(2, 5, ODD), note(i64::MAX, 5, "")]
    );
    assert_eq!(stored.cards_since(2, FIRST, 9).await.unwrap(), [card(3, 2), card(i64::MIN, 5), card(2, 5)]);
    assert_eq!(stored.reviews_since(1, FIRST, 9).await.unwrap(), [review(2, 1), review(3, 2), review(-4, 5)]);
    assert_eq!(stored.notetypes().await.unwrap(), [notetype(-1, 5, ODD), notetype(1, 0, "N1"), notetype(2, 5, "N1"), notetype(3, 2, "N3")]);
    assert_eq!(stored.decks().await.unwrap(), [deck(-1, 5, ODD), deck(1, 0, "D1"), deck(2, 5, "D1"), deck(3, 2, "D3")]);
    assert_eq!(stored.presets().await.unwrap(), [preset(-1, 5), preset(1, 0), preset(2, 5), preset(3, 2)]);
    let counts = Counts { notes: 4, cards: 4, revlog: 4, notetypes: 4, decks: 4, presets: 4 };
    assert_eq!(stored.count().await.unwrap(), counts);

    let (tx, state) = user.snapshot(7).await.unwrap();
    assert!(state.unwrap().current.is_none(), "it was never switched to");
    // All in the order of their ids, as files want them.
    let notes: Vec<Note> = Collection::stream_notes(&tx, &schema).await.unwrap().try_collect().await.unwrap();
    let cards: Vec<Card> = Collection::stream_cards(&tx, &schema).await.unwrap().try_collect().await.unwrap();
    let reviews: Vec<Review> = Collection::stream_reviews(&tx, &schema).await.unwrap().try_collect().await.unwrap();
    assert_eq!(notes.iter().map(|n| n.id).collect::<Vec<_>>(), [1, 2, 3, i64::MAX]);
    assert_eq!(cards, [card(i64::MIN, 5), card(1, 0), card(2, 5), card(3, 2)]);
    assert_eq!(reviews, [review(-4, 5), review(1, 0), review(2, 1), review(3, 2)]);
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn pages_go_by_usn_and_then_by_id() {
    let (user, schema) = loaded().await;
    let tx = user.db().begin().await.unwrap();
    let within = Collection::within(&tx, &schema);
    let ids = [(9, 1), (4, 2), (-3, 2), (8, 0)];
    within.put_notes(ids.map(|(id, usn)| note(id, usn, "x")).to_vec()).await.unwrap();
    within.put_cards(ids.map(|(id, usn)| card(id, usn)).to_vec()).await.unwrap();
    within.add_reviews(ids.map(|(id, usn)| review(id, usn)).to_vec()).await.unwrap();
    let all = [(0, 1), (0, 8), (1, 2), (1, 9), (2, -3), (2, 3), (2, 4)];
    for since in [i32::MIN, 0, 1, 2, 3, i32::MAX] {
        for limit in 1..=8 {
            let wanted: Vec<(i32, i64)> = all.iter().copied().filter(|(usn, _)| *usn >= since).collect();
            let (mut notes, mut cards, mut reviews) = (Vec::new(), Vec::new(), Vec::new());
            // One request more than there are rows: it must be empty.
            for _ in 0..=wanted.len() {
                let after = |list: &[(i32, i64)]| list.last().copied().unwrap_or(FIRST);
                let page = within.notes_since(since, after(&notes), limit).await.unwrap();
                notes.extend(page.iter().map(|row| (row.usn, row.id)));
                let page = within.cards_since(since, after(&cards), limit).await.unwrap();
                cards.extend(page.iter().map(|row| (row.usn, row.id)));
                let page = within.reviews_since(since, after(&reviews), limit).await.unwrap();
                reviews.extend(page.iter().map(|row| (row.usn, row.id)));
            }
            assert_eq!((&notes, &cards, &reviews), (&wanted, &wanted, &wanted), "since {since}, {limit} at a time");
        }
    }
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn what_exists_is_found_and_can_be_deleted() {
    let (user, schema) = loaded().await;
    let tx = user.db().begin().await.unwrap();
    let within = Collection::within(&tx, &schema);
    // More than one statement takes, none of them there but two.
    let many: Vec<i64> = (2..45_000).rev().collect();
    let sorted = |mut ids: Vec<i64>| {
        ids.sort_unstable();
        ids
    };
    for found in [
        within.existing_notes(&many).await.unwrap(),
        within.existing_cards(&many).await.unwrap(),
        within.existing_reviews(&many).await.unwrap(),
        within.existing_notetypes(&many).await.unwrap(),
        within.existing_decks(&many).await.unwrap(),
        within.existing_presets(&many).await.unwrap(),
    ] {
        assert_eq!(sorted(found), [2, 3]);
    }
    assert_eq!(within.existing_notes(&[]).await.unwrap(), Vec::<i64>::new());
    let stamps = within.note_stamps(&many).await.unwrap();
    assert_eq!((stamps.len(), stamps[&3]), (2, StoredStamp { usn: 2, modified: i64::MAX }));
    assert_eq!(within.card_stamps(&[1, 99]).await.unwrap()[&1], StoredStamp { usn: 0, modified: 8 });
    let shapes = within.notetype_shapes(&[1, 99]).await.unwrap();
    assert_eq!((shapes.len(), shapes[&1]), (1, (3, -1)));
    let layouts = within.notetype_layouts(&[1, 99]).await.unwrap();
    assert_eq!((layouts.len(), layouts[&1]), (1, (11, 3, 2)));
    let rows = (within.notetype_rows().await.unwrap(), within.deck_rows().await.unwrap(), within.preset_rows().await.unwrap());
    assert_eq!((rows.0[2].modified, rows.1[2].id, rows.2[2].modified), (11, 3, 10));
    assert_eq!(rows.1[0].name_key, anki::names::key("d1"), "names differ by more than case");
    assert_ne!(rows.1[0].name_key, rows.1[1].name_key);
    let since = (within.notetypes_since(1).await.unwrap(), within.decks_since(2).await.unwrap(), within.presets_since(3).await.unwrap());
    assert_eq!((since.0.len(), since.1, since.2), (2, vec![(3, deck(3, 2, "").json)], vec![]));

    for deleted in [
        within.delete_notes(&many).await.unwrap(),
        within.delete_cards(&many).await.unwrap(),
        within.delete_notetypes(&many).await.unwrap(),
        within.delete_decks(&many).await.unwrap(),
        within.delete_presets(&many).await.unwrap(),
    ] {
        assert_eq!(deleted, 2);
    }
    assert_eq!(within.delete_notes(&[2, 2, 99]).await.unwrap(), 0, "gone already");
    let left = Counts { notes: 1, cards: 1, revlog: 3, notetypes: 1, decks: 1, presets: 1 };
    assert_eq!(within.count().await.unwrap(), left, "and nothing else");
    tx.commit().await.unwrap();
    assert_eq!(Collection::new(user.db(), &schema).count().await.unwrap(), left);
}

#[tokio::test]
async fn graves_tags_and_config_have_rules_of_their_own() {
    let (user, schema) = loaded().await;
    let tx = user.db().begin().await.unwrap();
    let within = Collection::within(&tx, &schema);
    // The same id may be that of a note, of a card and of a deck.
    let graves = [grave(1, GraveKind::Note, 9), grave(1, GraveKind::Card, 9), grave(1, GraveKind::Deck, 9)];
    assert_eq!(within.add_graves(&graves).await.unwrap(), 2, "one that is there keeps its usn");
    let mut since = within.graves_since(2).await.unwrap();
    since.sort_by_key(|grave| (grave.usn, grave.kind));
    assert_eq!(since, [grave(3, GraveKind::Note, 2), grave(1, GraveKind::Card, 9), grave(1, GraveKind::Deck, 9)]);
    assert_eq!(within.graves_since(i32::MIN).await.unwrap().len(), 5);

    assert_eq!(within.add_tags(&[tag("TAG1", 9), tag("Straße", 9), tag(ODD, 9)]).await.unwrap(), 2);
    assert_eq!(within.add_tags(&[tag("STRASSE", 10)]).await.unwrap(), 0, "folded as Anki does");
    let mut tags = within.tags().await.unwrap();
    tags.sort_by(|a, b| a.name.cmp(&b.name));
    let mut wanted = [tag("Tag1", 0), tag("Tag2", 1), tag("Tag3", 2), tag("Straße", 9), tag(ODD, 9)];
    wanted.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(tags, wanted);
    let mut since = within.tags_since(2).await.unwrap();
    since.sort();
    assert_eq!(since, [ODD, "Straße", "Tag3"]);

    // Keys of the config differ by case.
    assert_eq!(within.config_value("k1").await.unwrap().as_deref(), Some("1"));
    within.put_config(vec![entry("k1", ODD), entry(ODD, "2")]).await.unwrap();
    assert_eq!(within.delete_config(&["k2".into(), "none".into()]).await.unwrap(), 1);
    let mut config = within.config().await.unwrap();
    config.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(config, [entry(ODD, "2"), entry("K1", "1"), entry("k1", ODD)]);
    assert_eq!(within.config_value("k2").await.unwrap(), None);
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn half_a_bulk_write_is_impossible() {
    let (user, schema) = loaded().await;
    let outside = Collection::new(user.db(), &schema);
    assert!(matches!(outside.put_notes(vec![note(9, 1, "a")]).await, Err(StoreError::Internal(_))));
    assert!(matches!(outside.add_tags(&[tag("x", 1)]).await, Err(StoreError::Internal(_))));
    assert_eq!(outside.count().await.unwrap().notes, 3);
    // A generation that was dropped while somebody reads it.
    user.db().drop_schema(&schema).await.unwrap();
    assert!(matches!(outside.count().await, Err(StoreError::Gone(_))));
    user.db().drop_schema(&schema).await.unwrap();
}

/// A file with the same id twice, which a damaged index lets pass.
#[tokio::test]
async fn a_load_with_a_key_twice_leaves_no_table() {
    let user = user_db().await;
    user.create_collection(7, 1).await.unwrap();
    let schema = user.begin_generation(7, "upload", 1, 2).await.unwrap().schema;
    let load = Load::new(user.db(), &schema);
    let twice = load.notes(block(|rows| (0..2).for_each(|_| rows.note(&note(1, 0, "a"))))).await;
    assert!(matches!(twice, Err(StoreError::AlreadyExists(_))), "{twice:?}");
    assert!(matches!(Collection::new(user.db(), &schema).existing_notes(&[1]).await, Err(StoreError::Gone(_))));
    assert_eq!(load.notes(block(|rows| rows.note(&note(1, 0, "a")))).await.unwrap(), 1);
}
