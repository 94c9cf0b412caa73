//! Which web pages may use AnkiConnect's address, as the add-on decides it. An allowed one still needs a key.

use axum::http::{HeaderMap, HeaderValue, header};

/// The add-on's default, which also lets the extensions of browsers in.
const LOCALHOST: &str = "http://localhost";
const EXTENSIONS: [&str; 3] = ["chrome-extension://", "moz-extension://", "safari-web-extension://"];

/// What is said about a request's origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub is_allowed: bool,
    /// What the request says, or nothing.
    pub given: String,
    /// For `Access-Control-Allow-Origin`.
    pub answer: String,
}

impl Origin {
    /// Looks an origin up in the list of allowed ones. Who sends none is no web page.
    pub fn of(headers: &HeaderMap, allowed: &[String]) -> Self {
        let Some(value) = headers.get(header::ORIGIN) else {
            let answer = if allowed.iter().any(|one| one == "*") { "*" } else { LOCALHOST };
            return Self { is_allowed: true, given: String::new(), answer: answer.into() };
        };
        let given = value.to_str().unwrap_or_default().to_owned();
        if allowed.iter().any(|one| one == "*") {
            return Self { is_allowed: true, given, answer: "*".into() };
        }
        let is_local = ["http://127.0.0.1", "https://127.0.0.1"].contains(&given.as_str())
            || ["http://127.0.0.1:", "https://127.0.0.1:", "http://localhost:"].iter().any(|start| given.starts_with(start))
            || EXTENSIONS.iter().any(|start| given.starts_with(start));
        let is_allowed = allowed.contains(&given) || is_local && allowed.iter().any(|one| one == LOCALHOST);
        let answer = if is_allowed { given.clone() } else { LOCALHOST.into() };
        Self { is_allowed, given, answer }
    }

    /// Says to the browser who may read the answer.
    pub fn put(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.answer) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
        }
        // The asterisk does not stand for Authorization.
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*, Authorization"));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        let default = ["http://localhost"];
        for (allowed, given, fine, answer) in [
            (&default[..], "", true, "http://localhost"),
            (&default, "http://localhost", true, "http://localhost"),
            (&default, "http://localhost:3000", true, "http://localhost:3000"),
            (&default, "http://127.0.0.1:8080", true, "http://127.0.0.1:8080"),
            (&default, "chrome-extension://abc", true, "chrome-extension://abc"),
            (&default, "moz-extension://abc", true, "moz-extension://abc"),
            (&default, "app://obsidian.md", false, "http://localhost"),
            (&default, "http://localhost.evil.example", false, "http://localhost"),
            (&default, "http://127.0.0.1.evil.example", false, "http://localhost"),
            (&default, "null", false, "http://localhost"),
            (&["app://obsidian.md"], "app://obsidian.md", true, "app://obsidian.md"),
            (&["app://obsidian.md"], "chrome-extension://abc", false, "http://localhost"),
            (&["*"], "https://any.example", true, "*"),
            (&[], "https://any.example", false, "http://localhost"),
        ] {
            let mut headers = HeaderMap::new();
            if !given.is_empty() {
                headers.insert(header::ORIGIN, HeaderValue::from_static(given));
            }
            let allowed: Vec<String> = allowed.iter().map(|one| (*one).to_owned()).collect();
            let origin = Origin::of(&headers, &allowed);
            assert_eq!((origin.is_allowed, origin.answer.as_str()), (fine, answer), "{given}");
        }
    }
}
