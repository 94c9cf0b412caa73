//! How many connections are open: in all, so that there are files left for the work, and from one address, so that nobody takes them all.

use crate::network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// More would need more memory than their work.
const MOST: usize = 8192;
/// Files that are open for other reasons: databases, the log, listeners.
const OTHER_FILES: u64 = 128;
/// An address may have this part of all: a school behind one router is one.
const PART_OF_ONE: usize = 8;
const LEAST_OF_ONE: usize = 64;

/// The connections of a process.
pub struct ConnectionLimit {
    all: Arc<Semaphore>,
    /// None where addresses are those of proxies.
    from_one: Option<usize>,
    open: Mutex<HashMap<String, usize>>,
    /// That it was said already that new ones wait.
    told: AtomicBool,
}

/// A connection that is open.
pub struct Open {
    _place: Option<OwnedSemaphorePermit>,
    network: Option<(String, Arc<ConnectionLimit>)>,
}

impl ConnectionLimit {
    /// For a process that can have so many files open. A connection may use two: itself, and the file that it sends or receives.
    pub fn for_files(files: u64, by_address: bool) -> Arc<Self> {
        let most = usize::try_from(files.saturating_sub(OTHER_FILES) / 2).unwrap_or(MOST).clamp(16, MOST);
        Self::new(most, by_address.then_some((most / PART_OF_ONE).max(LEAST_OF_ONE)))
    }

    /// At most `most`, and of these `from_one` from one address.
    pub fn new(most: usize, from_one: Option<usize>) -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(most)), from_one, open: Mutex::default(), told: AtomicBool::new(false) })
    }

    /// Waits until there may be one more.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.all.clone().try_acquire_owned() {
            self.told.store(false, Ordering::Relaxed);
            return Some(place);
        }
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!("too many connections are open: new ones wait until others end");
        }
        self.all.clone().acquire_owned().await.ok()
    }

    /// Lets a connection in. None when its address has too many.
    pub fn admit(self: &Arc<Self>, address: IpAddr, place: Option<OwnedSemaphorePermit>) -> Option<Open> {
        let Some(from_one) = self.from_one.filter(|_| network::is_public(address)) else {
            return Some(Open { _place: place, network: None });
        };
        let network = network::network_of(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network.clone()).or_default();
        if *count >= from_one {
            return None;
        }
        *count += 1;
        Some(Open { _place: place, network: Some((network, self.clone())) })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some((network, limit)) = &self.network else { return };
        let mut open = limit.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(network) {
            *count -= 1;
            if *count == 0 {
                open.remove(network);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn one_address_has_its_part() {
        let limit = ConnectionLimit::new(100, Some(2));
        let admit = |address: &str| limit.admit(address.parse().unwrap(), None);
        let (first, _second) = (admit("1.2.3.4").unwrap(), admit("::ffff:1.2.3.4").unwrap());
        assert!(admit("1.2.3.4").is_none());
        assert!(admit("1.2.3.5").is_some());
        // A proxy, or what translates addresses for a container, stands for many.
        let own: Vec<_> = (0..5).map(|_| (admit("127.0.0.1").unwrap(), admit("172.17.0.1").unwrap(), admit("fd00::1").unwrap())).collect();
        assert!(!own.is_empty());
        drop(first);
        assert!(admit("1.2.3.4").is_some());
        assert_eq!(limit.open.lock().unwrap().len(), 1, "who has no connection is forgotten");
        let behind_a_proxy = ConnectionLimit::new(100, None);
        let all: Vec<_> = (0..5).map(|_| behind_a_proxy.admit("1.2.3.4".parse().unwrap(), None).unwrap()).collect();
        assert_eq!(all.len(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_there_may_be_wait() {
        let limit = ConnectionLimit::new(1, Some(2));
        let open = limit.admit("1.2.3.4".parse().unwrap(), limit.place().await).unwrap();
        assert!(tokio::time::timeout(Duration::from_secs(5), limit.place()).await.is_err());
        drop(open);
        assert!(limit.place().await.is_some());
    }

    #[test]
    fn files_are_left_for_the_work() {
        for (files, most, from_one) in [(65_536, 8192, 1024), (1024, 448, 64), (64, 16, 64)] {
            let limit = ConnectionLimit::for_files(files, true);
            assert_eq!((limit.all.available_permits(), limit.from_one), (most, Some(from_one)), "{files}");
        }
    }
}
