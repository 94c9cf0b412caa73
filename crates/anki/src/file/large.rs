//! The three large tables of a file that is being made, and their indexes.

use std::{collections::HashMap, fs::OpenOptions, io, path::Path};

use rusqlite::{Connection, types::Value};

use super::{
    FileError,
    bulk::{Cell, Keys, Pages, Record, Spill, Tree},
};
use crate::model::{Card, Note, Review};

/// Where SQLite has put the beginning of each table and index that it has made.
#[derive(Debug)]
pub(super) struct Roots {
    pages: HashMap<String, u32>,
    /// Indexes of the large tables.
    indexes: usize,
}

impl Roots {
    pub(super) fn of(sqlite: &Connection) -> rusqlite::Result<Self> {
        let mut query = sqlite.prepare("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 1")?;
        let pages = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
        let count = "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('notes', 'cards', 'revlog')";
        Ok(Self { pages, indexes: sqlite.query_row(count, [], |row| row.get::<_, u32>(0))? as usize })
    }

    fn page(&self, name: &str) -> io::Result<u32> {
        self.pages.get(name).copied().ok_or_else(|| io::Error::other(format!("the file has no {name}")))
    }

    /// Nothing, if there is no such index in this schema.
    fn index<const N: usize>(&self, name: &str) -> Option<Index<N>> {
        self.pages.get(name).map(|root| Index { root: *root, keys: Keys::default() })
    }
}

/// What is in an index, not sorted yet.
#[derive(Debug)]
struct Index<const N: usize> {
    root: u32,
    keys: Keys<N>,
}

/// The tables under construction. SQLite must not have the file open meanwhile.
#[derive(Debug)]
pub(super) struct LargeTables {
    pages: Pages,
    spill: Spill,
    record: Record,
    numbers: Numbers,
    notes: Tree,
    notes_usn: Option<Index<2>>,
    notes_csum: Option<Index<2>>,
    notes_mid: Option<Index<2>>,
    cards: Tree,
    cards_usn: Option<Index<2>>,
    cards_nid: Option<Index<2>>,
    cards_sched: Option<Index<4>>,
    cards_odid: Option<Index<2>>,
    reviews: Tree,
    reviews_usn: Option<Index<2>>,
    reviews_cid: Option<Index<2>>,
}

impl LargeTables {
    /// Goes on with the file at `path`, in which these tables are empty.
    pub(super) fn begin(path: &Path, roots: &Roots) -> Result<Self, FileError> {
        let mut spill = path.as_os_str().to_owned();
        spill.push("-keys");
        let tables = Self {
            pages: Pages::behind(OpenOptions::new().read(true).write(true).open(path)?)?,
            spill: Spill::new(spill.into()),
            record: Record::default(),
            numbers: Numbers::default(),
            notes: Tree::table(roots.page("notes")?),
            notes_usn: roots.index("ix_notes_usn"),
            notes_csum: roots.index("ix_notes_csum"),
            notes_mid: roots.index("idx_notes_mid"),
            cards: Tree::table(roots.page("cards")?),
            cards_usn: roots.index("ix_cards_usn"),
            cards_nid: roots.index("ix_cards_nid"),
            cards_sched: roots.index("ix_cards_sched"),
            cards_odid: roots.index("idx_cards_odid"),
            reviews: Tree::table(roots.page("revlog")?),
            reviews_usn: roots.index("ix_revlog_usn"),
            reviews_cid: roots.index("ix_revlog_cid"),
        };
        let two = [
            &tables.notes_usn,
            &tables.notes_csum,
            &tables.notes_mid,
            &tables.cards_usn,
            &tables.cards_nid,
            &tables.cards_odid,
            &tables.reviews_usn,
            &tables.reviews_cid,
        ];
        // An index that is left out here would stay empty.
        if two.iter().filter(|index| index.is_some()).count() + usize::from(tables.cards_sched.is_some()) != roots.indexes {
            return Err(FileError::Io(io::Error::other("the file has an index that is not filled")));
        }
        Ok(tables)
    }

    /// Whether a note with this id is behind all that were added.
    pub(super) fn takes_note(&self, id: i64) -> bool {
        self.notes.takes(id)
    }

    /// The same for a card.
    pub(super) fn takes_card(&self, id: i64) -> bool {
        self.cards.takes(id)
    }

    /// The same for a review.
    pub(super) fn takes_review(&self, id: i64) -> bool {
        self.reviews.takes(id)
    }

    pub(super) fn add_note(&mut self, note: &Note) -> Result<(), FileError> {
        let id = note.id;
        // The column of the sort text has the affinity of integers, so SQLite keeps what looks like a number as one.
        let as_number = self.numbers.look_up(&note.sort_field).map_err(FileError::Write)?;
        let sort_field = match as_number {
            Some(Value::Integer(number)) => Cell::Int(number),
            Some(Value::Real(number)) => Cell::Real(number),
            _ => Cell::Text(&note.sort_field),
        };
        let record = self.record.encode(&[
            Cell::Id,
            Cell::Text(&note.guid),
            Cell::Int(note.notetype_id),
            Cell::Int(note.mtime),
            Cell::Int(note.usn.into()),
            Cell::Text(&note.tags),
            Cell::Text(&note.fields),
            sort_field,
            Cell::Int(note.checksum),
            Cell::Int(note.flags),
            Cell::Text(&note.data),
        ]);
        self.notes.add_row(&mut self.pages, id, record)?;
        add(&mut self.notes_usn, &mut self.spill, [note.usn.into(), id])?;
        add(&mut self.notes_csum, &mut self.spill, [note.checksum, id])?;
        add(&mut self.notes_mid, &mut self.spill, [note.notetype_id, id])?;
        Ok(())
    }

    /// Takes the card's numbers as they are, and `data` for its text.
    pub(super) fn add_card(&mut self, card: &Card, data: &str) -> Result<(), FileError> {
        let id = card.id;
        let record = self.record.encode(&[
            Cell::Id,
            Cell::Int(card.note_id),
            Cell::Int(card.deck_id),
            Cell::Int(card.ord),
            Cell::Int(card.mtime),
            Cell::Int(card.usn.into()),
            Cell::Int(card.kind),
            Cell::Int(card.queue),
            Cell::Int(card.due),
            Cell::Int(card.interval),
            Cell::Int(card.factor),
            Cell::Int(card.reps),
            Cell::Int(card.lapses),
            Cell::Int(card.left),
            Cell::Int(card.original_due),
            Cell::Int(card.original_deck_id),
            Cell::Int(card.flags),
            Cell::Text(data),
        ]);
        self.cards.add_row(&mut self.pages, id, record)?;
        add(&mut self.cards_usn, &mut self.spill, [card.usn.into(), id])?;
        add(&mut self.cards_nid, &mut self.spill, [card.note_id, id])?;
        add(&mut self.cards_sched, &mut self.spill, [card.deck_id, card.queue, card.due, id])?;
        // The index is of cards in filtered decks only.
        if card.original_deck_id != 0 {
            add(&mut self.cards_odid, &mut self.spill, [card.original_deck_id, id])?;
        }
        Ok(())
    }

    /// Takes the review's numbers as they are.
    pub(super) fn add_review(&mut self, review: &Review) -> Result<(), FileError> {
        let id = review.id;
        let record = self.record.encode(&[
            Cell::Id,
            Cell::Int(review.card_id),
            Cell::Int(review.usn.into()),
            Cell::Int(review.ease),
            Cell::Int(review.interval),
            Cell::Int(review.last_interval),
            Cell::Int(review.factor),
            Cell::Int(review.time),
            Cell::Int(review.kind),
        ]);
        self.reviews.add_row(&mut self.pages, id, record)?;
        add(&mut self.reviews_usn, &mut self.spill, [review.usn.into(), id])?;
        add(&mut self.reviews_cid, &mut self.spill, [review.card_id, id])?;
        Ok(())
    }

    /// Writes the indexes and all that is left. The file can be opened then.
    pub(super) fn finish(mut self) -> io::Result<()> {
        for tree in [self.notes, self.cards, self.reviews] {
            tree.finish(&mut self.pages)?;
        }
        let mut write = Writer { pages: &mut self.pages, spill: &mut self.spill, record: &mut self.record };
        write.index(self.notes_usn)?;
        write.index(self.notes_csum)?;
        write.index(self.notes_mid)?;
        write.index(self.cards_usn)?;
        write.index(self.cards_nid)?;
        write.index(self.cards_sched)?;
        write.index(self.cards_odid)?;
        write.index(self.reviews_usn)?;
        write.index(self.reviews_cid)?;
        self.pages.finish()
    }
}

fn add<const N: usize>(index: &mut Option<Index<N>>, spill: &mut Spill, key: [i64; N]) -> io::Result<()> {
    index.as_mut().map_or(Ok(()), |index| index.keys.add(spill, key))
}

struct Writer<'a> {
    pages: &'a mut Pages,
    spill: &'a mut Spill,
    record: &'a mut Record,
}

impl Writer<'_> {
    fn index<const N: usize>(&mut self, index: Option<Index<N>>) -> io::Result<()> {
        let Some(index) = index else { return Ok(()) };
        let mut tree = Tree::index(index.root);
        index.keys.in_order(self.spill, |key| tree.add_entry(self.pages, self.record.encode_key(key)))?;
        tree.finish(self.pages)
    }
}

/// Which texts SQLite takes for numbers: it is asked, about the few that come into question.
#[derive(Debug, Default)]
struct Numbers(Option<Connection>);

impl Numbers {
    fn look_up(&mut self, text: &str) -> rusqlite::Result<Option<Value>> {
        // Digits, and what can be between and around them. SQLite does not look behind a NUL.
        let looked_at = text.split('\0').next().unwrap_or_default();
        let of_number = |byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' | b' ' | 9..=13);
        if looked_at.is_empty() || !looked_at.bytes().all(of_number) {
            return Ok(None);
        }
        let sqlite = match &mut self.0 {
            Some(sqlite) => sqlite,
            none => {
                let sqlite = Connection::open_in_memory()?;
                sqlite.execute_batch("CREATE TABLE one (id integer PRIMARY KEY, value integer)")?;
                none.insert(sqlite)
            }
        };
        sqlite.prepare_cached("INSERT OR REPLACE INTO one VALUES (1, ?)")?.execute([text])?;
        sqlite.prepare_cached("SELECT value FROM one")?.query_row([], |row| row.get(0)).map(Some)
    }
}
