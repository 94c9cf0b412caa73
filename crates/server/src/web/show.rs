//! Numbers, moments and clients as pages show them.

use crate::actions::own_account::Ended;
use crate::clock::readable_time;
use store::main_db::Client;

/// What stands in a page as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Any text.
    pub fn text(text: &str) -> Self {
        let mut html = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '&' => html.push_str("&#38;"),
                '<' => html.push_str("&#60;"),
                '>' => html.push_str("&#62;"),
                '"' => html.push_str("&#34;"),
                '\'' => html.push_str("&#39;"),
                other => html.push(other),
            }
        }
        Self(html)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Html {
    fn from(text: String) -> Self {
        Self::text(&text)
    }
}

impl std::fmt::Display for Html {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

/// A moment without seconds, in UTC: `2026-11-25 22:13 UTC`. The script of the pages turns it into the time of the place.
pub fn time(ms: i64) -> Html {
    let text = readable_time(ms);
    let text = text.get(..16).unwrap_or(&text);
    Html(format!("<time datetime=\"{}Z\">{text} UTC</time>", text.replacen(' ', "T", 1)))
}

/// The same for a moment that may not have been yet.
pub fn time_or_never(ms: i64) -> Html {
    if ms <= 0 { Html::text("never") } else { time(ms) }
}

/// How long ago a moment was, roughly: `3 minutes ago`.
pub fn ago(ms: i64, now_ms: i64) -> String {
    let seconds = (now_ms - ms).max(0) / 1000;
    let (number, unit) = match seconds {
        ..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{} ago", count(number, unit))
}

/// Bytes in the unit that fits: `1.5 GB`.
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    if tenths < 100 { format!("{}.{} {unit}", tenths / 10, tenths % 10) } else { format!("{} {unit}", tenths / 10) }
}

/// What is used, and of how much.
pub fn used(bytes: i64, quota: Option<i64>) -> String {
    match quota {
        Some(quota) => format!("{} of {}", size(bytes), size(quota)),
        None => size(bytes),
    }
}

/// A number in groups of three digits.
pub fn number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if n < 0 { format!("-{out}") } else { out }
}

/// How many there are of something whose plural ends with s: `1 file`, `2 files`.
pub fn count(n: i64, what: &str) -> String {
    format!("{} {what}{}", number(n), if n == 1 { "" } else { "s" })
}

/// What a new password has ended: `2 devices are logged out, 6 API tokens revoked.`
pub fn ended(ended: &Ended) -> String {
    let some = |n: u64, what| (n > 0).then(|| count(i64::try_from(n).unwrap_or(i64::MAX), what));
    let tokens = some(ended.tokens, "API token");
    let out = match (some(ended.devices, "device"), some(ended.browsers, "other browser")) {
        (Some(devices), Some(browsers)) => Some(format!("{devices} and {browsers} are logged out")),
        (one, other) => {
            one.or(other).map(|one| format!("{one} {} logged out", if ended.devices + ended.browsers == 1 { "is" } else { "are" }))
        }
    };
    match (out, tokens) {
        (Some(out), Some(tokens)) => format!("{out}, {tokens} revoked."),
        (Some(out), None) => format!("{out}."),
        (None, Some(tokens)) => format!("{tokens} {} revoked.", if ended.tokens == 1 { "is" } else { "are" }),
        (None, None) => "Nothing else was logged out.".to_owned(),
    }
}

/// A client as people call it: `Anki 26.09.3 on linux`.
pub fn client(client: &Client) -> String {
    let name = match client.name.as_str() {
        "" => "Unknown device",
        "anki" => "Anki",
        "ankidroid" => "AnkiDroid",
        "ankimobile" => "AnkiMobile",
        other => other,
    };
    // Newer clients write version, build and platform into one text.
    let mut parts = client.version.split(',');
    let version = parts.next().unwrap_or_default();
    let platform = Some(client.platform.as_str()).filter(|platform| !platform.is_empty()).or_else(|| parts.nth(1)).unwrap_or_default();
    let mut text = format!("{name} {version}").trim_end().to_owned();
    if !platform.is_empty() {
        text.push_str(" on ");
        text.push_str(platform);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_for_people() {
        let want = "<time datetime=\"2026-11-22T23:54Z\">2026-11-22 23:54 UTC</time>";
        assert_eq!((time(1_795_391_696_999).to_string(), time_or_never(0).to_string()), (want.into(), "never".into()));
        assert_eq!(Html::text("<b>&\"'").to_string(), "&#60;b&#62;&#38;&#34;&#39;");
        for (seconds, want) in [(-5, "just now"), (59, "just now"), (60, "1 minute ago"), (7200, "2 hours ago"), (86_400 * 3, "3 days ago")]
        {
            assert_eq!(ago(1_000_000, 1_000_000 + seconds * 1000), want);
        }
        for (bytes, want) in
            [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (12_345, "12 kB"), (2_560_000_000, "2.5 GB"), (i64::MAX, "9223 PB")]
        {
            assert_eq!(size(bytes), want);
        }
        for (n, want) in [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567")] {
            assert_eq!(number(n), want);
        }
        assert_eq!((count(0, "file"), count(1, "file"), count(1234, "file")), ("0 files".into(), "1 file".into(), "1,234 files".into()));
    }

    #[test]
    fn what_a_password_ends() {
        for (devices, browsers, tokens, want) in [
            (0, 0, 0, "Nothing else was logged out."),
            (1, 0, 0, "1 device is logged out."),
            (2, 0, 6, "2 devices are logged out, 6 API tokens revoked."),
            (1, 1, 0, "1 device and 1 other browser are logged out."),
            (0, 0, 1, "1 API token is revoked."),
        ] {
            assert_eq!(ended(&Ended { devices, browsers, tokens }), want);
        }
    }

    #[test]
    fn clients_have_names() {
        for (name, version, platform, want) in [
            ("anki", "26.09.3,29bb700b,linux", "", "Anki 26.09.3 on linux"),
            ("anki", "2.1.49", "win:10", "Anki 2.1.49 on win:10"),
            ("ankidroid", "2.16", "", "AnkiDroid 2.16"),
            ("", "", "", "Unknown device"),
            ("x", ",,", "", "x"),
        ] {
            let known = Client { name: name.into(), version: version.into(), platform: platform.into() };
            assert_eq!(client(&known), want);
        }
    }
}
