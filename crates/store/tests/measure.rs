#[path = "it/support.rs"]
#[allow(dead_code)]
mod support;
use anki::model::*;
use bytes::Bytes;
use std::time::Instant;
use store::StoreError;
use store::collection::{Load, LoadRows};
use store::engine::*;

fn blocks(n: i64, add: impl Fn(&mut LoadRows, i64)) -> Vec<Bytes> {
    let mut out = vec![];
    let mut rows = LoadRows::new();
    for id in 0..n {
        add(&mut rows, id);
        if rows.size() > 1 << 20 {
            out.push(rows.take());
        }
    }
    out.push(rows.take());
    out
}
const REVLOG: Table = Table {
    name: "revlog",
    columns: &[
        ("id", Kind::Int),
        ("cid", Kind::Int),
        ("usn", Kind::Int),
        ("ease", Kind::Int),
        ("ivl", Kind::Int),
        ("lastivl", Kind::Int),
        ("factor", Kind::Int),
        ("rtime", Kind::Int),
        ("type", Kind::Int),
    ],
    key: &["id"],
};
const REVLOG_DDL: &str = "id BIGINT NOT NULL, cid BIGINT NOT NULL, usn INTEGER NOT NULL, ease SMALLINT NOT NULL, ivl INTEGER NOT NULL, lastivl INTEGER NOT NULL, factor BIGINT NOT NULL, rtime BIGINT NOT NULL, type SMALLINT NOT NULL";
const NOTES: Table = Table {
    name: "notes",
    columns: &[
        ("id", Kind::Int),
        ("guid", Kind::Text),
        ("mid", Kind::Int),
        ("modified", Kind::Int),
        ("usn", Kind::Int),
        ("tags", Kind::Text),
        ("flds", Kind::Text),
        ("sfld", Kind::Text),
        ("csum", Kind::Int),
        ("flags", Kind::Int),
        ("data", Kind::Text),
    ],
    key: &["id"],
};
const NOTES_DDL: &str = "id BIGINT NOT NULL, guid TEXT_T NOT NULL, mid BIGINT NOT NULL, modified BIGINT NOT NULL, usn INTEGER NOT NULL, tags TEXT_T NOT NULL, flds TEXT_T NOT NULL, sfld TEXT_T NOT NULL, csum BIGINT NOT NULL, flags BIGINT NOT NULL, data TEXT_T NOT NULL";

async fn one(db: &Db, what: &str, table: &Table, ddl: &str, before: &str, after: &[Index], data: &[Bytes]) {
    db.script(&format!("DROP TABLE IF EXISTS {{s}}.{}", table.name)).await.unwrap();
    let since = Instant::now();
    let tx = db.begin().await.unwrap();
    tx.create_table("{s}", table, &format!("{ddl}{before}")).await.unwrap();
    let n = tx.load("{s}", table, futures_util::stream::iter(data.iter().cloned().map(Ok::<_, StoreError>))).await.unwrap();
    let loaded = since.elapsed();
    tx.finish_table("{s}", table, after).await.unwrap();
    tx.commit().await.unwrap();
    println!("{:10} {what:40} {n} rows: {:.2} s loaded, {:.2} s in all", table.name, loaded.as_secs_f64(), since.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn measure() {
    let db = support::db().await;
    let admin = support::admin().await;
    let mut seed = 1u64;
    let mut rnd = move |m: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((seed >> 33) % m) as i64
    };
    let cids: Vec<i64> = (0..500_000).map(|_| rnd(60_000)).collect();
    let rev = blocks(500_000, |r, id| {
        r.review(&Review {
            id: 1_500_000_000_000 + id * 37_000,
            card_id: 1_400_000_000_000 + cids[id as usize],
            usn: (id / 300) as i32,
            ease: 3,
            interval: 30,
            last_interval: 12,
            factor: 2500,
            time: 7000,
            kind: 1,
        })
    });
    let csums: Vec<i64> = (0..100_000).map(|_| rnd(4_294_967_295)).collect();
    let notes = blocks(100_000, |r, id| {
        r.note(&Note {
            id: 1_400_000_000_000 + id * 1000,
            guid: format!("{:010x}", csums[id as usize]),
            notetype_id: 5 + id % 7,
            mtime: 1_600_000_000,
            usn: (id / 300) as i32,
            tags: " tag1 tag2 ".into(),
            fields: "some text of a field, with a bit of <b>html</b> \u{1f} and more of it. ".repeat(8),
            sort_field: "some text of a field".into(),
            checksum: csums[id as usize],
            flags: 0,
            data: String::new(),
        })
    });
    let on_mysql = support::engine() == Engine::Mysql;
    for round in 0..2 {
        println!("round {round}");
        for local in [true, false] {
            if !on_mysql && !local {
                continue;
            }
            if on_mysql {
                admin.script(&format!("SET GLOBAL local_infile = {}", i32::from(local))).await.unwrap();
            }
            let how = if local { "LOAD DATA LOCAL" } else { "INSERT" };
            one(&db, &format!("{how}, indexes after"), &REVLOG, REVLOG_DDL, "", &[("ix_u", "usn, id"), ("ix_c", "cid")], &rev).await;
            if on_mysql {
                one(&db, &format!("{how}, indexes in place"), &REVLOG, REVLOG_DDL, ", INDEX ix_u (usn, id), INDEX ix_c (cid)", &[], &rev)
                    .await;
            }
            one(
                &db,
                &format!("{how}, indexes after"),
                &NOTES,
                NOTES_DDL,
                "",
                &[("ix_u", "usn, id"), ("ix_s", "csum"), ("ix_m", "mid")],
                &notes,
            )
            .await;
            if on_mysql {
                one(
                    &db,
                    &format!("{how}, indexes in place"),
                    &NOTES,
                    NOTES_DDL,
                    ", INDEX ix_u (usn, id), INDEX ix_s (csum), INDEX ix_m (mid)",
                    &[],
                    &notes,
                )
                .await;
            }
        }
    }
    // bulk writes of a sync
    let user = support::user_db().await;
    user.create_collection(7, 1).await.unwrap();
    let schema = user.begin_generation(7, "upload", 1, 2).await.unwrap().schema;
    let load = Load::new(user.db(), &schema);
    load.cards(futures_util::stream::iter(blocks(200_000, |r, id| r.card(&card(id))).into_iter().map(Ok::<_, StoreError>))).await.unwrap();
    for n in [250i64, 1000, 20_000] {
        for _ in 0..3 {
            let since = Instant::now();
            let tx = user.db().begin().await.unwrap();
            store::collection::Collection::within(&tx, &schema)
                .put_cards((0..n).map(|i| Card { usn: 9, ..card(i * 7) }).collect())
                .await
                .unwrap();
            let put = since.elapsed();
            tx.commit().await.unwrap();
            println!("upsert of {n} cards: {:.1} ms, {:.1} ms with commit", put.as_secs_f64() * 1e3, since.elapsed().as_secs_f64() * 1e3);
        }
    }
    let t = Instant::now();
    for _ in 0..200 {
        user.state(7).await.unwrap();
    }
    println!("state: {:.3} ms", t.elapsed().as_secs_f64() * 5.0);
    let t = Instant::now();
    for _ in 0..200 {
        user.lock(7).await.unwrap().tx.rollback().await.unwrap();
    }
    println!("lock: {:.3} ms", t.elapsed().as_secs_f64() * 5.0);
}
fn card(id: i64) -> Card {
    Card { id, note_id: id, deck_id: 1, due: id, data: "{}".into(), ..Card::default() }
}
