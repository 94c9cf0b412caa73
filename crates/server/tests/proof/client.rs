//! A client in a few lines: notes with a card each, and reviews, kept, changed, merged and sent as Anki's own clients do.
//!
//! A sync that fails at any point is rolled back, as theirs are, whatever became of it on the server.

use crate::support::{BASIC, Device, card_row, note_row, read_all};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// What all clients of a test share.
#[derive(Default)]
pub struct World {
    /// Counts up, so that no two edits are of the same moment: between those, Anki leaves each device with its own.
    pub moment: AtomicI64,
    /// No more faults.
    pub calm: AtomicBool,
    /// The server may be away, although nothing is broken on purpose here.
    pub shaky: AtomicBool,
    pub tally: Tally,
}

/// What happened, for the test's own conclusions.
#[derive(Default, Debug)]
pub struct Tally {
    pub requests: AtomicU64,
    pub finished: AtomicU64,
    pub failed: AtomicU64,
    pub not_sent: AtomicU64,
    pub cut_off: AtomicU64,
    pub unheard: AtomicU64,
    pub conflicts: AtomicU64,
    pub unavailable: AtomicU64,
}

/// Something that a client stores.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Item {
    mtime: i64,
    /// A note's fields, or a card's due position.
    content: String,
    pending: bool,
}

#[derive(Clone, Default, Debug)]
struct Local {
    usn: i64,
    modified: i64,
    schema_modified: i64,
    notes: BTreeMap<i64, Item>,
    /// By id, which is the note's and a constant.
    cards: BTreeMap<i64, Item>,
    reviews: BTreeMap<i64, bool>,
    graves: Vec<(&'static str, i64)>,
}

/// The notes, cards and reviews of a collection, without stamps of their own.
pub type Contents = (Vec<(i64, i64, String)>, Vec<(i64, i64, String)>, Vec<i64>);

pub struct Client {
    /// The same login at several processes; each request goes to any of them.
    doors: Vec<Device>,
    world: Arc<World>,
    rng: fastrand::Rng,
    local: Local,
}

/// The id of a note's card.
pub const CARD: i64 = 1_000_000;

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Synced {
    Nothing,
    Done,
    /// And rolled back.
    Failed,
}

fn some(rng: &mut fastrand::Rng, items: &BTreeMap<i64, Item>) -> Option<i64> {
    let ids: Vec<i64> = items.keys().copied().collect();
    rng.choice(ids)
}

/// What the server holds, by a file that was downloaded.
pub fn on_server(file: &[u8]) -> Contents {
    let (_, notes, cards, reviews) = read_all(file);
    let mut contents: Contents = (
        notes.into_iter().map(|n| (n.id, n.mtime, n.fields)).collect(),
        cards.into_iter().map(|c| (c.id, c.mtime, c.due.to_string())).collect(),
        reviews.into_iter().map(|r| r.id).collect(),
    );
    contents.0.sort();
    contents.1.sort();
    contents.2.sort_unstable();
    contents
}

/// A request that did not succeed, or of which nothing was heard.
struct Broken;

impl Client {
    /// A device that has just downloaded everything.
    pub async fn new(doors: Vec<Device>, world: Arc<World>, seed: u64) -> Self {
        let mut client = Self { doors, world, rng: fastrand::Rng::with_seed(seed), local: Local::default() };
        let meta = client.doors[0].meta().await;
        let (status, file) = client.doors[0].raw("sync/download", b"{}").await;
        assert_eq!(status, 200);
        let (stamps, notes, cards, reviews) = read_all(&file);
        let item = |mtime, content| Item { mtime, content, pending: false };
        client.local = Local {
            usn: meta["usn"].as_i64().unwrap(),
            modified: stamps.modified,
            schema_modified: stamps.schema_modified,
            notes: notes.into_iter().map(|n| (n.id, item(n.mtime, n.fields))).collect(),
            cards: cards.into_iter().map(|c| (c.id, item(c.mtime, c.due.to_string()))).collect(),
            reviews: reviews.into_iter().map(|r| (r.id, false)).collect(),
            graves: Vec::new(),
        };
        client
    }

    /// The login that it uses.
    pub fn key(&self) -> &str {
        &self.doors[0].key
    }

    pub fn contents(&self) -> Contents {
        let list = |items: &BTreeMap<i64, Item>| items.iter().map(|(id, item)| (*id, item.mtime, item.content.clone())).collect();
        (list(&self.local.notes), list(&self.local.cards), self.local.reviews.keys().copied().collect())
    }

    /// Adds, edits, answers and deletes a few things.
    pub fn study(&mut self) {
        for _ in 0..self.rng.usize(1..6) {
            match self.rng.u8(0..10) {
                0..3 => {
                    let now = self.now();
                    let pending = |content| Item { mtime: now, content, pending: true };
                    self.local.notes.insert(now, pending(format!("new {now}\u{1f}back")));
                    self.local.cards.insert(now + CARD, pending("1".into()));
                }
                3..6 => self.edit(),
                6..9 => {
                    let now = self.now();
                    if let Some(id) = some(&mut self.rng, &self.local.cards) {
                        // Of 32 bits in Anki.
                        let content = (now % 1_000_000_000).to_string();
                        self.local.cards.insert(id, Item { mtime: now, content, pending: true });
                        self.local.reviews.insert(now, true);
                    }
                }
                _ => {
                    self.now();
                    if let Some(id) = some(&mut self.rng, &self.local.notes) {
                        self.local.notes.remove(&id);
                        self.local.cards.remove(&(id + CARD));
                        self.local.graves.extend([("notes", id), ("cards", id + CARD)]);
                    }
                }
            }
        }
    }

    /// Edits a note, which changes no count.
    pub fn edit(&mut self) {
        let now = self.now();
        if let Some(id) = some(&mut self.rng, &self.local.notes) {
            self.local.notes.insert(id, Item { mtime: now, content: format!("edited {now}\u{1f}back"), pending: true });
        }
    }

    /// The moment of a change.
    fn now(&mut self) -> i64 {
        self.local.modified = self.world.moment.fetch_add(1, Ordering::Relaxed);
        self.local.modified
    }

    /// Takes over what another device holds and has not sent yet, with the stamps of its own account.
    pub fn copy_from(&mut self, other: &Self) {
        let (usn, schema_modified) = (self.local.usn, self.local.schema_modified);
        self.local = Local { usn, schema_modified, ..other.local.clone() };
    }

    /// One sync. Whatever fails, nothing of it remains here.
    pub async fn sync(&mut self) -> Synced {
        let before = self.local.clone();
        let session = format!("{:x}", self.world.moment.fetch_add(1, Ordering::Relaxed));
        self.doors.iter_mut().for_each(|door| door.session.clone_from(&session));
        match self.attempt().await {
            Ok(synced) => {
                self.world.tally.finished.fetch_add(u64::from(synced == Synced::Done), Ordering::Relaxed);
                synced
            }
            Err(Broken) => {
                self.local = before;
                self.world.tally.failed.fetch_add(1, Ordering::Relaxed);
                if self.rng.bool() {
                    let _ = self.ask("sync/abort", &json!({})).await;
                }
                Synced::Failed
            }
        }
    }

    async fn attempt(&mut self) -> Result<Synced, Broken> {
        let meta = self.ask("sync/meta", &json!({"v": 11, "cv": "anki,26.09.3 (0),linux"})).await?;
        assert_eq!(meta["scm"], self.local.schema_modified, "nobody is ever asked for a one-way sync");
        if meta["mod"] == self.local.modified {
            return Ok(Synced::Nothing);
        }
        let usn = meta["usn"].as_i64().unwrap();
        assert!(usn >= self.local.usn, "the server is never behind");
        let start = json!({"minUsn": self.local.usn, "lnewer": self.local.modified > meta["mod"].as_i64().unwrap(), "graves": null});
        let deleted = self.ask("sync/start", &start).await?;
        self.forget(&deleted);
        let of = |kind: &str| self.local.graves.iter().filter(|(k, _)| *k == kind).map(|(_, id)| *id).collect::<Vec<_>>();
        let graves = json!({"chunk": {"notes": of("notes"), "cards": of("cards"), "decks": []}});
        self.ask("sync/applyGraves", &graves).await?;
        self.ask("sync/applyChanges", &json!({"changes": {"models": [], "decks": [[], []], "tags": []}})).await?;
        loop {
            let chunk = self.ask("sync/chunk", &json!({"_pad": null})).await?;
            self.merge(&chunk);
            if chunk["done"] == true {
                break;
            }
        }
        for chunk in self.pending(usn) {
            self.ask("sync/applyChunk", &chunk).await?;
        }
        let (notes, cards, reviews) = (self.local.notes.len(), self.local.cards.len(), self.local.reviews.len());
        let counts = json!({"client": [[0, 0, 0], cards, notes, reviews, 0, 6, 1, 1]});
        let verdict = self.ask("sync/sanityCheck2", &counts).await?;
        assert_eq!(verdict["status"], "ok", "{verdict}");
        let modified = self.ask("sync/finish", &json!({"_pad": null})).await?;
        let local = &mut self.local;
        local.graves.clear();
        local.notes.values_mut().chain(local.cards.values_mut()).for_each(|item| item.pending = false);
        local.reviews.values_mut().for_each(|pending| *pending = false);
        (local.usn, local.modified) = (usn + 1, modified.as_i64().unwrap());
        Ok(Synced::Done)
    }

    fn forget(&mut self, graves: &Value) {
        let ids = |kind: &str| graves[kind].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect::<Vec<_>>();
        ids("notes").iter().for_each(|id| drop(self.local.notes.remove(id)));
        ids("cards").iter().for_each(|id| drop(self.local.cards.remove(id)));
    }

    fn merge(&mut self, chunk: &Value) {
        let rows = |kind: &str| chunk[kind].as_array().cloned().unwrap_or_default();
        let take = |items: &mut BTreeMap<i64, Item>, id: i64, mtime: i64, content: String| {
            if items.get(&id).is_none_or(|ours| !ours.pending || ours.mtime < mtime) {
                items.insert(id, Item { mtime, content, pending: false });
            }
        };
        for row in rows("notes") {
            take(&mut self.local.notes, row[0].as_i64().unwrap(), row[3].as_i64().unwrap(), row[6].as_str().unwrap().to_owned());
        }
        for row in rows("cards") {
            take(&mut self.local.cards, row[0].as_i64().unwrap(), row[4].as_i64().unwrap(), row[8].to_string());
        }
        for row in rows("revlog") {
            self.local.reviews.entry(row[0].as_i64().unwrap()).or_insert(false);
        }
    }

    /// What there is to send, in one or two chunks.
    fn pending(&mut self, usn: i64) -> Vec<Value> {
        let pending = |items: &BTreeMap<i64, Item>| {
            items.iter().filter(|(_, item)| item.pending).map(|(id, item)| (*id, item.clone())).collect::<Vec<_>>()
        };
        let notes: Vec<Value> = pending(&self.local.notes)
            .into_iter()
            .map(|(id, item)| {
                let mut row = note_row(id, BASIC, item.mtime, &item.content);
                row[4] = usn.into();
                row
            })
            .collect();
        let cards: Vec<Value> = pending(&self.local.cards)
            .into_iter()
            .map(|(id, item)| {
                let mut row = card_row(id, id - CARD, item.mtime);
                (row[5], row[8]) = (usn.into(), item.content.parse::<i64>().unwrap().into());
                row
            })
            .collect();
        let reviews: Vec<Value> =
            self.local.reviews.iter().filter(|(_, pending)| **pending).map(|(id, _)| json!([id, id, usn, 3, 1, 0, 2500, 900, 0])).collect();
        if self.rng.bool() {
            return vec![json!({"chunk": {"done": true, "notes": notes, "cards": cards, "revlog": reviews}})];
        }
        vec![json!({"chunk": {"done": false, "revlog": reviews, "cards": cards}}), json!({"chunk": {"done": true, "notes": notes}})]
    }

    /// One request, which the network may break in each of the ways that it can.
    async fn ask(&mut self, path: &str, message: &Value) -> Result<Value, Broken> {
        let (door, message) = (self.rng.choice(&self.doors).unwrap(), message.to_string());
        let (tally, calm) = (&self.world.tally, self.world.calm.load(Ordering::Relaxed));
        tally.requests.fetch_add(1, Ordering::Relaxed);
        let request = door.raw(path, message.as_bytes());
        let (status, body) = match self.rng.u8(0..200) {
            0 if !calm => {
                tally.not_sent.fetch_add(1, Ordering::Relaxed);
                return Err(Broken);
            }
            1 | 2 if !calm => {
                // The connection breaks: the server stops where it is.
                match tokio::time::timeout(Duration::from_micros(self.rng.u64(0..30_000)), request).await {
                    Ok(answer) => answer,
                    Err(_) => {
                        tally.cut_off.fetch_add(1, Ordering::Relaxed);
                        return Err(Broken);
                    }
                }
            }
            3 if !calm => {
                request.await;
                tally.unheard.fetch_add(1, Ordering::Relaxed);
                return Err(Broken);
            }
            _ => request.await,
        };
        match status.as_u16() {
            200 => Ok(serde_json::from_slice(&body).unwrap()),
            // Taken over, or changed from elsewhere; nothing else is the fault of anybody.
            409 => {
                tally.conflicts.fetch_add(1, Ordering::Relaxed);
                Err(Broken)
            }
            503 if !calm || self.world.shaky.load(Ordering::Relaxed) => {
                tally.unavailable.fetch_add(1, Ordering::Relaxed);
                Err(Broken)
            }
            other => panic!("{path} {message}: {other}"),
        }
    }
}
