//! Text with wildcards: `*` is any text, `_` any one character, a backslash takes away the meaning of what follows.
//!
//! Clients compare note text as SQLite's LIKE does, in which only A to Z have two cases; names and tags by regular expressions, in which
//! all letters have.

use super::linear;
use std::fmt::Write as _;

/// How many times its length a text may cost before it is looked at in another way.
const PATIENCE: usize = 8;

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// In lower case, if it is a letter from A to Z.
    Char(char),
    AnyChar,
    AnyText,
}

/// A pattern for whole texts, in which A to Z have no case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Like(Vec<Piece>);

impl Like {
    /// From a pattern as it is typed.
    pub fn new(pattern: &str) -> Self {
        let mut pieces = Vec::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                '*' => Piece::AnyText,
                '_' => Piece::AnyChar,
                // A backslash at the very end is nothing that SQLite would find.
                '\\' => Piece::Char(chars.next().unwrap_or('\\').to_ascii_lowercase()),
                c => Piece::Char(c.to_ascii_lowercase()),
            });
        }
        Self(pieces)
    }

    /// The pattern anywhere in a text.
    pub fn anywhere(self) -> Self {
        Self::any_text().then(self).then(Self::any_text())
    }

    pub(super) fn any_text() -> Self {
        Self(vec![Piece::AnyText])
    }

    pub(super) fn char(c: char) -> Self {
        Self(vec![Piece::Char(c.to_ascii_lowercase())])
    }

    pub(super) fn then(mut self, next: Self) -> Self {
        self.0.extend(next.0);
        self
    }

    /// Whether a text is like this.
    pub fn matches(&self, text: &str) -> bool {
        // What follows is fast for what people look for. What it costs is the product of both lengths at worst, and then not this way.
        self.matches_within(text, text.len().saturating_mul(PATIENCE).saturating_add(1000))
            .unwrap_or_else(|| linear::matches(&self.0, text))
    }

    /// None when it takes more steps than these.
    fn matches_within(&self, text: &str, mut steps: usize) -> Option<bool> {
        let pieces = &self.0;
        let (mut piece, mut rest) = (0, text);
        // Where to go on if what follows the last `*` does not fit here.
        let mut retry: Option<(usize, &str)> = None;
        loop {
            steps = steps.checked_sub(1)?;
            let mut chars = rest.chars();
            match (pieces.get(piece), chars.next()) {
                (Some(Piece::AnyText), _) => {
                    piece += 1;
                    if piece == pieces.len() {
                        return Some(true);
                    }
                    retry = Some((piece, rest));
                    continue;
                }
                (Some(Piece::AnyChar), Some(_)) => {
                    piece += 1;
                    rest = chars.as_str();
                    continue;
                }
                (Some(Piece::Char(wanted)), Some(found)) if found.to_ascii_lowercase() == *wanted => {
                    piece += 1;
                    rest = chars.as_str();
                    continue;
                }
                (None, None) => return Some(true),
                _ => {}
            }
            let Some((after, from)) = retry else { return Some(false) };
            let mut chars = from.chars();
            if chars.next().is_none() {
                return Some(false);
            }
            rest = chars.as_str();
            piece = after;
            retry = Some((after, rest));
        }
    }

    /// The same pattern in SQL's words, with `escape` before what is meant literally.
    pub fn to_sql(&self, escape: char) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::AnyText => out.push('%'),
                Piece::AnyChar => out.push('_'),
                Piece::Char(c) => {
                    if matches!(c, '%' | '_') || *c == escape {
                        out.push(escape);
                    }
                    out.push(*c);
                }
            }
        }
        out
    }
}

/// A pattern in SQL's words that all texts have that contain this literal text in any case, and a few more: letters that have relatives
/// beyond two cases, or are not ASCII, are any character.
pub(super) fn contains_any_case(literal: &str) -> Like {
    let piece = |c: char| match c {
        's' | 'S' | 'k' | 'K' | 'i' | 'I' => Piece::AnyChar,
        c if c.is_ascii() => Piece::Char(c.to_ascii_lowercase()),
        _ => Piece::AnyChar,
    };
    Like(literal.chars().map(piece).collect()).anywhere()
}

/// Whether a pattern has wildcards.
pub(super) fn has_wildcards(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '_' => return true,
            '\\' => drop(chars.next()),
            _ => {}
        }
    }
    false
}

/// The text of a pattern without wildcards.
pub(super) fn literal(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}

/// A pattern as a regular expression. `any` is what one character of a wildcard can be.
pub(super) fn to_regex(pattern: &str, any: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => _ = write!(out, "{any}*"),
            '_' => out.push_str(any),
            '\\' => match chars.next() {
                Some(next) => out.push_str(&regex::escape(next.encode_utf8(&mut [0; 4]))),
                None => out.push_str("\\\\"),
            },
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out
}

/// The longest part of a pattern that has no wildcards.
pub(super) fn longest_literal(pattern: &str) -> String {
    let (mut longest, mut current) = (String::new(), String::new());
    let mut chars = pattern.chars();
    loop {
        match chars.next() {
            Some('\\') => current.push(chars.next().unwrap_or('\\')),
            Some(c) if c != '*' && c != '_' => current.push(c),
            other => {
                if current.len() > longest.len() {
                    longest = std::mem::take(&mut current);
                }
                current.clear();
                if other.is_none() {
                    return longest;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_is_sqlites() {
        for (pattern, text, fits) in [
            ("abc", "aBC", true),
            ("abc", "abcd", false),
            ("a*c", "abbc", true),
            ("a*c", "acb", false),
            ("*b*", "abc", true),
            ("a_c", "aéc", true),
            ("a_c", "ac", false),
            ("a\\_c", "abc", false),
            ("a\\_c", "a_c", true),
            ("100%", "100%", true),
            ("100%", "1000", false),
            ("Ä", "ä", false),
            ("k", "\u{212a}", false),
            ("*a*b*c", "xaxbxbxc", true),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(Like::new(pattern).matches(text), fits, "{pattern} {text}");
            assert_eq!(linear::matches(&Like::new(pattern).0, text), fits, "{pattern} {text}");
        }
        assert_eq!(Like::new("a*b_%!\\*").to_sql('!'), "a%b_!%!!*");
    }

    #[test]
    fn both_ways_agree() {
        // All patterns of up to five pieces, and all texts of up to four letters.
        let words = |letters: &[char], most: u32| -> Vec<String> {
            let (mut all, mut last) = (vec![String::new()], vec![String::new()]);
            for _ in 0..most {
                last = last.iter().flat_map(|word| letters.iter().map(move |letter| format!("{word}{letter}"))).collect();
                all.extend(last.iter().cloned());
            }
            all
        };
        let texts = words(&['a', 'B', 'ä'], 4);
        for pattern in words(&['A', 'b', '_', '*'], 5) {
            let like = Like::new(&pattern);
            for text in &texts {
                assert_eq!(like.matches_within(text, 10_000), Some(linear::matches(&like.0, text)), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let text = "a".repeat(400_000);
        for pattern in ["a".repeat(8000) + "b", "_".repeat(3999) + &"a".repeat(4000) + "b", "a_".repeat(4000) + "b"] {
            let like = Like::new(&pattern).anywhere();
            // It would take some 3,200,000,000 steps.
            assert_eq!(like.matches_within(&text, 9 * text.len()), None);
            assert!(!like.matches(&text));
            assert!(like.matches(&format!("{text}b")));
        }
    }

    #[test]
    fn regular_expressions_know_the_wildcards() {
        assert_eq!(to_regex("a*b_c\\*\\_.", "."), "a.*b.c\\*_\\.");
        assert_eq!(longest_literal("ab*cde_f\\*g"), "cde");
        assert_eq!(longest_literal("f\\*gh"), "f*gh");
        assert_eq!(longest_literal("*"), "");
    }
}
