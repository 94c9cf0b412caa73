//! The ids of the rows in a chunk. They are kept beside what is staged, so that the sanity check does not have to parse it.

use anki::wire::chunk::Chunk;

/// Ids by table, in the order in which they came.
#[derive(Debug, Default, PartialEq)]
pub struct RowIds {
    pub notes: Vec<i64>,
    pub cards: Vec<i64>,
    pub reviews: Vec<i64>,
}

impl RowIds {
    pub fn of(chunk: &Chunk) -> Self {
        Self {
            notes: chunk.notes.iter().map(|row| row.id).collect(),
            cards: chunk.cards.iter().map(|row| row.id).collect(),
            reviews: chunk.reviews.iter().map(|row| row.id).collect(),
        }
    }

    /// As bytes: for each table how many there are, and they themselves.
    pub fn pack(self) -> Vec<u8> {
        let tables = [self.notes, self.cards, self.reviews];
        let mut bytes = Vec::with_capacity(8 * (3 + tables.iter().map(Vec::len).sum::<usize>()));
        for ids in tables {
            bytes.extend((ids.len() as u64).to_le_bytes());
            ids.iter().for_each(|id| bytes.extend(id.to_le_bytes()));
        }
        bytes
    }

    /// The opposite of [`RowIds::pack`].
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let (numbers, []) = bytes.as_chunks::<8>() else { return None };
        let mut numbers = numbers.iter().map(|number| i64::from_le_bytes(*number));
        let mut table = || {
            let count = usize::try_from(numbers.next()?).ok()?;
            let ids: Vec<i64> = numbers.by_ref().take(count).collect();
            (ids.len() == count).then_some(ids)
        };
        let ids = Self { notes: table()?, cards: table()?, reviews: table()? };
        numbers.next().is_none().then_some(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back() {
        let ids = || RowIds { notes: vec![i64::MIN, -1], cards: vec![], reviews: vec![i64::MAX, 5, 5] };
        assert_eq!(RowIds::unpack(&ids().pack()), Some(ids()));
        assert_eq!(RowIds::unpack(&RowIds::default().pack()), Some(RowIds::default()));
        let packed = ids().pack();
        for wrong in [&packed[..packed.len() - 1], &packed[..packed.len() - 8], &[packed.as_slice(), &[0; 8]].concat(), &[0xff; 24], &[]] {
            assert_eq!(RowIds::unpack(wrong), None, "{wrong:?}");
        }
    }
}
