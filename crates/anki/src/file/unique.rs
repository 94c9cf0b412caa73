use std::collections::HashSet;

use crate::{names, text};

/// Finds a name, in NFC, that no earlier call claimed, by appending `suffix` as often as it takes. Case makes no difference.
pub(super) fn claim(taken: &mut HashSet<String>, name: &str, suffix: &str) -> String {
    let mut name = text::normalize_nfc(name).into_owned();
    while !taken.insert(names::fold(&name)) {
        name.push_str(suffix);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_anki_takes_for_the_same_get_suffixes() {
        let mut taken = HashSet::new();
        let claimed: Vec<_> = ["a", "A", "b", "a_", "STRASSE", "straße", "e\u{301}", "É"].map(|name| claim(&mut taken, name, "_")).into();
        assert_eq!(claimed, ["a", "A_", "b", "a__", "STRASSE", "straße_", "\u{e9}", "É_"]);
    }
}
