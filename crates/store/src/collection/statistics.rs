//! What Anki's statistics count, as aggregates. Which rows count how was found out with a real client, as `searching.rs` in the server's
//! tests goes on doing.

use super::Collection;
use crate::engine::{Row, Value};
use crate::error::Result;
use crate::params;
use anki::search::Timing;

const DAY: i64 = 86_400;
/// From this interval on, a card is mature.
const MATURE: &str = "21";
/// Due numbers above this are seconds.
const SECONDS: &str = "1000000000";
/// Reviews that are none: rescheduled by hand, or by a change of settings.
const NO_ANSWER: &str = "(4, 5)";

/// Numbers that belong together, counted. What they mean stands at the question.
pub type Counted<const N: usize> = Vec<[i64; N]>;

/// What is counted: all of a collection, or some of its cards with their reviews.
#[derive(Clone, Copy)]
pub struct Statistics<'a> {
    collection: Collection<'a>,
    cards: Option<&'a [i64]>,
}

impl<'a> Collection<'a> {
    /// Statistics of the whole collection, or of these cards.
    pub fn statistics(self, cards: Option<&'a [i64]>) -> Statistics<'a> {
        Statistics { collection: self, cards }
    }
}

impl Statistics<'_> {
    /// `{cards}` or `{revlog}`, once in each statement, is the rows that are counted.
    async fn counted<const N: usize>(&self, sql: &str, mut params: Vec<Value>) -> Result<Counted<N>> {
        let (mark, table, column) = if sql.contains("{cards}") { ("{cards}", "cards", "id") } else { ("{revlog}", "revlog", "cid") };
        let sql = match self.cards {
            None => sql.replace(mark, &format!("{{c}}.{table}")),
            Some(cards) => {
                let before = sql.split(mark).next().unwrap_or_default().matches('?').count();
                params.insert(before.min(params.len()), Value::Ints(cards.to_vec()));
                sql.replace(mark, &format!("(SELECT * FROM {{c}}.{table} WHERE {column} IN ??) s"))
            }
        };
        self.collection.query(&sql, params).await?.iter().map(numbers).collect()
    }

    /// Cards by type and queue, and whether they are mature: those three and the number.
    pub async fn card_states(&self) -> Result<Counted<4>> {
        let sql = format!(
            "SELECT type, queue, mature, COUNT(*) FROM \
             (SELECT type, queue, CASE WHEN ivl >= {MATURE} THEN 1 ELSE 0 END AS mature FROM {{cards}}) x GROUP BY type, queue, mature"
        );
        self.counted(&sql, vec![]).await
    }

    /// Days from today on which studied cards fall due, and how many do. Suspended ones never do, buried ones not today.
    pub async fn due_by_day(&self, timing: &Timing) -> Result<Counted<2>> {
        let sql = format!(
            "SELECT day, COUNT(*) FROM (SELECT queue, CASE WHEN due > {SECONDS} THEN (due - ?) {{div}} 86400 ELSE due - ? END AS day FROM \
             (SELECT queue, CASE WHEN odue <> 0 THEN odue ELSE due END AS due FROM {{cards}} WHERE type <> 0 AND queue <> -1) x) y \
             WHERE day > 0 OR queue >= 0 GROUP BY day ORDER BY day"
        );
        self.counted(&sql, params![timing.next_day, timing.today]).await
    }

    /// Intervals in days of reviewed cards, and how many have them.
    pub async fn intervals(&self) -> Result<Counted<2>> {
        self.counted("SELECT ivl, COUNT(*) FROM {cards} WHERE type IN (2, 3) GROUP BY ivl ORDER BY ivl", vec![]).await
    }

    /// Eases in percent of reviewed cards that have no difficulty of FSRS, and how many have them.
    pub async fn eases(&self) -> Result<Counted<2>> {
        // Custom data is a JSON text in a JSON text, so its quotes have backslashes before them.
        let sql = "SELECT ease, COUNT(*) FROM (SELECT factor {div} 10 AS ease FROM {cards} \
                   WHERE type IN (2, 3) AND data NOT LIKE ?) x GROUP BY ease ORDER BY ease";
        self.counted(sql, params!["%\"d\":%"]).await
    }

    /// Days before today, as numbers of 0 and less, on which cards were made, and how many were.
    pub async fn added_by_day(&self, timing: &Timing) -> Result<Counted<2>> {
        let sql = "SELECT day, COUNT(*) FROM (SELECT (id {div} 1000 - ?) {div} 86400 AS day FROM {cards}) x GROUP BY day ORDER BY day";
        self.counted(sql, params![timing.next_day]).await
    }

    /// Answers by day (0 is today, −1 yesterday), kind (0 learning, 1 review, 2 relearning, 3 filtered) and whether the card was mature:
    /// those three, the number, and the milliseconds they took.
    pub async fn answers_by_day(&self, timing: &Timing) -> Result<Counted<5>> {
        let sql = format!(
            "SELECT day, type, mature, COUNT(*), CAST(SUM(rtime) AS {{int}}) FROM (SELECT (id {{div}} 1000 - ?) {{div}} 86400 AS day, type, \
             CASE WHEN lastivl >= {MATURE} THEN 1 ELSE 0 END AS mature, rtime FROM {{revlog}} WHERE type NOT IN {NO_ANSWER}) x \
             GROUP BY day, type, mature ORDER BY day"
        );
        self.counted(&sql, params![timing.next_day]).await
    }

    /// Today's answers by kind, button and whether the card was mature: those three, the number, and the milliseconds they took.
    pub async fn answers_today(&self, timing: &Timing) -> Result<Counted<5>> {
        let sql = format!(
            "SELECT type, ease, mature, COUNT(*), CAST(SUM(rtime) AS {{int}}) FROM (SELECT type, ease, \
             CASE WHEN lastivl >= {MATURE} THEN 1 ELSE 0 END AS mature, rtime FROM {{revlog}} \
             WHERE id >= ? AND type NOT IN {NO_ANSWER}) x GROUP BY type, ease, mature"
        );
        self.counted(&sql, params![(timing.next_day - DAY) * 1000]).await
    }

    /// Answers by the period that they are in (0 a month, 1 three months, 2 a year, 3 before that), and the hour of the day: those two,
    /// the number, and the number of right ones. `east` is the time zone, in seconds east of UTC.
    pub async fn answers_by_hour(&self, timing: &Timing, east: i64) -> Result<Counted<4>> {
        let sql = format!(
            "SELECT period, hour, COUNT(*), CAST(SUM(correct) AS {{int}}) FROM (SELECT {PERIOD} AS period, MOD((id {{div}} 1000 + ?) {{div}} 3600, 24) AS hour, \
             CASE WHEN ease > 1 THEN 1 ELSE 0 END AS correct FROM {{revlog}} WHERE type NOT IN (3, 4, 5)) x GROUP BY period, hour"
        );
        let mut params = periods(timing);
        params.push(east.into());
        self.counted(&sql, params).await
    }

    /// Answers by period (as above), by 0 learning or filtered, 1 young, 2 mature, and by button: those three, and the number.
    pub async fn answers_by_button(&self, timing: &Timing) -> Result<Counted<4>> {
        let sql = format!(
            "SELECT period, class, ease, COUNT(*) FROM (SELECT {PERIOD} AS period, ease, CASE WHEN type <> 1 THEN 0 \
             WHEN lastivl < {MATURE} THEN 1 ELSE 2 END AS class FROM {{revlog}} WHERE ease BETWEEN 1 AND 4 AND type NOT IN {NO_ANSWER}) x \
             GROUP BY period, class, ease"
        );
        self.counted(&sql, periods(timing)).await
    }

    /// Answers that say something about memory, by day (0 is today, 1 yesterday), whether the card was mature, and whether it was known:
    /// those three, and the number.
    pub async fn retention_by_day(&self, timing: &Timing) -> Result<Counted<4>> {
        // Answers of cramming say nothing, and those of cards with less than a day only as reviews.
        let sql = format!(
            "SELECT day, mature, passed, COUNT(*) FROM (SELECT (? - 1 - id {{div}} 1000) {{div}} 86400 AS day, \
             CASE WHEN lastivl >= {MATURE} THEN 1 ELSE 0 END AS mature, CASE WHEN ease > 1 THEN 1 ELSE 0 END AS passed FROM {{revlog}} \
             WHERE id < ? AND ease > 0 AND NOT (type = 3 AND factor = 0) AND (type = 1 OR lastivl <= -86400 OR lastivl >= 1)) x \
             GROUP BY day, mature, passed"
        );
        self.counted(&sql, params![timing.next_day, timing.next_day * 1000]).await
    }

    /// What is waiting in each deck: its id, new cards, reviews, cards being learnt for days, and for minutes, and all its cards.
    /// `unburies` says that a new day has begun on which no client has brought buried cards back yet. Where `counts_steps`, a card that
    /// is being learnt for minutes counts as often as it will come today, as with the first scheduler.
    pub async fn waiting_by_deck(&self, timing: &Timing, learn_ahead: i64, unburies: bool, counts_steps: bool) -> Result<Counted<6>> {
        let queue = if unburies {
            "CASE WHEN queue IN (-2, -3) THEN CASE WHEN type IN (0, 2) THEN type \
             WHEN CASE WHEN odue > 0 THEN odue ELSE due END > 1000000000 THEN 1 ELSE 3 END ELSE queue END"
        } else {
            "queue"
        };
        let sum = |condition: &str, number: &str| format!("CAST(SUM(CASE WHEN {condition} THEN {number} ELSE 0 END) AS {{int}})");
        let minutes = if counts_steps {
            sum("queue = 1 AND due < ?", "remaining {div} 1000")
        } else {
            sum("(queue = 1 AND due < ?) OR (queue = 4 AND due <= ?)", "1")
        };
        let sql = format!(
            "SELECT did, {}, {}, {}, {minutes}, COUNT(*) FROM (SELECT did, due, remaining, {queue} AS queue FROM {{cards}}) x GROUP BY did",
            sum("queue = 0", "1"),
            sum("queue = 2 AND due <= ?", "1"),
            sum("queue = 3 AND due <= ?", "1"),
        );
        let cutoff = timing.now + learn_ahead;
        let mut params = params![timing.today, timing.today, cutoff];
        if !counts_steps {
            params.push(cutoff.into());
        }
        self.counted(&sql, params).await
    }
}

const PERIOD: &str = "CASE WHEN id {div} 1000 >= ? THEN 0 WHEN id {div} 1000 >= ? THEN 1 WHEN id {div} 1000 >= ? THEN 2 ELSE 3 END";

/// When the periods begin.
fn periods(timing: &Timing) -> Vec<Value> {
    [30, 90, 365].iter().map(|days| Value::Int(timing.next_day - days * DAY)).collect()
}

fn numbers<const N: usize>(row: &Row) -> Result<[i64; N]> {
    let mut numbers = [0; N];
    for (column, number) in numbers.iter_mut().enumerate() {
        *number = row.int(column)?;
    }
    Ok(numbers)
}
