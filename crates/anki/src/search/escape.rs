//! Backslashes. The parser needs them before `"`, `:`, `(`, `)` and `-`, and takes those away; the ones before `*`, `_` and `\` stay, as
//! a pattern needs them.

use super::error::Fault;

/// Takes the parser's backslashes away.
pub(super) fn unescape(text: &str, at: usize) -> Result<String, Fault> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.char_indices();
    while let Some((position, c)) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some((_, plain @ ('"' | ':' | '(' | ')' | '-'))) => out.push(plain),
            Some((_, kept @ ('\\' | '*' | '_'))) => out.extend(['\\', kept]),
            _ => {
                return Fault::new(
                    at + position,
                    "a backslash can stand before \" : ( ) - * _ or another backslash; one that is meant as text is written \\\\",
                );
            }
        }
    }
    Ok(out)
}

/// In regular expressions, only quotes were escaped for our sake.
pub(super) fn unescape_quotes(text: &str) -> String {
    text.replace("\\\"", "\"")
}

/// In text without wildcards.
pub(super) fn unescape_quotes_and_backslashes(text: &str) -> String {
    unescape_quotes(text).replace("\\\\", "\\")
}
