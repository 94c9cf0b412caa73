//! `health`: asks the server on this machine, for those who look after processes.

use super::support::output;
use crate::config::Config;
use crate::http::tls::unchecked;
use anyhow::{Context, bail};
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// Docker waits 15 seconds in our image.
const PATIENCE: Duration = Duration::from_secs(12);
const LONGEST_ANSWER: u64 = 16 << 10;

/// Ask the server on this machine whether it is ready
///
/// For health checks of containers and the like. It finds the server by the same settings, with TLS or without, whatever its certificate is
/// for. Ends with 0 if the server reaches its databases and the media store, with 1 if not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  djankiserv health\n  djankiserv health --alive")]
pub struct Args {
    /// Ask only whether it lives, not whether it reaches its databases
    #[arg(long)]
    alive: bool,
}

pub async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let path = if args.alive { "/health" } else { "/health/ready" };
    let answer = tokio::time::timeout(PATIENCE, ask(config, path)).await;
    let answer = answer.context("the server does not answer in time")??;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        bail!("{path}: {status}\n{}", body.trim_end());
    }
    output::line(body.trim_end());
    Ok(())
}

async fn ask(config: &Config, path: &str) -> anyhow::Result<String> {
    let port = config.listen_port;
    if port == 0 {
        bail!("DJANKISERV_LISTEN_PORT is 0, so the server has a port that only its log knows");
    }
    let address = match config.listen_address.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) if ip.is_unspecified() => "127.0.0.1",
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => "::1",
        _ => config.listen_address.as_str(),
    };
    let stream = TcpStream::connect((address, port))
        .await
        .with_context(|| format!("nobody listens on {address} port {port}; `djankiserv serve` starts the server"))?;
    if config.tls.is_none() {
        return exchange(stream, path).await;
    }
    exchange(unchecked::connect(stream).await.context("no TLS connection")?, path).await
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> anyhow::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
