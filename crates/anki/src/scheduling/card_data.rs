//! The column `data` of a card: what the scheduler remembers beside the other columns.

use super::memory::Memory;
use serde_json::{Map, Value};

/// The keys that the scheduler knows. Values that are none of what they should be count as missing, as in the clients.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct CardData {
    /// Where it stood among the new cards.
    pub position: Option<u32>,
    pub memory: Option<Memory>,
    pub desired_retention: Option<f32>,
    pub decay: Option<f32>,
    /// Seconds.
    pub last_review: Option<i64>,
    /// Everything else, such as what custom scheduling keeps.
    other: Map<String, Value>,
}

const KNOWN: [&str; 6] = ["pos", "s", "d", "dr", "decay", "lrt"];

impl CardData {
    pub(super) fn read(text: &str) -> Self {
        let object: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        let float = |key: &str| {
            #[expect(clippy::cast_possible_truncation, reason = "clients read these numbers with single precision")]
            let number = object.get(key)?.as_f64()? as f32;
            Some(number)
        };
        Self {
            position: object.get("pos").and_then(Value::as_u64).and_then(|position| position.try_into().ok()),
            memory: float("s").zip(float("d")).map(|(stability, difficulty)| Memory { stability, difficulty }),
            desired_retention: float("dr"),
            decay: float("decay"),
            last_review: object.get("lrt").and_then(Value::as_i64),
            other: object.into_iter().filter(|(key, _)| !KNOWN.contains(&key.as_str())).collect(),
        }
    }

    /// As clients write it: so many places, in this order.
    pub(super) fn write(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.position.map(|position| format!("\"pos\":{position}")));
        let mut float = |key: &str, value: Option<f32>, places: i32| {
            parts.extend(value.map(|value| format!("\"{key}\":{}", rounded(value, places))));
        };
        float("s", self.memory.map(|memory| memory.stability), 4);
        float("d", self.memory.map(|memory| memory.difficulty), 3);
        float("dr", self.desired_retention, 2);
        float("decay", self.decay, 3);
        parts.extend(self.last_review.map(|second| format!("\"lrt\":{second}")));
        // Clients leave out custom data without content.
        let other = self.other.iter().filter(|(key, value)| key.as_str() != "cd" || !matches!(value.as_str(), Some("" | "{}")));
        parts.extend(other.map(|(key, value)| format!("{}:{value}", Value::from(key.as_str()))));
        format!("{{{}}}", parts.join(","))
    }
}

/// The shortest digits that are this number in single precision, after rounding.
fn rounded(value: f32, places: i32) -> String {
    let factor = 10_f32.powi(places);
    let rounded = (value * factor).round() / factor;
    if rounded.is_finite() { format!("{rounded:?}") } else { "null".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_written_as_clients_do() {
        for (before, after) in [
            ("", "{}"),
            ("{}", "{}"),
            ("nonsense", "{}"),
            (r#"{"s":123.45678,"d":1.234567,"dr":0.987654,"decay":0.123456}"#, r#"{"s":123.4568,"d":1.235,"dr":0.99,"decay":0.123}"#),
            (r#"{"lrt":1700000000,"d":5,"s":1e1,"pos":3,"cd":"{}"}"#, r#"{"pos":3,"s":10.0,"d":5.0,"lrt":1700000000}"#),
            (r#"{"cd":"{\"x\":1}","x":[1.50],"pos":-1,"s":7}"#, r#"{"cd":"{\"x\":1}","x":[1.50]}"#),
        ] {
            assert_eq!(CardData::read(before).write(), after, "{before}");
        }
    }
}
