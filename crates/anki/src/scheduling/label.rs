//! What clients write on the buttons.

const MINUTE: f32 = 60.0;
const HOUR: f32 = 60.0 * MINUTE;
const DAY: f32 = 24.0 * HOUR;
const YEAR: f32 = 365.0 * DAY;
const MONTH: f32 = YEAR / 12.0;

/// `<10m`, `4d`, `1.2mo`: how long until a card is shown again. `<` marks what may come earlier, as it is within the time that is learnt
/// ahead.
pub fn label(seconds: u32, learn_ahead: u32) -> String {
    let (sign, amount, unit) = parts(seconds, learn_ahead);
    format!("{sign}{amount}{unit}")
}

/// The same as English clients hand it to add-ons, with the marks around the number that keep it together in texts of any direction.
pub fn isolated_label(seconds: u32, learn_ahead: u32) -> String {
    let (sign, amount, unit) = parts(seconds, learn_ahead);
    if amount.is_empty() { unit.to_owned() } else { format!("{sign}\u{2068}{amount}\u{2069}{unit}") }
}

fn parts(seconds: u32, learn_ahead: u32) -> (&'static str, String, &'static str) {
    if seconds == 0 {
        return ("", String::new(), "(end)");
    }
    #[expect(clippy::cast_precision_loss, reason = "clients compute with single precision")]
    let exact = seconds as f32;
    let whole = |unit: f32| (exact / unit).round();
    let tenths = |unit: f32| (exact / unit * 10.0).round() / 10.0;
    let (amount, unit) = match exact {
        ..MINUTE => (whole(1.0), "s"),
        ..HOUR => (whole(MINUTE), "m"),
        ..DAY => (tenths(HOUR), "h"),
        ..MONTH => (whole(DAY), "d"),
        ..YEAR => (tenths(MONTH), "mo"),
        _ => (tenths(YEAR), "y"),
    };
    (if seconds < learn_ahead { "<" } else { "" }, amount.to_string(), unit)
}
