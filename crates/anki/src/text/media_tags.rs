//! Finding `<img src="name">` and its relatives, so that a picture counts as text when notes are sorted and compared.
//!
//! Clients describe such a tag by a pattern with backtracking: after the tag's name come characters other than `>`, or quoted
//! text in which `>` may stand, as few as possible, up to `src=` or `data=` and a file name in double, single or no quotes.
//! The search here tries the same things in the same order, but remembers the positions from which nothing was found, so that
//! its time grows with the length of the text only.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memrchr};
use unicode_normalization::char::is_combining_mark;

use super::html::{decode_entities, length_ignoring_case, starts_with_ignoring_case};

const TAG_NAMES: [&str; 5] = ["img", "audio", "video", "object", "source"];
const ATTRIBUTES: [&str; 2] = ["src", "data"];

/// Replaces each media tag by the file name in it, with a space on either side.
pub(super) fn replace_media_tags(html: &str) -> Cow<'_, str> {
    let Some(last_end) = memrchr(b'>', html.as_bytes()) else { return Cow::Borrowed(html) };
    let mut search = Search { html, last_end, failed: Vec::new() };
    let mut text = String::new();
    let mut kept_to = 0;
    let mut at = 0;
    while let Some(start) = memchr(b'<', &html.as_bytes()[at..]).map(|offset| at + offset) {
        at = start + 1;
        let Some(tag) = search.tag_at(start) else { continue };
        text.push_str(&html[kept_to..start]);
        text.push(' ');
        text.push_str(tag.name);
        text.push(' ');
        kept_to = tag.end;
        at = tag.end;
    }
    if kept_to == 0 {
        return Cow::Borrowed(html);
    }
    text.push_str(&html[kept_to..]);
    Cow::Owned(text)
}

/// Gives each media file that a field refers to, by a tag or by `[sound:…]`, the name that `rename` answers for it, if any. It is asked
/// with entities decoded. None if nothing got another name.
pub fn rename_media(field: &str, mut rename: impl FnMut(&str) -> Option<String>) -> Option<String> {
    let tags = rename_in_tags(field, &mut rename);
    let sounds = rename_in_sounds(tags.as_deref().unwrap_or(field), &mut rename);
    sounds.or(tags)
}

fn rename_in_tags(html: &str, rename: &mut impl FnMut(&str) -> Option<String>) -> Option<String> {
    let last_end = memrchr(b'>', html.as_bytes())?;
    let mut search = Search { html, last_end, failed: Vec::new() };
    let mut found = Renamed { text: html, result: String::new(), kept_to: 0 };
    let mut at = 0;
    while let Some(start) = memchr(b'<', &html.as_bytes()[at..]).map(|offset| at + offset) {
        at = start + 1;
        if let Some(tag) = search.tag_at(start) {
            found.replace(start, tag.end, tag.name, rename);
            at = tag.end;
        }
    }
    found.finish()
}

const SOUND: &str = "[sound:";

fn rename_in_sounds(text: &str, rename: &mut impl FnMut(&str) -> Option<String>) -> Option<String> {
    let mut found = Renamed { text, result: String::new(), kept_to: 0 };
    let mut at = 0;
    while let Some(start) = text[at..].find(SOUND).map(|offset| at + offset) {
        let name = start + SOUND.len();
        // The name has at least one character, whichever it is.
        let Some(first) = text[name..].chars().next() else { break };
        let Some(end) = text[name + first.len_utf8()..].find(']').map(|offset| name + first.len_utf8() + offset) else { break };
        found.replace(start, end + 1, &text[name..end], rename);
        at = end + 1;
    }
    found.finish()
}

/// A text while names in it are replaced.
struct Renamed<'a> {
    text: &'a str,
    result: String,
    kept_to: usize,
}

impl Renamed<'_> {
    /// Renames the file of a reference. As clients do, wherever the old name stands in the reference.
    fn replace(&mut self, start: usize, end: usize, name: &str, rename: &mut impl FnMut(&str) -> Option<String>) {
        let decoded = decode_entities(name);
        let Some(new) = rename(&decoded) else { return };
        let new = if matches!(decoded, Cow::Owned(_)) { htmlescape::encode_minimal(&new) } else { new };
        self.result.push_str(&self.text[self.kept_to..start]);
        self.result.push_str(&self.text[start..end].replace(name, &new));
        self.kept_to = end;
    }

    fn finish(mut self) -> Option<String> {
        if self.kept_to == 0 {
            return None;
        }
        self.result.push_str(&self.text[self.kept_to..]);
        Some(self.result)
    }
}

/// A file name and the position after its tag.
struct MediaTag<'a> {
    name: &'a str,
    end: usize,
}

struct Search<'a> {
    html: &'a str,
    /// The position of the last `>`. No tag can end behind it.
    last_end: usize,
    /// For each byte, whether a search from there, outside of quotes, came to nothing. Empty until a tag is met.
    failed: Vec<bool>,
}

impl<'a> Search<'a> {
    fn tag_at(&mut self, start: usize) -> Option<MediaTag<'a>> {
        let inside = &self.html[start + 1..];
        let name = TAG_NAMES.iter().find_map(|name| length_ignoring_case(inside, name))?;
        let after_name = start + 1 + name;
        if self.word_before(after_name) && self.word_after(after_name) {
            return None;
        }
        if self.failed.is_empty() {
            self.failed.resize(self.html.len() + 1, false);
        }
        self.attributes_from(after_name)
    }

    /// Looks for the attribute with the file name behind at least one character or quoted text.
    fn attributes_from(&mut self, after_name: usize) -> Option<MediaTag<'a>> {
        // Quotation marks that were taken as plain characters; later, the last of them is tried first as the start of a quote.
        let mut quotes = Vec::new();
        let mut at = after_name;
        let mut first = true;
        loop {
            if !first {
                if self.failed.get(at).copied().unwrap_or(true) {
                    at = self.after_quote(&mut quotes)?;
                    continue;
                }
                if let Some(tag) = self.attribute_at(at) {
                    return Some(tag);
                }
                if let Some(failed) = self.failed.get_mut(at) {
                    *failed = true;
                }
            }
            first = false;
            match self.html[at..].chars().next() {
                Some('>') | None => at = self.after_quote(&mut quotes)?,
                Some(c) => {
                    if c == '"' || c == '\'' {
                        quotes.push(at);
                    }
                    at += c.len_utf8();
                }
            }
        }
    }

    /// The position after the quoted text that the last of the open quotation marks starts, if it is not empty.
    fn after_quote(&self, quotes: &mut Vec<usize>) -> Option<usize> {
        while let Some(open) = quotes.pop() {
            let quote = self.html.as_bytes()[open];
            match memchr(quote, &self.html.as_bytes()[open + 1..]) {
                Some(length) if length > 0 => return Some(open + 1 + length + 1),
                _ => {}
            }
        }
        None
    }

    /// The tag whose `src=` or `data=` stands at `at`.
    fn attribute_at(&self, at: usize) -> Option<MediaTag<'a>> {
        let rest = &self.html[at..];
        if !rest.starts_with(['s', 'S', 'd', 'D', 'ſ']) || self.word_before(at) {
            return None;
        }
        let attribute = ATTRIBUTES.iter().find(|name| starts_with_ignoring_case(rest, name))?;
        let equals = at + length_ignoring_case(rest, attribute)?;
        let value = self.html[equals..].strip_prefix('=').map(|_| equals + 1)?;
        self.quoted_name(value).or_else(|| self.plain_name(value))
    }

    fn quoted_name(&self, value: usize) -> Option<MediaTag<'a>> {
        let bytes = self.html.as_bytes();
        let quote = *bytes.get(value).filter(|byte| matches!(byte, b'"' | b'\''))?;
        let name_end = value + 1 + memchr(quote, &bytes[value + 1..]).filter(|length| *length > 0)?;
        Some(MediaTag { name: &self.html[value + 1..name_end], end: self.end_after(name_end)? })
    }

    /// A name without quotes ends at a space, except that its first character may be one.
    fn plain_name(&self, value: usize) -> Option<MediaTag<'a>> {
        if value > self.last_end {
            return None;
        }
        let first = self.html[value..].chars().next().filter(|c| *c != '>')?;
        let second = value + first.len_utf8();
        let name_end = second + memchr2(b' ', b'>', &self.html.as_bytes()[second..])?;
        Some(MediaTag { name: &self.html[value..name_end], end: self.end_after(name_end)? })
    }

    /// The position after the first `>` from `at` on.
    fn end_after(&self, at: usize) -> Option<usize> {
        if at > self.last_end {
            return None;
        }
        memchr(b'>', &self.html.as_bytes()[at..]).map(|offset| at + offset + 1)
    }

    fn word_before(&self, at: usize) -> bool {
        self.html[..at].chars().next_back().is_some_and(is_word)
    }

    fn word_after(&self, at: usize) -> bool {
        self.html[at..].chars().next().is_some_and(is_word)
    }
}

/// Whether patterns count a character as part of a word: letters, digits, combining marks and joining characters.
fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    c.is_alphabetic()
        || (c.is_numeric() && !is_numeric_symbol(c))
        || is_combining_mark(c)
        || matches!(c, '\u{200c}' | '\u{200d}' | '‿' | '⁀' | '⁔' | '︳' | '︴' | '﹍'..='﹏' | '＿')
}

/// Superscripts, fractions and circled numbers, which are numeric but no digits. (Those of rare scripts are left out.)
fn is_numeric_symbol(c: char) -> bool {
    matches!(c,
        '²' | '³' | '¹' | '¼'..='¾' | '\u{2070}'..='\u{2089}' | '\u{2150}'..='\u{215f}' | '\u{2189}' | '\u{2460}'..='\u{249b}'
        | '\u{24ea}'..='\u{24ff}' | '\u{2776}'..='\u{2793}' | '\u{3192}'..='\u{3195}' | '\u{3220}'..='\u{3289}'
        | '\u{32b1}'..='\u{32bf}')
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn names_are_kept() {
        for (given, wanted) in [
            ("<img src=\"foo bar.jpg\">", " foo bar.jpg "),
            ("pre<img src=foo.jpg>post", "pre foo.jpg post"),
            ("<IMG alt='a>b' SRC='x y.png' class=c>", " x y.png "),
            ("<object data=\"a.swf\"></object>", " a.swf </object>"),
            ("<img>", "<img>"),
            ("<img src=>", "<img src=>"),
            ("<img src=\"\">", " \"\" "),
            ("<imgsrc=x>", "<imgsrc=x>"),
            ("<img xsrc=x>", "<img xsrc=x>"),
            ("<img²src=x>", " x "),
            ("<img٣src=x>", "<img٣src=x>"),
            ("<img-src=x>", " x "),
            ("<img src=\"abc>", " \"abc "),
            ("<img src= abc d>", "  abc "),
            ("<video><source src=a.mp4></video>", "<video> a.mp4 </video>"),
        ] {
            assert_eq!(replace_media_tags(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn files_are_renamed_where_they_are_referred_to() {
        let renamed = |text: &str| rename_media(text, |name| (name != "same.jpg").then(|| format!("{}<2>", name.to_uppercase())));
        for (text, wanted) in [
            ("<img src=foo.jpg>[sound:bar.mp3]<img src=same.jpg>", Some("<img src=FOO.JPG<2>>[sound:BAR.MP3<2>]<img src=same.jpg>")),
            ("a<img alt='x.jpg' src=\"x.jpg\">b", Some("a<img alt='X.JPG<2>' src=\"X.JPG<2>\">b")),
            ("<img src=\"a&amp;b.jpg\">", Some("<img src=\"A&amp;B.JPG&lt;2&gt;\">")),
            ("[sound:]][sound:a\nb]", Some("[sound:]<2>]<2>[sound:A\nB<2>]")),
            ("[sound:[sound:x]", Some("[sound:[SOUND:X<2>]")),
            ("[sound:", None),
            ("[sound:]", None),
            ("[sound:x", None),
            ("<img src=same.jpg>", None),
            ("foo.jpg <img>", None),
            ("", None),
        ] {
            assert_eq!(renamed(text).as_deref(), wanted, "{text:?}");
        }
    }

    #[test]
    fn hostile_text_takes_linear_time() {
        for unit in ["<img '> <img src=x> '", "<img ", "<img src=\"", "<img src='\"", "<img '\"'\">", "src=<img x", "<img \"\" "] {
            for end in ["", ">"] {
                let text = unit.repeat(50_000) + end;
                let start = Instant::now();
                replace_media_tags(&text);
                rename_media(&text, |_| None);
                assert!(start.elapsed() < Duration::from_secs(2), "{unit}");
            }
        }
    }
}
