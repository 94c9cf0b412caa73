//! The same decisions for a sequence of rows, in which ids may repeat: a row that was taken is what the next one meets.

use std::collections::{HashMap, HashSet};

use super::{Shape, Stamp, takes_edit, takes_object};
use crate::model::Usn;

/// Decides about incoming notes or cards, one after the other.
#[derive(Debug, Clone)]
pub struct Edits {
    stored: HashMap<i64, Stamp>,
    min_usn: Usn,
    server_usn: Usn,
}

impl Edits {
    /// `stored` has the stamps of the incoming ids that exist. `min_usn` is the client's usn of this sync, and `server_usn` ours,
    /// with which taken rows are stored.
    pub fn new(stored: HashMap<i64, Stamp>, min_usn: Usn, server_usn: Usn) -> Self {
        Self { stored, min_usn, server_usn }
    }

    /// Adds the stamps of further ids, as when a sync is applied page by page. Ids already met keep the stamp of what was taken.
    pub fn extend(&mut self, stored: impl IntoIterator<Item = (i64, Stamp)>) {
        for (id, stamp) in stored {
            self.stored.entry(id).or_insert(stamp);
        }
    }

    /// Whether the next row is taken.
    pub fn take(&mut self, id: i64, mtime: i64) -> bool {
        let taken = takes_edit(self.stored.get(&id).copied(), mtime, self.min_usn);
        if taken {
            self.stored.insert(id, Stamp { usn: self.server_usn, mtime });
        }
        taken
    }
}

/// Decides about incoming decks or presets, one after the other.
#[derive(Debug, Clone)]
pub struct Objects {
    stored: HashMap<i64, i64>,
}

impl Objects {
    /// `stored` has the mtime, in seconds, of each stored id.
    pub fn new(stored: HashMap<i64, i64>) -> Self {
        Self { stored }
    }

    /// Whether the next object is taken.
    pub fn take(&mut self, id: i64, mtime: i64) -> bool {
        let taken = takes_object(self.stored.get(&id).copied(), mtime);
        if taken {
            self.stored.insert(id, mtime);
        }
        taken
    }

    /// Notes that a taken object was stored with another mtime, as happens when it is renamed.
    pub fn restamp(&mut self, id: i64, mtime: i64) {
        self.stored.insert(id, mtime);
    }
}

/// A client changed fields or templates without the one-way sync that this takes. Answered with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "notetype {id} has {} fields and {} templates here, {} and {} at the client; only a one-way sync may change that",
    stored.fields, stored.templates, incoming.fields, incoming.templates
)]
pub struct ShapeChanged {
    pub id: i64,
    pub stored: Shape,
    pub incoming: Shape,
}

/// Decides about incoming notetypes, one after the other.
#[derive(Debug, Clone)]
pub struct Notetypes {
    stored: HashMap<i64, (i64, Shape)>,
}

impl Notetypes {
    /// `stored` has the mtime, in seconds, and the shape of each stored id.
    pub fn new(stored: HashMap<i64, (i64, Shape)>) -> Self {
        Self { stored }
    }

    /// Whether the next notetype is taken.
    ///
    /// # Errors
    /// When it would be taken but has another number of fields or templates. An older one is left out whatever its shape.
    pub fn take(&mut self, id: i64, mtime: i64, shape: Shape) -> Result<bool, ShapeChanged> {
        let stored = self.stored.get(&id).copied();
        if !takes_object(stored.map(|(mtime, _)| mtime), mtime) {
            return Ok(false);
        }
        if let Some((_, stored)) = stored
            && stored != shape
        {
            return Err(ShapeChanged { id, stored, incoming: shape });
        }
        self.stored.insert(id, (mtime, shape));
        Ok(true)
    }

    /// Notes that a taken notetype was stored with another mtime, as happens when it is renamed.
    pub fn restamp(&mut self, id: i64, mtime: i64) {
        if let Some(stored) = self.stored.get_mut(&id) {
            stored.0 = mtime;
        }
    }
}

/// Of a sequence of rows, those that are left in the end: for each id the last one that was taken, in order of arrival.
///
/// `id` names a row's id, and `take` decides about a row, given all decisions before it.
pub fn winners<R>(rows: Vec<R>, id: impl Fn(&R) -> i64, mut take: impl FnMut(&R) -> bool) -> Vec<R> {
    let mut taken: Vec<Option<R>> = Vec::with_capacity(rows.len());
    let mut last: HashMap<i64, usize> = HashMap::with_capacity(rows.len());
    for row in rows {
        if !take(&row) {
            continue;
        }
        if let Some(earlier) = last.insert(id(&row), taken.len()).and_then(|index| taken.get_mut(index)) {
            *earlier = None;
        }
        taken.push(Some(row));
    }
    taken.into_iter().flatten().collect()
}

/// Of a sequence of reviews, those to store: an entry once written is never changed, so the first of each id counts, and none
/// of an id in `known`, which holds those that are stored. It learns the new ones.
pub fn new_reviews<R>(mut reviews: Vec<R>, id: impl Fn(&R) -> i64, known: &mut HashSet<i64>) -> Vec<R> {
    reviews.retain(|review| known.insert(id(review)));
    reviews
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(usn: Usn, mtime: i64) -> Stamp {
        Stamp { usn, mtime }
    }

    #[test]
    fn rows_of_one_id_meet_each_other() {
        // Client's usn 10, ours 12. Rows are (id, mtime, what).
        for (stored, rows, wanted) in [
            (vec![], vec![(1, 5, 'a'), (1, 5, 'b')], vec!['a']),
            (vec![], vec![(1, 5, 'a'), (1, 6, 'b')], vec!['b']),
            (vec![], vec![(1, 6, 'a'), (1, 5, 'b'), (1, 7, 'c')], vec!['c']),
            (vec![(1, stamp(9, 100))], vec![(1, 5, 'a'), (1, 99, 'b')], vec!['b']),
            (vec![(1, stamp(11, 100))], vec![(1, 100, 'a'), (1, 99, 'b')], vec![]),
            (vec![(1, stamp(11, 100))], vec![(1, 101, 'a'), (2, 1, 'b'), (1, 102, 'c')], vec!['b', 'c']),
        ] {
            let mut edits = Edits::new(stored.into_iter().collect(), 10, 12);
            let left = winners(rows.clone(), |row| row.0, |row| edits.take(row.0, row.1));
            assert_eq!(left.into_iter().map(|row| row.2).collect::<Vec<_>>(), wanted, "{rows:?}");
        }
    }

    #[test]
    fn a_page_later_rows_still_meet_what_was_taken() {
        let mut edits = Edits::new(HashMap::new(), 10, 12);
        assert!(edits.take(1, 50));
        edits.extend([(1, stamp(3, 20)), (2, stamp(11, 20))]);
        assert!(!edits.take(1, 40));
        assert!(!edits.take(2, 20));
    }

    #[test]
    fn objects_of_one_id_meet_each_other() {
        let mut objects = Objects::new(HashMap::from([(1, 10)]));
        let decisions: Vec<_> =
            [(1, 9), (1, 10), (1, 10), (1, 12), (1, 11), (2, 0), (2, 0)].into_iter().map(|(id, mtime)| objects.take(id, mtime)).collect();
        assert_eq!(decisions, [false, true, true, true, false, true, true]);
        objects.restamp(1, 99);
        assert!(!objects.take(1, 50));
    }

    #[test]
    fn a_notetype_keeps_its_shape() {
        let two = Shape { fields: 2, templates: 1 };
        let three = Shape { fields: 3, templates: 1 };
        let mut notetypes = Notetypes::new(HashMap::from([(1, (10, two))]));
        assert_eq!(notetypes.take(1, 9, three), Ok(false));
        assert_eq!(notetypes.take(1, 10, two), Ok(true));
        assert_eq!(notetypes.take(1, 10, three), Err(ShapeChanged { id: 1, stored: two, incoming: three }));
        assert_eq!(notetypes.take(2, 0, three), Ok(true));
        assert_eq!(notetypes.take(2, 0, two), Err(ShapeChanged { id: 2, stored: three, incoming: two }));
        notetypes.restamp(1, 90);
        assert_eq!(notetypes.take(1, 50, three), Ok(false));
    }

    #[test]
    fn the_first_review_of_an_id_counts() {
        let mut known = HashSet::from([7]);
        let left = new_reviews(vec![(7, 'a'), (8, 'b'), (8, 'c'), (9, 'd')], |review| review.0, &mut known);
        assert_eq!(left, [(8, 'b'), (9, 'd')]);
        assert_eq!(known, HashSet::from([7, 8, 9]));
    }
}
