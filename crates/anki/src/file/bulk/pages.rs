//! The pages of a file, and what is on one.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
};

/// Bytes of a page; [`super::super::FileWriter`] makes files with pages of this size.
pub const SIZE: usize = 4096;
/// SQLite locks a file by this byte, so nothing may be on its page.
const LOCK_BYTE: u32 = 0x4000_0000;
const LOCK_PAGE: u32 = LOCK_BYTE / SIZE as u32 + 1;
/// Where the header of a file says how many pages there are.
const PAGE_COUNT: u64 = 28;
/// Written at a time.
const BUFFER: usize = 64 * SIZE;

/// A file that gets further pages. Pages are numbered from 1.
#[derive(Debug)]
pub struct Pages {
    file: BufWriter<File>,
    next: u32,
}

impl Pages {
    /// Goes on behind the last page of `file`, which nobody else has open.
    pub fn behind(mut file: File) -> io::Result<Self> {
        let size = file.seek(SeekFrom::End(0))?;
        let mut next = u32::try_from(size / SIZE as u64).map_err(io::Error::other)? + 1;
        if next == LOCK_PAGE {
            file.write_all(&[0; SIZE])?;
            next += 1;
        }
        Ok(Self { file: BufWriter::with_capacity(BUFFER, file), next })
    }

    /// The number of the page that is added next.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// The number of the page that is added after the next one.
    pub fn after_next(&self) -> u32 {
        after(self.next)
    }

    /// Adds a page and answers its number.
    pub fn add(&mut self, page: &[u8; SIZE]) -> io::Result<u32> {
        let number = self.next;
        self.file.write_all(page)?;
        self.next = after(number);
        if self.next != number + 1 {
            self.file.write_all(&[0; SIZE])?;
        }
        if self.next == u32::MAX { Err(io::Error::other("the file has too many pages")) } else { Ok(number) }
    }

    /// Writes a page that is there already.
    pub fn replace(&mut self, number: u32, page: &[u8; SIZE]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(u64::from(number - 1) * SIZE as u64))?;
        self.file.write_all(page)?;
        self.file.seek(SeekFrom::End(0)).map(drop)
    }

    /// Writes out everything, and how many pages there are.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(PAGE_COUNT))?;
        self.file.write_all(&(self.next - 1).to_be_bytes())?;
        self.file.flush()
    }
}

fn after(number: u32) -> u32 {
    let next = number + 1;
    if next == LOCK_PAGE { next + 1 } else { next }
}

/// What a page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    TableLeaf,
    TableInner,
    IndexLeaf,
    IndexInner,
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::TableLeaf => 13,
            Self::TableInner => 5,
            Self::IndexLeaf => 10,
            Self::IndexInner => 2,
        }
    }

    /// Bytes before the list of cells.
    pub fn head(self) -> usize {
        match self {
            Self::TableLeaf | Self::IndexLeaf => 8,
            Self::TableInner | Self::IndexInner => 12,
        }
    }
}

/// One page of a tree: its cells lie at the end, the list of their places at the start.
#[derive(Debug)]
pub struct Page {
    kind: Kind,
    bytes: Box<[u8; SIZE]>,
    cells: usize,
    /// Where the last cell begins.
    start: usize,
    /// Where the one before it does.
    start_before: usize,
}

impl Page {
    pub fn new(kind: Kind) -> Self {
        Self { kind, bytes: Box::new([0; SIZE]), cells: 0, start: SIZE, start_before: SIZE }
    }

    pub fn is_empty(&self) -> bool {
        self.cells == 0
    }

    /// Adds a cell, or leaves the page as it is and answers false, when there is no room for it.
    pub fn push(&mut self, cell: &[u8]) -> bool {
        let entry = self.kind.head() + 2 * self.cells;
        if entry + 2 + cell.len() > self.start {
            return false;
        }
        self.start_before = self.start;
        self.start -= cell.len();
        self.bytes[self.start..self.start_before].copy_from_slice(cell);
        self.bytes[entry..entry + 2].copy_from_slice(&(self.start as u16).to_be_bytes());
        self.cells += 1;
        true
    }

    /// Takes the last cell away again. Once after each `push`.
    pub fn pop(&mut self) -> Vec<u8> {
        let cell = self.bytes[self.start..self.start_before].to_vec();
        self.start = self.start_before;
        self.cells -= 1;
        cell
    }

    /// For a page of the kinds that have pages below them: the rightmost of those.
    pub fn set_rightmost(&mut self, number: u32) {
        self.bytes[8..12].copy_from_slice(&number.to_be_bytes());
    }

    /// The page as it is in the file.
    pub fn bytes(&mut self) -> &[u8; SIZE] {
        self.bytes[0] = self.kind.number();
        self.bytes[3..5].copy_from_slice(&(self.cells as u16).to_be_bytes());
        self.bytes[5..7].copy_from_slice(&(self.start as u16).to_be_bytes());
        &self.bytes
    }

    /// Begins an empty page. Bytes between list and cells mean nothing, but zeros can be packed.
    pub fn clear(&mut self) {
        self.bytes.fill(0);
        (self.cells, self.start, self.start_before) = (0, SIZE, SIZE);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_where_sqlite_locks() {
        let mut file = tempfile::tempfile().unwrap();
        // The file has holes, so it takes no room.
        file.set_len(u64::from(LOCK_PAGE - 2) * SIZE as u64).unwrap();
        let mut pages = Pages::behind(file.try_clone().unwrap()).unwrap();
        assert_eq!((pages.next(), pages.after_next()), (LOCK_PAGE - 1, LOCK_PAGE + 1));
        assert_eq!(pages.add(&[1; SIZE]).unwrap(), LOCK_PAGE - 1);
        assert_eq!(pages.next(), LOCK_PAGE + 1);
        assert_eq!(pages.add(&[2; SIZE]).unwrap(), LOCK_PAGE + 1);
        pages.finish().unwrap();
        assert_eq!(file.metadata().unwrap().len(), u64::from(LOCK_PAGE + 1) * SIZE as u64);
        let mut written = vec![0; 3 * SIZE];
        file.seek(SeekFrom::Start(u64::from(LOCK_PAGE - 2) * SIZE as u64)).unwrap();
        io::Read::read_exact(&mut file, &mut written).unwrap();
        assert_eq!(written, [[1; SIZE], [0; SIZE], [2; SIZE]].concat());
        file.set_len(u64::from(LOCK_PAGE - 1) * SIZE as u64).unwrap();
        assert_eq!(Pages::behind(file.try_clone().unwrap()).unwrap().next(), LOCK_PAGE + 1);
        assert_eq!(file.metadata().unwrap().len(), u64::from(LOCK_PAGE) * SIZE as u64);
        assert_eq!(u64::from(LOCK_PAGE - 1) * SIZE as u64, u64::from(LOCK_BYTE), "the byte is the first of that page");
    }
}
