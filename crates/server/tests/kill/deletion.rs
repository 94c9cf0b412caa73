//! `djankiserv user delete`, killed at any moment: the user is as before, or is gone and housekeeping takes the rest away.

use crate::device::Device;
use crate::it::{NOW, PASSWORD, collection};
use crate::look::Rows;
use crate::world::World;
use crate::{goes_on, say, seeded};
use anki::file::Schema;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many are deleted at the same time: each takes more than five seconds, which are mostly spent waiting.
const AT_ONCE: usize = 12;

struct Victim {
    name: String,
    id: i64,
    device: Device,
    rows: Rows,
    killed_after: Duration,
}

async fn victim(world: &Arc<World>, name: String, killed_after: Duration) -> Victim {
    let device = world.device(&name).await;
    device.upload(&collection(Schema::V18, 50, NOW - 5)).await;
    device.json("sync/start", json!({"minUsn": 1, "lnewer": false, "graves": null})).await;
    device.raw("sync/download", b"{}").await;
    let id = world.account(&name).await;
    // Enough files that removing them takes a moment.
    let folder = world.installation.root.join("media").join(id.to_string());
    for n in 0..600 {
        let folder = folder.join(format!("{:02x}", n % 256));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{n}")), "x").unwrap();
    }
    let rows = world.look.rows(id).await;
    Victim { name, id, device, rows, killed_after }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_of_users() {
    let (mut rng, begun) = (seeded(), Instant::now());
    let world = World::new(&[]).await;
    let (mut untouched, mut gone, mut half) = (0, 0, 0);
    for round in 0.. {
        if !goes_on(begun, round) {
            break;
        }
        let mut victims = Vec::new();
        for n in 0..AT_ONCE {
            // Some before or around the mark, some in the waiting time, most where the data goes.
            let ms = if n < 3 {
                rng.u64(0..900)
            } else if n < 5 {
                rng.u64(900..5_000)
            } else {
                rng.u64(5_000..7_000)
            };
            victims.push(victim(&world, format!("u{round}-{n}"), Duration::from_millis(ms)).await);
        }
        let mut deletions = tokio::task::JoinSet::new();
        for victim in victims {
            let mut command = world.installation.command(&["user", "delete", &victim.name, "--yes"]).spawn().unwrap();
            deletions.spawn(async move {
                tokio::time::sleep(victim.killed_after).await;
                let _ = command.kill();
                let ended = command.wait().unwrap().success();
                (victim, ended)
            });
        }
        let done = deletions.join_all().await;
        world.quiet().await;
        let marked = world.look.main.deleted_accounts().await.unwrap();
        for (victim, ended) in done {
            let there =
                world.look.main.accounts().await.unwrap().iter().any(|account| account.id == victim.id && !marked.contains(&account.id));
            if there {
                assert!(!ended);
                untouched += 1;
                assert_eq!(world.look.rows(victim.id).await.differences(&victim.rows), "", "{}", victim.name);
                assert_eq!(victim.device.meta().await["usn"], 1);
                // So that nothing may be left of this one either.
                world.installation.run(&["user", "delete", &victim.name, "--yes"]);
            } else {
                half += usize::from(marked.contains(&victim.id));
                gone += 1;
                let login = json!({"u": victim.name, "p": PASSWORD});
                assert_eq!(victim.device.status("sync/hostKey", login).await, 403, "{}: cannot be used any more", victim.name);
            }
        }
    }
    world.expect_nothing_left_behind().await;
    let media = std::fs::read_dir(world.installation.root.join("media")).unwrap();
    let folders: Vec<_> = media.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    assert!(folders.is_empty(), "no folder of theirs is left: {folders:?}");
    assert!(world.look.main.accounts().await.unwrap().is_empty());
    say(&format!(
        "{} deletions killed: {untouched} had not begun, {gone} were gone, {half} of those in halves, in {:?}",
        untouched + gone,
        begun.elapsed()
    ));
}
