use crate::support::{admin, by_engine, db, engine, fresh, user_db};
use bytes::Bytes;
use futures_util::StreamExt;
use store::engine::{ConnectTo, Db, Engine, Kind, RowEncoder, Table, Value};
use store::user_db::UserDb;
use store::{StoreError, params};

const TABLE: Table = Table { name: "t", columns: &[("id", Kind::Int), ("name", Kind::Text), ("data", Kind::Bytes)], key: &["id"] };
const DDL: &str = "CREATE TABLE {s}.t (id BIGINT PRIMARY KEY, name TEXT_T NOT NULL, data BLOB_T)";

async fn table() -> Db {
    let db = db().await;
    db.script(DDL).await.unwrap();
    db
}

async fn names(db: &Db) -> Vec<(i64, String)> {
    let rows = db.query("SELECT id, name FROM {s}.t ORDER BY id", vec![]).await.unwrap();
    rows.iter().map(|row| (row.int(0).unwrap(), row.text(1).unwrap())).collect()
}

#[tokio::test]
async fn values_of_all_kinds_come_back() {
    let db = table().await;
    let odd = "\0 \u{FDD0}0 \u{1F600} e\u{301} trailing \\N\t\r\n ";
    let insert = "INSERT INTO {s}.t (id, name, data) VALUES (?, ?, ?)";
    db.execute(insert, params![i64::MIN, odd, Some(vec![0u8, 255])]).await.unwrap();
    db.execute(insert, params![i64::MAX, "", None::<Vec<u8>>]).await.unwrap();
    let rows = db.query("SELECT id, name, data FROM {s}.t WHERE id IN ?? ORDER BY id", params![vec![i64::MIN, i64::MAX]]).await.unwrap();
    assert_eq!((rows[0].int(0).unwrap(), rows[0].text(1).unwrap().as_str()), (i64::MIN, odd));
    assert_eq!(rows[0].bytes(2).unwrap(), [0, 255]);
    assert_eq!((rows[1].int(0).unwrap(), rows[1].opt_bytes(2).unwrap()), (i64::MAX, None));
    assert!(rows[1].int(1).is_err() && rows[1].bytes(2).is_err());
    assert!(db.query_opt("SELECT id FROM {s}.t WHERE name IN ??", params![vec![odd.to_owned()]]).await.unwrap().is_some());
    for (sql, count) in [("SELECT id FROM {s}.t WHERE id IN ??", 0), ("SELECT id FROM {s}.t WHERE id NOT IN ??", 2)] {
        assert_eq!(db.query(sql, params![Vec::<i64>::new()]).await.unwrap().len(), count);
    }
}

#[tokio::test]
async fn sets_are_written_at_once() {
    let db = table().await;
    let tx = db.begin().await.unwrap();
    let rows = |range: std::ops::Range<i64>, name: &str| range.map(|id| params![id, name, None::<Vec<u8>>]).collect::<Vec<_>>();
    assert_eq!(tx.insert_new("{s}", &TABLE, rows(0..12_000, "first\0")).await.unwrap(), 12_000);
    assert_eq!(tx.insert_new("{s}", &TABLE, rows(11_990..12_005, "second")).await.unwrap(), 5);
    tx.upsert("{s}", &TABLE, rows(0..2, "third")).await.unwrap();
    assert!(tx.upsert("{s}", &TABLE, vec![vec![Value::NullText, Value::NullText, Value::NullBytes]]).await.is_err(), "wrong kinds");
    tx.commit().await.unwrap();
    let names = names(&db).await;
    assert_eq!(names.len(), 12_005);
    assert_eq!([&names[1].1, &names[2].1, &names[12_004].1], ["third", "first\0", "second"]);
}

#[tokio::test]
async fn a_load_is_all_or_nothing() {
    let db = table().await;
    let block = |ids: std::ops::Range<i64>| {
        let mut rows = RowEncoder::default();
        ids.for_each(|id| rows.int(id).text("a\tb\\\n\0").bytes(Some(&[1, 2])).end_row());
        Ok::<Bytes, StoreError>(rows.take())
    };
    let tx = db.begin().await.unwrap();
    let broken = futures_util::stream::iter([block(0..500), Err(StoreError::Internal("the file is damaged".into()))]);
    let error = tx.load("{s}", &TABLE, broken, false).await.unwrap_err();
    assert!(error.to_string().contains("the file is damaged"), "{error}");
    tx.rollback().await.unwrap();
    assert_eq!(names(&db).await.len(), 0);
    let tx = db.begin().await.unwrap();
    assert_eq!(tx.load("{s}", &TABLE, futures_util::stream::iter([block(0..500), block(500..501)]), false).await.unwrap(), 501);
    tx.commit().await.unwrap();
    assert_eq!(names(&db).await[500], (500, "a\tb\\\n\0".to_owned()));
}

#[tokio::test]
async fn a_forgotten_transaction_leaves_nothing() {
    let db = table().await;
    for _ in 0..20 {
        let tx = db.begin().await.unwrap();
        tx.execute("INSERT INTO {s}.t (id, name) VALUES (1, 'x')", vec![]).await.unwrap();
        drop(tx);
    }
    assert_eq!(names(&db).await, []);
    // A stream that is not read to its end does no harm either.
    let tx = db.begin().await.unwrap();
    let many = (1..=400).map(|id| params![id, "", None::<Vec<u8>>]).collect();
    tx.insert_new("{s}", &TABLE, many).await.unwrap();
    let rows = tx.stream("SELECT a.id FROM {s}.t a, {s}.t b ORDER BY a.id", vec![]).await.unwrap();
    let first = std::pin::pin!(rows).next().await.unwrap().unwrap();
    assert_eq!(first.int(0).unwrap(), 1);
    // Nor does one of which the rest is not wanted.
    assert_eq!(tx.query("SELECT COUNT(*) FROM {s}.t", vec![]).await.unwrap()[0].int(0).unwrap(), 400);
    drop(tx);
    assert_eq!(names(&db).await, []);
}

#[tokio::test]
async fn errors_say_what_can_be_done() {
    let db = table().await;
    let insert = "INSERT INTO {s}.t (id, name) VALUES (?, 'x')";
    db.execute(insert, params![1]).await.unwrap();
    db.execute(insert, params![2]).await.unwrap();
    assert!(matches!(db.execute(insert, params![1]).await, Err(StoreError::AlreadyExists(_))));
    assert!(matches!(db.query("SELECT 1 FROM djs_nowhere.t", vec![]).await, Err(StoreError::Gone(_))));
    assert!(matches!(db.query("SELECT nonsense", vec![]).await, Err(StoreError::Internal(_))));

    let lock = "SELECT id FROM {s}.t WHERE id = ? FOR UPDATE";
    let soon = by_engine("SET LOCAL lock_timeout = '100ms'", "SET SESSION innodb_lock_wait_timeout = 1");
    let (first, _) = db.begin_with(vec![(lock, params![1])]).await.unwrap();
    let (second, _) = db.begin_with(vec![(soon, vec![]), (lock, params![2])]).await.unwrap();
    let waited = second.query(lock, params![1]).await;
    assert!(matches!(waited, Err(StoreError::LockWait(_))), "{:?}", waited.err());
    drop(second);

    let (second, _) = db.begin_with(vec![(lock, params![2])]).await.unwrap();
    let (a, b) = tokio::join!(first.query(lock, params![2]), second.query(lock, params![1]));
    let victims = [&a, &b].into_iter().filter(|outcome| matches!(outcome, Err(StoreError::Repeat(_)))).count();
    assert_eq!(victims, 1, "one of two that wait for each other");
    drop((first, second));

    let held: Vec<_> = futures_util::future::join_all((0..6).map(|_| db.begin())).await;
    assert_eq!(db.pool_use().used, 6);
    let since = std::time::Instant::now();
    assert!(matches!(db.query("SELECT 1", vec![]).await, Err(StoreError::Busy(_))));
    assert!(since.elapsed() < std::time::Duration::from_secs(8), "bounded");
    drop(held);
    db.query("SELECT 1", vec![]).await.unwrap();
}

#[tokio::test]
async fn the_second_statement_sees_what_the_lock_waited_for() {
    let user = user_db().await;
    user.create_collection(7, 1).await.unwrap();
    user.create_collection(7, 2).await.unwrap();
    let first = user.lock(7).await.unwrap();
    let waiting = tokio::spawn({
        let user = user.clone();
        async move { user.lock(7).await.map(|locked| locked.state.ahead_schema_modified) }
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    first.put_ahead(99).await.unwrap();
    first.tx.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), 99);
    assert!(matches!(user.lock(8).await, Err(StoreError::Unavailable(_))), "no row, no collection");
}

/// Somebody holds the lock for longer than one waits for it, but not for twice as long.
#[tokio::test]
async fn who_has_waited_too_long_for_a_lock_begins_again() {
    // Another process: within one, who waits for others of the same account does so without the database, and not for so long.
    let to = fresh().await;
    let open = || UserDb::open(&to, "0123456789abcdef", 1);
    let (user, other) = (open().await.unwrap(), open().await.unwrap());
    user.create_collection(7, 1).await.unwrap();
    let first = other.lock(7).await.unwrap();
    let since = std::time::Instant::now();
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(12_000)).await;
        first.tx.rollback().await.unwrap();
    };
    let (waited, ()) = tokio::join!(user.begin_generation(7, "upload", 1, 2), release);
    assert_eq!(waited.unwrap().number, 1);
    assert!(since.elapsed() < std::time::Duration::from_secs(20));
}

#[tokio::test]
async fn processes_may_migrate_at_the_same_time_and_installations_are_not_mixed_up() {
    let to = fresh().await;
    let opened = futures_util::future::join_all((0..4).map(|_| UserDb::open(&to, "0123456789abcdef", 1))).await;
    opened.into_iter().for_each(|opened| drop(opened.unwrap()));
    let other = UserDb::open(&to, "ffffffffffffffff", 1).await;
    assert!(other.is_err_and(|e| e.to_string().contains("two installations")));
}

/// What no waiting mends is told from what may pass.
#[tokio::test]
async fn databases_that_cannot_be_used_say_why() {
    let to = fresh().await;
    let nobody = ConnectTo { user: "djs_nobody".into(), password: Some("wrong".into()), ..to.clone() };
    let elsewhere = ConnectTo { database: "djs_nowhere".into(), ..to.clone() };
    for (to, part) in [(nobody, "djs_nobody"), (elsewhere, "djs_nowhere")] {
        match Db::connect(&to).await.map(drop) {
            Err(StoreError::Denied(text)) => assert!(text.contains(part), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    if engine() == Engine::Postgres {
        let name = format!("{}_latin", to.database);
        let make = format!("CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
        admin().await.script(&make).await.unwrap();
        match Db::connect(&ConnectTo { database: name, ..to }).await.map(drop) {
            Err(StoreError::Unsuitable(text)) => assert!(text.contains("LATIN1") && text.contains("ENCODING 'UTF8'"), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}
