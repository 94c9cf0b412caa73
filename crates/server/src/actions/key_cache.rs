//! Remembers for a moment whom a host key belongs to, so that the ten requests of a sync cost one look-up.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use store::main_db::HostKeyOwner;
use tokio::time::Instant;

/// A revoked key is out everywhere within five seconds; the rest of those is for the look-up itself.
const LIFE: Duration = Duration::from_secs(4);
/// Beyond this, old entries are cleared away.
const ROOM: usize = 10_000;

/// Successful look-ups only. A failure is asked again each time: a new key must work at once, since a wrong 403 makes a client forget
/// its login.
#[derive(Default)]
pub struct KeyCache {
    owners: Mutex<HashMap<String, (Instant, HostKeyOwner)>>,
}

impl KeyCache {
    /// The owner, if it was looked up a moment ago.
    pub fn get(&self, digest: &str) -> Option<HostKeyOwner> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.get(digest).filter(|(since, _)| since.elapsed() < LIFE).map(|(_, owner)| owner.clone())
    }

    /// Remembers a look-up that began at `since`.
    pub fn put(&self, digest: &str, owner: HostKeyOwner, since: Instant) {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= ROOM {
            owners.retain(|_, (since, _)| since.elapsed() < LIFE);
        }
        if owners.len() < ROOM {
            owners.insert(digest.to_owned(), (since, owner));
        }
    }

    /// Forgets an account, after a change in this process.
    pub fn forget(&self, account: i64) {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (_, owner)| owner.account != account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(account: i64) -> HostKeyOwner {
        HostKeyOwner { account, username: "ann".into(), last_seen: 0, quota_collection_bytes: None, quota_media_bytes: None }
    }

    #[tokio::test(start_paused = true)]
    async fn entries_live_less_than_five_seconds() {
        let cache = KeyCache::default();
        cache.put("a", owner(1), Instant::now());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(cache.get("a"), Some(owner(1)));
        assert_eq!(cache.get("b"), None);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(cache.get("a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_limited_and_forgetting_works() {
        let cache = KeyCache::default();
        for n in 0..ROOM as i64 {
            cache.put(&n.to_string(), owner(n), Instant::now());
        }
        cache.put("late", owner(7), Instant::now());
        assert_eq!(cache.get("late"), None, "full");
        tokio::time::advance(LIFE).await;
        cache.put("late", owner(7), Instant::now());
        assert_eq!(cache.get("late"), Some(owner(7)));
        cache.forget(7);
        assert_eq!(cache.get("late"), None);
    }
}
