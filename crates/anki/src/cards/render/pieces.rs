//! A template in pieces. What is not closed is text.

/// A part of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    /// Filters and name, separated by colons.
    Field(&'a str),
    IfFilled(&'a str),
    IfEmpty(&'a str),
    End,
}

pub(super) fn pieces(template: &str) -> Vec<Piece<'_>> {
    let (template, start, end) = match template.trim_start().strip_prefix("{{=<% %>=}}") {
        Some(rest) => (rest, "<%", "%>"),
        None => (template, "{{", "}}"),
    };
    let mut found = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(start) {
        // Comments stay as they are.
        if let Some(comment) = rest.find("<!--").filter(|comment| *comment < at) {
            let length = rest[comment..].find("-->").map_or(comment + 4, |length| comment + length + 3);
            found.push(Piece::Text(&rest[..length]));
            rest = &rest[length..];
            continue;
        }
        let inside = &rest[at + start.len()..];
        let Some(length) = inside.find(end) else { break };
        if at > 0 {
            found.push(Piece::Text(&rest[..at]));
        }
        rest = &inside[length + end.len()..];
        let tag = inside[..length].trim_start_matches('{').trim();
        let section = |sign: char| tag.strip_prefix(sign).map(str::trim).filter(|name| !name.is_empty());
        found.push(if let Some(name) = section('#') {
            Piece::IfFilled(name)
        } else if let Some(name) = section('^') {
            Piece::IfEmpty(name)
        } else if section('/').is_some() {
            Piece::End
        } else {
            Piece::Field(tag)
        });
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}
