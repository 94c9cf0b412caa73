//! Log lines on standard error, for people or for programs.

use crate::config::{Log, LogFormat};
use crate::recent::Recent;
use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::io::IsTerminal;
use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins logging, and answers where the latest warnings can be asked for. To be called once; later calls have no effect.
pub fn start(log: &Log) -> Recent {
    let recent = Recent::default();
    let _ = subscriber(log, std::io::stderr).with(recent.clone()).try_init();
    recent
}

/// What writes log lines to `writer`. Each line of a request says which one: `request{id=…}`, or `"span":{"id":"…"}` in JSON.
pub fn subscriber<W>(log: &Log, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse_lossy(&log.filter);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match log.format {
        LogFormat::Human => {
            let builder = builder.with_target(false).with_ansi(std::io::stderr().is_terminal());
            Box::new(builder.fmt_fields(debug_fn(write_field).delimited(" ")).finish())
        }
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_current_span(true).with_span_list(false).finish()),
    }
}

/// Begins logging for a command, which says itself what it does: only what went wrong, unless more is asked for.
pub fn start_quietly(log: &Log) -> Recent {
    let filter = if log.filter == "info" { "warn".to_owned() } else { log.filter.clone() };
    start(&Log { format: log.format, filter })
}

/// Characters of a value that are written. More says nothing more, and somebody may want to fill the log.
const LONGEST: usize = 2000;

fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let text = format!("{value:?}");
    match field.name() {
        "message" => writer.write_str(&in_one_line(&text)),
        name if writer.has_ansi_escapes() => write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{}", as_value(&text)),
        name => write!(writer, "{name}={}", as_value(&text)),
    }
}

/// A value as it stands behind `name=`: in quotes, unless it cannot be mistaken for anything else. It may come from somebody who would
/// like it to look like another value, or another line.
pub fn as_value(text: &str) -> Cow<'_, str> {
    let (text, is_cut) = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), true),
        None => (text, false),
    };
    let is_plain = !text.is_empty() && text.chars().all(|c| (c.is_ascii_graphic() && !matches!(c, '"' | '=')) || c.is_alphanumeric());
    match is_cut {
        true => Cow::Owned(format!("{text:?}…")),
        false if is_plain || is_quoted(text) => Cow::Borrowed(text),
        false => Cow::Owned(format!("{text:?}")),
    }
}

/// Whether it is in quotes already, and all of it is.
fn is_quoted(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { return false };
    let mut escaped = false;
    for c in inside.chars() {
        match c {
            '"' if !escaped => return false,
            c if c.is_control() => return false,
            c => escaped = c == '\\' && !escaped,
        }
    }
    !escaped
}

/// A message may have any characters, but no line of its own.
fn in_one_line(text: &str) -> Cow<'_, str> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(breaks) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if breaks(c) { line.extend(c.escape_debug()) } else { line.push(c) }
    }
    Cow::Owned(line)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn values_stay_values() {
        for (text, want) in [
            ("ann@example.com", "ann@example.com"),
            ("Jürgen", "Jürgen"),
            ("7", "7"),
            ("", r#""""#),
            (r#""quoted already""#, r#""quoted already""#),
            (r#""with \"quotes\"""#, r#""with \"quotes\"""#),
            ("unknown host key: gone", r#""unknown host key: gone""#),
            ("ann status=200", r#""ann status=200""#),
            ("ann\n2026-11-26T00:00:00Z ERROR all is lost", r#""ann\n2026-11-26T00:00:00Z ERROR all is lost""#),
            (r#""a" status=200 b="c""#, r#""\"a\" status=200 b=\"c\"""#),
            ("\"a\nb\"", r#""\"a\nb\"""#),
            (r#"""#, r#""\"""#),
            (r#""\""#, r#""\"\\\"""#),
            ("\u{1b}[2J\u{2028}\u{202e}", r#""\u{1b}[2J\u{2028}\u{202e}""#),
        ] {
            assert_eq!(as_value(text), want, "{text:?}");
        }
        assert_eq!(as_value(&"x".repeat(LONGEST)).len(), LONGEST);
        assert_eq!(as_value(&"é".repeat(LONGEST + 1)).chars().count(), LONGEST + 3);
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_writes_lines_of_their_own() {
        let hostile = "ann\n2026-11-26T00:00:00Z  INFO logged in account=ann";
        for format in [LogFormat::Human, LogFormat::Json] {
            let lines = Lines::default();
            let written = lines.clone();
            let log = subscriber(&Log { format, filter: "info".into() }, move || written.clone());
            tracing::subscriber::with_default(log, || {
                let span = tracing::error_span!("request", id = %hostile);
                let _inside = span.enter();
                tracing::error!(account = %hostile, text = hostile, error = ?Some(hostile), number = 5, "refused: {hostile}");
            });
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text.trim_end().lines().count(), 1, "{text}");
            if format == LogFormat::Human {
                assert!(text.contains(r#" account="ann\n2026"#) && text.contains(" number=5") && text.contains("request{id="), "{text}");
                assert!(!text.contains("\u{1b}"), "{text}");
            }
        }
    }
}
