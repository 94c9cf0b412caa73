//! What a search is made of, as it was typed.

/// A search, read.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// A term, and the byte of the search at which it begins.
    Term(Term, usize),
}

/// One condition. Texts still have their wildcards `*` and `_`, and a backslash before each character that is meant literally.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// Everything: an empty search.
    All,
    /// Text anywhere in the note.
    Text {
        pattern: String,
        how: TextMode,
    },
    /// `re:`
    Regex(String),
    /// `w:`
    Word(String),
    /// `name:text`, where the name is none of the others.
    Field {
        name: String,
        pattern: String,
        how: FieldMode,
    },
    Deck(String),
    Preset(String),
    Notetype(String),
    Template(Template),
    Tag {
        pattern: String,
        how: FieldMode,
    },
    State(State),
    Flag(u8),
    NoteIds(Vec<i64>),
    CardIds(Vec<i64>),
    DeckIds(Vec<i64>),
    NotetypeId(i64),
    /// `dupe:`, with the notetype and the text of the first field.
    Duplicate(i64, String),
    /// Cards made in the last so many days.
    Added(u32),
    /// Notes changed in the last so many days.
    Edited(u32),
    /// Cards answered for the first time in the last so many days.
    Introduced(u32),
    /// Cards answered in the last so many days.
    Rated(u32, Button),
    Property(Property, Comparison),
    /// `has-cd:`
    HasCustomData(String),
}

/// How text is looked for in a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextMode {
    Plain,
    /// `nc:`, without accents.
    WithoutAccents,
    /// `sc:`, as if there were no cloze deletions.
    WithoutClozes,
}

/// How the text of a field or a tag is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldMode {
    Plain,
    Regex,
    WithoutAccents,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Template {
    /// Counted from 0.
    Number(u16),
    Name(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    New,
    Learning,
    Review,
    Due,
    Buried,
    BuriedByUser,
    BuriedByScheduler,
    Suspended,
}

/// Which answers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    Any,
    Number(u8),
    /// Not answered, but rescheduled by hand.
    Manual,
}

/// What `prop:` compares, and with what.
#[derive(Debug, Clone, PartialEq)]
pub enum Property {
    Interval(u32),
    Repetitions(u32),
    Lapses(u32),
    Position(u32),
    Ease(f32),
    /// Days from today.
    Due(i32),
    /// Days from today, 0 or less.
    Rated(i32, Button),
    Stability(f32),
    Difficulty(f32),
    Retrievability(f32),
    CustomNumber(String, f32),
    CustomText(String, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    /// Whether `left` compares so with `right`. Nothing compares with what is no number.
    pub fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
        }
    }
}
