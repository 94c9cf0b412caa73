use super::Usn;

/// A row of `cards`. Integers are kept wide, so that odd values of old collections survive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// Milliseconds since the epoch at creation; unique in the collection.
    pub id: i64,
    pub note_id: i64,
    pub deck_id: i64,
    /// Template number (normal notetypes) or cloze number minus one.
    pub ord: i64,
    /// Seconds since the epoch of the last change.
    pub mtime: i64,
    pub usn: Usn,
    /// 0 new, 1 learning, 2 review, 3 relearning.
    pub kind: i64,
    /// 0 new, 1 learning, 2 review, 3 interday learning, 4 preview, -1 suspended, -2 and -3 buried.
    pub queue: i64,
    /// Position, day number or second, as `queue` says.
    pub due: i64,
    /// Days.
    pub interval: i64,
    /// Ease in thousandths.
    pub factor: i64,
    pub reps: i64,
    pub lapses: i64,
    pub left: i64,
    pub original_due: i64,
    pub original_deck_id: i64,
    pub flags: i64,
    /// JSON with FSRS memory state and custom data, kept verbatim; `""` and `{}` both mean empty.
    pub data: String,
}
