//! Cloze deletions: `{{c1::text}}`, `{{c1::text::hint}}`, `{{c1,2::text}}`, one inside the other.

use std::collections::BTreeSet;

/// Deeper ones are text.
const DEEPEST: usize = 10;

/// The numbers, from 1, of the cloze deletions in a text that are closed, and not inside one that is not.
pub fn cloze_numbers(text: &str) -> BTreeSet<u16> {
    let mut found = BTreeSet::new();
    // Of each open one: its own numbers and those of the ones inside it.
    let mut open: Vec<BTreeSet<u16>> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        rest = &rest[at..];
        if let Some((numbers, after)) = opening(rest) {
            rest = after;
            if open.len() < DEEPEST {
                open.push(numbers);
            }
        } else if let Some(after) = rest.strip_prefix("}}") {
            rest = after;
            if let Some(closed) = open.pop() {
                open.last_mut().unwrap_or(&mut found).extend(closed);
            }
        } else {
            rest = &rest[1..];
        }
    }
    found
}

/// The numbers of the deletion that begins here, and what follows.
pub(super) fn opening(text: &str) -> Option<(BTreeSet<u16>, &str)> {
    let text = text.strip_prefix("{{c")?;
    let length = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b',').count();
    let (numbers, after) = (&text[..length], text[length..].strip_prefix("::")?);
    let numbers: BTreeSet<u16> = numbers.split(',').filter_map(|number| number.parse().ok()).collect();
    (!numbers.is_empty()).then(|| (numbers.into_iter().filter(|number| *number > 0).collect(), after))
}
