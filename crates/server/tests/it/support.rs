//! A server on a database of its own, devices that talk to it, and collection files to upload.

use anki::file::{CollectionFile, FileError, FileWriter, Limits, Schema};
use anki::model::{Card, Note, Review, Stamps};
use anki::schema11::stock;
use anki::text;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use djankiserv::actions::accounts::{Accounts, NewUser};
use djankiserv::actions::username::Username;
use djankiserv::app::{App, router};
use djankiserv::clock::Clock;
use djankiserv::config::{Config, Databases, Source};
use djankiserv::passwords::Passwords;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::engine::{ConnectTo, Db};
use store::main_db::MainDb;
use store::user_db::UserDb;
use tempfile::TempDir;
use tower::ServiceExt;

pub const NOW: i64 = 1_790_000_000_000;
pub const PASSWORD: &str = "correct horse";

/// A process of the server.
pub struct TestServer {
    pub app: Arc<App>,
    pub clock: Clock,
    pub database: String,
    url: String,
    _folder: Arc<TempDir>,
}

fn admin_url() -> String {
    std::env::var("DJANKISERV_TEST_POSTGRES")
        .expect("DJANKISERV_TEST_POSTGRES is not set: run `make test`, or scripts/private-postgres.sh cargo test")
}

fn connect_to(config: &Config) -> ConnectTo {
    match &config.databases {
        Databases::External { main, .. } => main.clone(),
        Databases::Embedded => panic!("the test database is external"),
    }
}

/// A connection with the rights of a superuser, to the database `postgres`.
pub async fn admin() -> Db {
    let url = admin_url();
    let config =
        Config::load(&Source::from_pairs([("DJANKISERV_MAINDB_URL", url.as_str()), ("DJANKISERV_DATA_ROOT", "/nonexistent")])).unwrap();
    Db::connect(&connect_to(&config)).await.unwrap()
}

impl TestServer {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A server whose parts are changed by `adapt` before it starts.
    pub async fn with(adapt: impl FnOnce(&mut App)) -> Self {
        let database = format!("djs_it_{}", hex::encode(djankiserv::random::bytes::<6>().unwrap()));
        admin().await.script(&format!("CREATE DATABASE {database}")).await.unwrap();
        let url = admin_url().replacen("/postgres?", &format!("/{database}?"), 1);
        assert_ne!(url, admin_url(), "the address must name the database postgres");
        Self::start(url, database, Arc::new(TempDir::new().unwrap()), Clock::fixed(NOW), adapt).await
    }

    /// Another process on the same databases and data folder.
    pub async fn second(&self) -> Self {
        Self::start(self.url.clone(), self.database.clone(), self._folder.clone(), self.clock.clone(), |_| {}).await
    }

    async fn start(url: String, database: String, folder: Arc<TempDir>, clock: Clock, adapt: impl FnOnce(&mut App)) -> Self {
        let root = folder.path().to_str().unwrap().to_owned();
        let pairs = [
            ("DJANKISERV_MAINDB_URL", url.as_str()),
            ("DJANKISERV_DATA_ROOT", root.as_str()),
            ("DJANKISERV_KEPT_COUNT", "2"),
            ("DJANKISERV_MAX_UPLOAD_MB", "50"),
            ("DJANKISERV_DB_CONNECTIONS", "8"),
        ];
        let config = Arc::new(Config::load(&Source::from_pairs(pairs)).unwrap());
        let to = connect_to(&config);
        let main = MainDb::open(&to, &hex::encode(djankiserv::random::bytes::<16>().unwrap()), NOW).await.unwrap();
        let user = UserDb::open(&to, main.installation(), NOW).await.unwrap();
        let passwords = Passwords::new().unwrap();
        let accounts = Accounts::new(main.clone(), user.clone(), passwords, config.login, config.data_root.clone(), clock.clone());
        let mut app = App::new(config, clock.clone(), main, user, accounts).unwrap();
        adapt(&mut app);
        Self { app: Arc::new(app), clock, database, url, _folder: folder }
    }

    /// Makes an account and logs a device in.
    pub async fn device(&self, name: &str) -> Device {
        let new = NewUser {
            username: Username::new(name).unwrap(),
            email: String::new(),
            password: PASSWORD.into(),
            is_staff: false,
            is_superuser: false,
        };
        self.app.accounts.create(new, "test").await.unwrap();
        self.log_in(name).await
    }

    /// Another device of an account.
    pub async fn log_in(&self, name: &str) -> Device {
        let mut device =
            Device { app: self.app.clone(), key: String::new(), session: "s1".into(), legacy: false, client: "26.09.3,0,linux".into() };
        let answer = device.json("sync/hostKey", json!({"u": name, "p": PASSWORD})).await;
        device.key = answer["key"].as_str().unwrap().to_owned();
        device
    }

    pub async fn account(&self, name: &str) -> i64 {
        self.app.accounts.find(&Username::new(name).unwrap()).await.unwrap().id
    }

    /// All rows of an account's collection, table by table, to compare before and after.
    pub async fn rows(&self, name: &str) -> Vec<(&'static str, Vec<String>)> {
        let schema = self.schema(name).await;
        let mut tables = Vec::new();
        for table in ["notes", "cards", "revlog", "graves", "notetypes", "decks", "deck_config", "tags", "config"] {
            let sql = format!("SELECT CAST(row_to_json(t) AS TEXT) FROM {schema}.{table} t ORDER BY 1");
            let rows = self.app.user.db().query(&sql, vec![]).await.unwrap();
            tables.push((table, rows.iter().map(|row| row.text(0).unwrap()).collect()));
        }
        tables
    }

    /// Cuts all connections to the database, waits until they are gone, and answers how many they were.
    pub async fn cut_connections(&self, admin: &Db) -> u64 {
        let kill = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = ?";
        let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM ({kill}) k");
        let cut = admin.query(&sql, vec![self.database.as_str().into()]).await.unwrap()[0].int(0).unwrap();
        // Our end notices a little later.
        tokio::time::sleep(Duration::from_millis(20)).await;
        cut.unsigned_abs()
    }

    /// Waits until somebody waits for a lock in the database.
    pub async fn until_a_lock_is_awaited(&self, admin: &Db) {
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_stat_activity WHERE datname = ? AND wait_event_type = 'Lock'";
        while admin.query(sql, vec![self.database.as_str().into()]).await.unwrap()[0].int(0).unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The schema of an account's current generation.
    pub async fn schema(&self, name: &str) -> String {
        let account = self.account(name).await;
        self.app.user.state(account).await.unwrap().unwrap().current.unwrap().schema
    }

    /// Removes the database. Called at the end of a test that passed; a failed one leaves it to look at.
    pub async fn end(self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.database);
        drop(self);
        admin().await.script(&sql).await.unwrap();
    }
}

/// A logged-in client.
#[derive(Clone)]
pub struct Device {
    pub app: Arc<App>,
    pub key: String,
    pub session: String,
    pub legacy: bool,
    pub client: String,
}

impl Device {
    /// One request with a raw payload; the answer is unpacked.
    pub async fn raw(&self, path: &str, payload: &[u8]) -> (StatusCode, Vec<u8>) {
        let request = Request::post(format!("/{path}"));
        let request = if self.legacy {
            let mut body = Vec::new();
            // The payload first: the order of the parts must not matter.
            write!(body, "--B\r\nContent-Disposition: form-data; name=\"data\"; filename=\"data\"\r\n\r\n").unwrap();
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(payload).unwrap();
            body.extend(gzip.finish().unwrap());
            for (name, value) in [("c", "1"), ("k", self.key.as_str()), ("s", self.session.as_str())] {
                write!(body, "\r\n--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}").unwrap();
            }
            body.extend(b"\r\n--B--\r\n");
            request.header("content-type", "multipart/form-data; boundary=B").body(Body::from(body)).unwrap()
        } else {
            self.packed(path, zstd::encode_all(payload, 1).unwrap())
        };
        let response = router(self.app.clone()).oneshot(request).await.unwrap();
        let (status, size) = (response.status(), response.headers().get("anki-original-size").cloned());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        if self.legacy || !status.is_success() {
            return (status, body.to_vec());
        }
        let body = zstd::decode_all(&body[..]).unwrap();
        assert_eq!(size.unwrap().to_str().unwrap(), body.len().to_string());
        (status, body)
    }

    /// A request of protocol 11 whose body is compressed already, or is not.
    pub fn packed(&self, path: &str, body: Vec<u8>) -> Request<Body> {
        let header = json!({"v": 11, "k": self.key, "c": self.client, "s": self.session}).to_string();
        Request::post(format!("/{path}")).header("anki-sync", header).body(Body::from(body)).unwrap()
    }

    /// A request made by hand: status, headers and body of the answer, as they are.
    pub async fn send(&self, request: Request<Body>) -> (u16, HeaderMap, Vec<u8>) {
        let (head, body) = router(self.app.clone()).oneshot(request).await.unwrap().into_parts();
        (head.status.as_u16(), head.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    /// The same device talking to another process.
    pub fn at(&self, server: &TestServer) -> Self {
        Self { app: server.app.clone(), ..self.clone() }
    }

    pub async fn status(&self, path: &str, message: Value) -> u16 {
        self.raw(path, message.to_string().as_bytes()).await.0.as_u16()
    }

    /// A request that must succeed.
    #[track_caller]
    pub fn json(&self, path: &str, message: Value) -> impl Future<Output = Value> {
        let (device, path) = (self.clone(), path.to_owned());
        async move {
            let (status, body) = device.raw(&path, message.to_string().as_bytes()).await;
            assert_eq!(status, 200, "{path} {message}");
            serde_json::from_slice(&body).unwrap()
        }
    }

    pub async fn meta(&self) -> Value {
        self.json("sync/meta", json!({"v": if self.legacy { 10 } else { 11 }, "cv": "anki,26.09.3 (0),linux"})).await
    }

    pub async fn upload(&self, file: &[u8]) -> String {
        let (status, body) = self.raw("sync/upload", file).await;
        assert_eq!(status, 200);
        String::from_utf8(body).unwrap()
    }

    pub async fn start(&self, min_usn: i64) -> Value {
        self.json("sync/start", json!({"minUsn": min_usn, "lnewer": false, "graves": null})).await
    }

    /// The notes of the server, by downloading everything.
    pub async fn notes(&self) -> Vec<Note> {
        let (status, body) = self.raw("sync/download", b"{}").await;
        assert_eq!(status, 200);
        read(&body).1
    }
}

/// A note of the stock notetype Basic as a row of `applyChunk`.
pub fn note_row(id: i64, mid: i64, mtime: i64, fields: &str) -> Value {
    json!([id, format!("guid{id}"), mid, mtime, -1, " tag ", fields, "", "", 0, ""])
}

/// A new card as a row of `applyChunk`.
pub fn card_row(id: i64, nid: i64, mtime: i64) -> Value {
    json!([id, nid, 1, 0, mtime, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, "{}"])
}

/// The id of the notetype Basic in the files that [`collection`] makes.
pub const BASIC: i64 = NOW - 1000;

/// A collection file with `notes` notes of one card each, numbered from 1.
pub fn collection(schema: Schema, notes: i64, modified: i64) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("collection");
    let stamps = Stamps { created: NOW / 1000 - 86400, modified, schema_modified: modified, usn: 1, last_sync: modified };
    let mut writer = FileWriter::create(&path, schema, &stamps).unwrap();
    let mut part = 0;
    let notetypes = stock::notetypes(BASIC, &mut || {
        part += 1;
        part
    });
    writer.put_config(&stock::config(BASIC, 0)).unwrap();
    writer.put_notetypes(&notetypes).unwrap();
    writer.put_decks(&[stock::default_deck()]).unwrap();
    writer.put_presets(&[stock::default_preset()]).unwrap();
    for id in 1..=notes {
        let mut note = Note {
            id,
            guid: format!("g{id}"),
            notetype_id: BASIC,
            mtime: 5,
            fields: format!("front {id}\u{1f}b\u{0}ck"),
            ..Note::default()
        };
        text::fill_derived(&mut note, 0);
        writer.add_note(&note).unwrap();
        writer
            .add_card(&Card { id: id + 1_000_000, note_id: id, deck_id: 1, mtime: 5, due: id, data: "{}".into(), ..Card::default() })
            .unwrap();
    }
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}

/// The stamps and notes of a file.
pub fn read(file: &[u8]) -> (Stamps, Vec<Note>) {
    let (stamps, notes, _, _) = read_all(file);
    (stamps, notes)
}

/// Stamps, notes, cards and reviews of a file.
pub fn read_all(file: &[u8]) -> (Stamps, Vec<Note>, Vec<Card>, Vec<Review>) {
    let folder = TempDir::new().unwrap();
    let path: PathBuf = folder.path().join("collection");
    std::fs::write(&path, file).unwrap();
    let file = CollectionFile::open(&path, &Limits::default()).unwrap();
    let (mut notes, mut cards, mut reviews) = (Vec::new(), Vec::new(), Vec::new());
    file.for_each_note::<FileError>(|row| {
        notes.push(row.clone());
        Ok(())
    })
    .unwrap();
    file.for_each_card::<FileError>(|row| {
        cards.push(row.clone());
        Ok(())
    })
    .unwrap();
    file.for_each_review::<FileError>(|row| {
        reviews.push(row.clone());
        Ok(())
    })
    .unwrap();
    (file.stamps(), notes, cards, reviews)
}

/// What `sanityCheck2` has to be told by a client with these numbers of notes and cards, and the stock objects.
pub fn counts(notes: i64, reviews: i64) -> Value {
    json!({"client": [[0, 0, 0], notes, notes, reviews, 0, 6, 1, 1]})
}
