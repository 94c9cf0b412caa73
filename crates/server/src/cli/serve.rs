//! `serve`: the server.

use super::support::open::Open;
use super::support::output;
use crate::acme::Acme;
use crate::actions::backup;
use crate::actions::one_time_links::LinkKind;
use crate::app::{self, App};
use crate::config::{Config, Databases, Source, TlsSource};
use crate::housekeeping;
use crate::http;
use crate::http::listener;
use crate::http::listener::limit::ConnectionLimit;
use crate::http::tls::{self, Served, Tls};
use crate::metrics;
use crate::open_files;
use crate::recent::Recent;
use crate::web::setup;
use anyhow::{Context, anyhow};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Run the server
///
/// Brings the databases up to date, listens, and prints the address to type into Anki. Without configuration it listens on
/// 127.0.0.1:8002 and runs a private PostgreSQL of its own in the data folder. Ctrl-c or SIGTERM stop it in order: running
/// requests are finished first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  djankiserv serve\n  djankiserv serve --listen-address 0.0.0.0 --listen-port 80\n  \
    DJANKISERV_MAINDB_HOST=db DJANKISERV_MAINDB_PASSWORD_FILE=/run/secrets/db djankiserv serve")]
pub struct Args {
    /// Where to listen; 0.0.0.0 for all networks [env: DJANKISERV_LISTEN_ADDRESS]
    #[arg(long, value_name = "ADDRESS")]
    listen_address: Option<String>,
    /// The TCP port [env: DJANKISERV_LISTEN_PORT]
    #[arg(long, value_name = "PORT")]
    listen_port: Option<String>,
    /// Answer uploads whose import takes more milliseconds than this before it is over; for tests
    #[arg(long, value_name = "MS", hide = true)]
    answer_import_after: Option<u64>,
}

impl Args {
    /// Lets the flags take precedence over the environment.
    pub fn apply(&self, source: &mut Source) {
        for (name, value) in [("DJANKISERV_LISTEN_ADDRESS", &self.listen_address), ("DJANKISERV_LISTEN_PORT", &self.listen_port)] {
            if let Some(value) = value {
                source.set(name, value);
            }
        }
    }
}

/// `recent` has the latest warnings of the log.
pub async fn run(config: Config, args: &Args, recent: Recent) -> anyhow::Result<()> {
    // From here on a signal stops us in order, also while the database starts.
    let mut signals = Signals::new()?;
    // First, because a port that is taken is the most frequent mistake, and quickly told.
    let listener = bind(&config).await?;
    let plain = match config.plain_port.filter(|_| config.tls.is_some()) {
        Some(port) => Some(bind_to(&config.listen_address, port, "DJANKISERV_PLAIN_PORT").await?),
        None => None,
    };
    // Files that are of no use are told before anything is started.
    let from_files = match &config.tls {
        Some(TlsSource::Files(files)) => Some(files.read()?),
        _ => None,
    };
    let metrics = match &config.metrics_address {
        Some(address) => Some(metrics::bind(address).await?),
        None => None,
    };
    config.data_root.create().with_context(|| format!("cannot use the data folder {}", config.data_root.path().display()))?;
    config.secret_key().with_context(|| format!("cannot use the secret key in {}", config.data_root.path().display()))?;
    let config = Arc::new(config);
    log_summary(&config);
    let open = tokio::select! {
        open = Open::for_server(&config) => open?,
        () = signals.next() => return Ok(()),
    };
    let outcome = serve(&config, args, &open, Listeners { listener, plain, metrics, from_files }, recent, signals).await;
    open.close().await;
    tracing::info!("stopped");
    outcome
}

/// What an operator who reads an old log wants to know of that run. Without secrets; `djankiserv config show` has all of it.
fn log_summary(config: &Config) {
    let limits = &config.limits;
    let databases = match &config.databases {
        Databases::Embedded => "embedded".to_owned(),
        Databases::External { main, user } if main == user => format!("{main:?}"),
        Databases::External { main, user } => format!("main {main:?}, user {user:?}"),
    };
    let set: Vec<&str> = config.shown.iter().filter(|shown| shown.is_set).map(|shown| shown.name).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        data_root = %config.data_root.path().display(),
        databases,
        db_connections = limits.db_connections,
        set = set.join(" "),
        "starting"
    );
}

struct Listeners {
    listener: TcpListener,
    /// What leads browsers from http to https.
    plain: Option<TcpListener>,
    metrics: Option<TcpListener>,
    /// The certificate, if it comes from files.
    from_files: Option<Served>,
}

/// What connections are made with, and who looks after it.
enum Secure {
    No,
    ByFiles(Arc<Tls>),
    ByAcme(Arc<Acme>),
}

impl Secure {
    fn tls(&self) -> Option<Arc<Tls>> {
        match self {
            Self::No => None,
            Self::ByFiles(tls) => Some(tls.clone()),
            Self::ByAcme(acme) => Some(acme.tls()),
        }
    }
}

async fn serve(
    config: &Arc<Config>,
    args: &Args,
    open: &Open,
    listeners: Listeners,
    recent: Recent,
    signals: Signals,
) -> anyhow::Result<()> {
    let Listeners { listener, plain, metrics, from_files } = listeners;
    let address = listener.local_addr()?;
    let app = App::new(config.clone(), open.clock.clone(), open.main.clone(), open.user.clone(), open.accounts.clone());
    let mut app = app.context("cannot use the data folder")?;
    app.recent = recent;
    if let Some(ms) = args.answer_import_after {
        app.answer_import_after = Duration::from_millis(ms);
    }
    let app = Arc::new(app);
    // Behind proxies, addresses of connections are theirs.
    let limit = ConnectionLimit::for_files(open_files::raise(), config.trusted_proxies.is_empty());
    let secure = match (&config.tls, from_files) {
        (Some(TlsSource::Acme(settings)), _) => Secure::ByAcme(Acme::start(&app, settings.clone()).await?),
        (_, Some(served)) => Secure::ByFiles(Tls::new(served, None)),
        _ => Secure::No,
    };
    let housekeeping = tokio::spawn(housekeeping::run(app.clone()));
    let backups = tokio::spawn(backup::schedule::run(app.clone()));
    let set_up = match open.accounts.any().await? {
        true => None,
        false => Some(LinkKind::SetUp.path(&app.links.make(LinkKind::SetUp, None, "serve", setup::LINK_MS).await?)),
    };
    output::text(&signpost(address, scheme(config), certified_name(config), config.web.public_url.as_deref(), set_up.as_deref()));
    // Until the very end: what happens while the server stops is worth seeing.
    let mut side_tasks = tokio::task::JoinSet::new();
    if let Some(metrics) = metrics {
        tracing::info!(address = %metrics.local_addr()?, "metrics at /metrics");
        side_tasks.spawn(metrics::serve(metrics, app.clone()));
    }
    match (&secure, &config.tls) {
        (Secure::ByAcme(acme), _) => drop(side_tasks.spawn(acme.clone().run())),
        (Secure::ByFiles(tls), Some(TlsSource::Files(files))) => drop(side_tasks.spawn(tls::watch(files.clone(), tls.clone()))),
        _ => {}
    }
    if let Some(plain) = plain {
        tracing::info!(address = %plain.local_addr()?, "plain http leads to https");
        let https_port = public_port(config).unwrap_or(address.port());
        let router = match &secure {
            Secure::ByAcme(_) => http::plain::router_with_challenges(https_port, app.main.clone(), app.clock.clone()),
            _ => http::plain::router(https_port),
        };
        side_tasks.spawn(listener::serve(plain, router, None, limit.clone(), std::future::pending(), std::future::pending()));
    }
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "listening");
    let signals = tokio::sync::Mutex::new(signals);
    let next = || async { signals.lock().await.next().await };
    listener::serve(listener, app::router(app), secure.tls(), limit, next(), next()).await;
    housekeeping.abort();
    backups.abort();
    side_tasks.shutdown().await;
    if let Secure::ByAcme(acme) = secure {
        acme.leave().await;
    }
    Ok(())
}

fn scheme(config: &Config) -> &'static str {
    if config.tls.is_some() { "https" } else { "http" }
}

/// A name that our certificate is for, if we know one.
fn certified_name(config: &Config) -> Option<&str> {
    match &config.tls {
        Some(TlsSource::Acme(settings)) => settings.domains.first().map(String::as_str),
        _ => None,
    }
}

/// The port of https as others see it, which may be another one than ours: in front of a container, for example.
fn public_port(config: &Config) -> Option<u16> {
    let url = url::Url::parse(config.web.public_url.as_deref()?).ok()?;
    if url.scheme() == "https" { url.port_or_known_default() } else { None }
}

async fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    bind_to(&config.listen_address, config.listen_port, "DJANKISERV_LISTEN_PORT").await
}

/// `setting` is where the port comes from.
async fn bind_to(address: &str, port: u16, setting: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind((address, port)).await;
    bound.map_err(|error| anyhow!("cannot listen on {address} port {port}: {error}; {}", port_advice(error.kind(), setting)))
}

fn port_advice(error: ErrorKind, setting: &str) -> String {
    match error {
        ErrorKind::PermissionDenied => format!(
            "ports below 1024 need a right: see the end of djankiserv.service, or `setcap cap_net_bind_service=+ep <this program>`; \
             or set {setting} to a higher port, behind a proxy"
        ),
        ErrorKind::AddrInUse => format!("set {setting} to another port, or find out who listens there (`ss -ltnp`)"),
        _ => format!("set DJANKISERV_LISTEN_ADDRESS to an address of this machine, or to 0.0.0.0 for all, and {setting} to a free port"),
    }
}

/// What a person at the terminal needs to know next. `set_up` is the path of the page that makes the first administrator.
///
/// `name` is one that the certificate is for: under an address, clients would refuse it.
fn signpost(address: SocketAddr, scheme: &str, name: Option<&str>, public: Option<&str>, set_up: Option<&str>) -> String {
    let port = address.port();
    let here = match name {
        Some(name) if port == 443 => format!("{scheme}://{name}"),
        Some(name) => format!("{scheme}://{name}:{port}"),
        None if address.ip().is_unspecified() => format!("{scheme}://127.0.0.1:{port}"),
        None => format!("{scheme}://{}:{port}", in_url(address.ip())),
    };
    let mut out = format!(
        "\ndjankiserv {} is running.\n\n  In a browser, and in Anki under Preferences > Syncing, as self-hosted sync server:\n      {here}/\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut there = public.map(str::to_owned);
    if address.ip().is_unspecified() && name.is_none() {
        let name = own_address().map_or_else(|| "<this machine's address>".to_owned(), in_url);
        there = there.or_else(|| Some(format!("{scheme}://{name}:{port}")));
    }
    if let Some(there) = &there {
        out.push_str(&format!("  and on other devices:\n      {there}/\n"));
    }
    if address.ip().is_loopback() && public.is_none() {
        out.push_str(&format!(
            "  Phones and other computers cannot reach it yet: stop it with Ctrl-c, then\n      djankiserv serve --listen-address 0.0.0.0\n  \
             If this is a remote machine, type this on your own, and open the address above there:\n      \
             ssh -L {port}:{address} <this machine>\n"
        ));
    }
    if let Some(path) = set_up {
        out.push_str("\n  There are no users yet. Set the server up in a browser; the link is good for one use:\n");
        match &there {
            Some(there) if public.is_some() => out.push_str(&format!("      {there}{path}\n")),
            Some(there) => {
                out.push_str(&format!("    on this machine:\n      {here}{path}\n    from another device:\n      {there}{path}\n"));
            }
            None => out.push_str(&format!("      {here}{path}\n")),
        }
    }
    out.push_str("\n  Ctrl-c stops the server.\n\n");
    out
}

fn in_url(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

/// The address that packets to the outside would come from. Connecting a datagram socket sends nothing.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// The signals that end the server.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signpost_shows_the_way() -> anyhow::Result<()> {
        let text = signpost("127.0.0.1:8002".parse()?, "http", None, None, Some("/setup/abc/"));
        assert!(text.contains("      http://127.0.0.1:8002/\n"), "{text}");
        assert!(text.contains("      http://127.0.0.1:8002/setup/abc/\n"), "{text}");
        assert!(text.contains("serve --listen-address 0.0.0.0") && text.contains("ssh -L 8002:127.0.0.1:8002 "), "{text}");
        let text = signpost("0.0.0.0:8002".parse()?, "http", None, None, Some("/setup/abc/"));
        assert!(
            text.contains("on this machine:\n      http://127.0.0.1:8002/setup/abc/\n    from another device:\n      http://"),
            "{text}"
        );
        assert!(text.matches("/setup/abc/").count() == 2 && !text.contains("ssh"), "{text}");
        let text = signpost("[::]:81".parse()?, "http", None, None, None);
        assert!(text.contains("http://127.0.0.1:81/") && text.contains("on other devices"), "{text}");
        assert!(!text.contains("setup"), "{text}");
        assert!(signpost("[::1]:81".parse()?, "https", None, None, None).contains("https://[::1]:81/"));
        let text = signpost("127.0.0.1:81".parse()?, "http", None, Some("https://anki.example.com"), Some("/setup/abc/"));
        assert!(text.contains("      https://anki.example.com/\n") && text.contains("https://anki.example.com/setup/abc/"), "{text}");
        let text = signpost("0.0.0.0:443".parse()?, "https", Some("anki.example.com"), None, Some("/setup/abc/"))
            + &signpost("0.0.0.0:8443".parse()?, "https", Some("a.example"), None, None);
        assert!(text.contains("      https://anki.example.com/setup/abc/\n") && text.contains("https://a.example:8443/"), "{text}");
        assert!(!text.contains("127.0.0.1"), "{text}");
        Ok(())
    }

    #[test]
    fn ports_that_cannot_be_had_come_with_the_right_advice() {
        let advice = |error| port_advice(error, "DJANKISERV_PLAIN_PORT");
        assert!(advice(ErrorKind::PermissionDenied).contains("cap_net_bind_service"));
        assert!(advice(ErrorKind::AddrInUse).contains("set DJANKISERV_PLAIN_PORT to another port"));
        assert!(advice(ErrorKind::AddrNotAvailable).contains("DJANKISERV_LISTEN_ADDRESS"));
    }
}
