//! The tree of a table or index, built from its leaves, which come in order.

use super::pages::{Kind, Page, Pages, SIZE};
use super::record::push_varint;
use std::io;

/// Of a row that does not fit, this much stays on its leaf at least, and at most all of `MOST_LOCAL`; the rest goes to pages of its own.
const MOST_LOCAL: usize = SIZE - 35;
const LEAST_LOCAL: usize = (SIZE - 12) * 32 / 255 - 23;
/// Bytes of a row on a page of its own, behind the number of the next one.
const ON_OTHER: usize = SIZE - 4;
/// No row may be longer, or SQLite would not read it.
const LONGEST: usize = 1_000_000_000;

/// A table or an index under construction.
#[derive(Debug)]
pub struct Tree {
    /// The page, made by SQLite, where the tree begins.
    root: u32,
    inner: Kind,
    leaf: Page,
    cell: Vec<u8>,
    /// The id of the last row; tables only.
    last: Option<i64>,
    /// The leaves that are full, each with what parts it from the next.
    leaves: Vec<Node>,
}

/// A page, and the key behind all that it holds.
type Node = (u32, Vec<u8>);

impl Tree {
    pub fn table(root: u32) -> Self {
        Self::new(root, Kind::TableLeaf, Kind::TableInner)
    }

    pub fn index(root: u32) -> Self {
        Self::new(root, Kind::IndexLeaf, Kind::IndexInner)
    }

    fn new(root: u32, leaf: Kind, inner: Kind) -> Self {
        Self { root, inner, leaf: Page::new(leaf), cell: Vec::new(), last: None, leaves: Vec::new() }
    }

    /// Whether a row with this id can be added: it has to be above all others.
    pub fn takes(&self, id: i64) -> bool {
        self.last.is_none_or(|last| last < id)
    }

    /// Adds a row to a table. A failure that is not the disk's leaves everything as it was.
    pub fn add_row(&mut self, pages: &mut Pages, id: i64, record: &[u8]) -> io::Result<()> {
        if !self.takes(id) {
            return Err(io::Error::other("rows have to come in the order of their ids, each once"));
        }
        if record.len() > LONGEST {
            return Err(io::Error::other(format!("row {id} is too long")));
        }
        self.cell.clear();
        push_varint(&mut self.cell, record.len() as u64);
        push_varint(&mut self.cell, id.cast_unsigned());
        let local = local(record.len());
        let (here, elsewhere) = record.split_at(local);
        self.cell.extend_from_slice(here);
        if !elsewhere.is_empty() {
            let first = add_chain(pages, elsewhere)?;
            self.cell.extend_from_slice(&first.to_be_bytes());
        }
        if !self.leaf.push(&self.cell) {
            let mut key = Vec::new();
            push_varint(&mut key, self.last.unwrap_or_default().cast_unsigned());
            self.next_leaf(pages, key)?;
        }
        self.last = Some(id);
        Ok(())
    }

    /// Adds an entry to an index. Each is behind the one before, and short: it fits a page several times.
    pub fn add_entry(&mut self, pages: &mut Pages, record: &[u8]) -> io::Result<()> {
        self.cell.clear();
        push_varint(&mut self.cell, record.len() as u64);
        self.cell.extend_from_slice(record);
        if !self.leaf.push(&self.cell) {
            // Between two leaves there is one entry that is on neither.
            let parting = self.leaf.pop();
            self.next_leaf(pages, parting)?;
        }
        Ok(())
    }

    fn next_leaf(&mut self, pages: &mut Pages, key: Vec<u8>) -> io::Result<()> {
        let number = pages.add(self.leaf.bytes())?;
        self.leaves.push((number, key));
        self.leaf.clear();
        if self.leaf.push(&self.cell) { Ok(()) } else { Err(io::Error::other("a row does not fit an empty page")) }
    }

    /// Writes what is above the leaves.
    pub fn finish(mut self, pages: &mut Pages) -> io::Result<()> {
        if self.leaf.is_empty() {
            return Ok(());
        }
        if self.leaves.is_empty() {
            return pages.replace(self.root, self.leaf.bytes());
        }
        let number = pages.add(self.leaf.bytes())?;
        let mut level = self.leaves;
        level.push((number, Vec::new()));
        loop {
            let longest = level.iter().map(|(_, key)| key.len()).max().unwrap_or_default();
            let most = (SIZE - self.inner.head()) / (2 + 4 + longest);
            let groups = level.len().div_ceil(most);
            if groups == 1 {
                return pages.replace(self.root, over(self.inner, &level)?.bytes());
            }
            // As even as can be, so that each has several pages below it: SQLite takes a page without cells for damage.
            let mut above = Vec::with_capacity(groups);
            let mut rest = level.as_slice();
            for left in (1..=groups).rev() {
                let (group, further) = rest.split_at(rest.len() / left);
                let number = pages.add(over(self.inner, group)?.bytes())?;
                above.push((number, group.last().map(|(_, key)| key.clone()).unwrap_or_default()));
                rest = further;
            }
            level = above;
        }
    }
}

/// The page above `nodes`. The key behind the last of them is not on it, but one level higher.
fn over(kind: Kind, nodes: &[Node]) -> io::Result<Page> {
    let mut page = Page::new(kind);
    let mut cell = Vec::new();
    if let Some(((rightmost, _), others)) = nodes.split_last() {
        page.set_rightmost(*rightmost);
        for (number, key) in others {
            cell.clear();
            cell.extend_from_slice(&number.to_be_bytes());
            cell.extend_from_slice(key);
            if !page.push(&cell) {
                return Err(io::Error::other("a page has too many pages below it"));
            }
        }
    }
    Ok(page)
}

/// How much of a row is on its leaf.
fn local(size: usize) -> usize {
    if size <= MOST_LOCAL {
        return size;
    }
    let filling = LEAST_LOCAL + (size - LEAST_LOCAL) % ON_OTHER;
    if filling <= MOST_LOCAL { filling } else { LEAST_LOCAL }
}

/// Adds the pages that hold the rest of a row, and answers the number of the first.
fn add_chain(pages: &mut Pages, rest: &[u8]) -> io::Result<u32> {
    let first = pages.next();
    let mut parts = rest.chunks(ON_OTHER).peekable();
    while let Some(part) = parts.next() {
        let mut page = [0; SIZE];
        let next = if parts.peek().is_some() { pages.after_next() } else { 0 };
        page[..4].copy_from_slice(&next.to_be_bytes());
        page[4..4 + part.len()].copy_from_slice(part);
        pages.add(&page)?;
    }
    Ok(first)
}
