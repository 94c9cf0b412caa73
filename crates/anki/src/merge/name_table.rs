//! Unique names of decks and notetypes.

use std::collections::HashMap;

use crate::names;

/// The names of all decks, or of all notetypes, of a collection, by their [`names::key`].
#[derive(Debug, Clone, Default)]
pub struct NameTable {
    holders: HashMap<i64, i64>,
    keys: HashMap<i64, i64>,
}

/// The name that an object got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    pub name: String,
    /// The wanted name was taken. Such an object is stored with mtime now, so that other clients take the new name over.
    pub renamed: bool,
}

impl NameTable {
    /// A table of stored objects, as pairs of id and name.
    pub fn new<'a>(stored: impl IntoIterator<Item = (i64, &'a str)>) -> Self {
        Self::with_keys(stored.into_iter().map(|(id, name)| (id, names::key(name))))
    }

    /// A table of stored objects, as pairs of id and [`names::key`]. Of two ids with the same key, the first holds the name.
    pub fn with_keys(stored: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut table = Self::default();
        for (id, key) in stored {
            table.holders.entry(key).or_insert(id);
            table.keys.insert(id, key);
        }
        table
    }

    /// Gives an object the name that it wants, with as many `+` appended as make it unique. The object's old name becomes free.
    pub fn claim(&mut self, id: i64, wanted: &str) -> Claimed {
        let mut name = wanted.to_owned();
        let mut key = names::key(&name);
        while self.holders.get(&key).is_some_and(|holder| *holder != id) {
            name.push('+');
            key = names::key(&name);
        }
        if self.keys.get(&id) != Some(&key) {
            self.release(id);
        }
        self.holders.insert(key, id);
        self.keys.insert(id, key);
        Claimed { renamed: name.len() != wanted.len(), name }
    }

    /// Frees the name of an object that was deleted.
    pub fn release(&mut self, id: i64) {
        if let Some(key) = self.keys.remove(&id)
            && self.holders.get(&key) == Some(&id)
        {
            self.holders.remove(&key);
        }
    }

    /// The id of the object with a name.
    pub fn holder(&self, name: &str) -> Option<i64> {
        self.holders.get(&names::key(name)).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claims(stored: &[(i64, &str)], wanted: &[(i64, &str)]) -> Vec<String> {
        let mut table = NameTable::new(stored.iter().copied());
        wanted
            .iter()
            .map(|(id, name)| {
                let claimed = table.claim(*id, name);
                assert_eq!(claimed.renamed, claimed.name != *name);
                claimed.name
            })
            .collect()
    }

    #[test]
    fn clashes_get_a_plus_in_order_of_arrival() {
        for (stored, wanted, names) in [
            (vec![], vec![(1, "a"), (2, "b")], vec!["a", "b"]),
            (vec![(1, "Dup")], vec![(2, "dup")], vec!["dup+"]),
            (vec![(1, "Dup"), (2, "dup+")], vec![(3, "DUP")], vec!["DUP++"]),
            (vec![(1, "a")], vec![(1, "A")], vec!["A"]),
            (vec![(1, "Straße")], vec![(2, "STRASSE")], vec!["STRASSE+"]),
            // The first of two swapped names arrives while the other is still in use.
            (vec![(1, "a"), (2, "b")], vec![(1, "b"), (2, "a")], vec!["b+", "a"]),
            (vec![(1, "a"), (2, "b")], vec![(1, "c"), (2, "a"), (1, "b")], vec!["c", "a", "b"]),
            (vec![], vec![(1, "x"), (2, "x"), (3, "x")], vec!["x", "x+", "x++"]),
        ] {
            assert_eq!(claims(&stored, &wanted), names, "{stored:?} {wanted:?}");
        }
    }

    #[test]
    fn a_deleted_objects_name_is_free() {
        let mut table = NameTable::new([(1, "a")]);
        table.release(1);
        assert_eq!(table.holder("A"), None);
        assert_eq!(table.claim(2, "A"), Claimed { name: "A".to_owned(), renamed: false });
        assert_eq!(table.holder("a"), Some(2));
    }

    #[test]
    fn of_two_stored_objects_with_one_name_the_first_holds_it() {
        let mut table = NameTable::new([(1, "a"), (2, "A")]);
        table.release(2);
        assert_eq!(table.holder("a"), Some(1));
    }

    proptest! {
        #[test]
        fn names_stay_unique(wanted in prop::collection::vec((0_i64..6, "[aAbB]\\+?"), 0..20)) {
            let mut table = NameTable::default();
            let mut current = HashMap::new();
            for (id, name) in wanted {
                current.insert(id, table.claim(id, &name).name);
            }
            let mut folded: Vec<_> = current.values().map(|name| names::fold(name)).collect();
            folded.sort();
            folded.dedup();
            prop_assert_eq!(folded.len(), current.len());
        }
    }
}
