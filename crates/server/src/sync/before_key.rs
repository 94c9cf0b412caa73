//! Payloads of senders that are not known yet.
//!
//! Clients of protocol 8–10 send the payload before the key, so it has to be kept until the key tells whose it is. Anybody can send such a
//! request. So until then a payload is kept packed, as it came; only some large ones are kept at a time; and they never take the disk
//! from those who are known.

use super::error::{SyncError, SyncResult};
use super::spool::{self, Compression, Spooled};
use crate::network;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt};
use nix::sys::statvfs::statvfs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::turns::{Turn, Turns};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Payloads up to here stay in memory; most steps of a sync send no more.
const SMALL: usize = 64 << 10;
/// Larger ones at a time.
const AT_ONCE: usize = 32;
/// Of these, from one address: a school behind one router syncs at the same hour.
const FROM_ONE_ADDRESS: usize = 8;
/// How long to wait for others to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often, in bytes, it is looked how full the disk is.
const LOOK_EVERY: u64 = 16 << 20;
/// So much of the disk stays free, or a tenth of a small one.
const KEPT_FREE: u64 = 1 << 30;

/// Where such payloads are kept.
pub struct BeforeKey {
    folder: PathBuf,
    all: Arc<Semaphore>,
    networks: Arc<Turns<String>>,
    /// Bytes of all files that are kept.
    held: Arc<AtomicU64>,
}

/// A payload as it came.
pub enum Packed {
    Small(Bytes),
    Large { spooled: Spooled, place: Place },
}

/// The right to have a file on the disk, and what is in it.
pub struct Place {
    bytes: u64,
    held: Arc<AtomicU64>,
    _all: OwnedSemaphorePermit,
    _network: Turn<String>,
}

impl BeforeKey {
    /// Keeps files in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, all: Arc::new(Semaphore::new(AT_ONCE)), networks: Turns::new(FROM_ONE_ADDRESS), held: Arc::default() }
    }

    /// Keeps a payload of up to `limit` bytes.
    ///
    /// # Errors
    /// 413 for a larger one; 503 when too many are kept, or the disk is rather full; what `chunks` say.
    pub async fn keep(
        &self,
        chunks: impl Stream<Item = SyncResult<Bytes>> + Send,
        limit: u64,
        address: Option<IpAddr>,
    ) -> SyncResult<Packed> {
        let mut chunks = std::pin::pin!(chunks);
        let mut begun = BytesMut::new();
        while begun.len() <= SMALL {
            match chunks.try_next().await? {
                Some(chunk) => begun.extend_from_slice(&chunk),
                None if begun.len() as u64 > limit => return Err(spool::over(limit)),
                None => return Ok(Packed::Small(begun.freeze())),
            }
        }
        let mut place = self.place(address).await?;
        let mut looked = 0;
        let watched = futures_util::stream::once(async { Ok(begun.freeze()) }).chain(chunks).map(|chunk| {
            let chunk = chunk?;
            place.take(chunk.len() as u64);
            if place.bytes >= looked {
                self.look()?;
                looked = place.bytes + LOOK_EVERY;
            }
            Ok(chunk)
        });
        let spooled = spool::into_file(watched, Compression::None, limit, &self.folder).await?;
        Ok(Packed::Large { spooled, place })
    }

    async fn place(&self, address: Option<IpAddr>) -> SyncResult<Place> {
        let full = |_| SyncError::unavailable("too many large requests of unknown senders at the same time");
        let network = self.networks.take(address.map(network::network_of).unwrap_or_default()).await.map_err(|error| full(error.into()))?;
        match tokio::time::timeout(PATIENCE, self.all.clone().acquire_owned()).await {
            Ok(Ok(all)) => Ok(Place { bytes: 0, held: self.held.clone(), _all: all, _network: network }),
            _ => Err(full(SyncError::unavailable(""))),
        }
    }

    /// Whether there is room for more. What is kept may become as much as there is left: it is packed, so more than that could not be
    /// stored in the end anyway.
    fn look(&self) -> SyncResult<()> {
        let (free, kept_free) = room(&self.folder)?;
        if free < kept_free || self.held.load(Ordering::Relaxed) > free {
            return Err(SyncError::unavailable("the disk is too full to keep what an unknown sender sends"));
        }
        Ok(())
    }
}

/// Bytes of the disk that are free, and how many of them have to stay so.
fn room(folder: &Path) -> SyncResult<(u64, u64)> {
    let disk = statvfs(folder).map_err(std::io::Error::from)?;
    let size = disk.fragment_size() as u64;
    Ok((disk.blocks_available() as u64 * size, KEPT_FREE.min(disk.blocks() as u64 * size / 10)))
}

impl Place {
    fn take(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// So many bytes, then nothing more for ever, or the end.
    fn sent(bytes: usize, ends: bool) -> impl Stream<Item = SyncResult<Bytes>> + Send {
        let pieces = (0..bytes.div_ceil(1 << 20)).map(move |n| Ok(Bytes::from(vec![0; (bytes - (n << 20)).min(1 << 20)])));
        let rest = if ends { futures_util::stream::empty().left_stream() } else { futures_util::stream::pending().right_stream() };
        futures_util::stream::iter(pieces.collect::<Vec<_>>()).chain(rest)
    }

    #[tokio::test(start_paused = true)]
    async fn large_ones_are_few_and_small_ones_need_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let before_key = Arc::new(BeforeKey::new(folder.path().to_owned()));
        let keep = |bytes, ends, address: [u8; 4]| {
            let before_key = before_key.clone();
            tokio::spawn(async move { before_key.keep(sent(bytes, ends), 3 << 20, Some(address.into())).await })
        };
        let slow: Vec<_> = (0..AT_ONCE).map(|n| keep(2 << 20, false, [10, 0, 0, u8::try_from(n / FROM_ONE_ADDRESS).unwrap()])).collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(before_key.held.load(Ordering::Relaxed) >= (AT_ONCE << 20) as u64);
        for address in [[10, 0, 0, 1], [10, 0, 1, 0]] {
            assert_eq!(keep(2 << 20, true, address).await.unwrap().err().unwrap().status, 503);
            assert!(matches!(keep(SMALL, true, address).await.unwrap().unwrap(), Packed::Small(kept) if kept.len() == SMALL));
        }
        slow.iter().for_each(tokio::task::JoinHandle::abort);
        let Ok(Packed::Large { spooled, place }) = keep(2 << 20, true, [10, 0, 0, 1]).await.unwrap() else { panic!("no file") };
        assert_eq!((spooled.size, place.bytes, before_key.held.load(Ordering::Relaxed)), (2 << 20, 2 << 20, 2 << 20));
        drop((spooled, place));
        assert_eq!(keep((3 << 20) + 1, true, [10, 0, 0, 1]).await.unwrap().err().unwrap().status, 413);
        assert_eq!(before_key.held.load(Ordering::Relaxed), 0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn the_disk_is_not_theirs_to_fill() {
        let folder = tempfile::tempdir().unwrap();
        let before_key = BeforeKey::new(folder.path().to_owned());
        let (free, kept_free) = room(folder.path()).unwrap();
        assert!(free > kept_free, "the tests need a disk that is not full");
        before_key.held.store(free + (1 << 40), Ordering::Relaxed);
        assert_eq!(before_key.keep(sent(1 << 20, true), 3 << 20, None).await.err().unwrap().status, 503);
        before_key.held.store(0, Ordering::Relaxed);
        assert!(before_key.keep(sent(1 << 20, true), 3 << 20, None).await.is_ok());
    }
}
