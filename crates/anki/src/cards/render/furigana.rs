//! Readings in brackets: ` 日本[にほん]`. The base begins after a space or tag.

/// Replaces each base with its reading by what `show` makes of them.
pub(super) fn replace(text: &str, show: impl Fn(&str, &str) -> String) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    let mut from = 0;
    while let Some(open) = rest[from..].find('[').map(|at| from + at) {
        let close = rest[open + 1..].find(']').map(|length| open + 1 + length);
        let Some(close) = close else { break };
        let (base, reading) = (&rest[..open], &rest[open + 1..close]);
        let start = base.rfind([' ', '>']).map_or(0, |at| at + 1);
        if start == open || reading.is_empty() || reading.starts_with("sound:") {
            from = close + 1;
            continue;
        }
        let before = &rest[..start];
        shown.push_str(before.strip_suffix(' ').unwrap_or(before));
        shown.push_str(&show(&base[start..], reading));
        rest = &rest[close + 1..];
        from = 0;
    }
    shown.push_str(rest);
    shown
}
