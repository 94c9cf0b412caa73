//! Accepts connections and serves them, until told to stop.

pub mod limit;

mod closing;

use crate::http::paced::Paced;
use crate::http::site::OverTls;
use crate::http::tls::Tls;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use limit::{ConnectionLimit, Open};
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tower::ServiceExt;

/// A client that has not sent its request's head by then is not one. Also how long an idle connection is kept.
const PATIENCE_WITH_HEAD: Duration = Duration::from_secs(75);
/// Requests that are under way when the server is told to stop get this long to end.
const PATIENCE_WITH_REQUESTS: Duration = Duration::from_secs(20);
/// A connection that is open but silent when the server is told to stop gets this long: its next request may be on its way. Closing it
/// at once would lose that request, which nobody but the client could repeat.
const PATIENCE_WITH_IDLE: Duration = Duration::from_secs(1);
/// A client that is about to connect when the server is told to stop gets this long: some round trips.
const PATIENCE_WITH_CONNECTING: Duration = Duration::from_millis(300);
/// How often it is looked whether all connections have ended.
const LOOK: Duration = Duration::from_millis(20);
/// A client that has not said what TLS needs by then is not one.
const PATIENCE_WITH_HANDSHAKE: Duration = Duration::from_secs(20);
/// After a failure to accept, such as too many open files.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `stop` ends, then lets running requests finish. A second end, of `stop_now`, cuts that short.
///
/// No request is lost: who has connected already is accepted and answered, each answer says that the connection ends with it, silent
/// connections are closed only after a moment, and who comes later is refused before they have sent anything.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<Tls>>,
    limit: Arc<ConnectionLimit>,
    stop: impl Future<Output = ()>,
    stop_now: impl Future<Output = ()>,
) {
    let open = Connections { router, tls, limit, graceful: GracefulShutdown::new(), stopping: Arc::default() };
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            (place, accepted) = async { (open.limit.place().await, listener.accept().await) } => match accepted {
                Ok((stream, peer)) => match open.limit.admit(peer.ip(), place) {
                    Some(admitted) => open.serve(stream, peer, Some(admitted)),
                    None => tracing::debug!(%peer, "closed a connection: too many are open from this address"),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(BREATH).await;
                }
            },
        }
    }
    tracing::info!("stopping: waiting for running requests");
    open.stopping.store(true, Ordering::Relaxed);
    tokio::select! {
        () = open.drain(listener) => {}
        () = tokio::time::sleep(PATIENCE_WITH_REQUESTS) => tracing::warn!("some requests did not end in time"),
        () = stop_now => tracing::warn!("stopping at once"),
    }
}

/// The open connections and what they are served with.
struct Connections {
    router: Router,
    /// None for plain HTTP.
    tls: Option<Arc<Tls>>,
    limit: Arc<ConnectionLimit>,
    graceful: GracefulShutdown,
    /// From now on, each answer is the last of its connection.
    stopping: Arc<AtomicBool>,
}

impl Connections {
    /// Serves a connection for as long as it lasts, and holds its place so long.
    fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Option<Open>) {
        // Answers are small and clients wait for each.
        let _ = stream.set_nodelay(true);
        let service = service(self.router.clone(), peer, self.tls.is_some(), self.stopping.clone());
        // Counted from now on, so that a handshake under way is waited for too.
        let watcher = self.graceful.watcher();
        let Some(tls) = self.tls.clone() else {
            tokio::spawn(async move {
                run(TokioIo::new(stream), service, watcher, peer).await;
                drop(place);
            });
            return;
        };
        tokio::spawn(async move {
            let _place = place;
            match tokio::time::timeout(PATIENCE_WITH_HANDSHAKE, tls.accept(stream)).await {
                Ok(Ok(Some(stream))) => run(TokioIo::new(stream), service, watcher, peer).await,
                Ok(Ok(None)) => tracing::debug!(%peer, "answered the handshake of an ACME authority"),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a connection did not come about"),
                Err(_) => tracing::debug!(%peer, "a handshake took too long"),
            }
        });
    }

    /// Accepts who has connected but was not accepted yet.
    fn accept_waiting(&self, listener: &std::net::TcpListener) {
        loop {
            match listener.accept() {
                Ok((stream, peer)) => match stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                    Ok(stream) => self.serve(stream, peer, None),
                    Err(error) => tracing::warn!(%error, "cannot accept a connection"),
                },
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(_) => return,
            }
        }
    }

    /// Ends when all connections have, those that were coming about too. From then on, clients are refused and know it.
    async fn drain(self, listener: TcpListener) {
        let begun = Instant::now();
        let refuses_new =
            closing::refuse_new_connections(&listener).inspect_err(|error| tracing::debug!(%error, "new connections are still heard"));
        // Not accepted by the runtime, which may not have heard of them yet.
        if let Ok(listener) = listener.into_std() {
            self.accept_waiting(&listener);
            while refuses_new.is_ok() && self.graceful.count() > 0 && begun.elapsed() < PATIENCE_WITH_CONNECTING {
                tokio::time::sleep(LOOK).await;
                self.accept_waiting(&listener);
            }
        }
        while self.graceful.count() > 0 && begun.elapsed() < PATIENCE_WITH_IDLE {
            tokio::time::sleep(LOOK).await;
        }
        self.graceful.shutdown().await;
    }
}

/// What is done with each request of a connection.
fn service(
    router: Router,
    peer: SocketAddr,
    is_tls: bool,
    stopping: Arc<AtomicBool>,
) -> impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send + 'static> + Send + 'static {
    service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(|body| Paced::body(Body::new(body)));
        request.extensions_mut().insert(ConnectInfo(peer));
        if is_tls {
            request.extensions_mut().insert(OverTls);
        }
        let (router, stopping) = (router.clone(), stopping.clone());
        async move {
            let mut answer = router.oneshot(request).await;
            if let Ok(answer) = &mut answer
                && is_tls
            {
                add_hsts(answer);
            }
            if let Ok(answer) = &mut answer
                && stopping.load(Ordering::Relaxed)
            {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            answer
        }
    })
}

/// Serves one connection to its end.
async fn run<I, S>(io: I, service: S, watcher: Watcher, peer: SocketAddr)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    let connection = http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(PATIENCE_WITH_HEAD).serve_connection(io, service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "a connection broke off");
    }
}

/// Browsers that have seen a page by https shall not try http again. Sync clients do not look at this.
fn add_hsts(answer: &mut Response<Body>) {
    let is_page = |value: &HeaderValue| value.as_bytes().starts_with(b"text/html");
    if answer.headers().get(header::CONTENT_TYPE).is_some_and(is_page) {
        answer.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use axum::routing::post;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// The answer to a request of which `sent` comes at once, and a byte more now and then.
    async fn answer(sent: &str, pause: Duration) -> (String, Duration) {
        let read =
            |body: Body| async { axum::body::to_bytes(body, 1 << 20).await.map_err(|_| StatusCode::REQUEST_TIMEOUT).map(|_| "all of it") };
        let router = Router::new().route("/read", post(read)).route("/ignore", post(|| async { "not read" }));
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let peer = SocketAddr::from(([192, 0, 2, 1], 9));
        let graceful = GracefulShutdown::new();
        let serving = tokio::spawn(run(TokioIo::new(theirs), service(router, peer, false, Arc::default()), graceful.watcher(), peer));
        let begun = Instant::now();
        let (mut reader, mut writer) = tokio::io::split(ours);
        writer.write_all(sent.as_bytes()).await.unwrap();
        let trickle = tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                if writer.write_all(b"x").await.is_err() {
                    return;
                }
            }
        });
        let mut answer = String::new();
        let _ = tokio::time::timeout(Duration::from_secs(1000), reader.read_to_string(&mut answer)).await;
        let took = begun.elapsed();
        trickle.abort();
        serving.abort();
        (answer, took)
    }

    #[tokio::test(start_paused = true)]
    async fn a_promised_body_is_not_waited_for_for_ever() {
        let request = |path: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n0");
        for pause in [1, 59, 10_000] {
            let (answer, took) = answer(&request("/read"), Duration::from_secs(pause)).await;
            assert!(answer.starts_with("HTTP/1.1 408 "), "{pause}: {answer}");
            assert!(took <= Duration::from_secs(200), "{pause}: {took:?}");
        }
        let (unread, took) = answer(&request("/ignore"), Duration::from_secs(1)).await;
        assert!(unread.starts_with("HTTP/1.1 200 ") && took < Duration::from_secs(200), "{took:?} {unread}");
        let (head, took) = answer("POST /read HTTP/1.1\r\nX: ", Duration::from_secs(1)).await;
        assert!(took < Duration::from_secs(200), "{took:?} {head}");
        // Somebody slow is served: a second for each piece of a page.
        let (whole, _) =
            answer("POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 40\r\n\r\n", Duration::from_secs(1)).await;
        assert!(whole.starts_with("HTTP/1.1 200 ") && whole.ends_with("all of it"), "{whole}");
    }

    /// Whether the server keeps a connection open.
    async fn is_kept(stream: &mut TcpStream) -> bool {
        let mut byte = [0];
        tokio::time::timeout(Duration::from_millis(300), stream.read(&mut byte)).await.is_err()
    }

    #[tokio::test]
    async fn connections_are_limited() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", axum::routing::get(|| async { "here" }));
        let limit = ConnectionLimit::new(2, None);
        let stop = std::future::pending::<()>;
        let server = tokio::spawn(serve(listener, router, None, limit, stop(), stop()));
        let mut idle = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let mut third = TcpStream::connect(address).await.unwrap();
        third.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(is_kept(&mut third).await, "it waits");
        assert!(is_kept(&mut idle[0]).await && is_kept(&mut idle[1]).await);
        drop(idle);
        let mut answer = [0; 12];
        tokio::time::timeout(Duration::from_secs(5), third.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        server.abort();
    }
}
