//! Two accounts that go through the same, one of them unharmed: what the other holds after a blow is compared with it.

use crate::client::{self, CARD, Client, Contents, Synced, on_server};
use crate::device::{Break, Device, Plan};
use crate::it::{NOW, collection};
use crate::look::Rows;
use crate::world::World;
use anki::file::Schema;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a broken sync has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The collection is as it was.
    Old,
    /// The sync has taken place, but the client did not hear of it.
    New,
    /// The sync has taken place and the client knows.
    Done,
}

pub struct Twins {
    pub world: Arc<World>,
    pub real: Side,
    twin: Side,
}

/// An account with two devices. What is planned for the first one goes wrong.
pub struct Side {
    pub account: i64,
    pub first: Device,
    devices: [Client; 2],
}

impl Twins {
    pub async fn new(world: Arc<World>, notes: i64, rng: &mut fastrand::Rng) -> Self {
        let shared = Arc::new(client::World::default());
        shared.moment.store(NOW + CARD, Ordering::Relaxed);
        shared.calm.store(true, Ordering::Relaxed);
        shared.shaky.store(true, Ordering::Relaxed);
        let file = collection(Schema::V18, notes, NOW - 5);
        let mut side = async |name: &str| {
            let first = world.device(name).await;
            first.upload(&file).await;
            let second = Device { session: "second".into(), plan: Arc::default(), ..first.clone() };
            let devices = [
                Client::new(vec![first.clone()], shared.clone(), rng.u64(..)).await,
                Client::new(vec![second], shared.clone(), rng.u64(..)).await,
            ];
            Side { account: world.account(name).await, first, devices }
        };
        let (real, twin) = (side("real").await, side("twin").await);
        Self { world, real, twin }
    }

    async fn rows(&self) -> (Rows, Rows) {
        (self.world.look.rows(self.real.account).await, self.world.look.rows(self.twin.account).await)
    }

    async fn expect_equal(&self, when: &str) -> Rows {
        let (real, twin) = self.rows().await;
        assert_eq!(real.differences(&twin), "", "{when}: the real account (one) and its twin (other)");
        real
    }

    /// Both devices change something, and the first one's sync breaks as planned. In the end all is well again.
    pub async fn go_through(&mut self, plan: Plan, edits_only: bool) -> Outcome {
        let what = format!("{plan:?}, edits only: {edits_only}");
        // Something for the first device to hear of, too.
        self.both_study(1, edits_only);
        self.both_sync(1, &what).await;
        self.both_study(0, edits_only);
        let before = self.expect_equal(&format!("before {what}")).await;

        *self.real.first.plan.lock().unwrap() = Some(plan);
        let synced = self.real.devices[0].sync().await;
        assert!(self.real.first.plan.lock().unwrap().is_none(), "{what}: it did not come to that");
        self.world.revive().await;
        self.world.quiet().await;
        let (now, _) = self.rows().await;
        let outcome = match synced {
            Synced::Done => Outcome::Done,
            Synced::Failed if now.differences(&before).is_empty() => Outcome::Old,
            Synced::Failed => Outcome::New,
            Synced::Nothing => panic!("{what}: there was something to sync"),
        };
        if outcome != Outcome::Old {
            // The same without the blow: it has to come to the very same rows.
            if outcome == Outcome::New {
                *self.twin.first.plan.lock().unwrap() = Some(Plan { path: "sync/finish", how: Break::Unheard });
            }
            let expected = if outcome == Outcome::New { Synced::Failed } else { Synced::Done };
            assert_eq!(self.twin.devices[0].sync().await, expected, "{what}: the twin");
            self.expect_equal(&format!("neither old nor new after {what}")).await;
        }
        if outcome != Outcome::Done {
            self.both_sync(0, &what).await;
            self.expect_equal(&format!("after the sync that follows {what}")).await;
        }
        self.both_sync(1, &what).await;
        assert_eq!(self.real.devices[1].contents(), self.real.devices[0].contents(), "{what}");
        outcome
    }

    fn both_study(&mut self, device: usize, edits_only: bool) {
        let real = &mut self.real.devices[device];
        real.edit();
        if !edits_only {
            real.study();
        }
        self.twin.devices[device].copy_from(real);
    }

    async fn both_sync(&mut self, device: usize, what: &str) {
        for (side, name) in [(&mut self.real, "real"), (&mut self.twin, "twin")] {
            assert_eq!(side.devices[device].sync().await, Synced::Done, "{what}: device {device} of {name}");
        }
    }

    /// Everybody syncs until nobody has anything to say. Then all hold the same as the server.
    pub async fn settle(mut self) {
        for _ in 0..2 {
            for device in self.real.devices.iter_mut().chain(&mut self.twin.devices) {
                assert_ne!(device.sync().await, Synced::Failed);
                assert_eq!(device.sync().await, Synced::Nothing);
            }
        }
        for side in [&self.real, &self.twin] {
            let (status, file) = side.first.raw("sync/download", b"{}").await;
            assert_eq!(status, 200);
            let held: Contents = on_server(&file);
            for device in &side.devices {
                assert!(device.contents() == held, "a device and the server hold the same");
            }
        }
        self.expect_equal("in the end").await;
        self.world.expect_nothing_left_behind().await;
    }
}
