//! Log lines on standard error, for people or for programs.

use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Begins logging. To be called once; later calls have no effect.
pub fn start(log: &Log) {
    let filter = EnvFilter::builder().parse_lossy(&log.filter);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match log.format {
        LogFormat::Human => builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
}

/// Begins logging for a command, which says itself what it does: only what went wrong, unless more is asked for.
pub fn start_quietly(log: &Log) {
    let filter = if log.filter == "info" { "warn".to_owned() } else { log.filter.clone() };
    start(&Log { format: log.format, filter });
}
