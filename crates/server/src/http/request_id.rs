//! What a request is called in the log, in its answer and by the proxies in front of us.

use crate::config::TrustedProxies;
use crate::random;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, Request};
use std::net::SocketAddr;

/// The header, in requests and answers.
pub const NAME: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ones are none that a proxy makes.
const LONGEST: usize = 128;

/// The id that a proxy of ours has given, or a new one. Anybody else's is not taken: it could imitate another request's.
pub fn of<B>(request: &Request<B>, trusted: &TrustedProxies) -> String {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let given = request.headers().get(NAME).and_then(|value| value.to_str().ok());
    match given {
        Some(given) if peer.is_some_and(|peer| trusted.contain(peer.0.ip())) && is_usable(given) => given.to_owned(),
        _ => random::bytes::<8>().map(hex::encode).unwrap_or_else(|_| "-".to_owned()),
    }
}

/// Only what cannot play tricks with log lines.
fn is_usable(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/' | b'+' | b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_of_ours_gives_ids() -> anyhow::Result<()> {
        let trusted = TrustedProxies::parse("10.0.0.0/8").expect("a network");
        let long = "x".repeat(LONGEST + 1);
        for (peer, id, taken) in [
            (Some("10.1.1.1:9"), "f00-1_2.3:4/5+6=", true),
            (Some("[::ffff:10.1.1.1]:9"), "abc", true),
            (Some("192.0.2.1:9"), "abc", false),
            (None, "abc", false),
            (Some("10.1.1.1:9"), "", false),
            (Some("10.1.1.1:9"), "a b", false),
            (Some("10.1.1.1:9"), "a\"}", false),
            (Some("10.1.1.1:9"), long.as_str(), false),
        ] {
            let mut request = Request::get("/").header(NAME, id).body(())?;
            if let Some(peer) = peer {
                request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>()?));
            }
            let got = of(&request, &trusted);
            assert_eq!(got == id, taken, "{peer:?} {id}");
            assert!(taken || got.len() == 16, "{got}");
        }
        Ok(())
    }
}
