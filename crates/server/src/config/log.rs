//! The settings of the log.

use super::settings;
use super::source::Reader;

/// How to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// A filter in the syntax of tracing-subscriber.
    pub filter: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

/// None when something is wrong, which the reader then knows.
pub(super) fn read(reader: &mut Reader) -> Option<Log> {
    let debug = reader.boolean(settings::DEBUG);
    let filter = reader.text(settings::LOG);
    if let Some(filter) = &filter
        && let Err(e) = tracing_subscriber::EnvFilter::builder().parse(filter)
    {
        reader.refuse(settings::LOG, format!("`{filter}` is not a log filter ({e}); it must be like info or warn,djankiserv=debug"));
    }
    let format = reader.parsed(settings::LOG_FORMAT, "human or json", |text| match text {
        "human" => Some(LogFormat::Human),
        "json" => Some(LogFormat::Json),
        _ => None,
    });
    let by_debug = if debug? { "info,djankiserv=debug,store=debug,anki=debug" } else { settings::LOG.default };
    reader.show_default(settings::LOG, by_debug.to_owned());
    Some(Log { format: format?, filter: filter.unwrap_or_else(|| by_debug.to_owned()) })
}
