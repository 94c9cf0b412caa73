use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The largest number of bytes in a media file's name. Current clients stop at 120.
pub const MAX_NAME_BYTES: usize = 255;

/// Why a name cannot be that of a media file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("it is empty")]
    Empty,
    #[error("it has more than {MAX_NAME_BYTES} bytes")]
    TooLong,
    #[error("it is not in Unicode's composed form (NFC)")]
    NotComposed,
    #[error("it has a path separator")]
    Separator,
    #[error("it has a control character")]
    ControlCharacter,
    #[error("it names a folder")]
    Folder,
}

/// Checks the name of a media file that a client wants to store.
///
/// Names are data to us and never become paths, but clients make files of them. So these rules are the official server's, and
/// stricter where something might harm another client.
///
/// # Errors
/// When the name is refused.
pub fn check_name(name: &str) -> Result<(), BadName> {
    if name.is_empty() {
        Err(BadName::Empty)
    } else if name.len() > MAX_NAME_BYTES {
        Err(BadName::TooLong)
    } else if name.contains(['/', '\\']) {
        Err(BadName::Separator)
    } else if name.contains(|c: char| c.is_ascii_control()) {
        Err(BadName::ControlCharacter)
    } else if matches!(name, "." | "..") {
        Err(BadName::Folder)
    } else if !name.is_ascii() && !is_nfc(name) {
        Err(BadName::NotComposed)
    } else {
        Ok(())
    }
}

/// The largest number of bytes in a name under which clients keep a file that comes to them. They rename others on arrival.
pub const MAX_KEPT_NAME_BYTES: usize = 120;
/// Clients cut longer names when they store a file.
const USUAL_BYTES: usize = 119;
const EXTENSION_BYTES: usize = 10;
/// What some system, shell or address cannot have in a name.
const UNWANTED: &[char] = &['[', ']', '<', '>', ':', '"', '/', '?', '*', '^', '\\', '|'];

/// The name under which a client would store a file that somebody wants to call so. None if nothing is left of it.
///
/// Found out by asking clients, of which the newest also turn it into lower case; older ones don't, and neither do we, so that a note
/// that names the file as it was sent finds it.
pub fn usable_name(wanted: &str) -> Option<String> {
    let mut name: String = wanted.nfc().filter(|c| !c.is_ascii_control() && !UNWANTED.contains(c)).collect();
    name = name.replace('\u{a0}', " ");
    let end = name.find('.').unwrap_or(name.len());
    if is_device(&name[..end]) {
        name.insert(end, '_');
    }
    if name.is_empty() {
        return None;
    }
    if name.ends_with([' ', '.']) {
        name.push('_');
    }
    if name.len() > USUAL_BYTES {
        let (stem, extension) = split_extension(&name);
        let extension = start_of(extension, EXTENSION_BYTES + 1);
        name = format!("{}{extension}", start_of(stem, USUAL_BYTES - extension.len()));
    }
    Some(name)
}

/// Another name for a file whose name is taken by other content: with the content's SHA-1 before the extension, and cut
/// to what clients keep.
pub fn name_with_hash(name: &str, sha1: &str) -> String {
    let (stem, extension) = split_extension(name);
    let room = MAX_KEPT_NAME_BYTES.saturating_sub(extension.len() + sha1.len() + 1);
    format!("{}-{sha1}{extension}", start_of(stem, room))
}

/// What stands before the last dot, and the rest with the dot.
fn split_extension(name: &str) -> (&str, &str) {
    name.split_at(name.rfind('.').unwrap_or(name.len()))
}

/// At most so many bytes, and no half character.
fn start_of(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Names that Windows keeps for devices.
fn is_device(stem: &str) -> bool {
    let stem = stem.to_ascii_lowercase();
    let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered.is_some_and(|rest| matches!(rest.as_bytes(), [b'1'..=b'9']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_names_become_usable() {
        let long = "x".repeat(200) + ".jpg";
        let cut = "x".repeat(115) + ".jpg";
        let wide = "日".repeat(50) + ".mp3";
        let wide_cut = "日".repeat(38) + ".mp3";
        for (wanted, name) in [
            ("a.jpg", Some("a.jpg")),
            ("Foo.JPG", Some("Foo.JPG")),
            ("a[b]<c>d:e\"f/g?h*i^j\\k|l.txt", Some("abcdefghijkl.txt")),
            ("../x/y.jpg", Some("..xy.jpg")),
            ("e\u{301}.txt", Some("é.txt")),
            ("a\u{a0}b\t\u{7f}", Some("a b")),
            ("a ", Some("a _")),
            ("...", Some("..._")),
            ("con.txt", Some("con_.txt")),
            ("NUL", Some("NUL_")),
            ("com1.x", Some("com1_.x")),
            ("lpt0.txt", Some("lpt0.txt")),
            (&long, Some(&cut)),
            (&wide, Some(&wide_cut)),
            ("[]", None),
            ("", None),
        ] {
            let usable = usable_name(wanted);
            assert_eq!(usable.as_deref(), name, "{wanted:?}");
            assert!(usable.is_none_or(|name| check_name(&name) == Ok(())), "{wanted:?}");
        }
        assert_eq!(name_with_hash("a.tar.gz", "ff"), "a.tar-ff.gz");
        assert_eq!(name_with_hash("noext", "ff"), "noext-ff");
        let hashed = name_with_hash(&wide, &"f".repeat(40));
        assert_eq!((check_name(&hashed), hashed), (Ok(()), "日".repeat(25) + "-" + &"f".repeat(40) + ".mp3"));
    }

    #[test]
    fn names() {
        let longest = "é".repeat(127) + "x";
        for (name, wanted) in [
            ("a.jpg", Ok(())),
            ("_a b(1) [x] ü.jpg", Ok(())),
            ("日本.mp3", Ok(())),
            ("...", Ok(())),
            (&longest, Ok(())),
            ("", Err(BadName::Empty)),
            (&(longest.clone() + "y"), Err(BadName::TooLong)),
            ("e\u{301}.jpg", Err(BadName::NotComposed)),
            ("../a", Err(BadName::Separator)),
            ("a\\b", Err(BadName::Separator)),
            ("a\0", Err(BadName::ControlCharacter)),
            ("a\n", Err(BadName::ControlCharacter)),
            ("..", Err(BadName::Folder)),
            (".", Err(BadName::Folder)),
        ] {
            assert_eq!(check_name(name), wanted, "{name:?}");
        }
    }
}
