//! Conditions of a search as SQL. A statement speaks of `c`, a card, and of `n`, its note.

use crate::engine::Value;
use crate::params;
use anki::search::{Button, CardNumber, Check, Comparison, Filter, NarrowColumn, RowFilter};

/// A piece of SQL and its parameters.
#[derive(Debug, Clone, Default)]
pub(super) struct Sql {
    pub text: String,
    pub params: Vec<Value>,
}

impl Sql {
    pub(super) fn new(text: impl Into<String>, params: Vec<Value>) -> Self {
        Self { text: text.into(), params }
    }

    fn joined(parts: Vec<Self>, word: &str) -> Self {
        let mut all = Self::default();
        for part in parts {
            if !all.text.is_empty() {
                all.text.push_str(word);
            }
            all.text.push_str(&part.text);
            all.params.extend(part.params);
        }
        all.text = format!("({})", all.text);
        all
    }
}

/// What goes before `%`, `_` and itself in patterns.
const ESCAPE: char = '!';
/// Where a card is due in its own deck.
pub(super) const DUE: &str = "(CASE WHEN c.odue <> 0 THEN c.odue ELSE c.due END)";
const NOTHING: &str = "1 = 0";

/// A condition that all rows fulfil that pass `filter`; None if that is every row. For an exact filter, no other row fulfils it. `note_id`
/// is the column of the note's id.
pub(super) fn superset(filter: &Filter, note_id: &str) -> Option<Sql> {
    match filter {
        Filter::True => None,
        Filter::False => Some(Sql::new(NOTHING, vec![])),
        Filter::Row(filter) => Some(row(filter, note_id)),
        Filter::Check(check) => narrow(check),
        Filter::And(all) => {
            let parts: Vec<_> = all.iter().filter_map(|one| superset(one, note_id)).collect();
            if parts.is_empty() { None } else { Some(Sql::joined(parts, " AND ")) }
        }
        Filter::Or(all) => Some(Sql::joined(all.iter().map(|one| superset(one, note_id)).collect::<Option<_>>()?, " OR ")),
        Filter::Not(inner) if inner.is_exact() => Some(match superset(inner, note_id) {
            Some(sql) => Sql::new(format!("NOT ({})", sql.text), sql.params),
            None => Sql::new(NOTHING, vec![]),
        }),
        Filter::Not(_) => None,
    }
}

fn narrow(check: &Check) -> Option<Sql> {
    let narrow = &check.narrow;
    let mut parts = Vec::new();
    if let Some(notetypes) = &narrow.notetypes {
        parts.push(Sql::new("n.mid IN ??", params![notetypes.as_slice()]));
    }
    if let Some(checksum) = narrow.checksum {
        parts.push(Sql::new("n.csum = ?", params![checksum]));
    }
    if let Some((column, like)) = &narrow.like {
        let pattern = like.to_sql(ESCAPE);
        let columns: &[&str] = match column {
            NarrowColumn::Fields => &["n.flds"],
            NarrowColumn::FieldsOrSortField => &["n.flds", "n.sfld"],
            NarrowColumn::Tags => &["n.tags"],
            NarrowColumn::CardData => &["c.data"],
        };
        let one = |column: &&str| Sql::new(format!("LOWER({column} {{ascii}}) LIKE LOWER(?) ESCAPE '{ESCAPE}'"), params![pattern.as_str()]);
        parts.push(Sql::joined(columns.iter().map(one).collect(), " OR "));
    }
    if parts.is_empty() { None } else { Some(Sql::joined(parts, " AND ")) }
}

/// An exact condition.
pub(super) fn row(filter: &RowFilter, note_id: &str) -> Sql {
    match filter {
        RowFilter::NoteIds(ids) => Sql::new(format!("{note_id} IN ??"), params![ids.as_slice()]),
        RowFilter::CardIds(ids) => Sql::new("c.id IN ??", params![ids.as_slice()]),
        RowFilter::NotetypeIds(ids) => Sql::new("n.mid IN ??", params![ids.as_slice()]),
        RowFilter::InDecks(ids) => Sql::new("(c.did IN ?? OR (c.odid <> 0 AND c.odid IN ??))", params![ids.as_slice(), ids.as_slice()]),
        RowFilter::InFilteredDeck => Sql::new("c.odid <> 0", vec![]),
        RowFilter::Templates(all) if all.is_empty() => Sql::new(NOTHING, vec![]),
        RowFilter::Templates(all) => {
            let one = |(notetype, number): &(i64, i64)| Sql::new("(n.mid = ? AND c.ord = ?)", params![*notetype, *number]);
            Sql::joined(all.iter().map(one).collect(), " OR ")
        }
        RowFilter::TemplateNumber(number) => Sql::new("c.ord = ?", params![*number]),
        RowFilter::CardTypes(types) => Sql::new("c.type IN ??", params![types.as_slice()]),
        RowFilter::CardQueues(queues) => Sql::new("c.queue IN ??", params![queues.as_slice()]),
        RowFilter::Due { day, second } => {
            Sql::new("((c.queue IN (2, 3) AND c.due <= ?) OR (c.queue IN (1, 4) AND c.due <= ?))", params![*day, *second])
        }
        RowFilter::DueInDays { comparison, days, day, next_day } => due_in_days(*comparison, *days, *day, *next_day),
        RowFilter::Position(comparison, position) => {
            Sql::new(format!("(c.type = 0 AND {DUE} {} ?)", sign(*comparison)), params![*position])
        }
        RowFilter::Number(column, comparison, value) => {
            Sql::new(format!("{} {} ?", number_column(*column), sign(*comparison)), params![*value])
        }
        RowFilter::Flag(flag) => Sql::new("(c.flags & 7) = ?", params![*flag]),
        RowFilter::WithoutTags => Sql::new("n.tags = ''", vec![]),
        RowFilter::Reviewed { from, to, inside, button } => reviewed(*from, *to, *inside, *button),
        RowFilter::IntroducedAfter(after) => Sql::new(
            // The first condition follows from the second; it is the one that an index answers.
            "(c.id IN (SELECT r.cid FROM {c}.revlog r WHERE r.id > ?) \
             AND COALESCE((SELECT MIN(r.id) FROM {c}.revlog r WHERE r.cid = c.id AND r.ease <> 0), 0) > ?)",
            params![*after, *after],
        ),
        RowFilter::CardMadeAfter(after) => Sql::new("c.id > ?", params![*after]),
        RowFilter::NoteChangedAfter(after) => Sql::new("n.modified > ?", params![*after]),
    }
}

fn number_column(column: CardNumber) -> &'static str {
    match column {
        CardNumber::Interval => "c.ivl",
        CardNumber::Repetitions => "c.reps",
        CardNumber::Lapses => "c.lapses",
        CardNumber::Ease => "c.factor",
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::GreaterOrEqual => ">=",
        Comparison::Greater => ">",
    }
}

/// Cards due on a day, and cards due at a second, of which the clients divide the distance to tomorrow by the length of a day, cutting
/// towards zero. Divisions differ between databases, so the quotient is compared through the seconds at which it changes.
fn due_in_days(comparison: Comparison, days: i64, day: i64, next_day: i64) -> Sql {
    // The first second with a quotient of `days` or more.
    let first = |days: i64| next_day + if days > 0 { days * 86_400 } else { (days - 1) * 86_400 + 1 };
    let (this, next) = (first(days), first(days + 1));
    let (seconds, params) = match comparison {
        Comparison::Less => ("{d} < ?", params![this]),
        Comparison::LessOrEqual => ("{d} < ?", params![next]),
        Comparison::GreaterOrEqual => ("{d} >= ?", params![this]),
        Comparison::Greater => ("{d} >= ?", params![next]),
        Comparison::Equal => ("({d} >= ? AND {d} < ?)", params![this, next]),
        Comparison::NotEqual => ("({d} < ? OR {d} >= ?)", params![this, next]),
    };
    let seconds = seconds.replace("{d}", DUE);
    let mut all = params![day];
    all.extend(params);
    Sql::new(format!("((c.queue IN (2, 3) AND {DUE} {} ?) OR (c.queue IN (1, 4) AND {seconds}))", sign(comparison)), all)
}

fn reviewed(from: i64, to: i64, inside: bool, button: Button) -> Sql {
    let (when, params) = match (from, to, inside) {
        (i64::MIN, to, true) => ("r.id < ?", params![to]),
        (from, i64::MAX, true) => ("r.id >= ?", params![from]),
        (from, to, true) => ("r.id >= ? AND r.id < ?", params![from, to]),
        (from, to, false) => ("(r.id < ? OR r.id >= ?)", params![from, to]),
    };
    let button = match button {
        Button::Any => "r.ease > 0".to_owned(),
        Button::Number(number) => format!("r.ease = {number}"),
        Button::Manual => "r.ease = 0".to_owned(),
    };
    Sql::new(format!("c.id IN (SELECT r.cid FROM {{c}}.revlog r WHERE {when} AND {button})"), params)
}
