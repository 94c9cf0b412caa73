//! The machine: files that may be open.

use super::{Level, Observation};
use crate::open_files;
use nix::sys::resource::{Resource, getrlimit};

/// A connection of a client is one; those to the databases and the files of downloads come on top.
const FEW_FILES: u64 = 1024;

pub(super) fn look() -> Vec<Observation> {
    let mut say = Vec::new();
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        say.push(files(soft, hard));
    }
    say
}

fn files(soft: u64, hard: u64) -> Observation {
    // The server raises the limit as far as it may.
    let most = open_files::allowed(soft, hard);
    let found = format!("{most} files and connections can be open at a time");
    if most < FEW_FILES {
        let advice = "raise the limit for the service, such as LimitNOFILE=65536 in its systemd unit or `ulimit -Hn`";
        return Observation::new("open_files", Level::Warning, found, advice);
    }
    Observation::good("open_files", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_are_too_few() {
        assert_eq!(files(1024, 4096).level, Level::Good);
        assert_eq!(files(256, 512).level, Level::Warning);
    }
}
