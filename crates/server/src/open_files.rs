//! How many files and connections this process can have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// More than the connections, with what each of them may use, need.
const ENOUGH: u64 = 65_536;

/// What the process may allow itself, where that is `soft` now and `hard` at most.
pub fn allowed(soft: u64, hard: u64) -> u64 {
    soft.max(hard.min(ENOUGH))
}

/// Allows as many as we may, and answers how many that are. Many systems begin with 1024, for programs of long ago, and let everybody
/// ask for more.
pub fn raise() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    let wanted = allowed(soft, hard);
    match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!(%error, soft, "cannot raise the number of files that may be open");
            soft
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_and_never_lowered() {
        for (soft, hard, want) in [(1024, 4096, 4096), (1024, 1 << 20, ENOUGH), (1 << 18, 1 << 20, 1 << 18), (256, 256, 256)] {
            assert_eq!(allowed(soft, hard), want);
        }
        assert_eq!(raise(), raise());
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, _)| soft), Ok(raise()));
    }
}
