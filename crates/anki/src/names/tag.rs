//! Tags: splitting, normalising, and choosing between spellings.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use unicase::UniCase;

use super::fold;
use crate::text::normalize_nfc;

/// The tags in a note's tag text. They are separated by spaces or by U+3000, the wide space of Japanese keyboards.
pub fn split_tags(tags: &str) -> impl Iterator<Item = &str> {
    tags.split(is_separator).filter(|tag| !tag.is_empty())
}

/// A note's tag text with single spaces between the tags and one at each end: what is stored of tags that came with a sync.
///
/// Order, spelling and duplicates are left alone.
pub fn rejoin_tags(tags: &str) -> String {
    spaced(split_tags(tags))
}

/// A note's tag text for a list of tags: unique by case folding (the first spelling stays), sorted, with a space at both ends.
pub fn join_tags<'a>(tags: impl IntoIterator<Item = &'a str>) -> String {
    let mut tags: Vec<_> = tags.into_iter().map(UniCase::new).collect();
    tags.sort();
    tags.dedup();
    spaced(tags.iter().map(AsRef::as_ref))
}

/// The form in which a tag is registered: each level in NFC, without ASCII control characters and separators, without white
/// space at its ends, and `blank` if nothing is left of it.
pub fn normalize_tag(tag: &str) -> Cow<'_, str> {
    if tag.split("::").all(is_normal_level) {
        return Cow::Borrowed(tag);
    }
    let levels: Vec<_> = tag.split("::").map(normalize_level).collect();
    Cow::Owned(levels.join("::"))
}

/// The spelling to use for a tag, and whether it is still to be registered.
///
/// `registered` looks up the stored spelling of a tag, whatever its case. A registered tag keeps its spelling; a new one takes
/// over the spelling of its nearest registered parent.
pub fn canonical_tag(tag: &str, mut registered: impl FnMut(&str) -> Option<String>) -> (String, bool) {
    let tag = normalize_tag(tag);
    if let Some(stored) = registered(&tag) {
        return (stored, false);
    }
    let mut above = tag.as_ref();
    while let Some((parent, _)) = above.rsplit_once("::") {
        if let Some(stored) = registered(parent) {
            return (format!("{stored}{}", &tag[parent.len()..]), true);
        }
        above = parent;
    }
    (tag.into_owned(), true)
}

/// A tag and the tags above it, from the inside to the outside: `a::b`, `a`.
pub fn tag_and_parents(tag: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(tag), |tag| tag.rsplit_once("::").map(|(parent, _)| parent))
}

/// Those registered tags that no note has, nor a tag below them.
///
/// So do clients from 23.10 on, whatever the case; earlier ones give up parents too. (Asked of 26.9.3, 24.11 and 2.1.66.)
pub fn unused_tags<'a>(registered: impl Iterator<Item = &'a str>, in_notes: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let used: HashSet<String> = in_notes.flat_map(split_tags).flat_map(tag_and_parents).map(fold).collect();
    registered.filter(|tag| !used.contains(&fold(tag))).collect()
}

/// The registered tags of a collection, found by case folding.
#[derive(Debug, Clone, Default)]
pub struct TagList {
    spelling: HashMap<String, String>,
}

impl TagList {
    /// The stored spelling of a tag.
    pub fn get(&self, tag: &str) -> Option<&str> {
        self.spelling.get(&fold(tag)).map(String::as_str)
    }

    /// Registers a tag as Anki does. Returns its spelling, and whether it was new.
    pub fn register(&mut self, tag: &str) -> (String, bool) {
        let (spelling, new) = canonical_tag(tag, |name| self.get(name).map(str::to_owned));
        if new {
            self.spelling.insert(fold(&spelling), spelling.clone());
        }
        (spelling, new)
    }
}

impl<S: Into<String>> FromIterator<S> for TagList {
    /// Takes over tags as they are stored; of two that differ in case only, the first.
    fn from_iter<I: IntoIterator<Item = S>>(tags: I) -> Self {
        let mut list = Self::default();
        for tag in tags {
            let tag = tag.into();
            list.spelling.entry(fold(&tag)).or_insert(tag);
        }
        list
    }
}

fn spaced<'a>(tags: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for tag in tags {
        text.push(' ');
        text.push_str(tag);
    }
    if !text.is_empty() {
        text.push(' ');
    }
    text
}

fn is_separator(c: char) -> bool {
    c == ' ' || c == '\u{3000}'
}

fn is_unwanted(c: char) -> bool {
    c.is_ascii_control() || is_separator(c)
}

fn is_normal_level(level: &str) -> bool {
    !level.is_empty()
        && matches!(normalize_nfc(level), Cow::Borrowed(_))
        && !level.contains(is_unwanted)
        && level.trim().len() == level.len()
}

fn normalize_level(level: &str) -> String {
    let mut clean = normalize_nfc(level).into_owned();
    clean.retain(|c| !is_unwanted(c));
    match clean.trim() {
        "" => "blank".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_text_is_split_and_rejoined() {
        for (given, wanted) in [("", ""), ("   ", ""), ("b a", " b a "), (" a  a\u{3000}A ", " a a A "), ("x\ty", " x\ty ")] {
            assert_eq!(rejoin_tags(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn joined_tags_are_unique_and_sorted() {
        assert_eq!(join_tags(["b", "A", "a", "B", "äb"]), " A b äb ");
        assert_eq!(join_tags([]), "");
    }

    #[test]
    fn levels_are_normalised_one_by_one() {
        for (given, wanted) in [
            ("a::b", "a::b"),
            ("foo::", "foo::blank"),
            ("::x", "blank::x"),
            ("a::::b", "a::blank::b"),
            ("", "blank"),
            ("a b\u{3000}c", "abc"),
            ("\u{fa47}", "\u{6f22}"),
            ("a\u{7f}\u{1}", "a"),
            ("\u{a0}a\u{2003}", "a"),
        ] {
            assert_eq!(normalize_tag(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn unused_are_those_without_notes_and_without_tags_below() {
        for (registered, in_notes, wanted) in [
            (&["a", "a::b", "a::b::c", "a::d", "x"][..], &[" a::b::c "][..], &["a::d", "x"][..]),
            (&["a::b::c", "x"], &[" a::b::c "], &["x"]),
            (&["A", "a::B", "a::b::C"], &[" a::b::c "], &[]),
            (&["a", "a::b"], &[" a "], &["a::b"]),
            (&["ab", "a"], &[" abc "], &["ab", "a"]),
            (&["a::", "a", "a::b"], &[" a::b "], &["a::"]),
            (&["Ä", "ä::b"], &[" Ä::B x "], &[]),
            (&["e\u{301}"], &[" \u{e9} "], &["e\u{301}"]),
            (&["a", "b"], &[], &["a", "b"]),
        ] {
            assert_eq!(unused_tags(registered.iter().copied(), in_notes.iter().copied()), wanted, "{registered:?} {in_notes:?}");
        }
    }

    #[test]
    fn a_new_tag_takes_over_the_spelling_of_what_is_registered() {
        let mut tags: TagList = ["Sprache", "Sprache::Japanisch"].into_iter().collect();
        for (given, wanted, new) in [
            ("SPRACHE", "Sprache", false),
            ("sprache::latein", "Sprache::latein", true),
            ("SPRACHE::LATEIN", "Sprache::latein", false),
            ("sprache::japanisch::a::b", "Sprache::Japanisch::a::b", true),
            ("sprache::JAPANISCH::A", "Sprache::Japanisch::A", true),
            ("SPRACHE::japanisch::a::C", "Sprache::Japanisch::A::C", true),
            ("neu::x", "neu::x", true),
        ] {
            assert_eq!(tags.register(given), (wanted.to_owned(), new), "{given}");
        }
        assert_eq!(tags.get("NEU::X"), Some("neu::x"));
    }
}
