//! What a card's `data` says: the memory state of FSRS and custom data. Written by clients as JSON.

use super::check::Candidate;
use serde_json::{Map, Value};

/// The decay of FSRS-5, for cards that do not say theirs.
const DEFAULT_DECAY: f32 = 0.5;
const DAY: i64 = 86_400;
/// A due number above this is a second, not a day.
const LAST_DAY: i64 = 365_000;

pub struct CardData {
    pub stability: Option<f32>,
    pub difficulty: Option<f32>,
    decay: Option<f32>,
    last_review: Option<i64>,
    custom: Option<Map<String, Value>>,
}

impl CardData {
    /// None if it is no JSON object.
    pub fn read(text: &str) -> Option<Self> {
        let all: Map<String, Value> = serde_json::from_str(text).ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "clients compute with 32 bits")]
        let number = |key: &str| all.get(key).and_then(Value::as_f64).map(|number| number as f32);
        let custom = all.get("cd").and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
        Some(Self {
            stability: number("s"),
            difficulty: number("d"),
            decay: number("decay"),
            last_review: all.get("lrt").and_then(Value::as_i64),
            custom,
        })
    }

    /// Custom data as text, whatever it is.
    pub fn custom(&self, key: &str) -> Option<String> {
        Some(match self.custom.as_ref()?.get(key)? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }

    /// Custom data as a number, in the way of SQLite: as far as it is one, else 0.
    pub fn custom_number(&self, key: &str) -> Option<f64> {
        let text = self.custom(key)?;
        let text = text.trim_start();
        let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
        // The longest beginning that is a number in digits.
        let is_number = |part: &&str| part.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) && part.parse::<f64>().is_ok();
        let longest = ends.map(|end| &text[..end]).rfind(is_number);
        Some(longest.and_then(|part| part.parse().ok()).unwrap_or(0.0))
    }

    /// The probability of recall now, by the forgetting curve of FSRS.
    pub fn retrievability(&self, card: &Candidate, now: i64, today: i64) -> Option<f32> {
        let stability = self.stability?;
        self.difficulty?;
        let seconds = match self.last_review {
            Some(last) => now - last,
            None if card.due > LAST_DAY => now - (card.due - card.interval),
            None => (today - (card.due.max(0) - card.interval).max(0)).max(0) * DAY,
        };
        #[expect(clippy::cast_precision_loss, reason = "as in the clients")]
        let days = seconds.clamp(0, u32::MAX.into()) as f32 / 86_400.0;
        let decay = -self.decay.unwrap_or(DEFAULT_DECAY);
        let factor = (0.9f32.ln() / decay).exp() - 1.0;
        Some((days / stability * factor + 1.0).powf(decay))
    }
}
