//! Which new passwords are good enough. The command line, where an administrator types them, has no such rules.

/// In characters.
pub const SHORTEST: usize = 8;

/// What is wrong with a new password, as a sentence for whoever chose it. `about` is what an attacker would try first: the username and
/// the e-mail address.
pub fn problem(password: &str, about: &[&str]) -> Option<&'static str> {
    if password.chars().count() < SHORTEST {
        return Some("The password needs at least 8 characters.");
    }
    if password.len() > crate::passwords::LONGEST_PASSWORD {
        return Some("The password can have at most 4096 bytes.");
    }
    // A long sentence is rated by its beginning, as rating takes time.
    let start: String = password.chars().take(80).collect();
    let score = zxcvbn::zxcvbn(&start, about).score();
    if score < zxcvbn::Score::Two {
        return Some(
            "The password is among those that are guessed first. Several words that do not belong together are better, and easy to remember.",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first_is_refused() {
        for password in
            ["", "short", "password", "12345678", "qwertyuiop", "P@ssw0rd", "aaaaaaaaaaaa", "ann.smith@example.com", "annsmith1"]
        {
            assert!(problem(password, &["annsmith", "ann.smith@example.com"]).is_some(), "{password}");
        }
        for password in ["correct horse battery", "g7#kQz!m", "Vier Elche trinken Tee", "日本語のながいことば"] {
            assert_eq!(problem(password, &["ann"]), None, "{password}");
        }
        assert!(problem(&"long ".repeat(2000), &[]).is_some());
    }
}
