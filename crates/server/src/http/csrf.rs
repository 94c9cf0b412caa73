//! Changes that a browser asks for must come from our own pages: another site can make a browser send its cookies to us, but neither
//! knows the token that belongs to the session, nor can hide where the request comes from.

use super::site::Site;
use axum::http::{HeaderMap, Method, header};

/// The header in which scripts send the token.
pub const HEADER: &str = "x-csrftoken";
/// The field in which forms send it.
pub const FIELD: &str = "csrfmiddlewaretoken";

/// Why a change was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsrfError {
    #[error("the request comes from another site")]
    ForeignOrigin,
    #[error("CSRF token missing or incorrect")]
    Token,
}

/// Whether a method changes anything, and so needs [`check`].
pub fn is_needed(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Checks a change that is authorised by a cookie. `accepts` says whether a token is the right one, such as
/// [`crate::actions::web_sessions::Active::accepts`]; `field` is the token of a form, if there is one.
///
/// # Errors
/// [`CsrfError`], to be answered with 403.
pub fn check(headers: &HeaderMap, site: &Site, field: Option<&str>, accepts: impl Fn(&str) -> bool) -> Result<(), CsrfError> {
    check_origin(headers, site)?;
    let in_header = headers.get(HEADER).and_then(|value| value.to_str().ok());
    match field.or(in_header) {
        Some(token) if !token.is_empty() && accepts(token) => Ok(()),
        _ => Err(CsrfError::Token),
    }
}

/// Browsers say where a request comes from; scripts outside of browsers need not. Only names are compared: cookies know no ports, and a
/// proxy that does not tell us about its TLS must not lock everybody out.
fn check_origin(headers: &HeaderMap, site: &Site) -> Result<(), CsrfError> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("null"));
    if text(header::HeaderName::from_static("sec-fetch-site")).is_some_and(|from| from == "cross-site") {
        return Err(CsrfError::ForeignOrigin);
    }
    let Some(from) = text(header::ORIGIN).or_else(|| text(header::REFERER)) else { return Ok(()) };
    let ours = url::Url::parse(&site.address()).ok();
    let theirs = url::Url::parse(from).ok();
    let same = matches!((&ours, &theirs), (Some(ours), Some(theirs)) if ours.host_str().is_some() && ours.host_str() == theirs.host_str());
    if same { Ok(()) } else { Err(CsrfError::ForeignOrigin) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(pairs: &[(&'static str, &str)], field: Option<&str>) -> Result<(), CsrfError> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a header"));
        }
        let site = Site { is_https: false, host: "Anki.example:8002".into(), base: String::new() };
        check(&headers, &site, field, |token| token == "right")
    }

    #[test]
    fn tokens_and_origins() {
        let wrong = Err(CsrfError::Token);
        let foreign = Err(CsrfError::ForeignOrigin);
        assert_eq!(outcome(&[], Some("right")), Ok(()));
        assert_eq!(outcome(&[("x-csrftoken", "right")], None), Ok(()));
        assert_eq!(outcome(&[], None), wrong);
        assert_eq!(outcome(&[("x-csrftoken", "right")], Some("wrong")), wrong);
        assert_eq!(outcome(&[], Some("")), wrong);
        for origin in ["http://anki.example:8002", "https://anki.example", "http://ANKI.example:8002/page"] {
            assert_eq!(outcome(&[("origin", origin)], Some("right")), Ok(()), "{origin}");
        }
        for origin in
            ["null", "https://evil.example", "https://anki.example.evil.example", "x", "https://evil.example/http://anki.example:8002"]
        {
            assert_eq!(outcome(&[("origin", origin)], Some("right")), foreign, "{origin}");
            assert_eq!(outcome(&[("referer", origin)], Some("right")), foreign, "{origin}");
        }
        assert_eq!(outcome(&[("sec-fetch-site", "cross-site")], Some("right")), foreign);
        assert_eq!(outcome(&[("sec-fetch-site", "same-origin"), ("origin", "http://anki.example:8002")], Some("right")), Ok(()));
    }
}
