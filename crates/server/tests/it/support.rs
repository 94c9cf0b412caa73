//! A server on a database of its own, devices that talk to it, and collection files to upload.

use crate::databases::{Admin, Database};
use anki::file::{CollectionFile, FileError, FileWriter, Limits, Schema};
use anki::model::{Card, Note, Review, Stamps};
use anki::schema11::stock;
use anki::text;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use djankiserv::actions::accounts::{Accounts, NewUser};
use djankiserv::actions::check::{self, Finding, Options, Report, Totals};
use djankiserv::actions::username::Username;
use djankiserv::app::{App, router};
use djankiserv::clock::Clock;
use djankiserv::config::{Config, Databases, Source};
use djankiserv::media_store::MediaStore;
use djankiserv::passwords::Passwords;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
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
    pub main_database: Database,
    pub user_database: Database,
    routes: Routes,
    _folder: Arc<TempDir>,
}

/// Connections with the rights of an administrator.
pub async fn admin() -> Admin {
    Admin::connect().await
}

impl TestServer {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A server whose parts are changed by `adapt` before it starts.
    pub async fn with(adapt: impl FnOnce(&mut App)) -> Self {
        let databases = admin().await.create().await;
        Self::start(databases, Arc::new(TempDir::new().unwrap()), Clock::fixed(NOW), adapt).await
    }

    /// Another process on the same databases and data folder.
    pub async fn second(&self) -> Self {
        let databases = (self.main_database.clone(), self.user_database.clone());
        Self::start(databases, self._folder.clone(), self.clock.clone(), |_| {}).await
    }

    /// A process on the databases of this server, but the data folder of another.
    pub async fn on_the_files_of(&self, other: &Self) -> Self {
        let databases = (self.main_database.clone(), self.user_database.clone());
        Self::start(databases, other._folder.clone(), self.clock.clone(), |_| {}).await
    }

    async fn start(databases: (Database, Database), folder: Arc<TempDir>, clock: Clock, adapt: impl FnOnce(&mut App)) -> Self {
        let root = folder.path().to_str().unwrap().to_owned();
        let urls = (databases.0.url(), databases.1.url());
        let pairs = [
            ("DJANKISERV_MAINDB_URL", urls.0.as_str()),
            ("DJANKISERV_USERDB_URL", urls.1.as_str()),
            ("DJANKISERV_DATA_ROOT", root.as_str()),
            ("DJANKISERV_KEPT_COUNT", "2"),
            ("DJANKISERV_MAX_UPLOAD_MB", "50"),
            ("DJANKISERV_DB_CONNECTIONS", "8"),
        ];
        let config = Arc::new(Config::load(&Source::from_pairs(pairs)).unwrap());
        let Databases::External { main, user } = &config.databases else { panic!("the test databases are external") };
        let main = MainDb::open(main, &hex::encode(djankiserv::random::bytes::<16>().unwrap()), NOW).await.unwrap();
        let user = UserDb::open(user, main.installation(), NOW).await.unwrap();
        let passwords = Passwords::new().unwrap();
        let (files, media) = (config.data_root.clone(), MediaStore::of(&config).unwrap());
        let accounts = Accounts::new(main.clone(), user.clone(), passwords, config.login, files, media, clock.clone());
        let mut app = App::new(config, clock.clone(), main, user, accounts).unwrap();
        adapt(&mut app);
        Self {
            app: Arc::new(app),
            clock,
            main_database: databases.0,
            user_database: databases.1,
            routes: Routes::default(),
            _folder: folder,
        }
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
        self.log_in_with(name, PASSWORD).await
    }

    pub async fn log_in_with(&self, name: &str, password: &str) -> Device {
        let mut device = Device {
            app: self.app.clone(),
            key: String::new(),
            session: "s1".into(),
            legacy: false,
            client: "26.09.3,0,linux".into(),
            routes: self.routes.clone(),
        };
        let answer = device.json("sync/hostKey", json!({"u": name, "p": password})).await;
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
            tables.push((table, self.user_database.rows(self.app.user.db(), &schema, table).await));
        }
        tables
    }

    /// The databases of this server: one, or two on different engines.
    fn databases(&self) -> Vec<&Database> {
        let mut all = vec![&self.main_database, &self.user_database];
        all.dedup();
        all
    }

    /// Cuts all connections to the databases, waits until they are gone, and answers how many they were.
    pub async fn cut_connections(&self, admin: &Admin) -> u64 {
        let cuts = futures_util::future::join_all(self.databases().into_iter().map(|database| admin.cut(database))).await;
        // Our end notices a little later.
        tokio::time::sleep(Duration::from_millis(20)).await;
        cuts.iter().sum()
    }

    /// Lets nobody connect to the databases any more, or lets them again.
    pub async fn allow_connections(&self, admin: &Admin, allowed: bool) {
        for database in self.databases() {
            admin.allow_connections(database, allowed).await;
        }
    }

    /// A body that breaks off is answered while a thread may still hold its file.
    pub async fn until_no_temporary_file_is_left(&self) {
        for _ in 0..200 {
            if std::fs::read_dir(&self.app.temporary).unwrap().next().is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("temporary files are left: {:?}", std::fs::read_dir(&self.app.temporary).unwrap().collect::<Vec<_>>());
    }

    /// Waits until somebody waits for a lock in the user database.
    pub async fn until_a_lock_is_awaited(&self, admin: &Admin) {
        while !admin.is_lock_awaited(&self.user_database).await {
            // InnoDB shows who waits as of the last look, unless that was more than a tenth of a second ago.
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    /// The schemas of all collections and their generations.
    pub async fn schemas(&self) -> Vec<String> {
        self.app.user.schemas().await.unwrap()
    }

    /// What `check` finds in everything, and mends if asked to. Files are read to their end.
    pub async fn check(&self, repair: bool) -> (Vec<Finding>, Totals) {
        let accounts = self.app.accounts.list().await.unwrap();
        let mut findings = Findings(Vec::new());
        let totals = check::check(&self.app, &accounts, true, Options { repair, deep: true }, &mut findings).await;
        (findings.0, totals)
    }

    /// The schema of an account's current generation.
    pub async fn schema(&self, name: &str) -> String {
        let account = self.account(name).await;
        self.app.user.state(account).await.unwrap().unwrap().current.unwrap().schema
    }

    /// Removes the databases. Called at the end of a test that passed; a failed one leaves it to look at.
    pub async fn end(self) {
        let databases: Vec<Database> = self.databases().into_iter().cloned().collect();
        let collections = self.schemas().await;
        drop(self);
        let admin = admin().await;
        for database in &databases {
            admin.drop(database, &collections).await;
        }
    }
}

/// Collects what `check` finds.
struct Findings(Vec<Finding>);

impl Report for Findings {
    fn finding(&mut self, finding: &Finding) {
        self.0.push(finding.clone());
    }

    fn step(&mut self, _: &str, _: usize, _: usize, _: &str) {}

    fn repaired(&mut self, _: &str, _: u64) {}

    fn failed(&mut self, account: &str, error: &anyhow::Error) {
        panic!("{account:?} cannot be checked: {error:#}");
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
    pub routes: Routes,
}

/// The routes of a server, made once: they are many by now.
#[derive(Clone, Default)]
pub struct Routes(Arc<Mutex<Option<Made>>>);

/// For whom, and the routes.
type Made = (Arc<App>, Router);

impl Routes {
    fn of(&self, app: &Arc<App>) -> Router {
        let mut made = self.0.lock().unwrap();
        match &*made {
            Some((of, routes)) if Arc::ptr_eq(of, app) => routes.clone(),
            _ => made.insert((app.clone(), router(app.clone()))).1.clone(),
        }
    }
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
        let response = self.routes.of(&self.app).oneshot(request).await.unwrap();
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
        let (head, body) = self.routes.of(&self.app).oneshot(request).await.unwrap().into_parts();
        (head.status.as_u16(), head.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    /// The same device talking to another process.
    pub fn at(&self, server: &TestServer) -> Self {
        Self { app: server.app.clone(), routes: server.routes.clone(), ..self.clone() }
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
