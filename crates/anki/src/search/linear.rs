//! Patterns in a time that no text makes long: of what stands between two `*`, the first place where it fits is the best one, and it is found
//! by reading the text once.

use super::pattern::Piece;

/// Whether a text is like these pieces.
pub(super) fn matches(pieces: &[Piece], text: &str) -> bool {
    let mut runs: Vec<&[Piece]> = pieces.split(|piece| *piece == Piece::AnyText).collect();
    let Some(last) = runs.pop() else { return text.is_empty() };
    if runs.is_empty() {
        return fits_at_start(last, text).is_some_and(str::is_empty);
    }
    let mut rest = text;
    for (index, run) in runs.into_iter().enumerate() {
        let after = if index == 0 { fits_at_start(run, rest) } else { find(run, rest) };
        let Some(after) = after else { return false };
        rest = after;
    }
    // The last run has to end with the text.
    let Some(start) = last.len().checked_sub(1).map_or(Some(rest.len()), |index| rest.char_indices().rev().nth(index).map(|(at, _)| at))
    else {
        return false;
    };
    rest.get(start..).is_some_and(|end| fits_at_start(last, end).is_some())
}

/// What follows the pieces, if a text begins with them.
fn fits_at_start<'t>(run: &[Piece], text: &'t str) -> Option<&'t str> {
    let mut chars = text.chars();
    for piece in run {
        if !fits(*piece, chars.next()?) {
            return None;
        }
    }
    Some(chars.as_str())
}

fn fits(piece: Piece, c: char) -> bool {
    match piece {
        Piece::Char(wanted) => c.to_ascii_lowercase() == wanted,
        Piece::AnyChar | Piece::AnyText => true,
    }
}

/// What follows the first place where the pieces fit.
fn find<'t>(run: &[Piece], text: &'t str) -> Option<&'t str> {
    if run.is_empty() {
        return Some(text);
    }
    if run.contains(&Piece::AnyChar) { find_with_any(run, text) } else { find_literal(run, text) }
}

/// By Knuth, Morris and Pratt: `back` says how much of the run still fits when its next piece does not.
fn find_literal<'t>(run: &[Piece], text: &'t str) -> Option<&'t str> {
    let mut back = vec![0_usize; run.len()];
    let mut fitting = 0;
    for index in 1..run.len() {
        while fitting > 0 && run.get(fitting) != run.get(index) {
            fitting = back.get(fitting - 1).copied().unwrap_or(0);
        }
        if run.get(fitting) == run.get(index) {
            fitting += 1;
        }
        if let Some(slot) = back.get_mut(index) {
            *slot = fitting;
        }
    }
    fitting = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        while fitting > 0 && !run.get(fitting).is_some_and(|piece| fits(*piece, c)) {
            fitting = back.get(fitting - 1).copied().unwrap_or(0);
        }
        if run.get(fitting).is_some_and(|piece| fits(*piece, c)) {
            fitting += 1;
        }
        if fitting == run.len() {
            return Some(chars.as_str());
        }
    }
    None
}

/// A bit for each beginning of the run that the text read so far ends with, 64 in a step.
fn find_with_any<'t>(run: &[Piece], text: &'t str) -> Option<&'t str> {
    let words = run.len().div_ceil(64);
    let mut any = vec![0_u64; words];
    let mut letters: std::collections::HashMap<char, Vec<u64>> = std::collections::HashMap::new();
    let set = |bits: &mut [u64], index: usize| {
        if let Some(word) = bits.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    };
    for (index, piece) in run.iter().enumerate() {
        match piece {
            Piece::Char(c) => set(letters.entry(*c).or_insert_with(|| vec![0; words]), index),
            Piece::AnyChar | Piece::AnyText => set(&mut any, index),
        }
    }
    for bits in letters.values_mut() {
        bits.iter_mut().zip(&any).for_each(|(word, any)| *word |= any);
    }
    let last = 1_u64 << ((run.len() - 1) % 64);
    let mut state = vec![0_u64; words];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let allowed = letters.get(&c.to_ascii_lowercase()).unwrap_or(&any);
        let mut carry = 1;
        for (word, allowed) in state.iter_mut().zip(allowed) {
            let next = *word >> 63;
            *word = ((*word << 1) | carry) & allowed;
            carry = next;
        }
        if state.last().is_some_and(|word| word & last != 0) {
            return Some(chars.as_str());
        }
    }
    None
}
