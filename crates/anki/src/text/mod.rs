//! What Anki derives from the text of a note: the sort field, the checksum of the first field, and cleaned-up text.
//!
//! A client never sends `sfld` and `csum`; whoever stores a note computes them, by exactly the rules of the clients, because
//! duplicate detection and the browser's order rest on them.

mod html;
mod media_tags;
mod references;

use std::borrow::Cow;

use sha1::{Digest, Sha1};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::model::Note;

pub use html::{decode_entities, strip_html, strip_html_keeping_media_names};
pub use media_tags::rename_media;
pub use references::{media_in_css, media_in_field, media_in_template};

/// What separates the fields in a note's text.
pub const FIELD_SEPARATOR: char = '\u{1f}';

/// The fields of a note. There is always at least one.
pub fn split_fields(fields: &str) -> std::str::Split<'_, char> {
    fields.split(FIELD_SEPARATOR)
}

/// The number of fields in a note's text, at least 1.
pub fn field_count(fields: &str) -> usize {
    fields.bytes().filter(|byte| *byte == FIELD_SEPARATOR as u8).count() + 1
}

/// The two derived columns of a note: the text of its sort field and the checksum of its first field.
///
/// `sort_field` is the notetype's `sortf`; beyond the last field the text is empty. The sort field is text here: only the
/// column of a collection file has integer affinity and so turns `007` into 7.
pub fn derive(fields: &str, sort_field: i32) -> (String, i64) {
    let first = split_fields(fields).next().unwrap_or_default();
    let first_stripped = strip_html_keeping_media_names(first);
    let checksum = checksum_of_stripped(&first_stripped);
    let sort_text = match usize::try_from(sort_field) {
        Ok(index @ 1..) => strip_html_keeping_media_names(split_fields(fields).nth(index).unwrap_or_default()),
        _ => first_stripped,
    };
    (sort_text.into_owned(), checksum)
}

/// Fills in the derived columns of a note. See [`derive()`].
pub fn fill_derived(note: &mut Note, sort_field: i32) {
    (note.sort_field, note.checksum) = derive(&note.fields, sort_field);
}

/// The checksum of a note's first field: the first 32 bits of the SHA-1 of its stripped text.
pub fn checksum(first_field: &str) -> i64 {
    checksum_of_stripped(&strip_html_keeping_media_names(first_field))
}

fn checksum_of_stripped(text: &str) -> i64 {
    let [a, b, c, d, ..]: [u8; 20] = Sha1::digest(text).into();
    i64::from(u32::from_be_bytes([a, b, c, d]))
}

/// Note text without ASCII control characters, other than tab, newline and the field separator.
///
/// Works on one field or on fields joined by U+001F.
pub fn strip_control_characters(text: &str) -> Cow<'_, str> {
    let unwanted = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | FIELD_SEPARATOR);
    if text.contains(unwanted) { Cow::Owned(text.replace(unwanted, "")) } else { Cow::Borrowed(text) }
}

/// The text in Unicode's composed form (NFC); borrowed if it is already.
pub fn normalize_nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sort_field_and_checksum() {
        for (fields, sort_field, wanted) in [
            ("one\u{1f}<b>two</b>", 0, ("one", checksum("one"))),
            ("one\u{1f}<b>two</b>", 1, ("two", checksum("one"))),
            ("one\u{1f}two", 2, ("", checksum("one"))),
            ("one\u{1f}two", -1, ("one", checksum("one"))),
            ("", 0, ("", 3_661_210_606)),
            ("日本", 0, ("日本", 1_155_165_116)),
        ] {
            let (text, sum) = derive(fields, sort_field);
            assert_eq!((text.as_str(), sum), wanted, "{fields:?} {sort_field}");
        }
    }

    #[test]
    fn fields_are_counted() {
        for (fields, wanted) in [("", 1), ("a", 1), ("a\u{1f}", 2), ("\u{1f}\u{1f}", 3)] {
            assert_eq!(field_count(fields), wanted);
            assert_eq!(split_fields(fields).count(), wanted);
        }
    }

    #[test]
    fn control_characters_go_but_line_breaks_and_separators_stay() {
        assert_eq!(strip_control_characters("a\tb\nc\u{1f}d"), "a\tb\nc\u{1f}d");
        assert_eq!(strip_control_characters("a\r\nb\0\u{7f}\u{1b}[c\u{85}"), "a\nb[c\u{85}");
        assert!(matches!(strip_control_characters("plain ü"), Cow::Borrowed(_)));
    }

    #[test]
    fn derived_columns_are_filled_in() {
        let mut note = Note { fields: "007\u{1f}<i>x</i>".to_owned(), ..Note::default() };
        fill_derived(&mut note, 1);
        assert_eq!((note.sort_field.as_str(), note.checksum), ("x", 355_756_889));
    }

    proptest! {
        /// Text without markup is its own sort text; with markup, anything may come out, but no panic.
        #[test]
        fn any_text_can_be_stripped(
            plain in "[^<&]{0,20}",
            markup in "(<|>|\"|'|<img|src=|data=| |&|&lt;|;|<!--|-->|<style|</style>|é|\\PC){0,20}",
        ) {
            prop_assert_eq!(strip_html_keeping_media_names(&plain), plain.as_str());
            let stripped = strip_html_keeping_media_names(&markup);
            prop_assert!(stripped.len() <= 3 * markup.len());
        }
    }
}
