//! Every request of a sync, broken in every way: the client's connection cut, the process killed, the database killed.

use crate::cluster::{Loss, keeps_staged};
use crate::device::{Break, Moment, Plan};
use crate::twins::{Outcome, Twins};
use crate::world::{Blow, World};
use crate::{goes_on, say, seeded};
use std::collections::HashMap;
use std::time::Instant;

const REQUESTS: [&str; 7] =
    ["sync/start", "sync/applyGraves", "sync/applyChanges", "sync/chunk", "sync/applyChunk", "sync/sanityCheck2", "sync/finish"];
/// Notes of the collection.
const NOTES: i64 = 60;

/// Before, after, and so many moments while it is being served; more of them where it is decided.
fn moments(path: &str, during: usize, rng: &mut fastrand::Rng) -> Vec<Moment> {
    let during = if path == "sync/finish" { during * 4 } else { during };
    let mut moments = vec![Moment::Before, Moment::After];
    moments.extend((0..during).map(|_| Moment::During(rng.f64() * 1.1)));
    moments
}

/// What came of how many breaks.
#[derive(Default)]
struct Tally(HashMap<(bool, Outcome), usize>);

impl Tally {
    fn count(&mut self, path: &str, outcome: Outcome) {
        *self.0.entry((path == "sync/finish", outcome)).or_default() += 1;
    }

    fn of(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|((_, o), _)| *o == outcome).map(|(_, count)| count).sum()
    }

    fn say(&self, what: &str, begun: Instant) {
        let total: usize = self.0.values().sum();
        let (old, new, done) = (self.of(Outcome::Old), self.of(Outcome::New), self.of(Outcome::Done));
        say(&format!("{what}: {total} in {:?}: {old} undone, {new} done unheard, {done} done", begun.elapsed()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_clients() {
    let (mut rng, begun, mut tally) = (seeded(), Instant::now(), Tally::default());
    let mut twins = Twins::new(World::new(&[]).await, NOTES, &mut rng).await;
    for round in 0.. {
        if !goes_on(begun, round) {
            break;
        }
        for path in REQUESTS {
            let ways =
                [Break::CutBody, Break::CutAnswer(0.0), Break::CutAnswer(rng.f64()), Break::CutAnswer(rng.f64() * 1.2), Break::Unheard];
            for how in ways {
                let outcome = twins.go_through(Plan { path, how }, rng.bool()).await;
                let may_be_done = path == "sync/finish" && how != Break::CutBody;
                assert!(outcome == Outcome::Old || (may_be_done && outcome == Outcome::New), "{path} {how:?}: {outcome:?}");
                assert!(outcome == Outcome::New || how != Break::Unheard || path != "sync/finish", "{path} {how:?}: {outcome:?}");
                tally.count(path, outcome);
            }
        }
    }
    tally.say("connections cut", begun);
    twins.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_of_the_server() {
    let (mut rng, begun, mut tally) = (seeded(), Instant::now(), Tally::default());
    let mut twins = Twins::new(World::new(&[]).await, NOTES, &mut rng).await;
    for round in 0.. {
        if !goes_on(begun, round) {
            break;
        }
        for path in REQUESTS {
            for moment in moments(path, 2, &mut rng) {
                let back_at_once = rng.bool();
                let how = Break::Killed { moment, blow: Blow::Process, back_at_once };
                let outcome = twins.go_through(Plan { path, how }, rng.bool()).await;
                let expected = match (moment, path) {
                    (Moment::After, "sync/finish") => &[Outcome::Done][..],
                    // Nothing of a sync is in a process, so the next one goes on with it.
                    (Moment::Before | Moment::After, _) if back_at_once => &[Outcome::Done],
                    // The answer may have been faster.
                    (Moment::During(_), "sync/finish") => &[Outcome::Old, Outcome::New, Outcome::Done],
                    (Moment::During(_), _) if back_at_once => &[Outcome::Old, Outcome::Done],
                    _ => &[Outcome::Old],
                };
                assert!(expected.contains(&outcome), "{path} {how:?}: {outcome:?}");
                tally.count(path, outcome);
            }
        }
    }
    tally.say("processes killed", begun);
    twins.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases() {
    let (mut rng, begun, mut tally) = (seeded(), Instant::now(), Tally::default());
    let mut twins = Twins::new(World::new(&[]).await, NOTES, &mut rng).await;
    let losses = [Loss::Server, Loss::Stop, Loss::Connection];
    let mut number = rng.usize(0..3);
    for round in 0.. {
        if !goes_on(begun, round) {
            break;
        }
        for path in REQUESTS {
            for moment in moments(path, 1, &mut rng) {
                // Each of them at each moment of each request, within three rounds.
                let loss = losses[number % 3];
                number += 1;
                let back_at_once = loss == Loss::Connection || rng.bool();
                let how = Break::Killed { moment, blow: Blow::Database(loss), back_at_once };
                let outcome = twins.go_through(Plan { path, how }, rng.bool()).await;
                let expected = match (moment, path) {
                    (Moment::After, "sync/finish") => &[Outcome::Done][..],
                    (Moment::Before, "sync/start") if back_at_once => &[Outcome::Done],
                    (Moment::During(_), "sync/finish") => &[Outcome::Old, Outcome::New, Outcome::Done],
                    // A connection that was lost before the lock was taken is no reason to fail.
                    (Moment::During(_), "sync/start") => &[Outcome::Old, Outcome::Done],
                    // Where nothing that is staged is lost, the sync goes on as if nothing had happened.
                    (Moment::Before | Moment::After, _) if back_at_once && keeps_staged() => &[Outcome::Done],
                    (Moment::During(_), _) if back_at_once && keeps_staged() => &[Outcome::Old, Outcome::Done],
                    // Otherwise nothing of it may be applied.
                    _ => &[Outcome::Old],
                };
                assert!(expected.contains(&outcome), "{path} {how:?}: {outcome:?}");
                tally.count(path, outcome);
            }
        }
        number += 1;
    }
    tally.say("databases killed", begun);
    twins.settle().await;
}

/// Edits change no count, so the sanity check could not notice that they are gone. Where they are not gone, they have to be applied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staged_edits_are_all_there_or_all_refused() {
    let (mut rng, begun, mut tally) = (seeded(), Instant::now(), Tally::default());
    let mut twins = Twins::new(World::new(&[]).await, NOTES, &mut rng).await;
    for loss in [Loss::Server, Loss::Stop, Loss::Connection] {
        for (path, moment) in [("sync/applyChunk", Moment::After), ("sync/sanityCheck2", Moment::After), ("sync/finish", Moment::Before)] {
            // The client goes on as if nothing had happened, and must be told if something has.
            let how = Break::Killed { moment, blow: Blow::Database(loss), back_at_once: true };
            let outcome = twins.go_through(Plan { path, how }, true).await;
            assert_eq!(outcome, if keeps_staged() { Outcome::Done } else { Outcome::Old }, "{path} {how:?}");
            tally.count(path, outcome);
        }
    }
    tally.say("databases killed under edits", begun);
    twins.settle().await;
}
