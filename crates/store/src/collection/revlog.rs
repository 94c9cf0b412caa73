//! The log of reviews.

use super::Collection;
use super::tables::REVLOG;
use crate::engine::{Row, RowEncoder, Tx, Value};
use crate::error::Result;
use crate::params;
use anki::model::{Review, Usn};
use futures_util::{Stream, StreamExt};

impl Collection<'_> {
    /// Those of `ids` that exist.
    pub async fn existing_reviews(&self, ids: &[i64]) -> Result<Vec<i64>> {
        self.existing(REVLOG.name, ids).await
    }

    /// Reviews with `usn` or later, ordered by usn and id, after the given position.
    pub async fn reviews_since(&self, usn: Usn, after: (Usn, i64), limit: i64) -> Result<Vec<Review>> {
        let sql = format!(
            "SELECT {} FROM {{c}}.revlog WHERE usn >= ? AND (usn > ? OR (usn = ? AND id > ?)) ORDER BY usn, id LIMIT ?",
            REVLOG.column_list()
        );
        let rows = self.query(&sql, params![usn.max(after.0), after.0, after.0, after.1, limit]).await?;
        rows.iter().map(from_row).collect()
    }

    /// Reviews with an id above `after` and below `until`, in the order of their ids.
    pub async fn reviews_between(&self, after: i64, until: i64, limit: i64) -> Result<Vec<Review>> {
        let sql = format!("SELECT {} FROM {{c}}.revlog WHERE id > ? AND id < ? ORDER BY id LIMIT ?", REVLOG.column_list());
        self.query(&sql, params![after, until, limit]).await?.iter().map(from_row).collect()
    }

    /// Writes reviews whose id does not exist yet and answers how many those were: the first writer of an id wins. No id may occur twice.
    pub async fn add_reviews(&self, reviews: Vec<Review>) -> Result<u64> {
        self.tx()?.insert_new(self.schema, &REVLOG, reviews.iter().map(values).collect()).await
    }

    /// All reviews in the order of their ids.
    pub async fn stream_reviews(tx: &Tx, schema: &str) -> Result<impl Stream<Item = Result<Review>> + Send + use<>> {
        let sql = format!("SELECT {} FROM {schema}.revlog ORDER BY id", REVLOG.column_list());
        Ok(tx.stream(&sql, vec![]).await?.map(|row| from_row(&row?)))
    }
}

/// A million reviews are not rare, so their columns are as narrow as what Anki reads: 16 bits for button and kind, 32 for intervals.
fn small(value: i64) -> i64 {
    value.clamp(i16::MIN.into(), i16::MAX.into())
}

fn medium(value: i64) -> i64 {
    value.clamp(i32::MIN.into(), i32::MAX.into())
}

pub(super) fn encode(rows: &mut RowEncoder, review: &Review) {
    rows.int(review.id)
        .int(review.card_id)
        .int(review.usn.into())
        .int(small(review.ease))
        .int(medium(review.interval))
        .int(medium(review.last_interval))
        .int(review.factor)
        .int(review.time)
        .int(small(review.kind))
        .end_row();
}

fn values(review: &Review) -> Vec<Value> {
    params![
        review.id,
        review.card_id,
        review.usn,
        small(review.ease),
        medium(review.interval),
        medium(review.last_interval),
        review.factor,
        review.time,
        small(review.kind)
    ]
}

pub(crate) fn from_row(row: &Row) -> Result<Review> {
    Ok(Review {
        id: row.int(0)?,
        card_id: row.int(1)?,
        usn: row.int32(2)?,
        ease: row.int(3)?,
        interval: row.int(4)?,
        last_interval: row.int(5)?,
        factor: row.int(6)?,
        time: row.int(7)?,
        kind: row.int(8)?,
    })
}
