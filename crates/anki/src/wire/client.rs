//! What clients say of themselves.
//!
//! The header of protocol 11 has `26.09.3,29bb700b,linux`, `meta` has `anki,26.09.3 (29bb700b),linux`; older programs sent
//! `anki,2.1.49 (d9ed0ec1),lin:ubuntu` or `ankidroid,2.15.6,`. Nothing is promised about the form, so whatever cannot be
//! recognised is left out and never refused.

/// The longest text kept of what a client says, in characters.
const LONGEST: usize = 100;

/// A client program, as far as it can be recognised.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct ClientVersion {
    /// What the client sent, shortened and without control characters, to be shown to users.
    pub text: String,
    /// Lower-case name of the program: `anki`, `ankidroid`, …; `anki` if the text begins with a number.
    pub program: String,
    /// The version of Anki itself, if the program is Anki or embeds its Rust code. Old AnkiDroid has its own numbering: nothing.
    pub anki: Option<AnkiVersion>,
    /// Lower-case: `linux`, `windows`, `macos`, `android`, `ios` …
    pub platform: Option<String>,
}

/// A version of Anki: year, month and patch, or before 2023 `2.1` and a counter. Later versions compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnkiVersion {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl AnkiVersion {
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads the numbers at the start of a text such as `25.09rc1 (abcdef)`. The third may be missing.
    fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut numbers = text.get(..end)?.split('.').take_while(|part| !part.is_empty()).map(|part| part.parse().ok());
        let major = numbers.next()??;
        let minor = numbers.next()??;
        let patch = numbers.next().unwrap_or(Some(0))?;
        Some(Self { major, minor, patch })
    }
}

impl ClientVersion {
    pub fn parse(text: &str) -> Self {
        let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        let mut parts = text.split(',').map(str::trim);
        let first = parts.next().unwrap_or_default();
        let named = !first.starts_with(|c: char| c.is_ascii_digit());
        let (program, version) = if named { (first, parts.next().unwrap_or_default()) } else { ("anki", first) };
        let program = program.to_ascii_lowercase();
        let anki = if matches!(program.as_str(), "anki" | "ankidesktop") { AnkiVersion::parse(version) } else { None };
        let platform = if named { parts.next() } else { parts.nth(1) };
        let platform = platform.filter(|platform| !platform.is_empty()).map(str::to_ascii_lowercase);
        Self { program, anki, platform, text }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_texts() {
        let v = AnkiVersion::new;
        for (text, program, anki, platform) in [
            ("26.09.3,29bb700b,linux", "anki", Some(v(26, 9, 3)), Some("linux")),
            ("anki,26.09.3 (29bb700b),linux", "anki", Some(v(26, 9, 3)), Some("linux")),
            ("anki,25.09rc1 (dev),android", "anki", Some(v(25, 9, 0)), Some("android")),
            ("25.09,dev,ios", "anki", Some(v(25, 9, 0)), Some("ios")),
            ("2.1.56 (abc)", "anki", Some(v(2, 1, 56)), None),
            ("anki,2.1.49 (d9ed0ec1),lin:ubuntu", "anki", Some(v(2, 1, 49)), Some("lin:ubuntu")),
            ("ankidesktop,2.0.52,win:10", "ankidesktop", Some(v(2, 0, 52)), Some("win:10")),
            ("ankidroid,2.15.6,", "ankidroid", None, None),
            ("AnkiUniversal,1.4.16,win", "ankiuniversal", None, Some("win")),
            ("anki,dev", "anki", None, None),
            ("", "", None, None),
            ("99999999999.1", "anki", None, None),
            ("26", "anki", None, None),
        ] {
            let client = ClientVersion::parse(text);
            assert_eq!((client.program.as_str(), client.anki, client.platform.as_deref()), (program, anki, platform), "{text}");
            assert_eq!(client.text, text);
        }
    }

    #[test]
    fn later_versions_are_greater() {
        let order = ["2.0.52", "2.1.49", "2.1.66", "23.10.1", "25.02.7", "25.09", "26.09.3"].map(|text| ClientVersion::parse(text).anki);
        assert!(order.is_sorted() && order.iter().all(Option::is_some));
    }

    #[test]
    fn the_kept_text_is_short_and_printable() {
        let client = ClientVersion::parse(&("anki,1.2\n\u{7f}".to_owned() + &"é".repeat(500)));
        assert_eq!(client.text.chars().count(), LONGEST);
        assert!(client.text.starts_with("anki,1.2é"));
    }

    proptest! {
        #[test]
        fn any_text_will_do(text in "[0-9a-z.,() é]{0,30}") {
            prop_assert_eq!(ClientVersion::parse(&text).text, text);
        }
    }
}
