//! Many accounts sync in a loop, each with two devices at the same time, on two processes, while requests are broken off, answers get
//! lost, connections to the database are cut, and programs write to the collections.

use crate::client::{CARD, Client, Synced, World, on_server};
use crate::support::{BASIC, Device, NOW, PASSWORD, TestServer, admin, collection};
use crate::{lasting, say};
use anki::file::Schema;
use anki::model::{Card, Note};
use djankiserv::actions::accounts::NewUser;
use djankiserv::actions::username::Username;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::collection::Collection;
use store::turns::Turns;

const ACCOUNTS: usize = 200;

/// What a program of the user's does: changes a note and adds one, under the collection's lock.
async fn write_from_outside(server: &TestServer, account: i64, world: &World) -> store::Result<()> {
    let locked = server.app.user.lock(account).await?;
    let mut current = locked.current()?.clone();
    let stored = Collection::within(&locked.tx, &current.schema);
    let now = world.moment.fetch_add(1, Ordering::Relaxed);
    let mut notes = stored.notes_since(0, (i32::MIN, i64::MIN), 1).await?;
    for note in &mut notes {
        (note.mtime, note.usn, note.fields) = (now, current.stamps.usn, format!("outside {now}\u{1f}back"));
        anki::text::fill_derived(note, 0);
    }
    let mut added = Note {
        id: now,
        guid: format!("guid{now}"),
        notetype_id: BASIC,
        mtime: now,
        usn: current.stamps.usn,
        fields: format!("outside {now}\u{1f}new"),
        ..Note::default()
    };
    anki::text::fill_derived(&mut added, 0);
    notes.push(added);
    let card = Card { id: now + CARD, note_id: now, deck_id: 1, mtime: now, usn: current.stamps.usn, due: 1, ..Card::default() };
    stored.put_notes(notes).await?;
    stored.put_cards(vec![card]).await?;
    current.counts.notes += 1;
    current.counts.cards += 1;
    current.stamps.usn += 1;
    current.stamps.modified = (current.stamps.modified + 1).max(server.clock.now_ms());
    locked.put_current(&current).await?;
    locked.tx.commit().await
}

/// A new account's login.
async fn log_in(server: &TestServer, number: usize) -> Device {
    let name = format!("u{number}");
    let new = NewUser {
        username: Username::new(&name).unwrap(),
        email: String::new(),
        password: PASSWORD.into(),
        is_staff: false,
        is_superuser: false,
    };
    server.app.accounts.create(new, "test").await.unwrap();
    server.log_in(&name).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_accounts_with_faults() {
    // More devices than people have hammer an account here.
    let server = Arc::new(TestServer::with(|app| app.turns = Turns::new(100)).await);
    let other = Arc::new(server.second().await);
    let world = Arc::new(World::default());
    world.moment.store(NOW + 1_000, Ordering::Relaxed);
    let seed = std::env::var("DJANKISERV_PROOF_SEED").map_or_else(|_| fastrand::u64(..), |text| text.parse().unwrap());
    say(&format!("seed {seed}"));
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut accounts, mut clients) = (Vec::new(), Vec::new());
    let file = collection(Schema::V18, 4, NOW - 5);
    for number in 0..ACCOUNTS {
        let first = log_in(&server, number).await;
        first.upload(&file).await;
        let second = Device { session: "second".into(), ..first.clone() };
        for device in [&first, &second] {
            clients.push(Client::new(vec![device.clone(), device.at(&other)], world.clone(), rng.u64(..)).await);
        }
        accounts.push((server.account(&format!("u{number}")).await, first));
    }

    let begun = Instant::now();
    let until = begun + lasting(60);
    let mut working = tokio::task::JoinSet::new();
    for (number, mut client) in clients.into_iter().enumerate() {
        let mut pause = rng.fork();
        // Two devices of one person that sync without a pause take over from each other again and again, so only some do.
        let longest = if number < ACCOUNTS / 5 { 200 } else { 8_000 };
        working.spawn(async move {
            while Instant::now() < until {
                client.study();
                client.sync().await;
                tokio::time::sleep(Duration::from_millis(pause.u64(0..longest))).await;
            }
            client
        });
    }
    let cuts = Arc::new(AtomicU64::new(0));
    let written = Arc::new(AtomicU64::new(0));
    let trouble = {
        let (server, world, cuts, written) = (server.clone(), world.clone(), cuts.clone(), written.clone());
        let ids: Vec<i64> = accounts.iter().map(|(id, _)| *id).collect();
        let admin = admin().await;
        let mut rng = rng.fork();
        async move {
            let mut round = 0_u32;
            while Instant::now() < until {
                round += 1;
                server.clock.set(NOW + 1_000 + begun.elapsed().as_millis() as i64);
                for _ in 0..5 {
                    let done = write_from_outside(&server, *rng.choice(&ids).unwrap(), &world).await;
                    written.fetch_add(u64::from(done.is_ok()), Ordering::Relaxed);
                }
                if round.is_multiple_of(20) {
                    cuts.fetch_add(server.cut_connections(&admin).await, Ordering::Relaxed);
                }
                if round.is_multiple_of(50) {
                    // Fails when its connection was cut, and is done again later.
                    let _ = djankiserv::housekeeping::often(&server.app).await;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    let (clients, ()) = tokio::join!(working.join_all(), trouble);
    say(&format!("{ACCOUNTS} accounts, {:?}: {:?}, {cuts:?} connections cut, {written:?} writes", begun.elapsed(), world.tally));
    let tally = |count: &AtomicU64| count.load(Ordering::Relaxed);
    for (what, count) in [
        ("finished", &world.tally.finished),
        ("not sent", &world.tally.not_sent),
        ("cut off", &world.tally.cut_off),
        ("unheard", &world.tally.unheard),
        ("conflicts", &world.tally.conflicts),
        ("unavailable", &world.tally.unavailable),
        ("cuts", &cuts),
        ("writes", &written),
    ] {
        assert!(tally(count) > 20, "{what}: {count:?}: tests nothing");
    }

    // The storm is over: everybody syncs until nobody has anything to say, and all hold the same.
    world.calm.store(true, Ordering::Relaxed);
    let mut by_account: std::collections::HashMap<String, Vec<Client>> = std::collections::HashMap::new();
    for client in clients {
        by_account.entry(client.key().to_owned()).or_default().push(client);
    }
    for (account, device) in &accounts {
        let mut devices = by_account.remove(&device.key).unwrap();
        assert_eq!(devices.len(), 2);
        // In the first round the second device hears of the first one's changes, in the second it is the other way round.
        for _ in 0..2 {
            for device in &mut devices {
                assert_ne!(device.sync().await, Synced::Failed, "account {account}, seed {seed}");
                assert_eq!(device.sync().await, Synced::Nothing, "account {account}, seed {seed}");
            }
        }
        let (status, file) = device.raw("sync/download", b"{}").await;
        assert_eq!(status, 200);
        let ours = on_server(&file);
        for device in &devices {
            let theirs = device.contents();
            let same = (theirs.0 == ours.0, theirs.1 == ours.1, theirs.2 == ours.2);
            assert_eq!(same, (true, true, true), "notes, cards, reviews of account {account}, seed {seed}");
        }
        let schema = server.app.user.state(*account).await.unwrap().unwrap().current.unwrap();
        let counted = Collection::new(server.app.user.db(), &schema.schema).count().await.unwrap();
        assert_eq!(counted, schema.counts, "account {account}: the counters are right");
    }
    assert_eq!(std::fs::read_dir(&server.app.temporary).unwrap().count(), 0, "no file is left behind");
    server.clock.set(server.clock.now_ms() + 60_000);
    let (findings, totals) = server.check(false).await;
    assert!(findings.is_empty(), "seed {seed}: {findings:?}");
    assert_eq!(totals.accounts, ACCOUNTS as u64);
    drop((by_account, accounts));
    drop(other);
    Arc::into_inner(server).unwrap().end().await;
}
