use super::Usn;

/// A row of `revlog`: one answer, or a manual change of a card's schedule. Never changed once written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Review {
    /// Milliseconds since the epoch of the answer; unique in the collection.
    pub id: i64,
    pub card_id: i64,
    pub usn: Usn,
    /// Button 1–4, 0 for manual changes.
    pub ease: i64,
    /// Days, or seconds when negative.
    pub interval: i64,
    pub last_interval: i64,
    pub factor: i64,
    /// Milliseconds spent.
    pub time: i64,
    /// 0 learn, 1 review, 2 relearn, 3 filtered, 4 manual, 5 rescheduled.
    pub kind: i64,
}
