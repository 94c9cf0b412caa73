//! Unique names of decks and notetypes.

use std::collections::HashMap;

use crate::names;

/// The names of all decks, or of all notetypes, of a collection, by their [`names::key`].
#[derive(Debug, Clone, Default)]
pub struct NameTable {
    holders: HashMap<i64, i64>,
    keys: HashMap<i64, i64>,
    /// For the keys of names that were wanted more than once, with how many `+` the name is taken, and with any fewer. Without
    /// it, a thousand new decks of one name would try half a million names.
    taken_with: HashMap<i64, usize>,
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
        let wanted_key = names::key(wanted);
        let mut name = wanted.to_owned();
        let mut key = wanted_key;
        if self.is_taken(key, id) && !self.keys.contains_key(&id) {
            // A new object need not try again what others of this name tried. An old one may itself hold one of those names.
            let tried = self.taken_with.get(&wanted_key).copied().unwrap_or_default();
            name.extend(std::iter::repeat_n('+', tried));
            key = names::key(&name);
        }
        while self.is_taken(key, id) {
            name.push('+');
            key = names::key(&name);
        }
        if self.keys.get(&id) != Some(&key) {
            self.release(id);
        }
        let pluses = name.len() - wanted.len();
        if pluses > 0 {
            self.taken_with.insert(wanted_key, pluses);
        }
        self.holders.insert(key, id);
        self.keys.insert(id, key);
        Claimed { renamed: pluses > 0, name }
    }

    /// Frees the name of an object that was deleted.
    pub fn release(&mut self, id: i64) {
        if let Some(key) = self.keys.remove(&id)
            && self.holders.get(&key) == Some(&id)
        {
            self.holders.remove(&key);
            self.taken_with.clear();
        }
    }

    fn is_taken(&self, key: i64, id: i64) -> bool {
        self.holders.get(&key).is_some_and(|holder| *holder != id)
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
    fn many_objects_of_one_name_are_named_quickly() {
        let mut table = NameTable::default();
        let names: Vec<_> = (0..1000).map(|id| table.claim(id, "x").name).collect();
        assert_eq!(names.last().map(String::len), Some(1000));
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

        #[test]
        fn names_are_those_of_trying_one_by_one(steps in prop::collection::vec((0_i64..8, "[aA]\\+{0,2}", 0..8_u8), 0..30)) {
            let mut table = NameTable::default();
            let mut current: HashMap<i64, String> = HashMap::new();
            for (id, wanted, release) in steps {
                if release == 0 {
                    table.release(id);
                    current.remove(&id);
                    continue;
                }
                let mut name = wanted.clone();
                while current.iter().any(|(other, held)| *other != id && names::same(held, &name)) {
                    name.push('+');
                }
                prop_assert_eq!(table.claim(id, &wanted).name, name.clone());
                current.insert(id, name);
            }
        }
    }
}
