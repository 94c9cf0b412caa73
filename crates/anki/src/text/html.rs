//! Turning the HTML of a field into plain text, as the clients do it: by patterns, not by parsing.

use std::borrow::Cow;

use memchr::memchr;
use memchr::memmem::Finder;

use super::media_tags::replace_media_tags;

/// The plain text of a field: media tags become ` name `, all other tags go, entities are decoded.
pub fn strip_html_keeping_media_names(html: &str) -> Cow<'_, str> {
    match replace_media_tags(html) {
        Cow::Borrowed(text) => strip_html(text),
        Cow::Owned(text) => Cow::Owned(strip_html(&text).into_owned()),
    }
}

/// The text without comments, style and script elements and tags, with entities decoded.
pub fn strip_html(html: &str) -> Cow<'_, str> {
    match strip_tags(html) {
        Cow::Borrowed(text) => decode_entities(text),
        Cow::Owned(text) => Cow::Owned(decode_entities(&text).into_owned()),
    }
}

/// The text with its HTML entities decoded and non-breaking spaces turned into plain ones.
///
/// One entity that cannot be decoded leaves the whole text as it is; so does a text without `&`, whatever spaces it has.
pub fn decode_entities(text: &str) -> Cow<'_, str> {
    if memchr(b'&', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    match htmlescape::decode_html(text) {
        Ok(decoded) => Cow::Owned(decoded.replace('\u{a0}', " ")),
        Err(_) => Cow::Borrowed(text),
    }
}

fn strip_tags(html: &str) -> Cow<'_, str> {
    if memchr(b'<', html.as_bytes()).is_none() {
        return Cow::Borrowed(html);
    }
    let mut text = String::with_capacity(html.len());
    let mut elements = Elements::new(html);
    let mut kept_to = 0;
    let mut at = 0;
    while let Some(start) = memchr(b'<', &html.as_bytes()[at..]).map(|offset| at + offset) {
        let Some(end) = elements.end_of(start) else { break };
        text.push_str(&html[kept_to..start]);
        kept_to = end;
        at = end;
    }
    text.push_str(&html[kept_to..]);
    Cow::Owned(text)
}

/// Finds where things that begin with `<` end. It remembers what does not occur any more further on, so that text full of
/// unclosed elements is not searched to its end again and again.
struct Elements<'a> {
    html: &'a str,
    comments_end: bool,
    styles_end: bool,
    scripts_end: bool,
}

impl<'a> Elements<'a> {
    fn new(html: &'a str) -> Self {
        Self { html, comments_end: true, styles_end: true, scripts_end: true }
    }

    /// The end of the comment, style or script element or tag that starts at `start`. `None` means that no `>` follows.
    fn end_of(&mut self, start: usize) -> Option<usize> {
        let rest = &self.html[start..];
        let tag_end = memchr(b'>', rest.as_bytes())? + 1;
        let whole = if rest.starts_with("<!--") {
            self.comments_end.then(|| find_comment_end(rest, &mut self.comments_end)).flatten()
        } else if starts_with_ignoring_case(&rest[1..], "style") {
            self.styles_end.then(|| find_closing_tag(rest, tag_end, "style>", &mut self.styles_end)).flatten()
        } else if starts_with_ignoring_case(&rest[1..], "script") {
            self.scripts_end.then(|| find_closing_tag(rest, tag_end, "script>", &mut self.scripts_end)).flatten()
        } else {
            None
        };
        Some(start + whole.unwrap_or(tag_end))
    }
}

fn find_comment_end(rest: &str, more: &mut bool) -> Option<usize> {
    let body = "<!--".len();
    let found = Finder::new("-->").find(&rest.as_bytes()[body..]);
    *more = found.is_some();
    found.map(|offset| body + offset + "-->".len())
}

fn find_closing_tag(rest: &str, body: usize, name: &str, more: &mut bool) -> Option<usize> {
    let end = Finder::new("</").find_iter(&rest.as_bytes()[body..]).find_map(|offset| {
        let after = body + offset + "</".len();
        length_ignoring_case(&rest[after..], name).map(|length| after + length)
    });
    *more = end.is_some();
    end
}

pub(super) fn starts_with_ignoring_case(text: &str, name: &str) -> bool {
    length_ignoring_case(text, name).is_some()
}

/// The number of bytes at the start of `text` which are `name` (lower-case ASCII) in any case.
///
/// The long s (U+017F) counts as an s, for the clients' patterns take Unicode's simple case folding. Of the letters that occur
/// in the names we look for, no other has such a relative.
pub(super) fn length_ignoring_case(text: &str, name: &str) -> Option<usize> {
    let mut chars = text.chars();
    for wanted in name.chars() {
        let found = chars.next()?;
        if found.to_ascii_lowercase() != wanted && !(wanted == 's' && found == 'ſ') {
            return None;
        }
    }
    Some(text.len() - chars.as_str().len())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn tags_comments_and_elements_go() {
        for (given, wanted) in [
            ("plain > text", "plain > text"),
            ("a<b", "a<b"),
            ("<b>x</b>", "x"),
            ("a<!-- <b> -->c", "ac"),
            ("a<!-- <b>c", "ac"),
            ("a<!-->b-->c", "ac"),
            ("<style>x</style>y", "y"),
            ("<STYLE\ntype=a>x\n</Style>y", "y"),
            ("<style>x", "x"),
            ("<style</style>x", "x"),
            ("<scripted>x</script>y", "y"),
            ("<ſcript>x</script>y", "y"),
            ("<style>a</style ><b>", "a"),
            ("<<b>>", ">"),
        ] {
            assert_eq!(strip_html(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn entities_are_decoded_all_or_none() {
        for (given, wanted) in [
            ("&lt;i&gt; &amp;", "<i> &"),
            ("a&nbsp;b", "a b"),
            ("&bogus; &amp;", "&bogus; &amp;"),
            ("a\u{a0}b", "a\u{a0}b"),
            ("a\u{a0}&#65;", "a A"),
            ("a & b", "a & b"),
        ] {
            assert_eq!(strip_html(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn hostile_text_takes_linear_time() {
        for unit in ["<!-->", "<style>", "<script>", "<", "<!--", "</style", "<style></"] {
            let text = unit.repeat(200_000);
            let start = Instant::now();
            strip_html_keeping_media_names(&text);
            assert!(start.elapsed() < Duration::from_secs(2), "{unit}");
        }
    }
}
