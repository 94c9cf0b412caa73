//! Looks past the server into the database and the data folder: what an account holds, row by row, and what nobody needs.

use crate::cluster::at_work;
use crate::say;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use store::collection::Collection;
use store::engine::{ConnectTo, Db};
use store::main_db::MainDb;
use store::user_db::UserDb;

pub struct Look {
    pub main: MainDb,
    pub user: UserDb,
    /// With all rights, to see what others do.
    admin: Db,
}

/// Everything that an account holds, table by table, but for the moments at which it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows(BTreeMap<&'static str, Vec<String>>);

impl Rows {
    /// Says where two differ, in a few lines. Empty when they do not.
    pub fn differences(&self, other: &Self) -> String {
        let mut text = String::new();
        for (table, rows) in &self.0 {
            let others = &other.0[table];
            if rows != others {
                let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) = (rows.iter().collect(), others.iter().collect());
                text.push_str(&format!("{table}: {} and {} rows\n", rows.len(), others.len()));
                ours.difference(&theirs).take(3).for_each(|row| text.push_str(&format!("  one: {row}\n")));
                theirs.difference(&ours).take(3).for_each(|row| text.push_str(&format!("  other: {row}\n")));
            }
        }
        text
    }
}

impl Look {
    pub async fn open(to: &ConnectTo, admin: &ConnectTo) -> Self {
        let main = MainDb::open(to, "0123456789abcdef", 0).await.unwrap();
        let user = UserDb::open(to, main.installation(), 0).await.unwrap();
        Self { main, user, admin: Db::connect(admin).await.unwrap() }
    }

    /// Whether nobody but us is in a transaction.
    pub async fn is_quiet(&self) -> bool {
        // A connection of before the crash says so first.
        at_work(&self.admin).await.is_ok_and(|count| count == 0)
    }

    /// All that an account holds, by now.
    pub async fn rows(&self, account: i64) -> Rows {
        for _ in 0..8 {
            // As many as there may be connections of before a crash.
            if self.user.ping().await.is_ok() {
                break;
            }
        }
        let mut tables: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        let state = self.user.state(account).await.unwrap().unwrap();
        let mut put = |table, rows: Vec<String>| drop(tables.insert(table, rows));
        put("media state", vec![format!("{:?}", self.user.media_state(account).await.unwrap())]);
        let media = self.user.media_changes(account, 0, 1_000_000).await.unwrap();
        put("media", media.iter().map(|file| format!("{} {} {} {}", file.name, file.sha1, file.size, file.usn)).collect());
        let Some(current) = state.current else {
            put("collection", Vec::new());
            return Rows(tables);
        };
        let stamps = current.stamps;
        let facts =
            (stamps.created, stamps.schema_modified, stamps.usn, current.scheduler_version, current.creation_offset, current.counts);
        put("collection", vec![format!("{facts:?} {:?}", current.state)]);
        let tx = self.user.db().snapshot().await.unwrap();
        let stored = Collection::within(&tx, &current.schema);
        let all = (i32::MIN, i64::MIN);
        put("notes", lines(&stored.notes_since(i32::MIN, all, 1_000_000).await.unwrap()));
        put("cards", lines(&stored.cards_since(i32::MIN, all, 1_000_000).await.unwrap()));
        put("revlog", lines(&stored.reviews_since(i32::MIN, all, 1_000_000).await.unwrap()));
        put("graves", lines(&stored.graves_since(i32::MIN).await.unwrap()));
        put("notetypes", lines(&stored.notetypes().await.unwrap()));
        put("decks", lines(&stored.decks().await.unwrap()));
        put("presets", lines(&stored.presets().await.unwrap()));
        put("tags", lines(&stored.tags().await.unwrap()));
        put("config", lines(&stored.config().await.unwrap()));
        tx.rollback().await.unwrap();
        assert_eq!(Collection::new(self.user.db(), &current.schema).count().await.unwrap(), current.counts, "the counters are right");
        Rows(tables)
    }

    /// What is there although nothing needs it.
    pub async fn left_behind(&self, root: &Path) -> Vec<String> {
        let db = self.user.db();
        let column =
            async |sql: &str| -> BTreeSet<String> { db.query(sql, vec![]).await.unwrap().iter().map(|row| row.text(0).unwrap()).collect() };
        let mut left = Vec::new();
        let schemas: BTreeSet<String> = db.schemas("djs_").await.unwrap().into_iter().collect();
        let named = column("SELECT schema_name FROM {s}.generations").await;
        left.extend(schemas.symmetric_difference(&named).map(|schema| format!("schema or generation {schema}")));
        let not_current = column("SELECT schema_name FROM {s}.generations WHERE state <> 'current'").await;
        left.extend(not_current.iter().map(|schema| format!("generation {schema} that is not in use")));
        let accounts: BTreeSet<i64> = self.main.accounts().await.unwrap().iter().map(|account| account.id).collect();
        for table in ["sync_sessions", "sync_staged"] {
            let rows = db.query(&format!("SELECT account FROM {{s}}.{table}"), vec![]).await.unwrap();
            left.extend(rows.iter().map(|row| format!("{table} of {}", row.int(0).unwrap())));
        }
        for table in ["collections", "generations", "sync_finished", "media_state", "media", "media_unnamed", "host_keys"] {
            let rows = db.query(&format!("SELECT DISTINCT account FROM {{s}}.{table}"), vec![]).await.unwrap();
            let whose = rows.iter().map(|row| row.int(0).unwrap());
            left.extend(whose.filter(|account| !accounts.contains(account)).map(|account| format!("{table} of {account}, who is gone")));
        }
        left.extend(self.main.deleted_accounts().await.unwrap().iter().map(|id| format!("account {id}, deleted")));
        let contents = db.query("SELECT account, content_key FROM {s}.media WHERE size > 0", vec![]).await.unwrap();
        let named = contents.iter().map(|row| format!("{}/{}", row.int(0).unwrap(), row.text(1).unwrap())).collect::<BTreeSet<_>>();
        let mut there = files(&root.join("media"));
        there.remove("installation");
        assert!(named.is_subset(&there), "media files are lost: {:?}", named.difference(&there).collect::<Vec<_>>());
        left.extend(there.difference(&named).map(|file| format!("media file {file}")));
        for folder in ["tmp", "downloads", "imports"] {
            left.extend(files(&root.join(folder)).iter().map(|file| format!("{folder}/{file}")));
        }
        say(&format!("looked at {} schemas, {} media files", schemas.len(), there.len()));
        left
    }
}

fn lines<T: std::fmt::Debug>(rows: &[T]) -> Vec<String> {
    let mut lines: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
    lines.sort();
    lines
}

/// The files below a folder, by their paths from there.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut to_do = vec![folder.to_owned()];
    while let Some(path) = to_do.pop() {
        for entry in std::fs::read_dir(&path).unwrap().flatten() {
            if entry.path().is_dir() {
                to_do.push(entry.path());
            } else {
                found.insert(entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}
