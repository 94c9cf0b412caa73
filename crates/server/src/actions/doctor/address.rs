//! The address that clients use: whether what they need passes through whatever stands before the server.

use super::{Level, Observation, Options, tls};
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{HOST, LOCATION};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpStream;
use url::Url;

const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_WITH_BODY: Duration = Duration::from_secs(150);
/// What we read of an answer.
const MOST_BYTES: usize = 64 << 10;
const BLOCK: usize = 64 << 10;
/// A header as clients of protocol 11 send it, with a key that nobody has.
const ANKI_SYNC: &str = r#"{"v":11,"k":"djankiserv-doctor","c":"26.09,doctor,any","s":"doctor"}"#;

/// An address without the password that somebody may have put into it.
pub(super) fn shown(url: &str) -> String {
    Url::parse(url).map_or_else(
        |_| "that cannot be read".to_owned(),
        |mut url| {
            let _ = url.set_password(None);
            let _ = url.set_username("");
            url.set_query(None);
            url.into()
        },
    )
}

pub(super) async fn look(url: &str, options: &Options) -> Vec<Observation> {
    let mut say = Vec::new();
    if let Err(problem) = visit(url, options, &mut say).await {
        say.push(problem);
    }
    say
}

type Visit<T> = Result<T, Observation>;

fn problem(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Observation {
    Observation::new(about, Level::Problem, found, advice)
}

/// Where to ask.
struct Place {
    base: Url,
    host: String,
    port: u16,
}

impl Place {
    fn parse(url: &str) -> Visit<Self> {
        let wanted = "give the address that is typed into Anki, such as https://anki.example.com/";
        let mut base = Url::parse(url).map_err(|e| problem("url", format!("it is no address: {e}"), wanted))?;
        if !["http", "https"].contains(&base.scheme()) {
            return Err(problem("url", "it begins with neither http:// nor https://", wanted));
        }
        let host = base.host_str().ok_or_else(|| problem("url", "it has no host", wanted))?.trim_matches(['[', ']']).to_owned();
        let port = base.port_or_known_default().unwrap_or(443);
        let path = base.path().trim_end_matches('/').trim_end_matches("/sync").to_owned();
        base.set_path(&format!("{path}/"));
        base.set_query(None);
        Ok(Self { base, host, port })
    }

    fn is_tls(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// A request for a path below the base.
    fn request(&self, method: Method, path: &str, body: Body) -> Visit<Request<Body>> {
        // The old djankiserv's prefix has the surfaces, but no health.
        let base = self.base.path();
        let base = if path.starts_with("health") { base.strip_suffix("djs/").unwrap_or(base) } else { base };
        let authority = &self.base[url::Position::BeforeHost..url::Position::AfterPort];
        let request = Request::builder().method(method).uri(format!("{base}{path}")).header(HOST, authority).header("anki-sync", ANKI_SYNC);
        request.header("user-agent", "djankiserv-doctor").body(body).map_err(|e| problem("url", format!("it cannot be asked for: {e}"), ""))
    }

    async fn connect(&self, options: &Options, say: &mut Vec<Observation>) -> Visit<SendRequest<Body>> {
        let connecting = tokio::time::timeout(PATIENCE, TcpStream::connect((self.host.as_str(), self.port))).await;
        let advice = "see that the name leads to the proxy, that it runs, and that no firewall stands between";
        let connected =
            connecting.map_err(|_| problem("reachable", format!("{} does not answer on port {}", self.host, self.port), advice))?;
        let stream = connected.map_err(|e| problem("reachable", format!("{} port {}: {e}", self.host, self.port), advice))?;
        if !self.is_tls() {
            return shake_hands(stream).await;
        }
        let advice =
            "clients refuse it too: the certificate must be for this name, not expired, and come with the chain up to a known authority";
        let shaking = tokio::time::timeout(PATIENCE, tls::connect(stream, &self.host, options.ca.as_deref())).await;
        let shaken = shaking.map_err(|_| problem("tls", "the TLS handshake does not end", advice))?;
        let stream = shaken.map_err(|e| problem("tls", format!("no TLS connection: {e:#}"), advice))?;
        let version = stream.get_ref().1.protocol_version().and_then(|version| version.as_str()).unwrap_or_default();
        let version = version.replace("TLSv", "TLS ").replace('_', ".");
        if say.iter().all(|o| o.about != "tls") {
            say.push(Observation::good("tls", format!("the certificate is trusted, and the connection is {version}")));
        }
        shake_hands(stream).await
    }

    async fn ask(
        &self,
        request: Request<Body>,
        options: &Options,
        patience: Duration,
        say: &mut Vec<Observation>,
    ) -> Visit<Response<Bytes>> {
        let mut sender = self.connect(options, say).await?;
        let asking = async {
            let (head, body) = sender.send_request(request).await.map_err(|e| e.to_string())?.into_parts();
            let body = Limited::new(body, MOST_BYTES).collect().await.map_err(|e| e.to_string())?;
            Ok::<_, String>(Response::from_parts(head, body.to_bytes()))
        };
        let answer = tokio::time::timeout(patience, asking).await.map_err(|_| problem("answer", "there is no answer in time", ""))?;
        answer.map_err(|e| problem("answer", format!("the connection broke off: {e}"), "look into the log of the proxy"))
    }
}

async fn shake_hands<S>(stream: S) -> Visit<SendRequest<Body>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|e| problem("reachable", format!("no HTTP connection: {e}"), ""))?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn visit(url: &str, options: &Options, say: &mut Vec<Observation>) -> Visit<()> {
    let place = Place::parse(url)?;
    if !place.is_tls() && !["127.0.0.1", "::1", "localhost"].contains(&place.host.as_str()) {
        let advice = "use https: anybody on the way can read passwords and collections";
        say.push(Observation::new("tls", Level::Warning, "the address is not encrypted", advice));
    }
    let health = place.request(Method::GET, "health", Body::empty())?;
    let answer = place.ask(health, options, PATIENCE, say).await?;
    expect_ok(&answer)?;
    say.push(Observation::good("health", "the server answers, without a redirect"));
    let sync = place.request(Method::POST, "sync/meta", Body::empty())?;
    let answer = place.ask(sync, options, PATIENCE, say).await?;
    // The port that leads browsers to https has the same health, and reads no body to its end.
    if answer.status() == StatusCode::UPGRADE_REQUIRED {
        return Err(plain_http());
    }
    let through = passes_through(&place, options, say).await?;
    say.extend(through);
    say.push(match answer.status() {
        // The answer to a key that nobody has.
        StatusCode::FORBIDDEN => Observation::good("sync", "the sync protocol answers"),
        StatusCode::BAD_REQUEST => stripped("anki-sync", "the request"),
        status => {
            let advice = "the proxy must pass /sync/ and /msync/ on with their whole path and all headers";
            problem("sync", format!("the sync protocol answers {status} instead of 403"), advice)
        }
    });
    Ok(())
}

fn expect_ok(answer: &Response<Bytes>) -> Visit<()> {
    let status = answer.status();
    if status.is_redirection() {
        let to = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
        let advice = "Anki's clients do not follow redirects when they send: enter the address that it leads to, or serve this one";
        return Err(problem("redirect", format!("the server redirects ({status}) to {to}"), advice));
    }
    match status {
        StatusCode::OK if answer.body().starts_with(b"It's great") => Ok(()),
        StatusCode::OK => Err(problem("health", "something answers, but it is not djankiserv", "see where the proxy leads")),
        StatusCode::UPGRADE_REQUIRED => Err(plain_http()),
        StatusCode::MISDIRECTED_REQUEST => {
            Err(problem("allowed_hosts", "the server does not answer under this name", "add the name to DJANKISERV_ALLOWED_HOSTS"))
        }
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE => Err(problem(
            "health",
            format!("the proxy answers {status}"),
            "it does not reach the server: see that djankiserv runs, where it listens, and where the proxy leads",
        )),
        _ => Err(problem("health", format!("/health answers {status}"), "see where the proxy leads, and that it keeps the path")),
    }
}

fn plain_http() -> Observation {
    problem("tls", "this address is plain http, and the server takes syncs by https only (426)", "give clients the https:// address")
}

fn stripped(header: &str, of: &str) -> Observation {
    problem(
        "headers",
        format!("the header {header} of {of} is lost on the way"),
        "let the proxy pass all headers: without this one no client from 2.1.57 on can sync",
    )
}

/// A large body in chunks of unknown number, as clients send it.
async fn passes_through(place: &Place, options: &Options, say: &mut Vec<Observation>) -> Visit<Vec<Observation>> {
    let blocks = options.body.div_ceil(BLOCK).max(1);
    let sent = blocks * BLOCK;
    let block = Bytes::from(vec![b'x'; BLOCK]);
    let body = Body::from_stream(stream::iter((0..blocks).map(move |_| Ok::<_, Infallible>(block.clone()))));
    let request = place.request(Method::POST, "health/probe", body)?;
    let size = format!("{} MiB", sent >> 20);
    let limit = "raise the proxy's limit on bodies (client_max_body_size of nginx) to DJANKISERV_MAX_UPLOAD_MB, and let it pass bodies of unknown length";
    let answer = place.ask(request, options, PATIENCE_WITH_BODY, say).await;
    let answer = answer.map_err(|o| problem("body", format!("a body of {size} in chunks does not get through: {}", o.found), limit))?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::PAYLOAD_TOO_LARGE => return Err(problem("body", format!("a body of {size} is refused as too large"), limit)),
        StatusCode::LENGTH_REQUIRED => {
            return Err(problem(
                "chunked",
                "a body of unknown length is refused (411)",
                "let the proxy pass chunked bodies, or buffer them",
            ));
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            return Err(problem(
                "body",
                "there is no /health/probe: the server is older than this program",
                "run the doctor of its own version",
            ));
        }
        status => return Err(problem("body", format!("a body of {size} in chunks is answered {status}"), limit)),
    }
    let seen: Value =
        serde_json::from_slice(answer.body()).map_err(|e| problem("body", format!("the answer is not the server's: {e}"), ""))?;
    let mut found = Vec::new();
    if seen["bytes"].as_u64() != Some(sent as u64) {
        let text = format!("of a body of {sent} bytes in chunks {} arrived", seen["bytes"]);
        found.push(problem("chunked", text, "let the proxy pass chunked bodies (Transfer-Encoding), or buffer them"));
    } else if seen["chunked"] == true {
        found.push(Observation::good("body", format!("a body of {size} in chunks gets through as it comes")));
    } else {
        found.push(Observation::good("body", format!("a body of {size} in chunks gets through; the proxy collects it first")));
    }
    found.push(match seen["anki_sync"].as_str() {
        Some(ANKI_SYNC) => Observation::good("headers", "anki-sync arrives"),
        _ => stripped("anki-sync", "the request"),
    });
    if answer.headers().contains_key("anki-original-size") {
        found.push(Observation::good("headers", "anki-original-size comes back"));
    } else {
        found.push(stripped("anki-original-size", "the answer"));
    }
    found.extend(forwarding(place, &seen));
    let (theirs, ours) = (seen["version"].as_str().unwrap_or_default(), env!("CARGO_PKG_VERSION"));
    if theirs != ours {
        found.push(Observation::new("version", Level::Note, format!("the server is version {theirs}, this program {ours}"), ""));
    }
    Ok(found)
}

/// Whether the server learns from the proxy who asks, and how.
fn forwarding(place: &Place, seen: &Value) -> Vec<Observation> {
    let mut found = Vec::new();
    match (seen["forwarded"] == true, seen["trusted"] == true) {
        (true, false) => {
            let advice =
                "name the proxy's address in DJANKISERV_TRUSTED_PROXIES: otherwise all users count as one address when logins are limited";
            found.push(Observation::new("proxy", Level::Warning, "there is a proxy, and the server does not trust it", advice));
        }
        (true, true) => found.push(Observation::good(
            "proxy",
            format!("the server believes the proxy that we come from {}", seen["address"].as_str().unwrap_or("?")),
        )),
        (false, true) => {
            let advice = "let the proxy set X-Forwarded-For: otherwise all users count as one address when logins are limited";
            found.push(Observation::new("proxy", Level::Warning, "a trusted proxy does not say who asks", advice));
        }
        (false, false) => {}
    }
    if place.is_tls() && seen["trusted"] == true && seen["forwarded_proto"].as_str() != Some("https") {
        let advice = "let the proxy set X-Forwarded-Proto to https, so that the web pages know that they are encrypted";
        found.push(Observation::new("proxy", Level::Warning, "the server is not told that the connection is encrypted", advice));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_people_type_them() {
        for (typed, path) in [
            ("https://a.example/", "/sync/meta"),
            ("https://a.example", "/sync/meta"),
            ("https://a.example/sync/", "/sync/meta"),
            ("http://u:secret@a.example:81/anki/djs/?x=y", "/anki/djs/sync/meta"),
            ("http://[::1]:81/", "/sync/meta"),
        ] {
            let place = Place::parse(typed).expect("an address");
            let request = place.request(Method::POST, "sync/meta", Body::empty()).expect("a request");
            assert_eq!(request.uri().path(), path, "{typed}");
            assert!(!shown(typed).contains("secret"));
        }
        let place = Place::parse("http://[::1]:81/djs/").expect("an address");
        let request = place.request(Method::GET, "health", Body::empty()).expect("a request");
        assert_eq!((request.uri().path(), request.headers()[HOST].as_bytes()), ("/health", &b"[::1]:81"[..]));
        assert_eq!(place.host, "::1");
        for bad in ["a.example", "ftp://a.example/", "https://"] {
            assert!(Place::parse(bad).is_err(), "{bad}");
        }
    }
}
