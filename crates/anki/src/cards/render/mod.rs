//! What a card shows: its template with the fields of its note. For programs that read cards; what needs a device (typed answers,
//! formulas, players of sounds) stays a mark in the text, as in the clients' library.

mod cloze;
mod furigana;
mod pieces;

use super::{Layout, is_empty};
use crate::text::{split_fields, strip_html};
use pieces::{Piece, pieces};
use std::collections::HashMap;

/// A card to show.
#[derive(Debug)]
pub struct Rendering<'a> {
    /// The schema-11 object.
    pub notetype: &'a str,
    /// Joined by U+001F.
    pub fields: &'a str,
    pub ordinal: i64,
    /// Separated by spaces.
    pub tags: &'a str,
    /// With `::` between levels.
    pub deck: &'a str,
    /// 0 for none to 7.
    pub flag: i64,
    pub card: i64,
}

/// Both sides, each with the style sheet before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    pub question: String,
    pub answer: String,
    pub css: String,
}

/// Renders both sides. A card whose template does not exist shows nothing.
pub fn render(card: &Rendering<'_>) -> Sides {
    let layout = Layout::of(card.notetype).unwrap_or_default();
    let at = if layout.is_cloze() { 0 } else { card.ordinal };
    let template = usize::try_from(at).ok().and_then(|at| layout.templates.get(at));
    let number = u16::try_from(card.ordinal + 1).unwrap_or_default();
    let mut values: HashMap<&str, String> = HashMap::new();
    for (name, text) in [
        ("Tags", card.tags.to_owned()),
        ("Type", layout.name.clone()),
        ("Deck", card.deck.to_owned()),
        ("Subdeck", card.deck.rsplit("::").next().unwrap_or_default().to_owned()),
        ("Card", template.map(|template| template.name.clone()).unwrap_or_default()),
        ("CardFlag", format!("flag{}", card.flag)),
        ("CardID", card.card.to_string()),
    ] {
        values.insert(name, text);
    }
    for (field, text) in layout.field_names().zip(split_fields(card.fields)) {
        values.insert(field, text.to_owned());
    }
    let current = format!("c{number}");
    if layout.is_cloze() {
        values.insert(&current, "1".to_owned());
    }
    let (question_format, answer_format) = template.map(|t| (t.question.as_str(), t.answer.as_str())).unwrap_or_default();
    let question = Side { values: &values, number, is_question: true, front: "" }.expand(question_format);
    let question = mark_sounds(&question, 'q');
    let answer = Side { values: &values, number, is_question: false, front: &question }.expand(answer_format);
    let answer = mark_sounds(&answer, 'a');
    let style = format!("<style>{}</style>", layout.css);
    Sides { question: format!("{style}{question}"), answer: format!("{style}{answer}"), css: layout.css }
}

struct Side<'a> {
    values: &'a HashMap<&'a str, String>,
    /// Of the cloze deletion that is asked for.
    number: u16,
    is_question: bool,
    front: &'a str,
}

impl Side<'_> {
    fn expand(&self, template: &str) -> String {
        let mut text = String::new();
        // Whether what is inside of each open section shows.
        let mut shows = vec![true];
        for piece in pieces(template) {
            let now = shows.last().copied().unwrap_or(true);
            match piece {
                Piece::IfFilled(name) => shows.push(now && self.is_filled(name)),
                Piece::IfEmpty(name) => shows.push(now && !self.is_filled(name)),
                Piece::End => {
                    if shows.len() > 1 {
                        shows.pop();
                    }
                }
                Piece::Text(part) if now => text.push_str(part),
                Piece::Field(tag) if now => text.push_str(&self.field(tag)),
                Piece::Text(_) | Piece::Field(_) => {}
            }
        }
        text
    }

    fn is_filled(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|text| !is_empty(text))
    }

    fn field(&self, tag: &str) -> String {
        let mut filters: Vec<&str> = tag.split(':').map(str::trim).collect();
        let name = filters.pop().unwrap_or_default();
        if name == "FrontSide" {
            return self.front.to_owned();
        }
        let mut text = self.values.get(name).cloned().unwrap_or_default();
        // The device asks for what is typed, so the text itself stays out.
        if filters.first() == Some(&"type") {
            let kind = if filters.get(1) == Some(&"cloze") { "cloze:" } else { "" };
            return format!("[[type:{kind}{name}]]");
        }
        for filter in filters.iter().rev() {
            text = self.filtered(filter, name, text);
        }
        text
    }

    fn filtered(&self, filter: &str, name: &str, text: String) -> String {
        match filter {
            "text" => strip_html(&text).into_owned(),
            "cloze" => cloze::show(&text, self.number, self.is_question),
            "cloze-only" => cloze::only(&text, self.number, self.is_question),
            "furigana" => furigana::replace(&text, |base, reading| format!("<ruby><rb>{base}</rb><rt>{reading}</rt></ruby>")),
            "kana" => furigana::replace(&text, |_, reading| reading.to_owned()),
            "kanji" => furigana::replace(&text, |base, _| base.to_owned()),
            "hint" if text.trim().is_empty() => String::new(),
            "hint" => format!("<details class=\"hint\"><summary>{name}</summary>{text}</details>"),
            tts if tts.starts_with("tts ") => format!("[anki:tts]{}[/anki:tts]", strip_html(&text)),
            // Others are of add-ons, which only a device can have.
            _ => text,
        }
    }
}

/// Sounds and spoken text become numbered marks, as a client's library shows them.
fn mark_sounds(text: &str, side: char) -> String {
    const KINDS: [(&str, &str); 2] = [("[sound:", "]"), ("[anki:tts]", "[/anki:tts]")];
    let mut marked = String::with_capacity(text.len());
    let mut rest = text;
    let mut count = 0;
    loop {
        let next = KINDS.iter().filter_map(|(start, end)| Some((rest.find(start)?, *start, *end))).min();
        let Some((at, start, end)) = next else { break };
        let inside = &rest[at + start.len()..];
        let Some(length) = inside.find(end) else { break };
        marked.push_str(&rest[..at]);
        marked.push_str(&format!("[anki:play:{side}:{count}]"));
        count += 1;
        rest = &inside[length + end.len()..];
    }
    marked.push_str(rest);
    marked
}

#[cfg(test)]
mod tests;
