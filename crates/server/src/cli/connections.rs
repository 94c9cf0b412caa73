//! Accepts connections and serves them, until told to stop.

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

/// A client that has not sent its request's head by then is not one. Also how long an idle connection is kept.
const PATIENCE_WITH_HEAD: Duration = Duration::from_secs(75);
/// Requests that are under way when the server is told to stop get this long to end.
const PATIENCE_WITH_REQUESTS: Duration = Duration::from_secs(20);
/// After a failure to accept, such as too many open files.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `stop` ends, then lets running requests finish. A second end, of `stop_now`, cuts that short.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, stop_now: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => serve_one(stream, peer, router.clone(), &graceful),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(BREATH).await;
                }
            },
        }
    }
    drop(listener);
    tracing::info!("stopping: waiting for running requests");
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(PATIENCE_WITH_REQUESTS) => tracing::warn!("some requests did not end in time"),
        () = stop_now => tracing::warn!("stopping at once"),
    }
}

fn serve_one(stream: TcpStream, peer: SocketAddr, router: Router, graceful: &GracefulShutdown) {
    // Answers are small and clients wait for each.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE_WITH_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%peer, %error, "a connection broke off");
        }
    });
}
