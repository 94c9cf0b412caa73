//! Names that have to differ from all others.

use std::collections::HashSet;

use crate::{names, text};

/// Finds a name that no earlier call claimed, by appending `suffix` as often as it takes. Case makes no difference.
pub(crate) fn claim(taken: &mut HashSet<String>, name: &str, suffix: &str) -> String {
    let mut name = name.to_owned();
    while !taken.insert(names::fold(&name)) {
        name.push_str(suffix);
    }
    name
}

/// The same, in NFC, which clients turn the names of schema 11 into. Names that are in use are not touched: templates refer to them.
pub(crate) fn claim_normal(taken: &mut HashSet<String>, name: &str, suffix: &str) -> String {
    claim(taken, &text::normalize_nfc(name), suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_anki_takes_for_the_same_get_suffixes() {
        let mut taken = HashSet::new();
        let names = ["a", "A", "b", "a_", "STRASSE", "straße", "e\u{301}", "É"];
        let claimed = names.map(|name| claim(&mut taken, name, "_"));
        assert_eq!(claimed, ["a", "A_", "b", "a__", "STRASSE", "straße_", "e\u{301}", "É"]);
        taken.clear();
        let claimed = names.map(|name| claim_normal(&mut taken, name, "_"));
        assert_eq!(claimed, ["a", "A_", "b", "a__", "STRASSE", "straße_", "\u{e9}", "É_"]);
    }
}
