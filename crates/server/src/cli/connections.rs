//! Accepts connections and serves them, until told to stop.

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
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
/// How often it is looked whether all connections have ended.
const LOOK: Duration = Duration::from_millis(20);
/// After a failure to accept, such as too many open files.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `stop` ends, then lets running requests finish. A second end, of `stop_now`, cuts that short.
///
/// No request is lost that came before the socket was closed: who has connected already is accepted and answered, each answer says that
/// the connection ends with it, and silent connections are closed only after a moment.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, stop_now: impl Future<Output = ()>) {
    let open = Connections { router, graceful: GracefulShutdown::new(), stopping: Arc::default() };
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => open.serve(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(BREATH).await;
                }
            },
        }
    }
    tracing::info!("stopping: waiting for running requests");
    open.stopping.store(true, Ordering::Relaxed);
    open.accept_waiting(listener);
    tokio::select! {
        () = open.drain() => {}
        () = tokio::time::sleep(PATIENCE_WITH_REQUESTS) => tracing::warn!("some requests did not end in time"),
        () = stop_now => tracing::warn!("stopping at once"),
    }
}

/// The open connections and what they are served with.
struct Connections {
    router: Router,
    graceful: GracefulShutdown,
    /// From now on, each answer is the last of its connection.
    stopping: Arc<AtomicBool>,
}

impl Connections {
    fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        // Answers are small and clients wait for each.
        let _ = stream.set_nodelay(true);
        let (router, stopping) = (self.router.clone(), self.stopping.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let (router, stopping) = (router.clone(), stopping.clone());
            async move {
                let mut answer = router.oneshot(request).await;
                if let Ok(answer) = &mut answer
                    && stopping.load(Ordering::Relaxed)
                {
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                answer
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE_WITH_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let connection = self.graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection broke off");
            }
        });
    }

    /// Accepts who has connected but was not accepted yet, and closes the socket: from then on, clients are refused and know it.
    fn accept_waiting(&self, listener: TcpListener) {
        // Not by the runtime, which may not have heard of them yet.
        let Ok(listener) = listener.into_std() else { return };
        loop {
            match listener.accept() {
                Ok((stream, peer)) => match stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                    Ok(stream) => self.serve(stream, peer),
                    Err(error) => tracing::warn!(%error, "cannot accept a connection"),
                },
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(_) => return,
            }
        }
    }

    /// Ends when all connections have.
    async fn drain(self) {
        let until = Instant::now() + PATIENCE_WITH_IDLE;
        while self.graceful.count() > 0 && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
        self.graceful.shutdown().await;
    }
}
