//! Texts as a search looks at them.

use super::filter::View;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

impl View {
    pub(super) fn of(self, text: &str) -> Cow<'_, str> {
        let text = if self.without_clozes { strip_clozes(text) } else { Cow::Borrowed(text) };
        if !self.without_accents {
            return text;
        }
        match without_accents(&text) {
            Cow::Owned(changed) => Cow::Owned(changed),
            Cow::Borrowed(_) => text,
        }
    }
}

/// Decomposed, and without what combines.
pub(super) fn without_accents(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.nfkd().filter(|c| !is_combining_mark(*c)).collect()) }
}

/// What is hidden, without the marks around it.
fn strip_clozes(text: &str) -> Cow<'_, str> {
    #[expect(clippy::unwrap_used, reason = "a constant, used by tests")]
    static CLOZE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)\{\{c\d+::(.*?)(?:::.*?)?\}\}").unwrap());
    CLOZE.replace_all(text, "$1")
}
