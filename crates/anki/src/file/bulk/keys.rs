//! Sorts the entries of indexes, in little memory: what is too much is sorted in parts, which wait in a file.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

/// Entries of one index that are held in memory.
const MOST: usize = 1 << 18;
/// Bytes read at a time of each sorted part.
const BLOCK: usize = 64 << 10;

/// Entries of one index: numbers, the last of which is the row's id.
#[derive(Debug)]
pub struct Keys<const N: usize> {
    held: Vec<[i64; N]>,
    /// Sorted parts: where in the file, and how many bytes.
    parts: Vec<(u64, u64)>,
    most: usize,
}

/// The file of sorted parts, without a name, made when it is needed.
#[derive(Debug)]
pub struct Spill {
    path: PathBuf,
    file: Option<File>,
    size: u64,
}

impl<const N: usize> Default for Keys<N> {
    fn default() -> Self {
        Self { held: Vec::new(), parts: Vec::new(), most: MOST }
    }
}

impl<const N: usize> Keys<N> {
    /// Holds at most so many in memory.
    #[cfg(test)]
    pub fn with_most(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    pub fn add(&mut self, spill: &mut Spill, key: [i64; N]) -> io::Result<()> {
        if self.held.len() == self.most {
            self.held.sort_unstable();
            let bytes: Vec<u8> = self.held.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
            self.parts.push((spill.append(&bytes)?, bytes.len() as u64));
            self.held.clear();
        }
        self.held.push(key);
        Ok(())
    }

    /// Hands out all entries in order.
    pub fn in_order(mut self, spill: &mut Spill, mut to: impl FnMut(&[i64; N]) -> io::Result<()>) -> io::Result<()> {
        self.held.sort_unstable();
        if self.parts.is_empty() {
            return self.held.iter().try_for_each(to);
        }
        let mut held = self.held.into_iter();
        let mut parts: Vec<Part> = self.parts.into_iter().map(|(at, left)| Part { at, left, block: Vec::new(), used: 0 }).collect();
        // What is still in memory is one part more, the one behind the others.
        let in_memory = parts.len();
        let mut next = |index: usize, spill: &mut Spill| match parts.get_mut(index) {
            Some(part) => part.next::<N>(spill),
            None => Ok(held.next()),
        };
        let mut heads = BinaryHeap::with_capacity(in_memory + 1);
        for index in 0..=in_memory {
            heads.extend(next(index, spill)?.map(|key| Reverse((key, index))));
        }
        while let Some(mut head) = heads.peek_mut() {
            let Reverse((key, index)) = *head;
            to(&key)?;
            match next(index, spill)? {
                Some(key) => *head = Reverse((key, index)),
                None => drop(std::collections::binary_heap::PeekMut::pop(head)),
            }
        }
        Ok(())
    }
}

/// A sorted part that is being read.
struct Part {
    at: u64,
    left: u64,
    block: Vec<u8>,
    used: usize,
}

impl Part {
    fn next<const N: usize>(&mut self, spill: &mut Spill) -> io::Result<Option<[i64; N]>> {
        if self.used == self.block.len() {
            let entry = (N * 8) as u64;
            let size = self.left.min(BLOCK as u64 / entry * entry);
            if size == 0 {
                return Ok(None);
            }
            self.block.resize(size as usize, 0);
            spill.read(self.at, &mut self.block)?;
            self.at += size;
            self.left -= size;
            self.used = 0;
        }
        let mut key = [0; N];
        for (number, bytes) in key.iter_mut().zip(self.block[self.used..].as_chunks::<8>().0) {
            *number = i64::from_le_bytes(*bytes);
        }
        self.used += N * 8;
        Ok(Some(key))
    }
}

impl Spill {
    /// Makes its file at `path`, if it needs one, and removes that name at once.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, size: 0 }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        if self.file.is_none() {
            self.file = Some(OpenOptions::new().read(true).write(true).create_new(true).open(&self.path)?);
            fs::remove_file(&self.path)?;
        }
        let at = self.size;
        let file = self.open()?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(at)
    }

    fn read(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let file = self.open()?;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(bytes)
    }

    fn open(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::Error::other("nothing was put aside"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn parts_are_put_together_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        for (count, most) in [(0_i64, 4), (1, 4), (4, 4), (5, 4), (8, 4), (9, 4), (1_000, 7), (30_000, 6_000)] {
            let mut spill = Spill::new(path.clone());
            let (mut keys, mut others) = (Keys::<2>::with_most(most), Keys::<4>::with_most(most));
            let mut expected = Vec::new();
            for number in 0..count {
                // In no order, negative numbers and equal first numbers among them.
                let key = [(number * 7_919) % 101 - 50, (number * 104_729) % count];
                expected.push(key);
                keys.add(&mut spill, key).unwrap();
                others.add(&mut spill, [0, key[0], i64::MIN, key[1]]).unwrap();
            }
            expected.sort_unstable();
            assert!(!path.exists(), "its name is gone while it is used");
            let (mut sorted, mut sorted_others) = (Vec::new(), Vec::new());
            keys.in_order(&mut spill, |key| {
                sorted.push(*key);
                Ok(())
            })
            .unwrap();
            others
                .in_order(&mut spill, |key| {
                    sorted_others.push([key[1], key[3]]);
                    Ok(())
                })
                .unwrap();
            assert_eq!(sorted, expected, "{count} entries, {most} at a time");
            assert_eq!(sorted_others, expected, "{count} entries, {most} at a time");
        }
    }
}
