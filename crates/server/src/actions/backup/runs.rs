//! What the runs of a place hold: which of them is a backup of everybody.

use super::target::complete_run;
use super::{AccountLine, COMPLETE, Failed, Target, file_of};
use crate::actions::username::Username;
use anyhow::bail;
use serde::Deserialize;
use std::collections::HashSet;
use std::fmt;
use std::io;

/// A complete run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub name: String,
    pub holds: Holds,
}

/// Whose data is in a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holds {
    /// Everybody's.
    All,
    /// That of all but some, whose data could not be read.
    AllBut(Vec<String>),
    /// One user's, as was asked for.
    Only(String),
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holds {
            Holds::All => write!(f, "{}", self.name),
            Holds::AllBut(missing) => write!(f, "{}  without {}", self.name, missing.join(", ")),
            Holds::Only(user) => write!(f, "{}  only {user}", self.name),
        }
    }
}

/// What is read of `complete`. Of everybody's runs, earlier versions did not say that they are.
#[derive(Deserialize)]
struct Complete {
    of: Option<String>,
    #[serde(default)]
    failed: Vec<Failed>,
}

impl Target {
    /// The complete runs, oldest first. Blocks.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn runs(&self) -> io::Result<Vec<Run>> {
        let files = self.list("runs")?;
        let names: HashSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let mut complete: Vec<String> = files.iter().filter_map(|file| complete_run(&file.name)).collect();
        complete.sort();
        let read = |name: String| {
            let said = self.read_lines::<Complete>(&file_of(&name, COMPLETE))?.pop();
            let has_log = names.contains(file_of(&name, "audit.jsonl").as_str());
            let holds = match said {
                Some(Complete { of: Some(user), .. }) => Holds::Only(user),
                Some(Complete { failed, .. }) if !failed.is_empty() => Holds::AllBut(failed.into_iter().map(|f| f.user).collect()),
                // The log is only in runs of everybody.
                _ if has_log => Holds::All,
                _ => Holds::Only(String::new()),
            };
            Ok(Run { name, holds })
        };
        complete.into_iter().map(read).collect()
    }

    /// The newest run that holds everybody, or that holds a user. Blocks.
    ///
    /// # Errors
    /// When there is none, or the place cannot be read.
    pub fn newest(&self, user: Option<&Username>) -> anyhow::Result<Run> {
        let runs = self.runs()?;
        if runs.is_empty() {
            bail!("there is no complete run there");
        }
        for run in runs.into_iter().rev() {
            let fits = match user {
                None => run.holds == Holds::All,
                Some(user) => self
                    .read_lines::<AccountLine>(&file_of(&run.name, "accounts.jsonl"))?
                    .iter()
                    .any(|line| Username::new(&line.username).is_ok_and(|name| name.key() == user.key())),
            };
            if fits {
                return Ok(run);
            }
        }
        match user {
            Some(user) => bail!("there is no user `{}` in any run", user.typed()),
            None => bail!("no run there holds all users; --list shows whom each holds, and --run takes one of them"),
        }
    }
}
