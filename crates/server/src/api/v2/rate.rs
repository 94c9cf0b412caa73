//! How many requests a login may send: as many as a minute's worth at once, then evenly. Counted by each process for itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

const ROOM: usize = 100_000;

/// Buckets that fill up again with time.
pub struct Rate {
    /// Requests per minute; 0 for any number.
    per_minute: u32,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    left: f64,
    since: Instant,
}

impl Rate {
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, buckets: Mutex::default() }
    }

    /// Takes one request.
    ///
    /// # Errors
    /// The seconds after which the next is possible.
    pub fn take(&self, who: &str) -> Result<(), i64> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let full = f64::from(self.per_minute);
        let per_second = full / 60.0;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ROOM {
            buckets.retain(|_, bucket| bucket.since.elapsed().as_secs() < 60);
        }
        let bucket = buckets.entry(who.to_owned()).or_insert_with(|| Bucket { left: full, since: Instant::now() });
        bucket.left = (bucket.left + bucket.since.elapsed().as_secs_f64() * per_second).min(full);
        bucket.since = Instant::now();
        if bucket.left < 1.0 {
            #[expect(clippy::cast_possible_truncation, reason = "some seconds")]
            return Err(((1.0 - bucket.left) / per_second).ceil() as i64);
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn buckets_fill_again() {
        let rate = Rate::new(60);
        assert!((0..60).all(|_| rate.take("a").is_ok()));
        assert_eq!(rate.take("a"), Err(1));
        assert_eq!(rate.take("b"), Ok(()), "each has its own");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(rate.take("a").is_ok() && rate.take("a").is_ok());
        assert!(rate.take("a").is_err());
        assert!(Rate::new(0).take("a").is_ok());
    }
}
