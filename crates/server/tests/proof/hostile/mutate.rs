//! Makes something else of what was right.

use fastrand::Rng;
use serde_json::{Value, json};

/// Flips, cuts, repeats, inserts and overwrites bytes.
pub fn bytes(rng: &mut Rng, body: &mut Vec<u8>) {
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(0..=body.len());
        let until = body.len().min(at + rng.usize(0..40));
        match rng.u8(0..7) {
            0 if at < body.len() => body[at] ^= 1 << rng.u8(0..8),
            1 => body.truncate(at),
            2 => drop(body.drain(at..until)),
            3 => {
                let copied = body[at..until].to_vec();
                body.splice(at..at, copied);
            }
            4 => drop(body.splice(at..at, [rng.choice([0, 0xFF, 0x80, 0xED, b'"', b'{', b'-', b'9']).unwrap()])),
            5 => body[at..until].fill(rng.u8(..)),
            // Sizes and counts in binary formats.
            _ if at + 4 <= body.len() => {
                let any = rng.u32(..);
                let size: u32 = rng.choice([0, 1, u32::MAX, i32::MAX as u32, 1 << 16, any]).unwrap();
                body[at..at + 4].copy_from_slice(&size.to_le_bytes());
            }
            _ => body.extend(std::iter::repeat_n(rng.u8(..), rng.usize(0..2000))),
        }
    }
}

/// A value that fits nowhere, or only just.
fn odd(rng: &mut Rng) -> Value {
    let texts = [
        "",
        "\0",
        "a\u{0}b",
        "\u{1f}",
        "::",
        "a::\u{1f}::b",
        "\u{FFFE}",
        "é",
        "e\u{301}",
        "../../x",
        "\u{202E}",
        "'; DROP TABLE notes; --",
    ];
    match rng.u8(0..12) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.choice([0, -1, 1, i64::MAX, i64::MIN, i64::from(i32::MAX) + 1, 1 << 53]).unwrap()),
        3 => json!(rng.i64(..)),
        4 => json!(rng.choice([0.5, -0.0, 1e308, 1e-320, 1.5e19]).unwrap()),
        5 => json!(u64::MAX),
        6 => json!(rng.choice(texts).unwrap()),
        7 => json!("x".repeat(rng.usize(0..100_000))),
        8 => json!([]),
        9 => json!({}),
        10 => (0..rng.usize(1..300)).fold(json!(1), |inner, _| json!([inner])),
        _ => json!({ rng.choice(texts).unwrap(): rng.i64(..), "id": 0, "name": null }),
    }
}

/// Changes, removes, repeats or adds values anywhere inside.
pub fn json(rng: &mut Rng, value: &mut Value) {
    for _ in 0..rng.usize(1..4) {
        change(rng, value, 0);
    }
}

fn change(rng: &mut Rng, value: &mut Value, depth: usize) {
    // Deeper as long as there is something, mostly.
    let here = depth > 0 && rng.u8(0..4) == 0;
    match value {
        Value::Array(items) if !items.is_empty() && !here => {
            let at = rng.usize(0..items.len());
            match rng.u8(0..8) {
                0 => drop(items.remove(at)),
                1 => {
                    let again = items[at].clone();
                    items.extend(std::iter::repeat_n(again, rng.usize(1..300)));
                }
                2 => items.push(odd(rng)),
                _ => change(rng, &mut items[at], depth + 1),
            }
        }
        Value::Object(entries) if !entries.is_empty() && !here => {
            let key = rng.choice(entries.keys().cloned().collect::<Vec<_>>()).unwrap();
            match rng.u8(0..8) {
                0 => drop(entries.remove(&key)),
                1 => drop(entries.insert(rng.choice(["", "\0", "usn", "id", "x"]).unwrap().into(), odd(rng))),
                _ => change(rng, entries.get_mut(&key).unwrap(), depth + 1),
            }
        }
        Value::Number(number) if rng.bool() => {
            let near = number.as_i64().unwrap_or(0).wrapping_add(rng.i64(-3..4));
            *value = rng.choice([json!(near), json!(near as f64 + 0.5), json!(near.to_string()), json!(near.wrapping_neg())]).unwrap();
        }
        Value::String(text) if rng.bool() => {
            let mut raw = std::mem::take(text).into_bytes();
            bytes(rng, &mut raw);
            *text = String::from_utf8_lossy(&raw).into_owned();
        }
        _ => *value = odd(rng),
    }
}
