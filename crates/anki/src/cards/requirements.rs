//! `req` of a notetype: which fields a card needs. Clients of today work it out when they save a notetype; AnkiDroid of before 2020
//! makes cards by it, and takes those for empty that it does not name.

use super::CardRules;
use super::template::Template;
use serde_json::{Value, json};
use std::collections::HashSet;

impl CardRules {
    /// The list `[[ordinal, "any" | "all" | "none", [field, …]], …]`: one of the fields suffices, or all are needed, or there is never
    /// such a card.
    pub fn requirements(&self) -> Value {
        (0_usize..).zip(&self.questions).map(|(ordinal, question)| self.requirement(ordinal, question.as_ref())).collect()
    }

    fn requirement(&self, ordinal: usize, question: Option<&Template>) -> Value {
        let none = json!([ordinal, "none", []]);
        let Some(question) = question else { return none };
        let shows = |filled: HashSet<&str>| question.shows_something(&filled);
        let names = || self.field_names.iter().map(String::as_str);
        let fields = |is_one: &dyn Fn(&str) -> bool| -> Vec<usize> {
            names().enumerate().filter(|(_, name)| is_one(name)).map(|(place, _)| place).collect()
        };
        let any = fields(&|name| shows(HashSet::from([name])));
        if !any.is_empty() {
            return json!([ordinal, "any", any]);
        }
        if !shows(names().collect()) {
            return none;
        }
        let all = fields(&|name| !shows(names().filter(|other| *other != name).collect()));
        if all.is_empty() { none } else { json!([ordinal, "all", all]) }
    }
}
