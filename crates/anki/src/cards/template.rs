//! The question side of a template, as far as it decides whether there is a card.

use std::collections::HashSet;

/// Names that are no fields but stand for something about the card.
pub(super) const ALWAYS_FILLED: [&str; 6] = ["Card", "CardFlag", "Deck", "Subdeck", "Type", "CardID"];

/// Why a template makes no cards.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("a `{{{{` has no `}}}}`")]
    NotClosed,
    #[error("the section `{0}` has no end")]
    NoEnd(String),
    #[error("`{{{{/{0}}}}}` ends no section that is open there")]
    WrongEnd(String),
}

/// A parsed template. Flat, so that no depth of nesting can exhaust the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Field(String),
    IfFilled(String),
    IfEmpty(String),
    End,
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        // Old templates may begin by choosing other delimiters, of which there was only one kind.
        let (text, start, end) = match text.trim_start().strip_prefix("{{=<% %>=}}") {
            Some(rest) => (rest, "<%", "%>"),
            None => (text, "{{", "}}"),
        };
        let mut parts = Vec::new();
        let mut open: Vec<&str> = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(start) {
            let comment = rest.find("<!--").filter(|comment| *comment < at);
            if let Some(comment) = comment {
                // A comment without an end is text.
                let inside = &rest[comment + 4..];
                rest = inside.find("-->").map_or(inside, |end| &inside[end + 3..]);
                continue;
            }
            let inside = &rest[at + start.len()..];
            let length = inside.find(end).ok_or(TemplateError::NotClosed)?;
            rest = &inside[length + end.len()..];
            let tag = inside[..length].trim_start_matches('{').trim();
            let section = |sign: char| tag.strip_prefix(sign).map(str::trim).filter(|name| !name.is_empty());
            if let Some(name) = section('#') {
                parts.push(Part::IfFilled(name.to_owned()));
                open.push(name);
            } else if let Some(name) = section('^') {
                parts.push(Part::IfEmpty(name.to_owned()));
                open.push(name);
            } else if let Some(name) = section('/') {
                if open.pop() != Some(name) {
                    return Err(TemplateError::WrongEnd(name.to_owned()));
                }
                parts.push(Part::End);
            } else {
                // Filters stand before the name: `type:cloze:Front`.
                parts.push(Part::Field(tag.rsplit(':').next().unwrap_or_default().to_owned()));
            }
        }
        match open.pop() {
            Some(name) => Err(TemplateError::NoEnd(name.to_owned())),
            None => Ok(Self(parts)),
        }
    }

    /// Whether anything of a note shows, of which the fields in `filled` are not empty.
    pub(super) fn shows_something(&self, filled: &HashSet<&str>) -> bool {
        // Whether what is inside of each open section is looked at.
        let mut active = vec![true];
        for part in &self.0 {
            let now = active.last().copied().unwrap_or(true);
            match part {
                Part::Field(name) if now && filled.contains(name.as_str()) => return true,
                Part::Field(_) => {}
                Part::IfFilled(name) => active.push(now && filled.contains(name.as_str())),
                Part::IfEmpty(name) => active.push(now && !filled.contains(name.as_str())),
                Part::End => drop(active.pop()),
            }
        }
        false
    }
}

/// See [`super::rename_field`].
pub(super) fn rename_field(text: &str, old: &str, new: &str) -> String {
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, inside, after)) = rest.find("{{").and_then(|start| {
        rest[start + 2..].find("}}").map(|length| (&rest[..start + 2], &rest[start + 2..start + 2 + length], &rest[start + 2 + length..]))
    }) {
        renamed.push_str(before);
        let name_at = inside.rfind([':', '#', '^', '/']).map_or(0, |at| at + 1);
        let (head, name) = inside.split_at(name_at);
        if name.trim() == old {
            renamed.push_str(head);
            renamed.push_str(new);
        } else {
            renamed.push_str(inside);
        }
        rest = after;
    }
    renamed.push_str(rest);
    renamed
}
