//! In which order results come.

use anki::search::Timing;
use std::cmp::Ordering;

/// Orders that Anki's browser has, and `Id`, which is that of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    Id,
    SortField,
    NoteCreated,
    NoteModified,
    CardModified,
    Due,
    Interval,
    Ease,
    Repetitions,
    Lapses,
}

impl Order {
    /// All of them, by the names that clients have for them.
    pub const NAMES: &[(&str, Order)] = &[
        ("id", Order::Id),
        ("noteFld", Order::SortField),
        ("noteCrt", Order::NoteCreated),
        ("noteMod", Order::NoteModified),
        ("cardMod", Order::CardModified),
        ("cardDue", Order::Due),
        ("cardIvl", Order::Interval),
        ("cardEase", Order::Ease),
        ("cardReps", Order::Repetitions),
        ("cardLapses", Order::Lapses),
    ];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, order)| *order)
    }

    /// Whether it is one of cards, of which a note has several.
    pub fn is_of_cards(self) -> bool {
        !matches!(self, Self::Id | Self::SortField | Self::NoteCreated | Self::NoteModified)
    }

    pub(super) fn needs_note(self) -> bool {
        matches!(self, Self::SortField | Self::NoteModified)
    }

    /// The columns to sort by. A text comes first.
    pub(super) fn columns(self) -> (&'static str, &'static str) {
        match self {
            Self::Id | Self::NoteCreated => ("0", "0"),
            Self::SortField => ("n.sfld", "0"),
            Self::NoteModified => ("n.modified", "0"),
            Self::CardModified => ("c.modified", "0"),
            Self::Due => ("c.type", "c.due"),
            Self::Interval => ("c.ivl", "0"),
            // New cards have none.
            Self::Ease => ("(CASE WHEN c.type = 0 THEN 1 ELSE 0 END)", "c.factor"),
            Self::Repetitions => ("c.reps", "0"),
            Self::Lapses => ("c.lapses", "0"),
        }
    }
}

/// What a row is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Number(f64),
    Text(String),
    Pair(i64, i64),
}

impl Key {
    /// Of a sort field: numbers before texts, A to Z without case, as in the clients' tables.
    pub(super) fn of_sort_field(text: &str) -> Self {
        let is_numeric = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE ".contains(&b)) && text.bytes().any(|b| b.is_ascii_digit());
        match text.trim().parse() {
            Ok(number) if is_numeric => Self::Number(number),
            _ => Self::Text(text.to_ascii_lowercase()),
        }
    }
}

/// Due numbers above this are seconds.
const SECONDS: i64 = 1_000_000_000;

/// The second at which something is due, on a day at this time of day; of new cards, the position.
pub(super) fn due_second(kind: i64, due: i64, timing: &Timing) -> i64 {
    if kind == 0 || due > SECONDS { due } else { (due - timing.today) * 86_400 + timing.now }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Pair(a, b), Self::Pair(c, d)) => (a, b).cmp(&(c, d)),
            (Self::Number(_), _) | (Self::Pair(..), Self::Text(_)) => Ordering::Less,
            (_, Self::Number(_)) | (Self::Text(_), Self::Pair(..)) => Ordering::Greater,
        }
    }
}

/// The first rows in an order, of many.
pub(super) struct First {
    rows: Vec<(Key, i64)>,
    descending: bool,
    wanted: usize,
}

impl First {
    pub(super) fn new(wanted: usize, descending: bool) -> Self {
        Self { rows: Vec::new(), descending, wanted }
    }

    pub(super) fn add(&mut self, key: Key, id: i64) {
        self.rows.push((key, id));
        if self.rows.len() > 2 * self.wanted + 1000 {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.rows.sort_unstable();
        if self.descending {
            self.rows.reverse();
        }
        self.rows.truncate(self.wanted);
    }

    /// Ids in order, at most as many as were wanted.
    pub(super) fn into_ids(mut self) -> Vec<i64> {
        self.cut();
        self.rows.into_iter().map(|(_, id)| id).collect()
    }
}
