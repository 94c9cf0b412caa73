//! Cards.

use super::tables::CARDS;
use super::{Collection, StoredStamp};
use crate::engine::{Row, RowEncoder, Tx, Value};
use crate::error::Result;
use crate::params;
use anki::model::{Card, Usn};
use futures_util::{Stream, StreamExt};
use std::collections::HashMap;

impl Collection<'_> {
    /// Usn and modification time of those of `ids` that exist.
    pub async fn card_stamps(&self, ids: &[i64]) -> Result<HashMap<i64, StoredStamp>> {
        self.stamps(CARDS.name, ids).await
    }

    /// Those of `ids` that exist.
    pub async fn existing_cards(&self, ids: &[i64]) -> Result<Vec<i64>> {
        self.existing(CARDS.name, ids).await
    }

    /// Cards with `usn` or later, ordered by usn and id, after the given position.
    pub async fn cards_since(&self, usn: Usn, after: (Usn, i64), limit: i64) -> Result<Vec<Card>> {
        let sql = format!(
            "SELECT {} FROM {{c}}.cards WHERE usn >= ? AND (usn > ? OR (usn = ? AND id > ?)) ORDER BY usn, id LIMIT ?",
            CARDS.column_list()
        );
        let rows = self.query(&sql, params![usn.max(after.0), after.0, after.0, after.1, limit]).await?;
        rows.iter().map(from_row).collect()
    }

    /// Writes cards, replacing those that exist. No id may occur twice.
    pub async fn put_cards(&self, cards: Vec<Card>) -> Result<()> {
        self.tx()?.upsert(self.schema, &CARDS, cards.into_iter().map(values).collect()).await
    }

    /// Brings buried cards back that were last changed before `until`, in seconds. As in the clients, which all do so for themselves when a
    /// day begins, this is no change that they have to hear of: stamps stay.
    pub async fn unbury_cards(&self, until: i64) -> Result<u64> {
        let sql = "UPDATE {c}.cards SET queue = CASE WHEN type IN (0, 2) THEN type WHEN due > 1000000000 THEN 1 ELSE 3 END \
                   WHERE queue IN (-2, -3) AND modified < ?";
        self.execute(sql, params![until]).await
    }

    /// Deletes cards and answers how many there were.
    pub async fn delete_cards(&self, ids: &[i64]) -> Result<u64> {
        self.delete(CARDS.name, ids).await
    }

    /// All cards in the order of their ids.
    pub async fn stream_cards(tx: &Tx, schema: &str) -> Result<impl Stream<Item = Result<Card>> + Send + use<>> {
        let sql = format!("SELECT {} FROM {schema}.cards ORDER BY id", CARDS.column_list());
        Ok(tx.stream(&sql, vec![]).await?.map(|row| from_row(&row?)))
    }
}

/// `type` and `queue` are the two columns that are narrow in the table; Anki knows no value near their limits.
fn narrow(value: i64) -> i64 {
    value.clamp(i16::MIN.into(), i16::MAX.into())
}

pub(super) fn encode(rows: &mut RowEncoder, card: &Card) {
    rows.int(card.id)
        .int(card.note_id)
        .int(card.deck_id)
        .int(card.ord)
        .int(card.mtime)
        .int(card.usn.into())
        .int(narrow(card.kind))
        .int(narrow(card.queue))
        .int(card.due)
        .int(card.interval)
        .int(card.factor)
        .int(card.reps)
        .int(card.lapses)
        .int(card.left)
        .int(card.original_due)
        .int(card.original_deck_id)
        .int(card.flags)
        .text(&card.data)
        .end_row();
}

fn values(card: Card) -> Vec<Value> {
    params![
        card.id,
        card.note_id,
        card.deck_id,
        card.ord,
        card.mtime,
        card.usn,
        narrow(card.kind),
        narrow(card.queue),
        card.due,
        card.interval,
        card.factor,
        card.reps,
        card.lapses,
        card.left,
        card.original_due,
        card.original_deck_id,
        card.flags,
        card.data
    ]
}

pub(crate) fn from_row(row: &Row) -> Result<Card> {
    Ok(Card {
        id: row.int(0)?,
        note_id: row.int(1)?,
        deck_id: row.int(2)?,
        ord: row.int(3)?,
        mtime: row.int(4)?,
        usn: row.int32(5)?,
        kind: row.int(6)?,
        queue: row.int(7)?,
        due: row.int(8)?,
        interval: row.int(9)?,
        factor: row.int(10)?,
        reps: row.int(11)?,
        lapses: row.int(12)?,
        left: row.int(13)?,
        original_due: row.int(14)?,
        original_deck_id: row.int(15)?,
        flags: row.int(16)?,
        data: row.text(17)?,
    })
}
