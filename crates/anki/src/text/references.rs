//! Media files that are referred to in other ways than by tags in fields: by LaTeX, whose pictures are named after its text, and by
//! templates and styling, in which clients look for names that begin with an underscore.
//!
//! Clients describe these by patterns. What finds them here reads a text once, whatever it holds.

use super::{rename_media, strip_html};
use memchr::memmem;
use sha1::{Digest, Sha1};

/// Tells `found` the name of each media file that a field refers to, with entities decoded. `svg` says how the notetype keeps its LaTeX.
pub fn media_in_field(field: &str, svg: bool, mut found: impl FnMut(&str)) {
    rename_media(field, |name| {
        found(name);
        None
    });
    latex_in(field, |latex| found(&latex_file(&latex, svg)));
}

/// Opening, closing, and what goes around the text between them.
const LATEX: [(&str, &str, &str, &str); 3] =
    [("[latex]", "[/latex]", "", ""), ("[$]", "[/$]", "$", "$"), ("[$$]", "[/$$]", "\\begin{displaymath}", "\\end{displaymath}")];

fn latex_in(field: &str, mut found: impl FnMut(String)) {
    if !field.contains('[') {
        return;
    }
    // ASCII keeps its length, so positions are those of the field.
    let lower = field.to_ascii_lowercase();
    let mut is_closed = [true; LATEX.len()];
    let mut at = 0;
    while let Some(start) = lower[at..].find('[').map(|offset| at + offset) {
        at = start + 1;
        let kind = LATEX.iter().enumerate().find(|(_, (open, ..))| lower[start..].starts_with(open));
        let Some((kind, (open, close, before, after))) = kind.filter(|(kind, _)| is_closed[*kind]) else { continue };
        let text = start + open.len();
        // There is at least one character in between.
        let second = text + lower[text..].chars().next().map_or(0, char::len_utf8);
        let Some(end) = memmem::find(&lower.as_bytes()[second..], close.as_bytes()).map(|offset| second + offset) else {
            is_closed[kind] = false;
            continue;
        };
        if second > text {
            found(format!("{before}{}{after}", &field[text..end]));
        }
        at = end + close.len();
    }
}

/// What clients call the picture of a piece of LaTeX.
fn latex_file(latex: &str, svg: bool) -> String {
    let mut lines = String::with_capacity(latex.len());
    let mut rest = latex;
    while let Some(at) = rest.find('<') {
        lines.push_str(&rest[..at]);
        rest = &rest[at..];
        let tag =
            ["<br>", "<br />", "<br/>", "<div>"].iter().find(|tag| rest.get(..tag.len()).is_some_and(|r| r.eq_ignore_ascii_case(tag)));
        // The pattern of clients knows the second form with a blank only.
        let Some(tag) = tag.filter(|tag| **tag != "<br/>") else {
            lines.push('<');
            rest = &rest[1..];
            continue;
        };
        lines.push('\n');
        rest = &rest[tag.len()..];
    }
    lines.push_str(rest);
    format!("latex-{}.{}", hex(&Sha1::digest(strip_html(&lines).as_bytes())), if svg { "svg" } else { "png" })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tells `found` each name with a leading underscore in one side of a template: in quotes, in `[sound:…]`, or behind `src=` or `data=`.
pub fn media_in_template(html: &str, mut found: impl FnMut(&str)) {
    let mut text = Text { all: html, without: [false; 3] };
    let mut at = 0;
    while let Some(start) = html[at..].find('_').map(|offset| at + offset) {
        at = start + 1;
        let before = &html[..start];
        let name = if before.ends_with("[sound:") {
            text.until(b']', 0, start)
        } else if before.ends_with('"') {
            text.until(b'"', 1, start)
        } else if before.ends_with('\'') {
            text.until(b'\'', 2, start)
        } else if ["src=", "data="].iter().any(|attribute| {
            before.strip_suffix(attribute).is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        }) {
            let length = html[at..].find([' ', '>']).unwrap_or(html.len() - at);
            Some(at + length).filter(|_| length > 0)
        } else {
            None
        };
        if let Some(end) = name {
            found(&html[start..end]);
            at = end;
        }
    }
}

/// Tells `found` each name with a leading underscore in styling: in `url(…)`, and of `.css` files behind `@import`.
pub fn media_in_css(css: &str, mut found: impl FnMut(&str)) {
    let mut text = Text { all: css, without: [false; 3] };
    let mut at = 0;
    while let Some(start) = css[at..].find('_').map(|offset| at + offset) {
        at = start + 1;
        let before = &css[..start];
        let quote = before.chars().next_back().filter(|c| matches!(c, '"' | '\''));
        let (outside, quoted) = match quote {
            Some('"') => (&before[..start - 1], text.until(b'"', 1, start)),
            Some(_) => (&before[..start - 1], text.until(b'\'', 2, start)),
            None => (before, None),
        };
        let opened = outside.trim_end();
        let is_url = ends_with(opened, "url(");
        let end = match (quote, quoted) {
            (Some(_), Some(end)) if is_url && css[end + 1..].trim_start().starts_with(')') => Some(end),
            (Some(_), Some(end)) if opened.len() < outside.len() && ends_with(opened, "@import") => {
                Some(end).filter(|end| css[at..*end].chars().count() > 3 && ends_with(&css[at..*end], "css"))
            }
            // The name stays on its line, but blanks behind it do not have to.
            (None, _) if is_url => memchr::memchr2(b')', b'\n', &css.as_bytes()[at..]).and_then(|length| {
                let name = css[start..at + length].trim_end();
                Some(start + name.len()).filter(|_| name.len() > 1 && css[at + length..].trim_start().starts_with(')'))
            }),
            _ => None,
        };
        if let Some(end) = end {
            found(&css[start..end]);
            at = end;
        }
    }
}

fn ends_with(text: &str, end: &str) -> bool {
    text.len().checked_sub(end.len()).and_then(|at| text.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// A text, and which of three endings do not occur any more.
struct Text<'a> {
    all: &'a str,
    without: [bool; 3],
}

impl Text<'_> {
    /// Where a name that begins with the underscore at `start` ends: before the next `end`, with at least one character in between.
    fn until(&mut self, end: u8, kind: usize, start: usize) -> Option<usize> {
        if self.without[kind] {
            return None;
        }
        let Some(length) = memchr::memchr(end, &self.all.as_bytes()[start + 1..]) else {
            self.without[kind] = true;
            return None;
        };
        Some(start + 1 + length).filter(|_| length > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn all(find: impl FnOnce(&mut dyn FnMut(&str))) -> Vec<String> {
        let mut names = Vec::new();
        find(&mut |name: &str| names.push(name.to_owned()));
        names
    }

    #[test]
    fn pictures_of_latex() {
        // The names that Anki gives them.
        for (text, svg, wanted) in [
            ("a[latex]one<br>and<div>two[/latex]b", false, "latex-ef30b3f4141c33a5bf7044b0d1961d3399c05d50.png"),
            ("[$]<b>hello</b>&nbsp; world[/$]", true, "latex-060219fbf3ddb74306abddaf4504276ad793b029.svg"),
            ("[$$]math &amp; stuff[/$$]", false, "latex-8899f3f849ffdef6e4e9f2f34a923a1f608ebc07.png"),
        ] {
            assert_eq!(all(|found| media_in_field(text, svg, found)), [wanted], "{text}");
        }
    }

    #[test]
    fn pieces_of_latex() {
        for (text, wanted) in [
            ("[LaTeX]a[/LATEX][$]b[/$] [latex]c", &["a", "$b$"][..]),
            ("[latex][$]a[/$]", &["$a$"]),
            ("[latex][$]a[/$][/latex]", &["[$]a[/$]"]),
            ("[latex][/latex][/latex]", &["[/latex]"]),
            ("[latex][/latex]", &[]),
            ("[$]ü[/$][$]", &["$ü$"]),
            ("[$$]a\nb[/$$]", &["\\begin{displaymath}a\nb\\end{displaymath}"]),
            ("[latex]", &[]),
        ] {
            let mut pieces = Vec::new();
            latex_in(text, |piece| pieces.push(piece));
            assert_eq!(pieces, wanted, "{text}");
        }
    }

    #[test]
    fn names_in_fields() {
        let text = "<img src=\"a&amp;b.jpg\">[sound:x y.mp3]<img src=_c.png>";
        assert_eq!(all(|found| media_in_field(text, false, found)), ["a&b.jpg", "_c.png", "x y.mp3"]);
    }

    #[test]
    fn names_in_templates() {
        for (text, wanted) in [
            ("<img src=\"_a b.jpg\"><script src='_c.js'></script>", &["_a b.jpg", "_c.js"][..]),
            ("[sound:_d.mp3] <img src=_e.png> <object data=_f.svg width=1>", &["_d.mp3", "_e.png", "_f.svg"]),
            ("<img src=g.png> {{_h}} xsrc=_i _j \"_\" '_k", &[]),
            ("url(\"_l\") src=_", &["_l"]),
            ("src=_ü", &["_ü"]),
        ] {
            assert_eq!(all(|found| media_in_template(text, found)), wanted, "{text}");
        }
    }

    #[test]
    fn names_in_styling() {
        for (text, wanted) in [
            ("@import \"_a.css\"; @IMPORT  '_b.CSS';", &["_a.css", "_b.CSS"][..]),
            ("@import url('_c.css'); @font-face { src: url( \"_d.ttf\" ); }", &["_c.css", "_d.ttf"]),
            ("b { background: URL(_e f.png ) } url(_g)", &["_e f.png", "_g"]),
            ("@import\"_h.css\"; @import \"_i.ttf\"; url(\"_j\"x); url(k) _l \"_m.css\"", &[]),
            ("url(_n", &[]),
            ("url(_o\n) url(_p\nq)", &["_o"]),
        ] {
            assert_eq!(all(|found| media_in_css(text, found)), wanted, "{text}");
        }
    }

    #[test]
    fn hostile_text_takes_linear_time() {
        for unit in ["[latex][$]a[/$]", "[latex]", "[$", "\"_", "'_\"_", "src=_", "[sound:_", "url(_", "url(\"_x\"", "@import \"_x"] {
            let text = unit.repeat(50_000);
            let start = Instant::now();
            media_in_field(&text, false, |_| {});
            media_in_template(&text, |_| {});
            media_in_css(&text, |_| {});
            assert!(start.elapsed() < Duration::from_secs(2), "{unit}");
        }
    }
}
