//! The address under which a browser or client reaches us, which links and cookies depend on.

use crate::app::App;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

/// Marks a request that came over TLS to this process itself: whoever accepts such connections puts it into the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct OverTls;

/// Scheme, host and the path that everything is below: `https://anki.example.com` + `/sub`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub is_https: bool,
    /// With its port, if that is not the usual one.
    pub host: String,
    /// Empty, or `/sub` where a proxy serves us below a path and says so in `X-Forwarded-Prefix`.
    pub base: String,
}

impl Site {
    /// The address to type into a client, with a final slash.
    pub fn address(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}{}/", self.host, self.base)
    }

    /// A path of ours as a link.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// From the parts of a request. What proxies say counts only if they are trusted.
    pub fn of(parts: &Parts, app: &App) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let is_trusted = peer.is_some_and(|peer| app.config.trusted_proxies.contain(peer));
        let forwarded = |name| if is_trusted { first(&parts.headers, name) } else { None };
        let own = || first(&parts.headers, header::HOST.as_str()).or_else(|| parts.uri.authority().map(|a| a.to_string()));
        Self {
            is_https: match forwarded("x-forwarded-proto") {
                Some(scheme) => scheme.eq_ignore_ascii_case("https"),
                None => parts.extensions.get::<OverTls>().is_some(),
            },
            host: forwarded("x-forwarded-host").or_else(own).filter(|host| is_host(host)).unwrap_or_else(|| "localhost".to_owned()),
            base: forwarded("x-forwarded-prefix")
                .map(|prefix| prefix.trim_end_matches('/').to_owned())
                .filter(|p| is_prefix(p))
                .unwrap_or_default(),
        }
    }
}

impl FromRequestParts<Arc<App>> for Site {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self::of(parts, app))
    }
}

/// The first of several values: proxies append.
fn first(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.split(',').next()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// A host with an optional port, and nothing that could end up as something else in a page or a header.
fn is_host(text: &str) -> bool {
    text.len() <= 260 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'[' | b']'))
}

fn is_prefix(text: &str) -> bool {
    text.is_empty()
        || (text.starts_with('/')
            && !text.starts_with("//")
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'/' | b'~')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_prefixes() {
        for (host, fine) in [("anki.example.com:8002", true), ("[::1]:80", true), ("a\"b", false), ("a/b", false), ("a b", false)] {
            assert_eq!(is_host(host), fine, "{host}");
        }
        for (prefix, fine) in [("", true), ("/djs", true), ("//evil.example", false), ("djs", false), ("/a\"", false)] {
            assert_eq!(is_prefix(prefix), fine, "{prefix}");
        }
        let site = Site { is_https: true, host: "a.example".into(), base: "/b".into() };
        assert_eq!(site.address(), "https://a.example/b/");
    }
}
