//! Names of decks, notetypes and tags: how Anki compares, folds and normalises them.
//!
//! Clients hold such names unique by *case folding*, never by a database collation, and order the indexes of a collection file
//! by it. The folding is that of the `unicase` crate in exactly the version that clients are built with; later versions fold
//! some characters differently.

mod deck;
mod tag;
pub(crate) mod unique;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use unicase::UniCase;

pub use deck::{normalize_deck_name, parent_deck_name, to_human_deck_name, to_native_deck_name};
pub use tag::{TagList, canonical_tag, join_tags, normalize_tag, rejoin_tags, split_tags, tag_and_parents, unused_tags};

/// The order of two names in a collection file's `unicase` indexes.
pub fn compare(a: &str, b: &str) -> Ordering {
    UniCase::new(a).cmp(&UniCase::new(b))
}

/// Whether Anki takes two names for the same.
pub fn same(a: &str, b: &str) -> bool {
    UniCase::new(a) == UniCase::new(b)
}

/// The folded form of a name: two names are the same exactly if their folded forms are equal.
///
/// Folded forms also sort, byte by byte, as [`compare`] sorts the names.
pub fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    // The crate exposes its folding only through comparisons and through what it feeds to a hasher.
    let mut folded = FoldedBytes(Vec::with_capacity(name.len()));
    UniCase::new(name).hash(&mut folded);
    String::from_utf8_lossy(&folded.0).into_owned()
}

/// The fixed-length key under which the tables of a collection hold a name: the first eight bytes of the SHA-256 of its folded
/// form, big-endian.
pub fn key(name: &str) -> i64 {
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(fold(name)).into();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Collects what is hashed instead of hashing it.
struct FoldedBytes(Vec<u8>);

impl Hasher for FoldedBytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_that_clients_take_for_the_same() {
        for (a, b) in [
            ("straße", "STRASSE"),
            ("İ", "i\u{307}"),
            ("σ", "ς"),
            ("\u{212a}", "k"),
            ("ſ", "s"),
            ("\u{212b}", "å"),
            ("\u{2126}", "ω"),
            ("", ""),
        ] {
            assert!(same(a, b), "{a} {b}");
            assert_eq!(fold(a), fold(b), "{a} {b}");
            assert_eq!(key(a), key(b), "{a} {b}");
        }
    }

    #[test]
    fn pairs_that_clients_keep_apart() {
        for (a, b) in [("I", "ı"), ("é", "e"), ("ﬃ", "FFI"), ("ａ", "a"), ("a", "a "), ("ꟊ", "ꟈ")] {
            assert!(!same(a, b), "{a} {b}");
            assert_ne!(fold(a), fold(b), "{a} {b}");
            assert_ne!(key(a), key(b), "{a} {b}");
        }
    }

    #[test]
    fn key_does_not_change_between_releases() {
        // Stored in every collection, so these numbers are for ever: the first 16 digits of the SHA-256 of "" and "default".
        assert_eq!(key(""), i64::from_be_bytes(0xe3b0_c442_98fc_1c14_u64.to_be_bytes()));
        assert_eq!(key("DEFAULT"), i64::from_be_bytes(0x37a8_eec1_ce19_687d_u64.to_be_bytes()));
    }

    proptest! {
        #[test]
        fn folding_agrees_with_comparing(a in "\\PC{0,6}", b in "[a-zA-ZßſİΣσςéÉﬁ]{0,3}") {
            prop_assert_eq!(fold(&a).cmp(&fold(&b)), compare(&a, &b));
            prop_assert_eq!(fold(&b).cmp(&fold(&b.to_uppercase())), compare(&b, &b.to_uppercase()));
            prop_assert_eq!(same(&a, &b), compare(&a, &b) == Ordering::Equal);
        }
    }
}
