use unicode_normalization::is_nfc;

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

#[cfg(test)]
mod tests {
    use super::*;

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
