//! `check`: each kind of damage is made by hand, found, and mended where that is promised; then devices sync as if nothing had been.

use crate::media::{batch, sane};
use crate::support::{BASIC, Device, NOW, TestServer, card_row, collection, counts, note_row};
use anki::file::Schema;
use djankiserv::actions::check::{Finding, Remedy, Severity};
use djankiserv::housekeeping;
use serde_json::json;
use std::path::PathBuf;

const MINUTE: i64 = 60_000;

/// A server with a collection that has been synced, and with media.
async fn lived_in() -> (TestServer, Device) {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    server.clock.set(NOW + 2 * MINUTE);
    sync(&a, 1, 3).await;
    let files: Vec<(&str, Option<&[u8]>)> = vec![("a.jpg", Some(b"aaa")), ("b.jpg", Some(b"bb")), ("c.jpg", Some(b"c"))];
    assert_eq!(a.raw("msync/uploadChanges", &batch(&files)).await.0, 200);
    assert_eq!(a.raw("msync/uploadChanges", &batch(&[("c.jpg", None)])).await.0, 200);
    (server, a)
}

/// A sync of a device that adds a note; `notes` is what it had. Answers the answer to `chunk`.
async fn sync(a: &Device, usn: i64, notes: i64) -> serde_json::Value {
    let id = NOW + usn;
    a.start(usn).await;
    let deck = json!({"id": id, "name": format!("D{usn}"), "mod": 9, "usn": -1, "lrnToday": [0, 0], "revToday": [0, 0], "newToday": [0, 0],
        "timeToday": [0, 0], "collapsed": false, "browserCollapsed": false, "desc": "", "dyn": 0, "conf": 1, "extendNew": 0, "extendRev": 0});
    let changes = json!({"models": [], "decks": [[deck], []], "tags": [format!("t{usn}::x")], "conf": {"curDeck": id, "x": usn}});
    let theirs = a.json("sync/applyChanges", json!({"changes": changes})).await;
    let chunk = a.json("sync/chunk", json!({})).await;
    let rows = json!({"notes": [note_row(id, BASIC, 9, "<b>f</b>\u{1f}b")], "cards": [card_row(id, id, 9)],
        "revlog": [[id, id, -1, 3, 1, 0, 2500, 900, 0]]});
    a.json("sync/applyChunk", json!({"chunk": rows})).await;
    let added = usn;
    let mut expected = counts(notes + 1, added);
    expected["client"][6] = (1 + added).into();
    assert_eq!(a.json("sync/sanityCheck2", expected).await["status"], "ok");
    a.json("sync/finish", json!({})).await;
    json!({"changes": theirs, "chunk": chunk})
}

/// What engines have verbs for.
const DROP_SCHEMA: &str = "drop the schema";
const CREATE_SCHEMA: &str = "create a schema";

async fn run(server: &TestServer, sql: &str) {
    let (schema, account) = (server.schema("a").await, server.account("a").await);
    let user = server.app.user.db();
    match sql {
        DROP_SCHEMA => user.drop_schema(&schema).await,
        CREATE_SCHEMA => user.create_schema(&format!("{schema}9")).await,
        sql if sql.contains("_sessions VALUES") || sql.contains("host_keys") => server.main_database.connect().await.script(sql).await,
        sql => user.script(&sql.replace("{c}", &schema).replace("{a}", &account.to_string())).await,
    }
    .unwrap();
}

fn shown(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{} {}: {}", f.table, f.id, f.what)).collect()
}

#[tokio::test]
async fn what_lives_is_healthy_and_is_changed_by_nothing() {
    let (server, a) = lived_in().await;
    let other = server.device("never synced").await;
    a.start(2).await;
    let (rows, state) = (server.rows("a").await, server.app.user.state(server.account("a").await).await.unwrap());
    for repair in [false, true] {
        let (findings, totals) = server.check(repair).await;
        assert_eq!(shown(&findings), [""; 0]);
        assert_eq!((totals.accounts, totals.damages, totals.oddities, totals.failed), (2, 0, 0, 0));
    }
    assert!(rows == server.rows("a").await);
    assert_eq!(state, server.app.user.state(server.account("a").await).await.unwrap());
    assert_eq!(a.json("sync/sanityCheck2", json!({"client": [[0, 0, 0], 4, 4, 1, 0, 6, 2, 1]})).await["status"], "ok", "the sync runs on");
    drop(other);
    server.end().await;
}

/// What devices notice of a repair.
#[derive(PartialEq, Clone, Copy)]
enum Notice {
    /// Nothing: it is not about the rows of the collection.
    Nothing,
    /// That there is a new state, in which no row is another.
    Stamp,
    /// The rows that were mended.
    Rows,
}
use Notice::{Nothing, Rows, Stamp};

/// SQL that does the damage, how it is reported, and what devices notice when it is mended.
const MENDED: &[(&str, &str, Notice)] = &[
    ("UPDATE {c}.notes SET usn = -1 WHERE id = 1", "notes 1: its usn is -1, as if it had not been sent yet", Rows),
    ("UPDATE {c}.cards SET usn = 99 WHERE id = 1000001", "cards 1000001: its usn is 99, but that of the collection only 2", Rows),
    ("UPDATE {c}.revlog SET usn = -1", "revlog 1790000000001: its usn is -1", Rows),
    ("UPDATE {c}.tags SET usn = -1", "its usn is -1", Rows),
    ("UPDATE {c}.config SET usn = -5 WHERE name = 'x'", "its usn is -5", Rows),
    ("UPDATE {c}.decks SET usn = -1 WHERE id = 1", "decks 1: its usn is -1", Rows),
    ("INSERT INTO {c}.graves VALUES (77, 0, -1)", "graves 77: its usn is -1", Rows),
    ("UPDATE {c}.notes SET csum = 5 WHERE id = 2", "notes 2: sort text or checksum do not belong to its fields", Stamp),
    ("UPDATE {c}.notes SET sfld = 'x' WHERE id = 2", "notes 2: sort text or checksum", Stamp),
    ("UPDATE {c}.notetypes SET name_key = 5 WHERE name = 'Basic'", "its name key is not that of its name", Stamp),
    (
        "UPDATE {c}.notetypes SET field_count = 5 WHERE name = 'Cloze'",
        "the numbers of fields and templates are not those of its JSON",
        Stamp,
    ),
    ("UPDATE {c}.decks SET name_key = name_key + 1 WHERE id = 1", "decks 1: its name key is not that of its name", Stamp),
    ("UPDATE {c}.deck_config SET name_key = 0", "deck_config 1: its name key", Stamp),
    ("UPDATE {c}.tags SET name_key = 7", "tags 7: it is stored under a key that is not that of its name, and cannot be found", Rows),
    ("UPDATE {c}.config SET name_key = 7 WHERE name = 'x'", "config 7: it is stored under a key", Rows),
    ("UPDATE {c}.decks SET name = 'DEFAULT' WHERE id <> 1", "its JSON says another name than its row", Rows),
    ("UPDATE {c}.decks SET modified = 12345 WHERE id = 1", "decks 1: its JSON says another modification time than its row", Rows),
    ("UPDATE {c}.decks SET id = 555 WHERE id <> 1", "decks 555: its JSON says another id than its row", Rows),
    (
        // The key of that name, which is that of Default too.
        "UPDATE {c}.decks SET name = 'default', json = REPLACE(json, '\"D1\"', '\"default\"'), name_key = 4010717984327297149 WHERE id <> 1",
        "decks 1790000000001: it has the name of 1",
        Rows,
    ),
    ("UPDATE {s}.generations SET cards = 7", "generations 1: it counts 7 cards, but there are 4", Stamp),
    ("DELETE FROM {c}.revlog", "generations 1: it counts 1 reviews, but there are 0", Stamp),
    ("DELETE FROM {s}.collections", "the account has no row here, or none in media_state", Nothing),
    ("DELETE FROM {s}.media_state", "the account has no row here, or none in media_state", Nothing),
    ("UPDATE {s}.media_state SET files = 9", "it says 9 files of 5 bytes up to usn 4, but there are 2 of 5 up to 4", Nothing),
    ("UPDATE {s}.media_state SET usn = 1", "up to usn 1, but", Nothing),
    ("UPDATE {s}.media SET usn = 2 WHERE name = 'a.jpg'", "media b.jpg: it has the usn of another file", Nothing),
    ("UPDATE {s}.media SET usn = 0 WHERE name = 'b.jpg'", "media b.jpg: its usn is not above 0", Nothing),
    (
        "INSERT INTO {s}.sync_staged (account, number, kind, body) VALUES ({a}, 0, 'rows', '')",
        ": 1 pieces of a sync that does not run",
        Nothing,
    ),
    (
        "INSERT INTO {s}.web_sessions VALUES ('x', 5, 0, 0, 0, '', '')",
        "web_sessions 5: 1 logins of an account that does not exist",
        Nothing,
    ),
    (
        "INSERT INTO {s}.host_keys (digest, account, client_name, client_version, client_platform, created, last_seen, last_address) \
         VALUES ('x', 5, '', '', '', 0, 0, '')",
        "host_keys 5: 1 logins",
        Nothing,
    ),
    (
        "INSERT INTO {s}.generations SELECT account, 9, 'djs_gone', 'kept', 0, created, 1, origin, loaded_modified, schema_version, \
         crt, modified, schema_modified, usn, last_sync, scheduler_version, creation_offset, notes, cards, revlog, notetypes, decks, presets \
         FROM {s}.generations",
        "generations 9: its schema is gone, so it cannot be restored",
        Nothing,
    ),
    (
        "UPDATE {s}.collections SET generation = 8",
        "it points to version 8, which does not exist, so that the collection seems empty",
        Nothing,
    ),
    ("UPDATE {s}.collections SET generation = 0", "it points to version 0, which does not exist", Nothing),
];

#[tokio::test]
async fn damage_is_found_mended_and_forgotten() {
    for (sql, message, notice) in MENDED {
        let (server, a) = lived_in().await;
        let healthy = server.app.user.state(server.account("a").await).await.unwrap().unwrap().current.unwrap();
        run(&server, sql).await;
        let before = server.app.user.state(server.account("a").await).await.unwrap();
        let (findings, totals) = server.check(false).await;
        assert!(shown(&findings).iter().any(|finding| finding.contains(message)), "{sql}: {:?}", shown(&findings));
        assert!(findings.iter().all(|f| f.severity == Severity::Damage && f.remedy == Remedy::Repair), "{sql}: {findings:?}");
        assert!(totals.left > 0 && totals.repaired == 0, "{sql}: {totals:?}");
        let again = server.app.user.state(server.account("a").await).await.unwrap();
        assert_eq!(again, before, "{sql}: looking changes nothing");

        let (findings, totals) = server.check(true).await;
        assert_eq!((totals.left, totals.repaired), (0, findings.len() as u64), "{sql}: {:?}", shown(&findings));
        let (findings, _) = server.check(false).await;
        assert_eq!(shown(&findings), [""; 0], "{sql}");

        let after = server.app.user.state(server.account("a").await).await.unwrap().unwrap().current.unwrap();
        let (newer, stamped) = (after.stamps.modified > healthy.stamps.modified, after.stamps.usn > healthy.stamps.usn);
        assert_eq!((newer, stamped), (*notice != Nothing, *notice == Rows), "{sql}");
        // A device that is at usn 2 hears of what was mended.
        let graves = a.start(2).await;
        let changes = a.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": []}})).await;
        let chunk = a.json("sync/chunk", json!({})).await;
        let heard = [
            ("notes", chunk["notes"] != json!(null)),
            ("cards", chunk["cards"] != json!(null)),
            ("revlog", chunk["revlog"] != json!(null)),
            ("graves", graves["cards"] == json!([77])),
            ("decks", changes["decks"][0] != json!([])),
            ("tags", changes["tags"] != json!([])),
        ];
        for (table, heard) in heard {
            let expected = *notice == Rows && sql.contains(&format!("{{c}}.{table}")) && sql.find(&format!(".{table}")) == sql.find('.');
            assert_eq!(heard, expected, "{sql}: {table}");
        }
        a.json("sync/finish", json!({})).await;
        let (status, file) = a.raw("sync/download", b"{}").await;
        assert_eq!(status, 200, "{sql}");
        crate::support::read_all(&file);
        assert!(sane(&a, 2).await, "{sql}");
        assert_eq!(a.upload(&collection(Schema::V18, 3, NOW - 5)).await, "OK", "{sql}");
        let (findings, _) = server.check(false).await;
        assert_eq!(shown(&findings), [""; 0], "{sql}");
        server.end().await;
    }
}

/// SQL whose damage nobody can mend by rule, and how it is reported.
const REPORTED: &[(&str, Severity, &str)] = &[
    ("UPDATE {c}.decks SET json = '{' WHERE id = 1", Severity::Damage, "decks 1: its JSON cannot be read"),
    ("UPDATE {c}.decks SET json = '{\"id\":1}' WHERE id = 1", Severity::Damage, "decks 1: clients do not accept the value of"),
    ("UPDATE {c}.config SET json = 'x' WHERE name = 'x'", Severity::Damage, "its value is no JSON"),
    ("UPDATE {s}.generations SET modified = 0", Severity::Damage, "generations 1: its modification stamp is 0"),
    ("UPDATE {s}.generations SET schema_modified = 9999999999999", Severity::Oddity, "generations 1: its schema stamp lies in the future"),
    ("UPDATE {c}.cards SET nid = 42 WHERE id = 1000001", Severity::Oddity, "cards 1000001: its note 42 does not exist"),
    ("UPDATE {c}.cards SET did = 42 WHERE id = 1000001", Severity::Oddity, "cards 1000001: its deck 42 does not exist"),
    ("UPDATE {c}.cards SET odid = 42 WHERE id = 1000001", Severity::Oddity, "cards 1000001: its home deck 42 does not exist"),
    ("UPDATE {c}.notes SET mid = 42 WHERE id = 1", Severity::Oddity, "notes 1: its notetype 42 does not exist"),
    ("UPDATE {c}.notes SET flds = 'front 1' WHERE id = 1", Severity::Oddity, "notes 1: it has 1 fields, its notetype has 2"),
    (
        "UPDATE {c}.decks SET json = REPLACE(json, '\"conf\":1', '\"conf\":9') WHERE id <> 1",
        Severity::Oddity,
        "its preset 9 does not exist",
    ),
    ("DROP TABLE {c}.tags", Severity::Damage, "generations 1: its table tags is missing"),
    (DROP_SCHEMA, Severity::Damage, "generations 1: its schema is gone, with all rows of the collection"),
    (
        "UPDATE {s}.collections SET generation = 8; UPDATE {s}.generations SET state = 'kept'",
        Severity::Damage,
        "it points to version 8, which does not exist",
    ),
    (CREATE_SCHEMA, Severity::Damage, "there is such a schema, but no row for it"),
    ("UPDATE {s}.media SET sha1 = 'x' WHERE name = 'a.jpg'", Severity::Damage, "media a.jpg: hash, size or place of its content"),
    ("UPDATE {s}.media SET sha1 = 'x' WHERE name = 'c.jpg'", Severity::Damage, "media c.jpg: hash, size or place of its content"),
    ("INSERT INTO {s}.media_state VALUES (5, 0, 0, 0)", Severity::Damage, "media_state 5: there is no such account"),
    ("INSERT INTO {s}.collections VALUES (5, 0, 1, 1, 0, 1)", Severity::Damage, "collections 5: there is no such account"),
];

#[tokio::test]
async fn what_cannot_be_mended_is_explained_and_left_alone() {
    for (sql, severity, message) in REPORTED {
        let (server, _) = lived_in().await;
        run(&server, sql).await;
        for repair in [false, true] {
            let (findings, totals) = server.check(repair).await;
            let found: Vec<&Finding> = findings.iter().filter(|f| format!("{} {}: {}", f.table, f.id, f.what).contains(message)).collect();
            assert_eq!(found.len(), 1, "{sql}: {:?}", shown(&findings));
            assert_eq!(found[0].severity, *severity, "{sql}");
            assert!(matches!(found[0].remedy, Remedy::ByHand(next) if next.len() > 20), "{sql}");
            assert_eq!(totals.left > 0, *severity == Severity::Damage, "{sql}: {totals:?}");
        }
        server.end().await;
    }
}

fn files(server: &TestServer, account: i64) -> Vec<PathBuf> {
    let folder = server.app.config.data_root.media().join(account.to_string());
    let mut files = Vec::new();
    for start in std::fs::read_dir(folder).unwrap() {
        files.extend(std::fs::read_dir(start.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
    }
    files.sort_by_key(|file| std::fs::metadata(file).unwrap().len());
    files
}

#[tokio::test]
async fn media_files_are_compared_with_their_rows() {
    let (server, a) = lived_in().await;
    let account = server.account("a").await;
    let found = files(&server, account);
    let [deleted, b, a_jpg] = found.as_slice() else { panic!("{found:?}") };
    // Content of a deleted file, long after.
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    std::fs::File::options().write(true).open(deleted).unwrap().set_modified(long_ago).unwrap();
    housekeeping::rarely(&server.app).await.unwrap();
    server.clock.set(NOW + 8 * 24 * 60 * MINUTE);
    std::fs::write(a_jpg, b"xxx").unwrap();
    std::fs::remove_file(b).unwrap();
    let (findings, _) = server.check(false).await;
    let mut shown_now = shown(&findings);
    shown_now[2].truncate(5);
    assert_eq!(
        shown_now,
        ["media a.jpg: the file in the media folder has another content", "media b.jpg: its content is not in the media folder", "media"]
    );
    assert_eq!((findings[2].severity, findings[2].remedy), (Severity::Oddity, Remedy::Repair));
    let (_, totals) = server.check(true).await;
    assert_eq!((totals.repaired, totals.left), (2, 1));
    assert!(!deleted.exists());
    // As the remedy says.
    std::fs::remove_file(a_jpg).unwrap();
    let (_, totals) = server.check(true).await;
    assert_eq!((totals.repaired, totals.left), (1, 0));
    assert!(sane(&a, 0).await, "so that devices send what they have");
    let files: Vec<(&str, Option<&[u8]>)> = vec![("a.jpg", Some(b"aaa")), ("b.jpg", Some(b"bb"))];
    assert_eq!(a.raw("msync/uploadChanges", &batch(&files)).await.0, 200);
    assert_eq!(shown(&server.check(false).await.0), [""; 0]);

    let folder = server.app.config.data_root.media().join(account.to_string());
    std::fs::rename(&folder, folder.with_extension("away")).unwrap();
    let (findings, totals) = server.check(true).await;
    assert_eq!((findings.len(), totals.left, totals.repaired), (2, 2, 0), "a missing disk is not taken for lost files: {findings:?}");
    std::fs::rename(folder.with_extension("away"), &folder).unwrap();
    std::fs::create_dir(server.app.config.data_root.media().join("12345")).unwrap();
    assert_eq!(shown(&server.check(true).await.0), ["media 12345: the media folder has files of an account that does not exist"]);
    server.end().await;
}

/// Thousands of damaged notes are mended in several goes, and a large collection does not have to fit into memory.
#[tokio::test]
async fn many_notes_are_mended() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 5000, NOW - 5)).await;
    server.clock.set(NOW + 2 * MINUTE);
    run(&server, "UPDATE {c}.notes SET csum = 0, sfld = ''; UPDATE {c}.cards SET usn = -1").await;
    let (findings, totals) = server.check(true).await;
    assert_eq!((findings.len(), totals.repaired, totals.left), (10_000, 10_000, 0));
    assert_eq!(shown(&server.check(false).await.0), [""; 0]);
    server.end().await;
}

/// A sync that runs while its collection is mended is refused at its end, and made again.
#[tokio::test]
async fn a_running_sync_is_made_again() {
    let (server, a) = lived_in().await;
    a.start(2).await;
    run(&server, "UPDATE {c}.cards SET usn = -1 WHERE id = 1000001").await;
    let (_, totals) = server.check(true).await;
    assert_eq!(totals.repaired, 1);
    assert_eq!(a.status("sync/finish", json!({})).await, 409);
    a.start(2).await;
    let chunk = a.json("sync/chunk", json!({})).await;
    assert_eq!(chunk["cards"][0][0], 1_000_001);
    a.json("sync/finish", json!({})).await;
    assert_eq!(shown(&server.check(false).await.0), [""; 0]);
    server.end().await;
}
