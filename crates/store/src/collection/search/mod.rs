//! Searching. The database narrows down to what can be a result, by all conditions that it can answer exactly and by hints for the
//! others; those are answered by `anki::search` while the rows come in. Rows are read in pieces by id, so that a page ends early and
//! memory stays flat.

mod order;
mod sql;
mod turn;

pub use order::Order;

use crate::engine::{Row, Tx, Value};
use crate::error::Result;
use crate::params;
use anki::search::{Candidate, Filter, RowFilter, Timing};
use futures_util::StreamExt;
use order::{First, Key, due_second};
use sql::{Sql, row, superset};
use std::ops::ControlFlow;
use std::pin::pin;
use std::time::{Duration, Instant};

/// What a search looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Notes,
    Cards,
}

/// Which results to answer.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub target: Target,
    pub order: Order,
    pub descending: bool,
    /// In the order of ids: the last id of the page before. In others: the number of results before.
    pub after: Option<i64>,
    pub limit: usize,
}

/// A page of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub ids: Vec<i64>,
    /// What to ask for to get the next page; None if this is the last.
    pub next: Option<i64>,
}

/// Rows in the first piece that is read, and in the largest.
const FIRST_PIECE: i64 = 500;
const LARGEST_PIECE: i64 = 16_000;
/// Rows in the first piece where the database looks through whole tables for each piece.
const FIRST_FOUND: i64 = 4_000;
/// More results than this are read without pieces: rows come in as a stream anyhow, and each piece begins the search anew.
const FEW: usize = 2_000;
/// The fewest rows that are looked at before the database is asked to find some: what is frequent has filled a page by then.
const GLANCE: usize = 2_000;
/// The most time of one statement, and of one search.
const STATEMENT_MS: u32 = 10_000;
const SEARCH: Duration = Duration::from_secs(20);
/// Rows that are judged before others have their turn, if so many have come in.
const ROWS_AT_ONCE: usize = 64;

/// Answers a page of a search.
///
/// # Errors
/// [`crate::error::StoreError::Busy`] when it takes too long.
pub async fn page(tx: &Tx, schema: &str, filter: &Filter, timing: &Timing, wanted: Wanted) -> Result<Page> {
    tx.limit_time(STATEMENT_MS).await?;
    let limit = wanted.limit;
    let scan = Scan::new(tx, schema, filter, timing, wanted);
    if wanted.order == Order::Id || (wanted.order == Order::NoteCreated && wanted.target == Target::Notes) {
        let mut ids = Vec::new();
        scan.run(limit, |id, _| {
            ids.push(id);
            if ids.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
        let has_more = ids.len() > limit;
        ids.truncate(limit);
        let next = if has_more { ids.last().copied() } else { None };
        return Ok(Page { ids, next });
    }
    let before = usize::try_from(wanted.after.unwrap_or(0)).unwrap_or(0);
    let mut first = First::new(before.saturating_add(limit).saturating_add(1), wanted.descending);
    scan.run(usize::MAX, |id, key| {
        first.add(key, id);
        ControlFlow::Continue(())
    })
    .await?;
    let mut ids: Vec<i64> = first.into_ids().into_iter().skip(before).collect();
    let has_more = ids.len() > limit;
    ids.truncate(limit);
    Ok(Page { next: if has_more { i64::try_from(before + limit).ok() } else { None }, ids })
}

/// The rows that pass a filter, one by one.
struct Scan<'a> {
    tx: &'a Tx,
    schema: &'a str,
    filter: &'a Filter,
    timing: &'a Timing,
    wanted: Wanted,
    /// Whether the statement speaks of cards, and of notes.
    cards: bool,
    notes: bool,
    is_exact: bool,
    /// What the database answers beside each row, in the order in which the filter asks.
    answers: Vec<&'a RowFilter>,
    ends: Instant,
}

impl<'a> Scan<'a> {
    fn new(tx: &'a Tx, schema: &'a str, filter: &'a Filter, timing: &'a Timing, wanted: Wanted) -> Self {
        let (of_cards, of_notes) = filter.needs();
        let cards = of_cards || wanted.target == Target::Cards;
        // Cards without a note are in no client's results as soon as a search looks at notes, or is one for notes.
        let notes = of_notes || wanted.target == Target::Notes || wanted.order.needs_note();
        let is_exact = filter.is_exact();
        let mut answers = Vec::new();
        if !is_exact {
            filter.row_filters(&mut answers);
        }
        Self { tx, schema, filter, timing, wanted, cards, notes, is_exact, answers, ends: Instant::now() + SEARCH }
    }

    /// Calls `found` with each result, by id, each once.
    async fn run(&self, limit: usize, mut found: impl FnMut(i64, Key) -> ControlFlow<()>) -> Result<()> {
        let is_by_id = self.wanted.order == Order::Id || limit != usize::MAX;
        let descending = is_by_id && self.wanted.descending;
        let mut position = if is_by_id { self.wanted.after.map(|id| (id, None)) } else { None };
        let is_found = self.is_found();
        let mut piece = match i64::try_from(limit) {
            Ok(limit) if self.is_exact => limit.saturating_add(1),
            _ if is_found => FIRST_FOUND,
            _ => FIRST_PIECE,
        };
        let mut last_found = None;
        // By its estimates, a database sorts all results of a frequent word for the first few. In the first rows by id are enough of them.
        let mut is_glance = is_by_id && limit <= FEW && self.can_glance();
        loop {
            piece = if limit > FEW { i64::MAX } else { piece.min(LARGEST_PIECE) };
            let statement = self.statement(position, descending, piece, is_glance);
            let rows = self.tx.stream(&statement.text.replace("{c}", self.schema), statement.params).await?;
            let mut rows = pin!(rows.ready_chunks(ROWS_AT_ONCE));
            let (mut count, mut has_ended) = (0, false);
            // All of a piece is read, even when the page fills up early, so that the connection can be reused.
            while let Some(rows) = rows.next().await {
                let judge = || -> Result<()> {
                    for row in rows {
                        let row = row?;
                        count += 1;
                        if has_ended {
                            continue;
                        }
                        let (id, card) = (row.int(0)?, row.int(1)?);
                        position = Some((id, Some(card)));
                        if last_found == Some(id) || !self.passes(&row)? {
                            continue;
                        }
                        last_found = Some(id);
                        has_ended = found(id, self.key(&row)?).is_break();
                    }
                    Ok(())
                };
                if self.is_exact { judge()? } else { turn::judge(self.ends, judge).await? }
            }
            if has_ended || (count < piece && !is_glance) {
                return Ok(());
            }
            // What follows begins behind the last row that was found, wherever the glance has ended.
            if is_glance {
                is_glance = false;
                continue;
            }
            self.check_time()?;
            piece = piece.saturating_mul(4);
        }
    }

    fn check_time(&self) -> Result<()> {
        if Instant::now() > self.ends { Err(turn::too_long()) } else { Ok(()) }
    }

    fn passes(&self, row: &Row) -> Result<bool> {
        if self.is_exact {
            return Ok(true);
        }
        self.check_time()?;
        let mut candidate = Candidate::default();
        if self.notes {
            candidate.notetype = row.int(4)?;
            candidate.fields = row.text(5)?;
            candidate.sort_field = row.text(6)?;
            candidate.tags = row.text(7)?;
        }
        if self.cards {
            candidate.data = row.text(8)?;
            candidate.due = row.int(9)?;
            candidate.interval = row.int(10)?;
            candidate.kind = row.int(11)?;
        }
        let answers: Vec<bool> = (0..self.answers.len()).map(|index| row.bool(12 + index)).collect::<Result<_>>()?;
        let mut answers = answers.into_iter();
        Ok(self.filter.passes(&candidate, &mut |_| answers.next().unwrap_or(false)) == Some(true))
    }

    fn key(&self, row: &Row) -> Result<Key> {
        Ok(match self.wanted.order {
            Order::Id => Key::Pair(0, 0),
            Order::NoteCreated => Key::Pair(row.int(2)?, 0),
            Order::Due => Key::Pair(due_second(row.int(2)?, row.int(3)?, self.timing), 0),
            Order::SortField => Key::of_sort_field(&row.text(2)?),
            _ => Key::Pair(row.int(2)?, row.int(3)?),
        })
    }

    /// Whether the database finds rows by text, without being able to answer the search itself.
    fn is_found(&self) -> bool {
        !self.is_exact && superset(self.filter, "n.id").is_some()
    }

    /// Whether the table whose ids are the results is one of those that are asked.
    fn can_glance(&self) -> bool {
        self.wanted.target == Target::Cards || self.notes
    }

    /// `is_glance`: only among the first rows from the position on.
    fn statement(&self, position: Option<(i64, Option<i64>)>, descending: bool, piece: i64, is_glance: bool) -> Sql {
        let by_note = self.wanted.target == Target::Notes;
        let note_id = if self.notes { "n.id" } else { "c.nid" };
        let id = if by_note { note_id } else { "c.id" };
        // A note is one result, however many of its cards pass.
        let is_distinct = self.is_exact && by_note && self.cards;
        let mut params: Vec<Value> = Vec::new();
        let card = if self.cards && !is_distinct { "c.id" } else { "0" };
        let (first, second) = if self.wanted.order == Order::NoteCreated { (note_id, "0") } else { self.wanted.order.columns() };
        let mut columns = format!("{id}, {card}, {first}, {second}");
        if !self.is_exact {
            columns.push_str(if self.notes { ", n.mid, n.flds, n.sfld, n.tags" } else { ", 0, 0, 0, 0" });
            columns.push_str(if self.cards { ", c.data, " } else { ", 0, " });
            columns.push_str(if self.cards { sql::DUE } else { "0" });
            columns.push_str(if self.cards { ", c.ivl, c.type" } else { ", 0, 0" });
            for condition in &self.answers {
                let answer = row(condition, note_id);
                columns.push_str(&format!(", CASE WHEN {} THEN 1 ELSE 0 END", answer.text));
                params.extend(answer.params);
            }
        }
        let (beyond, direction) = if descending { ("<", "DESC") } else { (">", "ASC") };
        let first_of = |table: &str| {
            format!(
                "(SELECT * FROM {{c}}.{table} WHERE id {beyond} ? ORDER BY id {direction} LIMIT {})",
                GLANCE.max(self.wanted.limit.saturating_mul(3))
            )
        };
        let (cards, notes) = match (is_glance, by_note) {
            (false, _) => ("{c}.cards".to_owned(), "{c}.notes".to_owned()),
            (true, true) => ("{c}.cards".to_owned(), first_of("notes")),
            (true, false) => (first_of("cards"), "{c}.notes".to_owned()),
        };
        if is_glance {
            params.push(position.map_or(if descending { i64::MAX } else { i64::MIN }, |(last, _)| last).into());
        }
        let from = match (self.cards, self.notes) {
            (true, true) => format!("{cards} c JOIN {notes} n ON n.id = c.nid"),
            (true, false) => format!("{cards} c"),
            _ => format!("{notes} n"),
        };
        let condition = superset(self.filter, note_id).unwrap_or_else(|| Sql::new("1 = 1", vec![]));
        params.extend(condition.params);
        let mut after = String::new();
        match position {
            Some((last, Some(last_card))) if by_note && self.cards && !is_distinct => {
                after = format!(" AND {id} {beyond}= ? AND ({id} {beyond} ? OR c.id {beyond} ?)");
                params.extend(params![last, last, last_card]);
            }
            Some((last, _)) => {
                after = format!(" AND {id} {beyond} ?");
                params.extend(params![last]);
            }
            None => {}
        }
        // A database that may read rows in their order does so even where it has to look at all of them, one after the other in two tables.
        // By a sum it cannot, and finds rows first.
        let sorted = if self.is_found() && !is_glance { format!("{id} + 0") } else { id.to_owned() };
        let order =
            if card == "0" || !by_note { format!("{sorted} {direction}") } else { format!("{sorted} {direction}, c.id {direction}") };
        let distinct = if is_distinct { "DISTINCT " } else { "" };
        params.push(piece.into());
        Sql::new(format!("SELECT {distinct}{columns} FROM {from} WHERE {}{after} ORDER BY {order} LIMIT ?", condition.text), params)
    }
}
