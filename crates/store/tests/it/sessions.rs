use crate::support::user_db;
use anki::model::Stamps;
use store::user_db::sessions::{Session, Verdict};
use store::user_db::staging::PieceKind;
use store::user_db::{Counts, Current, GenerationState, UserDb};

const ACCOUNT: i64 = 7;

/// A user database with one collection that has data.
async fn with_collection() -> UserDb {
    let user = user_db().await;
    user.create_collection(ACCOUNT, 1).await.unwrap();
    let new = user.begin_generation(ACCOUNT, "upload", 1, 1000).await.unwrap();
    let loaded = Current {
        number: new.number,
        schema: new.schema.clone(),
        state: GenerationState::Current,
        stamps: Stamps { created: 1, modified: 2, schema_modified: 3, usn: 4, last_sync: 5 },
        scheduler_version: 2,
        creation_offset: true,
        counts: Counts { notes: 1, cards: 2, revlog: 3, notetypes: 4, decks: 5, presets: 6 },
    };
    user.switch(&new, &loaded, 10).await.unwrap();
    assert_eq!(user.state(ACCOUNT).await.unwrap().unwrap().current, Some(loaded));
    user
}

pub fn session(key: &str, now: i64) -> Session {
    Session {
        account: ACCOUNT,
        session_key: key.into(),
        host_key: format!("device of {key}"),
        client: "26.09.3 \0".into(),
        generation: 1,
        base_modified: 2,
        base_usn: 4,
        client_usn: -1,
        client_is_newer: true,
        started: now,
        last_seen: now,
        pieces: 0,
        staged_bytes: 0,
        staged_graves: false,
        notetype_shapes: String::new(),
        send_position: String::new(),
        verdict: Verdict::None,
        expected_counts: String::new(),
    }
}

async fn start(user: &UserDb, key: &str, now: i64) -> Session {
    user.lock(ACCOUNT).await.unwrap().start_session(&session(key, now)).await.unwrap();
    user.session(ACCOUNT, key).await.unwrap().unwrap().0
}

async fn pieces_in_table(user: &UserDb) -> usize {
    user.db().query("SELECT number FROM {s}.sync_staged", vec![]).await.unwrap().len()
}

#[tokio::test]
async fn one_sync_runs_and_the_next_takes_over() {
    let user = with_collection().await;
    let first = start(&user, "s1 ;{($!", 100).await;
    assert_eq!((first.client.as_str(), first.client_usn, first.client_is_newer), ("26.09.3 \0", -1, true));
    assert_eq!((first.generation, first.base_modified, first.base_usn, first.last_seen, first.verdict), (1, 2, 4, 100, Verdict::None));
    let schema = user.state(ACCOUNT).await.unwrap().unwrap().current.unwrap().schema;
    assert_eq!(user.session(ACCOUNT, "s1 ;{($!").await.unwrap().unwrap().1, schema);
    assert!(user.stage(&first, PieceKind::Rows, vec![b"a".to_vec()], 101).await.unwrap());

    start(&user, "s2", 200).await;
    assert!(user.session(ACCOUNT, "s1 ;{($!").await.unwrap().is_none());
    assert_eq!(user.ended_session(ACCOUNT, "s1 ;{($!").await.unwrap(), Some(0), "taken over, which is not finished");
    assert_eq!(user.ended_session(ACCOUNT, "s2").await.unwrap(), None);
    assert_eq!(pieces_in_table(&user).await, 0, "what it staged is gone with it");
    let second = user.any_session(ACCOUNT).await.unwrap().unwrap();
    assert_eq!(user.staged_graves(&second).await.unwrap(), Some(vec![]));
    assert!(user.stage(&second, PieceKind::Graves, vec![b"b".to_vec()], 201).await.unwrap());
    assert_eq!(user.staged(&second, 0).await.unwrap().len(), 1);
    assert!(user.staged(&first, 0).await.unwrap().is_empty(), "a request of the first one never sees what the second one sent");
    assert_eq!(user.staged_graves(&first).await.unwrap(), None);
    assert!(!user.stage(&first, PieceKind::Rows, vec![b"late".to_vec()], 201).await.unwrap());
    assert!(!user.put_send_position(&first, "x", 201).await.unwrap());
    assert!(!user.put_counts_agree(&first, "[]", 201).await.unwrap());
    assert!(!user.drop_session(ACCOUNT, "s1 ;{($!").await.unwrap());
    assert_eq!(user.any_session(ACCOUNT).await.unwrap().unwrap().session_key, "s2");
    assert_eq!(user.session(8, "s2").await.unwrap().map(|(s, _)| s.account), None, "another account");

    // Started anew with the same id, as after a network fault.
    let again = start(&user, "s2", 300).await;
    assert_eq!((again.started, again.pieces), (300, 0));
    assert!(user.drop_session(ACCOUNT, "s2").await.unwrap());
    assert!(user.any_session(ACCOUNT).await.unwrap().is_none());
}

#[tokio::test]
async fn pieces_come_back_in_order_and_none_is_lost() {
    let user = with_collection().await;
    let mut running = start(&user, "s", 100).await;
    let mut sent = Vec::new();
    for (round, kind) in [PieceKind::Graves, PieceKind::Changes, PieceKind::Rows, PieceKind::Graves].into_iter().enumerate() {
        // More than a page in all.
        let pieces: Vec<Vec<u8>> = (0..13).map(|n| format!("{round} {n} \0").into_bytes()).collect();
        sent.extend(pieces.iter().map(|piece| (kind, piece.clone())));
        running.staged_graves |= kind == PieceKind::Graves;
        running.notetype_shapes = format!("{{\"{round}\":[1,2]}}");
        assert!(user.stage(&running, kind, pieces, 101).await.unwrap());
        running = user.session(ACCOUNT, "s").await.unwrap().unwrap().0;
        assert_eq!(running.notetype_shapes, format!("{{\"{round}\":[1,2]}}"));
    }
    let bytes: usize = sent.iter().map(|(_, piece)| piece.len()).sum();
    assert_eq!((running.pieces, running.staged_bytes, running.staged_graves, running.last_seen), (52, bytes as i64, true, 101));
    let (mut read, mut read_in) = (Vec::new(), Vec::new());
    loop {
        let page = user.staged(&running, read.len() as i32).await.unwrap();
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    let locked = user.lock(ACCOUNT).await.unwrap();
    while read_in.len() < sent.len() {
        read_in.extend(user.staged_in(&locked.tx, &running, read_in.len() as i32).await.unwrap());
    }
    locked.tx.rollback().await.unwrap();
    assert!(read == sent && read_in == sent);
    let graves = user.staged_graves(&running).await.unwrap().unwrap();
    assert_eq!((graves.len(), graves[0].as_slice(), graves[25].as_slice()), (26, &b"0 0 \0"[..], &b"3 12 \0"[..]));

    user.db().execute("DELETE FROM {s}.sync_staged WHERE number = 20", vec![]).await.unwrap();
    assert!(user.staged(&running, 16).await.is_err(), "a hole is not an end");
}

#[tokio::test]
async fn requests_of_one_sync_do_not_overtake_each_other() {
    let user = with_collection().await;
    let running = start(&user, "s", 100).await;
    // Both have read the same state, so only one of them may add to it.
    let (one, two) = tokio::join!(
        user.stage(&running, PieceKind::Rows, vec![b"one".to_vec()], 101),
        user.stage(&running, PieceKind::Rows, vec![b"two".to_vec()], 101)
    );
    assert_ne!(one.unwrap(), two.unwrap());
    assert_eq!(pieces_in_table(&user).await, 1);
    // A verdict is about what was staged when it was formed.
    assert!(!user.put_counts_agree(&running, "[1]", 102).await.unwrap(), "more has been staged since");
    let now = user.any_session(ACCOUNT).await.unwrap().unwrap();
    assert!(user.put_counts_agree(&now, "[2]", 103).await.unwrap());
    let now = user.any_session(ACCOUNT).await.unwrap().unwrap();
    assert_eq!((now.verdict, now.expected_counts.as_str(), now.last_seen), (Verdict::Ok, "[2]", 103));
    assert!(user.put_send_position(&now, "cards 3 4", 104).await.unwrap());
    assert!(user.stage(&now, PieceKind::Rows, vec![b"three".to_vec()], 105).await.unwrap());
    let now = user.any_session(ACCOUNT).await.unwrap().unwrap();
    assert_eq!((now.verdict, now.send_position.as_str()), (Verdict::Stale, "cards 3 4"));
}

#[tokio::test]
async fn a_finish_is_remembered_and_swept_after_its_time() {
    let user = with_collection().await;
    let running = start(&user, "s", 100).await;
    user.stage(&running, PieceKind::Rows, vec![b"a".to_vec()], 101).await.unwrap();
    let (locked, found) = user.lock_with_session(ACCOUNT, "other").await.unwrap();
    assert!(found.is_none());
    locked.tx.rollback().await.unwrap();
    let (locked, found) = user.lock_with_session(ACCOUNT, "s").await.unwrap();
    assert_eq!(found.unwrap().pieces, 1);
    let mut current = locked.current().unwrap().clone();
    (current.stamps.usn, current.stamps.created, current.counts.cards, current.scheduler_version) = (5, -9, 77, 1);
    (current.creation_offset, current.stamps.modified) = (false, 4242);
    locked.put_ahead(55).await.unwrap();
    assert_eq!(user.ended_session(ACCOUNT, "s").await.unwrap(), None, "not before it is committed");
    locked.finish_session(&running, &current, 200).await.unwrap();
    let state = user.state(ACCOUNT).await.unwrap().unwrap();
    assert_eq!((state.current, state.ahead_schema_modified), (Some(current), 55));
    assert_eq!(user.ended_session(ACCOUNT, "s").await.unwrap(), Some(4242));
    assert_eq!(pieces_in_table(&user).await, 0);

    let idle = start(&user, "idle", 300).await;
    user.stage(&idle, PieceKind::Rows, vec![b"b".to_vec()], 301).await.unwrap();
    assert_eq!(user.sweep_sessions(301, 200).await.unwrap(), 0, "those before, not at");
    assert_eq!((user.ended_session(ACCOUNT, "s").await.unwrap(), pieces_in_table(&user).await), (Some(4242), 1));
    assert_eq!(user.sweep_sessions(302, 201).await.unwrap(), 1);
    assert_eq!((user.ended_session(ACCOUNT, "s").await.unwrap(), pieces_in_table(&user).await), (None, 0));
}

/// The database crashed: tables that are not logged are empty, or one of them was restored without the other.
#[tokio::test]
async fn staging_without_a_session_is_swept() {
    let user = with_collection().await;
    let running = start(&user, "s", 100).await;
    user.stage(&running, PieceKind::Rows, vec![b"a".to_vec()], 101).await.unwrap();
    user.db().execute("DELETE FROM {s}.sync_sessions", vec![]).await.unwrap();
    assert_eq!(user.sweep_sessions(0, 0).await.unwrap(), 0);
    assert_eq!(pieces_in_table(&user).await, 0);
    let again = start(&user, "s", 200).await;
    assert!(user.stage(&again, PieceKind::Rows, vec![b"b".to_vec()], 201).await.unwrap());
}
