//! The tables of a collection.

use crate::engine::{Index, Kind, Table};
use Kind::{Bytes, Int, Text};

pub(super) const NOTES: Table = Table {
    name: "notes",
    columns: &[
        ("id", Int),
        ("guid", Text),
        ("mid", Int),
        ("modified", Int),
        ("usn", Int),
        ("tags", Text),
        ("flds", Text),
        ("sfld", Text),
        ("csum", Int),
        ("flags", Int),
        ("data", Text),
    ],
    key: &["id"],
};

pub(super) const CARDS: Table = Table {
    name: "cards",
    columns: &[
        ("id", Int),
        ("nid", Int),
        ("did", Int),
        ("ord", Int),
        ("modified", Int),
        ("usn", Int),
        ("type", Int),
        ("queue", Int),
        ("due", Int),
        ("ivl", Int),
        ("factor", Int),
        ("reps", Int),
        ("lapses", Int),
        ("remaining", Int),
        ("odue", Int),
        ("odid", Int),
        ("flags", Int),
        ("data", Text),
    ],
    key: &["id"],
};

pub(super) const REVLOG: Table = Table {
    name: "revlog",
    columns: &[
        ("id", Int),
        ("cid", Int),
        ("usn", Int),
        ("ease", Int),
        ("ivl", Int),
        ("lastivl", Int),
        ("factor", Int),
        ("rtime", Int),
        ("type", Int),
    ],
    key: &["id"],
};

pub(super) const GRAVES: Table = Table { name: "graves", columns: &[("oid", Int), ("type", Int), ("usn", Int)], key: &["oid", "type"] };

pub(super) const NOTETYPES: Table = Table {
    name: "notetypes",
    columns: &[
        ("id", Int),
        ("name", Text),
        ("name_key", Int),
        ("modified", Int),
        ("usn", Int),
        ("json", Text),
        ("extra", Bytes),
        ("field_count", Int),
        ("template_count", Int),
        ("sort_field", Int),
    ],
    key: &["id"],
};

pub(super) const DECKS: Table = Table { name: "decks", columns: OBJECT_COLUMNS, key: &["id"] };
pub(super) const PRESETS: Table = Table { name: "deck_config", columns: OBJECT_COLUMNS, key: &["id"] };

const OBJECT_COLUMNS: &[(&str, Kind)] =
    &[("id", Int), ("name", Text), ("name_key", Int), ("modified", Int), ("usn", Int), ("json", Text), ("extra", Bytes)];

pub(super) const TAGS: Table =
    Table { name: "tags", columns: &[("name_key", Int), ("tag", Text), ("usn", Int), ("collapsed", Int)], key: &["name_key"] };

pub(super) const CONFIG: Table = Table {
    name: "config",
    columns: &[("name_key", Int), ("name", Text), ("usn", Int), ("modified", Int), ("json", Text)],
    key: &["name_key"],
};

/// The DDL of one table. Its primary key is that of `table`.
pub(super) struct Ddl {
    pub table: &'static Table,
    pub columns: &'static str,
    pub indexes: &'static [Index],
}

/// All tables, the large ones first, so that loading them side by side ends early.
///
/// Few relations: each costs memory in every database connection that touches it. Indexes are those that a query needs: paging by
/// usn, a note's cards, a deck's due cards, a card's reviews, duplicates by checksum, notes of a notetype.
pub(super) const ALL: &[Ddl] = &[
    Ddl {
        table: &REVLOG,
        columns: "id BIGINT NOT NULL, cid BIGINT NOT NULL, usn INTEGER NOT NULL, ease SMALLINT NOT NULL, \
                 ivl INTEGER NOT NULL, lastivl INTEGER NOT NULL, factor BIGINT NOT NULL, rtime BIGINT NOT NULL, type SMALLINT NOT NULL",
        indexes: &[("ix_revlog_usn", "usn, id"), ("ix_revlog_cid", "cid")],
    },
    Ddl {
        table: &NOTES,
        columns: "id BIGINT NOT NULL, guid TEXT_T NOT NULL, mid BIGINT NOT NULL, modified BIGINT NOT NULL, \
                 usn INTEGER NOT NULL, tags TEXT_T NOT NULL, flds TEXT_T NOT NULL, sfld TEXT_T NOT NULL, csum BIGINT NOT NULL, \
                 flags BIGINT NOT NULL, data TEXT_T NOT NULL",
        indexes: &[("ix_notes_usn", "usn, id"), ("ix_notes_csum", "csum"), ("ix_notes_mid", "mid")],
    },
    Ddl {
        table: &CARDS,
        columns: "id BIGINT NOT NULL, nid BIGINT NOT NULL, did BIGINT NOT NULL, ord BIGINT NOT NULL, \
                 modified BIGINT NOT NULL, usn INTEGER NOT NULL, type SMALLINT NOT NULL, queue SMALLINT NOT NULL, due BIGINT NOT NULL, \
                 ivl BIGINT NOT NULL, factor BIGINT NOT NULL, reps BIGINT NOT NULL, lapses BIGINT NOT NULL, remaining BIGINT NOT NULL, \
                 odue BIGINT NOT NULL, odid BIGINT NOT NULL, flags BIGINT NOT NULL, data TEXT_T NOT NULL",
        indexes: &[("ix_cards_usn", "usn, id"), ("ix_cards_nid", "nid"), ("ix_cards_sched", "did, queue, due")],
    },
    Ddl {
        table: &GRAVES,
        columns: "oid BIGINT NOT NULL, type SMALLINT NOT NULL, usn INTEGER NOT NULL",
        indexes: &[("ix_graves_usn", "usn")],
    },
    Ddl {
        table: &NOTETYPES,
        columns: "id BIGINT NOT NULL, name TEXT_T NOT NULL, name_key BIGINT NOT NULL, modified BIGINT NOT NULL, \
                 usn INTEGER NOT NULL, json TEXT_T NOT NULL, extra BLOB_T, field_count INTEGER NOT NULL, template_count INTEGER NOT NULL, \
                 sort_field INTEGER NOT NULL",
        indexes: &[],
    },
    Ddl {
        table: &DECKS,
        columns: "id BIGINT NOT NULL, name TEXT_T NOT NULL, name_key BIGINT NOT NULL, modified BIGINT NOT NULL, \
                 usn INTEGER NOT NULL, json TEXT_T NOT NULL, extra BLOB_T",
        indexes: &[],
    },
    Ddl {
        table: &PRESETS,
        columns: "id BIGINT NOT NULL, name TEXT_T NOT NULL, name_key BIGINT NOT NULL, modified BIGINT NOT NULL, \
                 usn INTEGER NOT NULL, json TEXT_T NOT NULL, extra BLOB_T",
        indexes: &[],
    },
    Ddl {
        table: &TAGS,
        columns: "name_key BIGINT NOT NULL, tag TEXT_T NOT NULL, usn INTEGER NOT NULL, collapsed SMALLINT NOT NULL",
        indexes: &[],
    },
    Ddl {
        table: &CONFIG,
        columns: "name_key BIGINT NOT NULL, name TEXT_T NOT NULL, usn INTEGER NOT NULL, modified BIGINT NOT NULL, \
                 json TEXT_T NOT NULL",
        indexes: &[],
    },
];
