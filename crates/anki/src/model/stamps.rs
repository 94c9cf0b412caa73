use super::Usn;

/// The stamps of a collection: the numbers of the `col` row that sync decisions rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamps {
    /// Seconds since the epoch: start of the day on which the collection was made. Day 0 of review due dates.
    pub created: i64,
    /// Milliseconds since the epoch of the last change. Equal on both sides means "in sync".
    pub modified: i64,
    /// Milliseconds since the epoch of the last change that needs a one-way sync.
    pub schema_modified: i64,
    pub usn: Usn,
    /// Milliseconds since the epoch of the last sync.
    pub last_sync: i64,
}

/// 2^53: what every reader of JSON can tell apart.
const LAST_MOMENT: i64 = 1 << 53;
/// Leaves room for a hundred million syncs.
const LAST_USN: Usn = 2_000_000_000;

/// Clients refuse to sync when their clock and the server's differ by more than this.
const CLOCKS_DIFFER_MS: i64 = 300_000;

impl Stamps {
    /// The `modified` of a change that is made at `now_ms`: later than the one before, also when that came from a device whose clock is
    /// ahead. A stamp that went back could meet an old value again, and devices with the later one would take their config for the newer.
    ///
    /// A stamp that no clock can have given is not carried on, though: until its time has come, every device would be the older side,
    /// whose config is replaced at each sync.
    pub fn modified_at(&self, now_ms: i64) -> i64 {
        if self.modified > now_ms.saturating_add(CLOCKS_DIFFER_MS) { now_ms } else { now_ms.max(self.modified + 1) }
    }

    /// Whether the numbers leave room to go on counting. Only a damaged collection has others.
    pub fn are_possible(&self) -> bool {
        let Self { created, modified, schema_modified, usn, last_sync } = *self;
        [modified, schema_modified, last_sync].iter().all(|ms| (0..=LAST_MOMENT).contains(ms))
            && usn <= LAST_USN
            && is_possible_creation(created)
    }
}

/// Whether a collection can have been made at `created`, in seconds since the epoch.
pub fn is_possible_creation(created: i64) -> bool {
    (-LAST_MOMENT..=LAST_MOMENT).contains(&created)
}
