//! Uploads and downloads of whole collections, broken in every way: while the file is on its way, while it is loaded, around the switch.

use crate::client::{self, Client, Synced};
use crate::cluster::Loss;
use crate::device::{Break, Device, Moment, Plan};
use crate::it::{NOW, collection, read_all};
use crate::look::Rows;
use crate::world::{Blow, World};
use crate::{goes_on, say, seeded};
use anki::file::Schema;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const NOTES: i64 = 3_000;

/// An account whose collection is replaced by the one of two files that it does not hold, again and again.
struct Account {
    world: Arc<World>,
    id: i64,
    device: Device,
    files: [Vec<u8>; 2],
    rows: [Rows; 2],
    /// Which of the two it holds.
    held: usize,
    replaced: usize,
}

impl Account {
    async fn new(world: &Arc<World>) -> Self {
        let device = world.device("ann").await;
        let id = world.account("ann").await;
        let files = [collection(Schema::V18, NOTES, NOW - 5), collection(Schema::V18, NOTES + 7, NOW - 4)];
        device.upload(&files[0]).await;
        let first = world.look.rows(id).await;
        device.upload(&files[1]).await;
        let second = world.look.rows(id).await;
        assert_ne!(first, second);
        Self { world: world.clone(), id, device, files, rows: [first, second], held: 1, replaced: 0 }
    }

    /// The upload of the other file breaks. Afterwards the account holds the one or the other, and can be used.
    async fn upload(&mut self, how: Break) {
        let other = 1 - self.held;
        *self.device.plan.lock().unwrap() = Some(Plan { path: "sync/upload", how });
        let heard = matches!(self.device.ask("sync/upload", &self.files[other]).await, Ok((200, answer)) if answer == b"OK");
        self.settled().await;
        let now = self.world.look.rows(self.id).await;
        let (old, new) = (now.differences(&self.rows[self.held]), now.differences(&self.rows[other]));
        assert!(old.is_empty() || new.is_empty(), "{how:?}: neither the old collection:\n{old}nor the new one:\n{new}");
        assert!(new.is_empty() || !heard, "{how:?}: answered, but not done");
        assert!(old.is_empty() || how != Break::CutBody, "{how:?}: done with half of the file");
        self.replaced += usize::from(new.is_empty());
        if old.is_empty() {
            // As the client does when its user tries again. What was cut off is in nobody's way.
            self.device.upload(&self.files[other]).await;
        }
        self.held = other;
        self.can_be_synced().await;
    }

    /// The making or the sending of the file for a download breaks. Nothing changes, and the next one gets all of it.
    async fn download(&self, how: Break) {
        *self.device.plan.lock().unwrap() = Some(Plan { path: "sync/download", how });
        let first = self.device.ask("sync/download", b"{}").await;
        self.settled().await;
        let (status, file) = self.device.ask("sync/download", b"{}").await.unwrap();
        assert_eq!(status, 200, "{how:?}");
        let expected = read_all(&self.files[self.held]);
        assert!(read_all(&file) == expected, "{how:?}: another collection than the one that was uploaded");
        if let Ok((200, file)) = first {
            assert!(read_all(&file) == expected, "{how:?}: an answer that is not whole");
        }
        assert_eq!(self.world.look.rows(self.id).await.differences(&self.rows[self.held]), "", "{how:?}");
    }

    /// Until everything runs again and nobody is at work for this account any more: imports go on when the client hangs up.
    async fn settled(&self) {
        self.world.revive().await;
        let seen =
            async || (entries(&self.world.installation.root.join("tmp")), self.world.look.user.generations(self.id).await.unwrap().len());
        // What a killed process has left stays, so it is a change that counts.
        self.world
            .until("nobody works on the account", async || {
                let before = seen().await;
                for _ in 0..8 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if !self.world.look.is_quiet().await || seen().await != before {
                        return false;
                    }
                }
                true
            })
            .await;
    }

    /// A device that downloads everything syncs normally, at once.
    async fn can_be_synced(&self) {
        let shared = Arc::new(client::World::default());
        shared.moment.store(NOW + client::CARD, Ordering::Relaxed);
        shared.calm.store(true, Ordering::Relaxed);
        let mut device = Client::new(vec![self.device.clone()], shared, 1).await;
        device.edit();
        assert_eq!(device.sync().await, Synced::Done);
        assert_eq!(device.sync().await, Synced::Nothing);
        // Back to what is known.
        self.device.upload(&self.files[self.held]).await;
    }
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_collections() {
    let (mut rng, begun) = (seeded(), Instant::now());
    let world = World::new(&[]).await;
    let mut account = Account::new(&world).await;
    let mut losses = [Loss::Server, Loss::Stop, Loss::Connection].into_iter().cycle();
    let (mut uploads, mut downloads) = (0, 0);
    for round in 0.. {
        if !goes_on(begun, round) {
            break;
        }
        let mut ways = vec![Break::CutBody, Break::CutAnswer(rng.f64() * 0.5), Break::CutAnswer(rng.f64()), Break::Unheard];
        // The switch is near the end.
        for part in [rng.f64() * 0.6, 0.6 + rng.f64() * 0.3, 0.85 + rng.f64() * 0.1, 0.9 + rng.f64() * 0.15, 0.95 + rng.f64() * 0.1] {
            let moment = Moment::During(part);
            ways.push(Break::Killed { moment, blow: Blow::Process, back_at_once: false });
            ways.push(Break::Killed { moment, blow: Blow::Database(losses.next().unwrap()), back_at_once: rng.bool() });
        }
        ways.push(Break::Killed { moment: Moment::After, blow: Blow::Process, back_at_once: false });
        ways.push(Break::Killed { moment: Moment::After, blow: Blow::Database(Loss::Stop), back_at_once: false });
        ways.push(Break::KilledInBody(Blow::Process));
        ways.push(Break::KilledInBody(Blow::Database(Loss::Server)));
        rng.shuffle(&mut ways);
        for (number, how) in ways.iter().enumerate() {
            account.upload(*how).await;
            uploads += 1;
            // What was uploaded a moment ago has not been made into a file yet.
            if number % 2 == 0 && !matches!(how, Break::CutBody | Break::KilledInBody(_)) {
                account.download(*how).await;
                downloads += 1;
            }
        }
    }
    let replaced = account.replaced;
    say(&format!(
        "{uploads} uploads broken, of which {replaced} took place, and {downloads} downloads, in {:?}; {}",
        begun.elapsed(),
        world.tally()
    ));
    assert!((1..uploads).contains(&replaced), "both ends have been seen");
    world.expect_nothing_left_behind().await;
}
