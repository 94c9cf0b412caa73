//! The latest warnings and errors of this process, kept for the page about the server.

use crate::clock::Clock;
use crate::logging::as_value;
use std::collections::VecDeque;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

const MOST: usize = 100;
const LONGEST: usize = 500;

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: i64,
    pub level: &'static str,
    pub text: String,
}

/// The latest events. Clones share them: one is a layer of the log, another is asked.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    events: Arc<Mutex<VecDeque<Event>>>,
    clock: Clock,
}

impl Recent {
    /// The latest first.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

impl<S: Subscriber> Layer<S> for Recent {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            _ => return,
        };
        let mut text = Text::default();
        event.record(&mut text);
        let text: String = format!("{}{}", text.message, text.fields).chars().take(LONGEST).collect();
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == MOST {
            events.pop_front();
        }
        events.push_back(Event { at: self.clock.now_ms(), level, text });
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing into a text cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={}", as_value(&format!("{value:?}"))),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            name => write!(self.fields, " {name}={}", as_value(value)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn warnings_are_kept_and_not_too_many() {
        let recent = Recent::default();
        let subscriber = tracing_subscriber::registry().with(recent.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("nothing to see");
            for i in 0..MOST + 5 {
                tracing::warn!(number = i, who = "ann", "something happened");
            }
            tracing::error!("{}", "x".repeat(9999));
        });
        let events = recent.events();
        assert_eq!(events.len(), MOST);
        assert_eq!((events[0].level, events[0].text.len()), ("error", LONGEST));
        assert_eq!(events[1].text, format!("something happened number={} who=ann", MOST + 4));
    }
}
