//! A load is believed only when every row has arrived as it was sent.

use crate::support::{admin, by_engine, db};
use bytes::Bytes;
use store::engine::{Db, Index, Kind, RowEncoder, Table};
use store::{StoreError, params};

const TABLE: Table =
    Table { name: "t", columns: &[("id", Kind::Int), ("small", Kind::Int), ("name", Kind::Text), ("data", Kind::Bytes)], key: &["id"] };
const COLUMNS: &str = "id BIGINT NOT NULL, small SMALLINT NOT NULL, name TEXT_T NOT NULL, data BLOB_T";
const INDEXES: &[Index] = &[("ix_t_small", "small, id")];

async fn table() -> Db {
    let db = db().await;
    let tx = db.begin().await.unwrap();
    tx.create_table("{s}", &TABLE, COLUMNS).await.unwrap();
    tx.finish_table("{s}", &TABLE, INDEXES).await.unwrap();
    tx.commit().await.unwrap();
    db
}

async fn load(db: &Db, rows: &[(i64, i64, &str)]) -> Result<u64, StoreError> {
    let mut encoder = RowEncoder::default();
    rows.iter().for_each(|(id, small, name)| encoder.int(*id).int(*small).text(name).bytes(Some(name.as_bytes())).end_row());
    let tx = db.begin().await?;
    let count = tx.load("{s}", &TABLE, futures_util::stream::iter([Ok::<Bytes, StoreError>(encoder.take())]), false).await?;
    tx.commit().await?;
    Ok(count)
}

async fn rows(db: &Db) -> Vec<(i64, i64, String, Vec<u8>)> {
    let rows = db.query("SELECT id, small, name, data FROM {s}.t ORDER BY id", vec![]).await.unwrap();
    let row = |row: &store::engine::Row| (row.int(0).unwrap(), row.int(1).unwrap(), row.text(2).unwrap(), row.bytes(3).unwrap());
    rows.iter().map(row).collect()
}

#[tokio::test]
async fn what_does_not_fit_fails_instead_of_being_clamped_or_left_out() {
    let db = table().await;
    // 70,000 does not fit the column. MySQL would make it 32,767, with a warning.
    let clamped = load(&db, &[(1, 1, "a"), (2, 70_000, "b"), (3, 3, "c")]).await;
    assert!(matches!(clamped, Err(StoreError::Internal(_))), "{clamped:?}");
    assert_eq!(rows(&db).await, [], "nothing of it has stayed");
    // A key twice. MySQL would leave the second row out, with a warning.
    let twice = load(&db, &[(1, 1, "a"), (2, 2, "b"), (1, 3, "c")]).await;
    assert!(matches!(twice, Err(StoreError::AlreadyExists(_))), "{twice:?}");
    assert_eq!(rows(&db).await, []);
    assert_eq!(load(&db, &[(1, 1, "a")]).await.unwrap(), 1);
    // A key that is there already.
    assert!(matches!(load(&db, &[(1, 2, "b")]).await, Err(StoreError::AlreadyExists(_))));
    assert_eq!(rows(&db).await, [(1, 1, "a".into(), b"a".to_vec())]);
}

#[tokio::test]
async fn a_row_that_is_not_one_fails() {
    let db = table().await;
    for broken in ["1\t2\n", "1\t2\tname\t\\N\tmore\n", "one\t2\tname\t\\N\n", "1\t\\N\tname\t\\N\n"] {
        let tx = db.begin().await.unwrap();
        let outcome = tx.load("{s}", &TABLE, futures_util::stream::iter([Ok::<Bytes, StoreError>(broken.into())]), false).await;
        assert!(outcome.is_err(), "{broken:?}: {outcome:?}");
        drop(tx);
    }
    assert_eq!(rows(&db).await, []);
}

/// Whoever runs the server may forbid LOAD DATA LOCAL, also while we run.
#[tokio::test]
async fn a_server_that_forbids_local_files_gets_inserts() {
    let db = table().await;
    let admin = admin().await;
    let forbid = |forbidden: bool| {
        let (admin, sql) = (&admin, format!("SET GLOBAL local_infile = {}", i32::from(!forbidden)));
        async move {
            if by_engine(false, true) {
                admin.script(&sql).await.unwrap();
            }
        }
    };
    forbid(true).await;
    let texts = ["a\tb\\c\nd\re\0\u{FDD0}\u{1F600}", "\\N", "", " x "];
    let sent: Vec<(i64, i64, &str)> = (0..8_000).map(|id| (id, id % 7, texts[id as usize % 4])).collect();
    let loaded = load(&db, &sent).await;
    let twice = load(&db, &[(9_000, 1, "a"), (0, 1, "b")]).await;
    let clamped = load(&db, &[(9_000, 70_000, "a")]).await;
    forbid(false).await;
    assert_eq!(loaded.unwrap(), 8_000);
    assert!(matches!(twice, Err(StoreError::AlreadyExists(_))), "{twice:?}");
    assert!(matches!(clamped, Err(StoreError::Internal(_))), "{clamped:?}");
    let wanted: Vec<_> = sent.iter().map(|(id, small, name)| (*id, *small, (*name).to_owned(), name.as_bytes().to_vec())).collect();
    assert_eq!(rows(&db).await, wanted);
}

/// An UPDATE counts the rows that it finds, whether it changes them or not: the staging of a sync rests on it.
#[tokio::test]
async fn rows_are_counted_alike() {
    let db = table().await;
    load(&db, &[(1, 1, "a"), (2, 2, "b")]).await.unwrap();
    let update = "UPDATE {s}.t SET name = ? WHERE id IN ??";
    assert_eq!(db.execute(update, params!["a", vec![1i64, 2, 3]]).await.unwrap(), 2);
    assert_eq!(db.execute(update, params!["a", vec![1i64, 2, 3]]).await.unwrap(), 2, "none of them changed");
    assert_eq!(db.execute("DELETE FROM {s}.t WHERE id > ?", params![1]).await.unwrap(), 1);
    assert_eq!(db.execute("DELETE FROM {s}.t WHERE id > ?", params![1]).await.unwrap(), 0);
}
