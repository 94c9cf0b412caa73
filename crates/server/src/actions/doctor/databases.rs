//! Both databases, external or embedded.

use super::{Level, Observation, Options, backups, certificate, media};
use crate::clock::Clock;
use crate::config::{Config, Databases};
use crate::embedded::Embedded;
use crate::random;
use store::engine::ConnectTo;
use store::engine::examine::{Examined, Wanted, examine};
use store::{main_db, user_db};

/// What times on different machines may differ. The leases of imports are minutes long, so a few seconds harm nothing.
const CLOCKS_DIFFER_MS: i64 = 5_000;

pub(super) async fn look(
    config: &Config,
    options: &Options,
    clock: &Clock,
    say: &mut impl FnMut(&str, Vec<Observation>),
) -> anyhow::Result<()> {
    match &config.databases {
        Databases::External { main, user } => {
            both(main, user, options, clock, say).await?;
            say(media::GROUP, media::look(config, main).await);
            say(backups::GROUP, backups::look(config, main, clock).await);
            say(certificate::GROUP, certificate::by_acme(config, main, clock).await);
            Ok(())
        }
        Databases::Embedded => embedded(config, options, clock, say).await,
    }
}

async fn embedded(config: &Config, options: &Options, clock: &Clock, say: &mut impl FnMut(&str, Vec<Observation>)) -> anyhow::Result<()> {
    const GROUP: &str = "Embedded database";
    if !config.data_root.postgres().join("data/PG_VERSION").exists() {
        let advice = "`djankiserv serve` makes it; for an external one, set DJANKISERV_MAINDB_HOST and what belongs to it";
        say(GROUP, vec![Observation::new("cluster", Level::Note, "it has not been made yet", advice)]);
        return Ok(());
    }
    match Embedded::for_command(&config.data_root, config.limits.db_connections).await {
        Ok(embedded) => {
            let whose = if embedded.is_joined() { "it runs, with the server" } else { "it was started to look at it, as no server runs" };
            say(GROUP, vec![Observation::good("cluster", whose)]);
            let to = embedded.connect_to();
            // It was started with room for exactly one server, and there is only ever one.
            let mut say = |group: &str, observations: Vec<Observation>| {
                let is_worth_telling = |o: &Observation| o.about != "connections" || o.level == Level::Problem;
                say(group, observations.into_iter().filter(is_worth_telling).collect());
            };
            let outcome = both(&to, &to, options, clock, &mut say).await;
            say(media::GROUP, media::look(config, &to).await);
            say(backups::GROUP, backups::look(config, &to, clock).await);
            say(certificate::GROUP, certificate::by_acme(config, &to, clock).await);
            embedded.stop().await;
            outcome
        }
        Err(e) => {
            let advice = "the log of PostgreSQL lies in `postgres` in the data folder";
            say(GROUP, vec![Observation::new("cluster", Level::Problem, format!("it does not start: {e}"), advice)]);
            Ok(())
        }
    }
}

async fn both(
    main: &ConnectTo,
    user: &ConnectTo,
    options: &Options,
    clock: &Clock,
    say: &mut impl FnMut(&str, Vec<Observation>),
) -> anyhow::Result<()> {
    let same_server = (main.engine, &main.host, main.port) == (user.engine, &user.host, user.port);
    let of_one = |to: &ConnectTo| to.max_connections * options.processes;
    let together = if same_server { of_one(main) + of_one(user) } else { of_one(main) };
    if main == user {
        let mut known = main_db::steps();
        known.extend(user_db::steps());
        say(&format!("Databases: {main:?}"), one(main, together, true, &known, clock).await?);
        return Ok(());
    }
    say(&format!("Main database: {main:?}"), one(main, together, false, &main_db::steps(), clock).await?);
    let wanted = if same_server { together } else { of_one(user) };
    say(&format!("User database: {user:?}"), one(user, wanted, true, &user_db::steps(), clock).await?);
    Ok(())
}

async fn one(
    to: &ConnectTo,
    connections: usize,
    collections: bool,
    known: &[(&str, usize)],
    clock: &Clock,
) -> anyhow::Result<Vec<Observation>> {
    let wanted = Wanted { connections, collections, scratch: hex::encode(random::bytes::<4>()?) };
    let Examined { observations, steps, clock_ms } = match examine(to, &wanted).await {
        Ok(examined) => examined,
        Err(e) => {
            let advice = "see that it runs, that this machine may connect to it, and that name and password are right";
            return Ok(vec![Observation::new("reachable", Level::Problem, format!("{e}"), advice)]);
        }
    };
    let now = clock.now_ms();
    let mut say = observations;
    if let Some(theirs) = clock_ms {
        say.push(compare_clocks(now, theirs));
    }
    for (part, known) in known {
        let found = steps.get(*part).copied();
        say.push(tables(part, found, i64::try_from(*known)?));
    }
    Ok(say)
}

fn compare_clocks(ours: i64, theirs: i64) -> Observation {
    let difference = (ours - theirs).abs();
    if difference > CLOCKS_DIFFER_MS {
        let found = format!("the clock here and the clock of the database server differ by {} seconds", difference / 1000);
        let advice = "set both by NTP: Anki's clients refuse to sync with a server whose clock is off by more than five minutes";
        return Observation::new("clock", if difference > 240_000 { Level::Problem } else { Level::Warning }, found, advice);
    }
    Observation::good("clock", "the clocks here and there agree")
}

fn tables(part: &str, found: Option<i64>, known: i64) -> Observation {
    match found {
        None => Observation::new(
            "tables",
            Level::Note,
            format!("the {part} tables have not been made yet"),
            "`djankiserv serve` or `djankiserv migrate` makes them",
        ),
        Some(found) if found > known => {
            let advice = "run the version that made them; this one may work for the time of a rolling update";
            Observation::new(
                "tables",
                Level::Warning,
                format!("the {part} tables are at step {found}, and this version knows {known}"),
                advice,
            )
        }
        Some(found) if found < known => {
            let advice = "`djankiserv serve` or `djankiserv migrate` brings them up to date";
            Observation::new("tables", Level::Note, format!("the {part} tables are at step {found} of {known}"), advice)
        }
        Some(_) => Observation::good("tables", format!("the {part} tables are up to date (step {known})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_tables_are_judged() {
        assert_eq!(compare_clocks(100_000, 104_000).level, Level::Good);
        assert_eq!(compare_clocks(100_000, 110_000).level, Level::Warning);
        assert_eq!(compare_clocks(1_000_000, 500_000).level, Level::Problem);
        let levels = [None, Some(3), Some(2), Some(4)].map(|found| tables("main", found, 3).level);
        assert_eq!(levels, [Level::Note, Level::Good, Level::Note, Level::Warning]);
    }
}
