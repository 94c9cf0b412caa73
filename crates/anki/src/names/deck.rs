//! Deck names. People and the sync protocol join the levels with `::`, collection files of schema 18 with U+001F.

use std::borrow::Cow;

use crate::text::normalize_nfc;

/// The form in which a deck name is stored: each level in NFC, without ASCII control characters, without white space and
/// colons at its ends, and `blank` if nothing is left of it.
pub fn normalize_deck_name(name: &str) -> Cow<'_, str> {
    let mut name = normalize_once(name);
    // What is left when control characters are gone can have other levels.
    while let Cow::Owned(again) = normalize_once(&name) {
        name = Cow::Owned(again);
    }
    name
}

fn normalize_once(name: &str) -> Cow<'_, str> {
    if name.split("::").all(|level| matches!(normalize_level(level), Cow::Borrowed(same) if same.len() == level.len())) {
        return Cow::Borrowed(name);
    }
    let levels: Vec<_> = name.split("::").map(normalize_level).collect();
    Cow::Owned(levels.join("::"))
}

/// The name with U+001F between its levels.
pub fn to_native_deck_name(name: &str) -> String {
    name.replace("::", "\u{1f}")
}

/// The name with `::` between its levels.
pub fn to_human_deck_name(native: &str) -> String {
    native.replace('\u{1f}', "::")
}

/// The name of the deck that contains this one, if it is not at the top level.
pub fn parent_deck_name(name: &str) -> Option<&str> {
    name.rsplit_once("::").map(|(parent, _)| parent)
}

fn normalize_level(level: &str) -> Cow<'_, str> {
    let clean = match normalize_nfc(level) {
        Cow::Owned(text) => Cow::Owned(without_control_characters(text)),
        Cow::Borrowed(text) if text.contains(|c: char| c.is_ascii_control()) => Cow::Owned(without_control_characters(text.to_owned())),
        borrowed @ Cow::Borrowed(_) => borrowed,
    };
    let at_ends = |c: char| c.is_whitespace() || c == ':';
    match clean {
        Cow::Borrowed(text) => match text.trim_matches(at_ends) {
            "" => Cow::Owned("blank".to_owned()),
            trimmed => Cow::Borrowed(trimmed),
        },
        Cow::Owned(text) => match text.trim_matches(at_ends) {
            "" => Cow::Owned("blank".to_owned()),
            trimmed => Cow::Owned(trimmed.to_owned()),
        },
    }
}

fn without_control_characters(mut text: String) -> String {
    text.retain(|c| !c.is_ascii_control());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_normalised_one_by_one() {
        for (given, wanted) in [
            ("a::b", "a::b"),
            ("", "blank"),
            ("::", "blank::blank"),
            (" a :: b ", "a::b"),
            ("a:::b", "a::b"),
            (":a:", "a"),
            ("a\u{1}b::\tc\n", "ab::c"),
            ("e\u{301}", "\u{e9}"),
            ("\u{3000}x\u{a0}", "x"),
            ("a\u{1f}b", "ab"),
            ("a:\u{1}:\u{2}:b", "a::b"),
        ] {
            assert_eq!(normalize_deck_name(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn an_unchanged_name_is_borrowed() {
        assert!(matches!(normalize_deck_name("Japanisch::Schrift ü"), Cow::Borrowed(_)));
    }

    #[test]
    fn both_forms_lead_back_to_each_other() {
        assert_eq!(to_native_deck_name("a::b::c"), "a\u{1f}b\u{1f}c");
        assert_eq!(to_human_deck_name("a\u{1f}b\u{1f}c"), "a::b::c");
        assert_eq!(parent_deck_name("a::b::c"), Some("a::b"));
        assert_eq!(parent_deck_name("a"), None);
    }
}
