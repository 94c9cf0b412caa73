use super::Usn;

/// What a grave stands for. The numbers are those of the `type` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GraveKind {
    Card = 0,
    Note = 1,
    Deck = 2,
}

impl GraveKind {
    /// The kind for a stored `type` number, or nothing for a number that Anki does not define.
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Card),
            1 => Some(Self::Note),
            2 => Some(Self::Deck),
            _ => None,
        }
    }

    /// The number stored in the `type` column.
    pub fn number(self) -> i64 {
        self as i64
    }
}

/// A deletion that other devices must hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grave {
    pub id: i64,
    pub kind: GraveKind,
    pub usn: Usn,
}
