//! What `djankiserv doctor` asks of a database server, and what it makes of the answers. Each engine knows what to look at.

use super::{ConnectTo, Engine, Host, TlsMode, mysql, postgres};
use crate::error::Result;
use std::collections::BTreeMap;
use std::time::Duration;

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Good,
    /// Worth knowing.
    Note,
    /// Works, but not well or not for ever.
    Warning,
    /// Does not work, or loses data.
    Problem,
}

impl Level {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// What, as a word for programs.
    pub about: &'static str,
    pub level: Level,
    /// What was found, as a sentence without its full stop.
    pub found: String,
    /// What would be better and how to get there; empty where all is well.
    pub advice: String,
}

impl Observation {
    /// All is well.
    pub fn good(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, level: Level::Good, found: found.into(), advice: String::new() }
    }

    /// Something to tell.
    pub fn new(about: &'static str, level: Level, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, level, found: found.into(), advice: advice.into() }
    }
}

/// What the server is wanted for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Connections that all processes together will open.
    pub connections: usize,
    /// Whether schemas of collections are made there.
    pub collections: bool,
    /// Lower-case letters and digits, for names of things that are made to try and removed again.
    pub scratch: String,
}

/// What a server said.
#[derive(Debug, Default)]
pub struct Examined {
    pub observations: Vec<Observation>,
    /// The number of the newest step of each part that its tables have had; empty in a new database.
    pub steps: BTreeMap<String, i64>,
    /// The server's clock, in milliseconds since the epoch.
    pub clock_ms: Option<i64>,
}

impl Examined {
    /// With what kept us from looking further.
    pub(super) fn ended(mut self, outcome: Result<()>) -> Self {
        if let Err(e) = outcome {
            let advice = "mend what is named above first; the account must be able to read the shared tables";
            self.observations.push(Observation::new("look", Level::Problem, format!("not everything could be looked at: {e}"), advice));
        }
        self
    }
}

/// As long as the program itself waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at a database server through one connection of its own. What is made there to try whether it can be made is gone afterwards;
/// nothing else is changed.
///
/// # Errors
/// When the server cannot be reached or refuses us.
pub async fn examine(to: &ConnectTo, wanted: &Wanted) -> Result<Examined> {
    match to.engine {
        Engine::Postgres => postgres::examine::examine(to, wanted, PATIENCE).await,
        Engine::Mysql => mysql::examine::examine(to, wanted, PATIENCE).await,
    }
}

/// What there is to say about connections. `most` is what we may have, `others` what is taken by others.
pub(super) fn connections(wanted: usize, most: i64, others: i64, setting: &str) -> Observation {
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let left = most - others;
    let found = format!("{wanted} connections may be wanted; {most} are allowed and {others} of them taken by others");
    let advice = format!("raise {setting}, or lower DJANKISERV_DB_CONNECTIONS (it counts for each process and each of the two databases)");
    if wanted > left {
        return Observation::new("connections", Level::Problem, found, advice);
    }
    if wanted.saturating_mul(2) > left {
        let advice = format!("during a rolling update there are twice as many processes for a moment: {advice}");
        return Observation::new("connections", Level::Note, found, advice);
    }
    Observation::good("connections", found)
}

/// Whether somebody on the way could read along, or pretend to be the server. Says nothing of servers on this machine.
pub(super) fn encryption(to: &ConnectTo, version: Option<&str>) -> Option<Observation> {
    let Host::Tcp(host) = &to.host else { return None };
    if to.host.is_local() && version.is_none() {
        return None;
    }
    let checked = match to.encryption.check() {
        TlsMode::VerifyFull => "",
        TlsMode::VerifyCa => ", and the authority of its certificate is checked, but not the name",
        TlsMode::Off | TlsMode::Prefer | TlsMode::Require => ", with whoever answers: its certificate is not checked",
    };
    let advice = "set sslmode=verify-full, and sslrootcert to the certificate of its authority: docs/databases.md";
    Some(match version {
        None => {
            let found = format!("the connection to {host} is not encrypted: who listens on the way can read collections");
            Observation::new("encryption", Level::Warning, found, format!("switch TLS on there, and {advice}"))
        }
        Some(version) if checked.is_empty() || to.host.is_local() => {
            Observation::good("encryption", format!("the connection is encrypted ({version}){checked}"))
        }
        Some(version) => Observation::new("encryption", Level::Note, format!("the connection is encrypted ({version}){checked}"), advice),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_with_room_for_an_update() {
        let level = |wanted, most, others| connections(wanted, most, others, "x").level;
        assert_eq!(level(40, 100, 0), Level::Good);
        assert_eq!(level(40, 100, 30), Level::Note);
        assert_eq!(level(40, 100, 61), Level::Problem);
        assert_eq!(level(usize::MAX, 100, 0), Level::Problem);
    }
}
