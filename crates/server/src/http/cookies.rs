//! Cookies: reading those of a request, and writing ours. The names are those of the original, so that its users' scripts go on working.

use super::site::Site;
use axum::http::{HeaderMap, HeaderValue, header};

/// The session's key. Not for scripts.
pub const SESSION: &str = "sessionid";
/// The token that every change has to carry, readable by scripts, which send it in the header `X-CSRFToken`.
pub const CSRF: &str = "csrftoken";

/// What a login at a provider needs when the browser comes back. Not for scripts.
pub const OIDC: &str = "oidc";

/// A secret that was just made, for the page that shows it. Not for scripts.
pub const SHOWN: &str = "shown";

/// The value of a cookie. Where several have that name, the first, as the original did.
pub fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    cookies.filter_map(|cookie| cookie.trim().split_once('=')).find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// A cookie for the browser to keep for so many seconds; 0 removes it. `value` must be of hexadecimal digits or the like.
pub fn set(site: &Site, name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    let for_scripts = if name == CSRF { "" } else { "; HttpOnly" };
    let secure = if site.is_https { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={value}; Path={}/; Max-Age={seconds}; SameSite=Lax{for_scripts}{secure}", site.base)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xsessionid=1; sessionid=2;csrftoken=3"));
        headers.append(header::COOKIE, HeaderValue::from_static("sessionid=4; other"));
        assert_eq!((get(&headers, SESSION), get(&headers, CSRF), get(&headers, "none")), (Some("2"), Some("3"), None));
    }

    #[test]
    fn cookies_are_guarded() {
        let site = Site { is_https: true, host: "a".into(), base: "/b".into() };
        assert_eq!(set(&site, SESSION, "ab", 5).expect("a header"), "sessionid=ab; Path=/b/; Max-Age=5; SameSite=Lax; HttpOnly; Secure");
        let site = Site { is_https: false, base: String::new(), ..site };
        assert_eq!(set(&site, CSRF, "", 0).expect("a header"), "csrftoken=; Path=/; Max-Age=0; SameSite=Lax");
        assert_eq!(set(&site, CSRF, "a\nb", 0), None);
    }
}
