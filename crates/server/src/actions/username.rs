//! Usernames: what may be one, and when two are the same.

use unicode_normalization::UnicodeNormalization;

/// A username, as somebody typed it and as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    typed: String,
    key: String,
}

/// Why a text cannot be a username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    #[error("a username cannot be empty")]
    Empty,
    #[error("a username cannot contain line breaks or other control characters")]
    ControlCharacter,
    #[error("a username can have at most {LONGEST} bytes (an e-mail address fits)")]
    TooLong,
}

/// In bytes, of either form. E-mail addresses have at most 254.
const LONGEST: usize = 254;

impl Username {
    /// Takes what somebody typed. Blanks around it do not count.
    ///
    /// # Errors
    /// When it is empty, too long, or contains control characters.
    pub fn new(typed: &str) -> Result<Self, UsernameError> {
        let typed = typed.trim();
        let key = compared_form(typed);
        if key.is_empty() {
            return Err(UsernameError::Empty);
        }
        if typed.len() > LONGEST || key.len() > LONGEST {
            return Err(UsernameError::TooLong);
        }
        if typed.chars().chain(key.chars()).any(char::is_control) {
            return Err(UsernameError::ControlCharacter);
        }
        Ok(Self { typed: typed.to_owned(), key })
    }

    /// As it was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// The same for all spellings of one name: compatibility forms and case do not count.
    pub fn key(&self) -> &str {
        &self.key
    }
}

fn compared_form(text: &str) -> String {
    // Lower-casing can produce what is not normalised, and a sigma's lower case depends on what follows it.
    let lower: String = text.nfkc().collect::<String>().to_lowercase().replace('ς', "σ");
    let normal: String = lower.nfkc().collect();
    normal.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name() {
        let same = [
            ("Ann@Example.COM", " ann@example.com\n"),
            ("ÉMILE", "e\u{301}mile"),
            ("ＡＮＮ", "ann"),
            ("ΣΑΣ", "σας"),
            ("ﬁona", "FIONA"),
            ("日本", "日本\u{3000}"),
        ];
        for (a, b) in same {
            assert_eq!(Username::new(a).map(|u| u.key), Username::new(b).map(|u| u.key), "{a} {b}");
        }
        for (a, b) in [("ann", "anna"), ("emile", "émile"), ("a b", "ab")] {
            assert_ne!(Username::new(a).map(|u| u.key), Username::new(b).map(|u| u.key), "{a} {b}");
        }
        assert_eq!(Username::new(" Ann ").map(|u| u.typed), Ok("Ann".into()));
    }

    #[test]
    fn what_is_refused() {
        let long = "x".repeat(255);
        // One character that becomes eighteen when it is normalised.
        let growing = "\u{FDFA}".repeat(40);
        let cases = [
            ("", UsernameError::Empty),
            (" \u{3000}\t", UsernameError::Empty),
            ("a\u{0}b", UsernameError::ControlCharacter),
            ("a\nb", UsernameError::ControlCharacter),
            (long.as_str(), UsernameError::TooLong),
            (growing.as_str(), UsernameError::TooLong),
        ];
        for (text, want) in cases {
            assert_eq!(Username::new(text), Err(want), "{text:?}");
        }
        assert!(Username::new(&"x".repeat(254)).is_ok());
    }
}
