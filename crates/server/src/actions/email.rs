//! What may be an e-mail address: one rule for pages, commands and the API.

/// In bytes, as mail servers take them.
const LONGEST: usize = 254;

/// Whether this has the shape of an e-mail address, or is empty. Only a mail that arrives tells more.
pub fn is_fine(email: &str) -> bool {
    let fits = match email.rsplit_once('@') {
        Some((local, domain)) => !local.is_empty() && !domain.is_empty(),
        None => email.is_empty(),
    };
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';');
    fits && email.len() <= LONGEST && !email.contains(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for email in ["", "ann@example.com", "ann+anki@localhost", "\u{e4}nn@ex\u{e4}mple.com", "\"a@b\"@c"] {
            assert!(is_fine(email), "{email}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for email in ["ann", "@example.com", "ann@", "a b@c", "<a@b>", "a@b,c@d", "a@b\r\nBcc: c@d", long.as_str()] {
            assert!(!is_fine(email), "{email}");
        }
    }
}
