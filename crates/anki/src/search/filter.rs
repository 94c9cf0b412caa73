//! A search with all names looked up: conditions on rows, some for the database, some for [`Check::passes`].

use super::pattern::Like;
use super::term::{Button, Comparison};
use regex::Regex;

/// Conditions on a card and its note.
#[derive(Debug, Clone)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    True,
    False,
    Row(RowFilter),
    Check(Box<Check>),
}

/// Conditions that every database can answer exactly.
#[derive(Debug, Clone, PartialEq)]
pub enum RowFilter {
    NoteIds(Vec<i64>),
    CardIds(Vec<i64>),
    NotetypeIds(Vec<i64>),
    /// Cards that are in one of these decks or belong there while they are in a filtered one.
    InDecks(Vec<i64>),
    InFilteredDeck,
    /// Notetype and number of a template.
    Templates(Vec<(i64, i64)>),
    TemplateNumber(i64),
    CardTypes(Vec<i64>),
    CardQueues(Vec<i64>),
    /// Due for review up to this day, or being learnt and due up to this second.
    Due {
        day: i64,
        second: i64,
    },
    /// Due on a day that compares so with today and a number of days.
    DueInDays {
        comparison: Comparison,
        days: i64,
        day: i64,
        next_day: i64,
    },
    Position(Comparison, i64),
    Number(CardNumber, Comparison, i64),
    Flag(i64),
    WithoutTags,
    /// Cards with a review in `from..to` (milliseconds), or outside of it.
    Reviewed {
        from: i64,
        to: i64,
        inside: bool,
        button: Button,
    },
    /// First answered after this millisecond.
    IntroducedAfter(i64),
    CardMadeAfter(i64),
    /// Seconds.
    NoteChangedAfter(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardNumber {
    Interval,
    Repetitions,
    Lapses,
    Ease,
}

/// A condition that only we can answer exactly. `narrow` is one that all rows fulfil that pass, for the database to look at first.
#[derive(Debug, Clone)]
pub struct Check {
    pub what: What,
    pub narrow: Narrow,
}

#[derive(Debug, Clone)]
pub enum What {
    /// The sort field, or all fields as one text.
    Text {
        sort_field: Option<Like>,
        fields: Option<Like>,
        view: View,
    },
    /// By notetype, patterns for all fields as one text, and one for the sort field.
    FieldPatterns {
        of: Vec<(i64, Vec<Like>, Option<Like>)>,
        view: View,
    },
    /// All fields as one text.
    Regex {
        regex: Regex,
        view: View,
    },
    /// By notetype, these fields one by one.
    FieldRegex {
        of: Vec<(i64, Vec<usize>)>,
        regex: Regex,
        view: View,
    },
    AnyFieldRegex(Regex),
    Tags {
        regex: Regex,
        each: bool,
        view: View,
    },
    /// What the first field of a duplicate is when it is stripped.
    FirstField(i64, String),
    Stability(Comparison, f64),
    Difficulty(Comparison, f64),
    Retrievability {
        comparison: Comparison,
        value: f64,
        now: i64,
        today: i64,
    },
    CustomNumber(String, Comparison, f64),
    CustomText(String, Comparison, String),
    HasCustomData(String),
}

/// How a text is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View {
    pub without_accents: bool,
    pub without_clozes: bool,
}

/// What the database can say beforehand.
#[derive(Debug, Clone, Default)]
pub struct Narrow {
    pub notetypes: Option<Vec<i64>>,
    /// One of the patterns has to fit one of the texts, with or without respect to case.
    pub like: Option<(NarrowColumn, Like)>,
    /// Anki's checksum of the first field.
    pub checksum: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NarrowColumn {
    Fields,
    FieldsOrSortField,
    Tags,
    CardData,
}

impl Filter {
    /// Whether the database can answer all of it.
    pub fn is_exact(&self) -> bool {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().all(Self::is_exact),
            Self::Not(inner) => inner.is_exact(),
            Self::True | Self::False | Self::Row(_) => true,
            Self::Check(_) => false,
        }
    }

    /// Whether it says something about cards, and about notes.
    pub fn needs(&self) -> (bool, bool) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().map(Self::needs).fold((false, false), |a, b| (a.0 || b.0, a.1 || b.1)),
            Self::Not(inner) => inner.needs(),
            Self::True | Self::False | Self::Row(RowFilter::NoteIds(_)) => (false, false),
            Self::Row(RowFilter::NotetypeIds(_) | RowFilter::WithoutTags | RowFilter::NoteChangedAfter(_)) => (false, true),
            Self::Row(RowFilter::Templates(_)) => (true, true),
            Self::Row(_) => (true, false),
            Self::Check(check) => {
                if check.what.is_of_card() {
                    (true, false)
                } else {
                    (false, true)
                }
            }
        }
    }
}

impl What {
    /// Whether it looks at a card's data, not at its note.
    pub fn is_of_card(&self) -> bool {
        matches!(
            self,
            Self::Stability(..)
                | Self::Difficulty(..)
                | Self::Retrievability { .. }
                | Self::CustomNumber(..)
                | Self::CustomText(..)
                | Self::HasCustomData(_)
        )
    }
}
