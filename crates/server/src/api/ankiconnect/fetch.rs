//! Files by address: the server fetches what a user names. So that nobody reaches by us what only we can reach, it connects to public
//! addresses only, wherever names and redirects lead.

use super::failed::{Failed, Result, said};
use crate::actions::media_files::LARGEST;
use crate::config::Fetching;
use crate::network::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use url::{Host, Url};

const WHOLE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
const MOST_REDIRECTS: usize = 5;
/// At the same time; each may need 100 MiB.
static PLACES: Semaphore = Semaphore::const_new(4);

/// Fetches a file.
///
/// # Errors
/// When the address is not one to fetch from, or does not answer with a file of a decent size in time.
pub async fn download(allowed: Fetching, address: &str) -> Result<Vec<u8>> {
    if allowed == Fetching::Off {
        return Err(said("this server does not fetch files; send the content as `data`"));
    }
    let url = Url::parse(address).map_err(|_| said("`url` is not an address"))?;
    check(&url, allowed).map_err(said)?;
    let _place = PLACES.acquire().await.map_err(|_| said("the server is stopping"))?;
    match tokio::time::timeout(WHOLE, fetch(allowed, url)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(said(format!("{address} download failed: it took too long"))),
    }
}

async fn fetch(allowed: Fetching, url: Url) -> Result<Vec<u8>> {
    let address = url.to_string();
    let mut response = client(allowed)?.get(url).send().await.map_err(|e| failed(&address, &e))?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(said(format!("{address} download failed with return code {}", response.status().as_u16())));
    }
    let mut content = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| failed(&address, &e))? {
        if content.len() + piece.len() > LARGEST {
            return Err(said(format!("{address} download failed: it has more than 100 MiB")));
        }
        content.extend_from_slice(&piece);
    }
    Ok(content)
}

fn client(allowed: Fetching) -> Result<reqwest::Client> {
    // Whoever asks first decides for the whole process; all of our code asks for the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let redirects = Policy::custom(move |attempt| {
        if attempt.previous().len() > MOST_REDIRECTS {
            return attempt.error("too many redirects");
        }
        match check(attempt.url(), allowed) {
            Ok(()) => attempt.follow(),
            Err(reason) => attempt.error(reason),
        }
    });
    let mut builder = reqwest::Client::builder()
        .user_agent("djankiserv")
        .connect_timeout(CONNECT)
        .redirect(redirects)
        .pool_max_idle_per_host(0)
        // A proxy would look names up itself, and could reach anything.
        .no_proxy();
    if allowed == Fetching::Public {
        builder = builder.dns_resolver(Arc::new(PublicOnly));
    }
    builder.build().map_err(|e| super::failed::internal(&format!("cannot fetch files: {e}")))
}

/// What can be told from the address itself. Names are looked at when they are looked up.
fn check(url: &Url, allowed: Fetching) -> std::result::Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("only http and https addresses can be fetched");
    }
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) => None,
        None => return Err("the address has no host"),
    };
    if allowed == Fetching::Public && ip.is_some_and(|ip| !is_public(ip)) {
        return Err(NOT_PUBLIC);
    }
    Ok(())
}

const NOT_PUBLIC: &str = "the server fetches files from public addresses only";

/// The reason that lies deepest; those above it only say that something failed.
fn failed(address: &str, error: &reqwest::Error) -> Failed {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    said(format!("{address} download failed: {reason}"))
}

struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = found.into_iter().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() { Err(NOT_PUBLIC.into()) } else { Ok(Box::new(public.into_iter()) as Addrs) }
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_fetch_from() {
        for (url, public, any) in [
            ("https://example.com/a.mp3", true, true),
            ("http://127.1/a", false, true),
            ("http://2130706433/", false, true),
            ("http://0x7f.1/", false, true),
            ("http://[::1]:80/", false, true),
            ("http://[::ffff:10.0.0.1]/", false, true),
            ("ftp://example.com/", false, false),
            ("file:///etc/passwd", false, false),
            ("data:text/plain,x", false, false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!((check(&url, Fetching::Public).is_ok(), check(&url, Fetching::Any).is_ok()), (public, any), "{url}");
        }
    }

    #[tokio::test]
    async fn names_of_our_own_network_are_refused() {
        let refused = download(Fetching::Public, "http://localhost:1/x").await.unwrap_err();
        assert!(refused.0.contains(NOT_PUBLIC), "{}", refused.0);
        let refused = download(Fetching::Public, "http://127.0.0.1:1/x").await.unwrap_err();
        assert_eq!(refused.0, NOT_PUBLIC);
        assert!(download(Fetching::Off, "https://example.com/").await.is_err());
    }
}
