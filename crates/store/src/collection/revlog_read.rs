//! Reviews by card, deck and day, for whoever shows them.

use super::tables::REVLOG;
use super::{Collection, SET_SIZE, revlog};
use crate::error::Result;
use crate::params;
use anki::model::Review;

const DAY_MS: i64 = 86_400_000;

impl Collection<'_> {
    /// The reviews of cards, in the order of their ids.
    pub async fn reviews_of_cards(&self, cards: &[i64]) -> Result<Vec<Review>> {
        let sql = format!("SELECT {} FROM {{c}}.revlog WHERE cid IN ??", REVLOG.column_list());
        let mut found = Vec::new();
        for part in cards.chunks(SET_SIZE) {
            for row in self.query(&sql, params![part]).await? {
                found.push(revlog::from_row(&row)?);
            }
        }
        found.sort_by_key(|review| review.id);
        Ok(found)
    }

    /// How many reviews these cards have.
    pub async fn count_reviews_of_cards(&self, cards: &[i64]) -> Result<i64> {
        let mut count = 0;
        for part in cards.chunks(SET_SIZE) {
            let rows = self.query("SELECT COUNT(*) FROM {c}.revlog WHERE cid IN ??", params![part]).await?;
            count += rows.first().map_or(Ok(0), |row| row.int(0))?;
        }
        Ok(count)
    }

    /// The last review of each card that has any.
    pub async fn last_reviews_of_cards(&self, cards: &[i64]) -> Result<Vec<Review>> {
        let sql = format!(
            "SELECT {} FROM {{c}}.revlog WHERE id IN (SELECT MAX(id) FROM {{c}}.revlog WHERE cid IN ?? GROUP BY cid)",
            REVLOG.column_list()
        );
        let mut found = Vec::new();
        for part in cards.chunks(SET_SIZE) {
            for row in self.query(&sql, params![part]).await? {
                found.push(revlog::from_row(&row)?);
            }
        }
        Ok(found)
    }

    /// Reviews with an id above `after` of cards that are in a deck, in the order of their ids.
    pub async fn reviews_of_deck(&self, deck: i64, after: i64, limit: i64) -> Result<Vec<Review>> {
        let sql = format!(
            "SELECT {} FROM {{c}}.revlog WHERE id > ? AND cid IN (SELECT id FROM {{c}}.cards WHERE did = ?) ORDER BY id LIMIT ?",
            REVLOG.column_list()
        );
        self.query(&sql, params![after, deck, limit]).await?.iter().map(revlog::from_row).collect()
    }

    /// The id of the last review of a card that is in a deck.
    pub async fn last_review_of_deck(&self, deck: i64) -> Result<Option<i64>> {
        let sql = "SELECT MAX(id) FROM {c}.revlog WHERE cid IN (SELECT id FROM {c}.cards WHERE did = ?)";
        let rows = self.query(sql, params![deck]).await?;
        Ok(rows.first().map(|row| row.opt_int(0)).transpose()?.flatten())
    }

    /// How many reviews have an id above `after`.
    pub async fn count_reviews(&self, after: i64) -> Result<i64> {
        let rows = self.query("SELECT COUNT(*) FROM {c}.revlog WHERE id > ?", params![after]).await?;
        rows.first().map_or(Ok(0), |row| row.int(0))
    }

    /// How many reviews there were on each day, the latest first. Days are counted from 1970, and begin `shift_ms` after midnight in
    /// Greenwich.
    pub async fn reviews_by_day(&self, shift_ms: i64) -> Result<Vec<(i64, i64)>> {
        let sql = "SELECT day, COUNT(*) FROM (SELECT (id - ?) - MOD(id - ?, ?) AS day FROM {c}.revlog) days GROUP BY day ORDER BY day DESC";
        let rows = self.query(sql, params![shift_ms, shift_ms, DAY_MS]).await?;
        rows.iter().map(|row| Ok((row.int(0)? / DAY_MS, row.int(1)?))).collect()
    }
}
