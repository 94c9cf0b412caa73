//! The columns of the three tables, in the order of the wire, and what each of them accepts.

use super::cells::{CellError, Row, Table};
use crate::model::{Card, Note, Review, Usn};
use crate::{names, text};

pub(super) static REVIEWS: Table = Table {
    name: "revlog",
    columns: &[&["id"], &["cid"], &["usn"], &["ease"], &["ivl"], &["lastIvl"], &["factor"], &["time"], &["type"]],
    required: 8,
};

pub(super) static CARDS: Table = Table {
    name: "cards",
    columns: &[
        &["id"],
        &["nid"],
        &["did"],
        &["ord"],
        &["mod", "mtime"],
        &["usn"],
        &["type", "ctype"],
        &["queue"],
        &["due"],
        &["ivl"],
        &["factor"],
        &["reps"],
        &["lapses"],
        &["left"],
        &["odue"],
        &["odid"],
        &["flags"],
        &["data"],
    ],
    required: 18,
};

pub(super) static NOTES: Table = Table {
    name: "notes",
    columns: &[
        &["id"],
        &["guid"],
        &["mid"],
        &["mod", "mtime"],
        &["usn"],
        &["tags"],
        &["flds", "fields"],
        &["sfld"],
        &["csum"],
        &["flags"],
        &["data"],
    ],
    required: 11,
};

const UNSIGNED_8: std::ops::RangeInclusive<i64> = 0..=u8::MAX as i64;
const UNSIGNED_16: std::ops::RangeInclusive<i64> = 0..=u16::MAX as i64;
const UNSIGNED_32: std::ops::RangeInclusive<i64> = 0..=u32::MAX as i64;

pub(super) fn review(row: &Row<'_, '_>) -> Result<Review, CellError> {
    Ok(Review {
        id: row.integer(0)?,
        card_id: row.integer(1)?,
        usn: usn(row, 2)?,
        ease: row.integer_in(3, UNSIGNED_8)?,
        interval: row.wrapped_32(4)?,
        last_interval: row.wrapped_32(5)?,
        factor: row.wrapped_unsigned_32(6)?,
        time: row.wrapped_unsigned_32(7)?,
        kind: row.integer_or_zero(8, 0..=5),
    })
}

pub(super) fn card(row: &Row<'_, '_>) -> Result<Card, CellError> {
    Ok(Card {
        id: row.integer(0)?,
        note_id: row.integer(1)?,
        deck_id: row.integer(2)?,
        ord: row.integer_in(3, UNSIGNED_16)?,
        mtime: row.number(4)?,
        usn: usn(row, 5)?,
        kind: row.integer_in(6, 0..=3)?,
        queue: row.integer_in(7, -3..=4)?,
        due: row.wrapped_32(8)?,
        interval: row.wrapped_unsigned_32(9)?,
        factor: row.integer_in(10, UNSIGNED_16)?,
        reps: row.integer_in(11, UNSIGNED_32)?,
        lapses: row.integer_in(12, UNSIGNED_32)?,
        left: row.integer_in(13, UNSIGNED_32)?,
        original_due: row.wrapped_32(14)?,
        original_deck_id: row.integer(15)?,
        flags: row.integer_in(16, UNSIGNED_8)?,
        data: row.text(17)?.into_owned(),
    })
}

pub(super) fn note(row: &Row<'_, '_>) -> Result<Note, CellError> {
    // Both derived columns must be texts, always empty ones from real clients.
    row.text(7)?;
    row.text(8)?;
    row.integer_in(9, UNSIGNED_32)?;
    row.text(10)?;
    Ok(Note {
        id: row.integer(0)?,
        guid: row.text(1)?.into_owned(),
        notetype_id: row.integer(2)?,
        mtime: row.integer(3)?,
        usn: usn(row, 4)?,
        tags: names::rejoin_tags(&row.text(5)?),
        fields: text::strip_control_characters(&row.text(6)?).into_owned(),
        sort_field: String::new(),
        checksum: 0,
        flags: 0,
        data: String::new(),
    })
}

fn usn(row: &Row<'_, '_>, column: usize) -> Result<Usn, CellError> {
    let usn = row.integer_in(column, i64::from(Usn::MIN)..=i64::from(Usn::MAX))?;
    Ok(Usn::try_from(usn).unwrap_or_default())
}
