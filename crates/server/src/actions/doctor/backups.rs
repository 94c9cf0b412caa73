//! Backups that the server makes by itself: whether they happen.

use super::{Level, Observation};
use crate::actions::backup::schedule::DUTY;
use crate::clock::{Clock, iso_time};
use crate::config::Config;
use store::engine::ConnectTo;
use store::main_db::Duty;
use store::main_db::duties::duty_in;

pub(super) const GROUP: &str = "Backups";

pub(super) async fn look(config: &Config, main: &ConnectTo, clock: &Clock) -> Vec<Observation> {
    let Some(plan) = &config.backups.plan else {
        return vec![Observation::new(
            "backup",
            Level::Note,
            "the server makes none by itself, so nothing leaves this machine unless something else copies it",
            "set DJANKISERV_BACKUP_TO to a place elsewhere, or run `djankiserv backup` regularly; docs/backup.md says how",
        )];
    };
    match duty_in(main, DUTY).await {
        Ok(duty) => vec![judge(duty.as_ref(), plan.every_ms, clock.now_ms())],
        // What is wrong with the database is told elsewhere; or its tables have not been made yet.
        Err(_) => vec![judge(None, plan.every_ms, clock.now_ms())],
    }
}

fn judge(duty: Option<&Duty>, every_ms: i64, now_ms: i64) -> Observation {
    let advice = "the log of the server says more; `djankiserv backup` makes one now";
    let last = duty.and_then(|duty| duty.succeeded);
    let ago = last.map_or_else(|| "there is none yet".to_owned(), |at| format!("the last good one ended at {}", iso_time(at)));
    if let Some(Duty { failed: Some(failed), problem, .. }) = duty {
        let found = format!("the one of {} has failed: {problem}; {ago}", iso_time(*failed));
        return Observation::new("backup", Level::Problem, found, advice);
    }
    match last {
        None => Observation::new("backup", Level::Note, ago, "`djankiserv serve` makes the first one as soon as it runs"),
        Some(at) if now_ms - at > 2 * every_ms => Observation::new("backup", Level::Warning, format!("{ago}, too long ago"), advice),
        Some(_) => Observation::good("backup", ago),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_and_failed_ones_are_told() {
        let duty = |succeeded, failed| Duty { began: succeeded, succeeded, failed, problem: "no room".into() };
        let level = |duty: Option<Duty>| judge(duty.as_ref(), 1000, 10_000).level;
        assert_eq!(level(None), Level::Note);
        assert_eq!(level(Some(duty(Some(9_500), None))), Level::Good);
        assert_eq!(level(Some(duty(Some(7_000), None))), Level::Warning);
        assert_eq!(level(Some(duty(Some(9_500), Some(9_900)))), Level::Problem);
        assert!(judge(Some(&duty(None, Some(9_900))), 1000, 10_000).found.contains("no room"));
    }
}
