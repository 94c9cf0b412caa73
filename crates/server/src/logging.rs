//! Log lines on standard error, for people or for programs.

use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins logging. To be called once; later calls have no effect.
pub fn start(log: &Log) {
    let _ = subscriber(log, std::io::stderr).with(crate::recent::Keep::default()).try_init();
}

/// What writes log lines to `writer`. Each line of a request says which one: `request{id=…}`, or `"span":{"id":"…"}` in JSON.
pub fn subscriber<W>(log: &Log, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse_lossy(&log.filter);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match log.format {
        LogFormat::Human => Box::new(builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_current_span(true).with_span_list(false).finish()),
    }
}

/// Begins logging for a command, which says itself what it does: only what went wrong, unless more is asked for.
pub fn start_quietly(log: &Log) {
    let filter = if log.filter == "info" { "warn".to_owned() } else { log.filter.clone() };
    start(&Log { format: log.format, filter });
}
