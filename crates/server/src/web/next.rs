//! Where to go after logging in. The address comes from the request, so it could be anything; only pages of ours are gone to.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The page, if it is one of ours: a path that no browser takes for the name of another host.
pub fn safe(next: &str) -> Option<&str> {
    let is_path = next.starts_with('/') && !next.starts_with("//") && next.len() <= 2000;
    let is_plain = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    (is_path && is_plain).then_some(next)
}

/// `path`, with the page to go to afterwards if that is another one than the beginning.
pub fn with_next(path: &str, next: Option<&str>) -> String {
    match next.and_then(safe) {
        Some("/") | None => path.to_owned(),
        Some(next) => format!("{path}?next={}", utf8_percent_encode(next, NON_ALPHANUMERIC)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_pages() {
        for next in ["/", "/admin/?q=a&page=2", "/account/%2F%2Fx"] {
            assert_eq!(safe(next), Some(next));
        }
        for next in [
            "",
            "admin",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/a\r\nb",
            "javascript:x",
            "/é",
        ] {
            assert_eq!(safe(next), None, "{next:?}");
        }
        assert_eq!(with_next("/login/", Some("/admin/?q=a&b")), "/login/?next=%2Fadmin%2F%3Fq%3Da%26b");
        assert_eq!(with_next("/login/", Some("//evil")), "/login/");
    }
}
