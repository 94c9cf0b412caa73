//! From what was typed to conditions on rows: names become ids, days become moments.

use super::context::{Context, DeckNames};
use super::error::{Fault, SearchError};
use super::fields;
use super::filter::{Check, Filter, Narrow, NarrowColumn, RowFilter, View, What};
use super::parse::with_spaces;
use super::pattern::{contains_any_case, has_wildcards, literal, longest_literal, to_regex};
use super::property;
use super::term::{Button, FieldMode, Node, State, Template, Term};
use crate::names::{self, to_native_deck_name};
use crate::text::{self, normalize_nfc};
use regex::{Regex, RegexBuilder};
use std::cell::Cell;

const DAY: i64 = 86_400;
/// What a regular expression may take in memory.
const REGEX_SIZE: usize = 1 << 20;
/// How many may take as much in one search, and what the others may. Nobody types hundreds, but for tags, which are small.
const LARGE_REGEXES: usize = 16;
const SMALL_REGEX_SIZE: usize = 128 << 10;

/// Looks up what a search names. `text` is the search itself.
///
/// # Errors
/// When a regular expression in it is none, or too large.
pub fn resolve(node: &Node, context: &Context, text: &str) -> Result<Filter, SearchError> {
    Resolver { context, regexes: Cell::new(0) }.node(node).map_err(|fault| fault.in_text(&with_spaces(text)))
}

pub(super) struct Resolver<'a> {
    pub context: &'a Context,
    /// How many there are so far.
    regexes: Cell<usize>,
}

impl Resolver<'_> {
    fn node(&self, node: &Node) -> Result<Filter, Fault> {
        Ok(match node {
            Node::And(all) => Filter::And(all.iter().map(|one| self.node(one)).collect::<Result<_, _>>()?),
            Node::Or(all) => Filter::Or(all.iter().map(|one| self.node(one)).collect::<Result<_, _>>()?),
            Node::Not(inner) => Filter::Not(Box::new(self.node(inner)?)),
            Node::Term(term, at) => self.term(term, *at)?,
        })
    }

    fn term(&self, term: &Term, at: usize) -> Result<Filter, Fault> {
        let since = |days: u32| self.context.timing.next_day - DAY * i64::from(days);
        Ok(match term {
            Term::All => Filter::True,
            Term::Text { pattern, how } => fields::text(self, pattern, *how),
            Term::Regex(pattern) => fields::regex(self, pattern, at, false)?,
            Term::Word(pattern) => {
                let pattern = format!(r"\b{}\b", to_regex(&self.note_text(pattern), "."));
                fields::regex(self, &pattern, at, self.context.ignore_accents)?
            }
            Term::Field { name, pattern, how } => fields::field(self, name, pattern, *how, at)?,
            Term::Deck(pattern) => self.deck(pattern, at)?,
            Term::Preset(name) => self.preset(name),
            Term::Notetype(pattern) => {
                let fits = self.name_matcher(&normalize_nfc(pattern), at)?;
                let ids = self.context.notetypes.iter().filter(|notetype| fits.fits(&notetype.name)).map(|notetype| notetype.id);
                Filter::Row(RowFilter::NotetypeIds(ids.collect()))
            }
            Term::Template(Template::Number(number)) => Filter::Row(RowFilter::TemplateNumber((*number).into())),
            Term::Template(Template::Name(pattern)) => self.template(&normalize_nfc(pattern), at)?,
            Term::Tag { pattern, how } => self.tag(&normalize_nfc(pattern), *how, at)?,
            Term::State(state) => Filter::Row(self.state(*state)),
            Term::Flag(flag) => Filter::Row(RowFilter::Flag((*flag).into())),
            Term::NoteIds(ids) => Filter::Row(RowFilter::NoteIds(ids.clone())),
            Term::CardIds(ids) => Filter::Row(RowFilter::CardIds(ids.clone())),
            Term::DeckIds(ids) => Filter::Row(RowFilter::InDecks(ids.clone())),
            Term::NotetypeId(id) => Filter::Row(RowFilter::NotetypeIds(vec![*id])),
            Term::Duplicate(notetype, text) => self.duplicate(*notetype, text),
            Term::Added(days) => Filter::Row(RowFilter::CardMadeAfter(since(*days) * 1000)),
            Term::Edited(days) => Filter::Row(RowFilter::NoteChangedAfter(since(*days))),
            Term::Introduced(days) => Filter::Row(RowFilter::IntroducedAfter(since(*days) * 1000)),
            Term::Rated(days, button) => self.rated_since(*days, *button),
            Term::Property(property, comparison) => property::filter(&self.context.timing, property, *comparison),
            Term::HasCustomData(key) => property::data(What::HasCustomData(key.clone())),
        })
    }

    /// The form in which note text is stored.
    pub(super) fn note_text(&self, text: &str) -> String {
        if self.context.normalize { normalize_nfc(text).into_owned() } else { text.to_owned() }
    }

    fn deck(&self, pattern: &str, at: usize) -> Result<Filter, Fault> {
        match pattern {
            "*" => return Ok(Filter::True),
            "filtered" => return Ok(Filter::Row(RowFilter::InFilteredDeck)),
            _ => {}
        }
        let name = if pattern == "current" {
            let current = self.context.decks.iter().find(|deck| deck.id == self.context.current_deck);
            regex::escape(&to_native_deck_name(current.map_or("Default", |deck| &deck.name)))
        } else {
            to_native_deck_name(&names::normalize_deck_name(&to_regex(&normalize_nfc(pattern), ".")))
        };
        let regex = self.regex(&format!("(?i)^{name}($|\u{1f})"), at)?;
        Ok(self.in_decks(|deck| regex.is_match(&to_native_deck_name(&deck.name))))
    }

    fn preset(&self, name: &str) -> Filter {
        let Some((id, _)) = self.context.presets.iter().find(|(_, preset)| names::same(preset, name)) else { return Filter::False };
        self.in_decks(|deck| deck.preset == Some(*id))
    }

    fn in_decks(&self, is_wanted: impl Fn(&DeckNames) -> bool) -> Filter {
        Filter::Row(RowFilter::InDecks(self.context.decks.iter().filter(|deck| is_wanted(deck)).map(|deck| deck.id).collect()))
    }

    fn template(&self, pattern: &str, at: usize) -> Result<Filter, Fault> {
        let fits = self.name_matcher(pattern, at)?;
        let all = self.context.notetypes.iter().flat_map(|notetype| {
            let names = notetype.templates.iter().zip(0..);
            names.filter(|(name, _)| fits.fits(name)).map(|(_, ordinal)| (notetype.id, ordinal))
        });
        Ok(Filter::Row(RowFilter::Templates(all.collect())))
    }

    pub(super) fn name_matcher(&self, pattern: &str, at: usize) -> Result<NameMatcher, Fault> {
        Ok(if has_wildcards(pattern) {
            NameMatcher::Regex(self.regex(&format!("(?i)^{}$", to_regex(pattern, ".")), at)?)
        } else {
            NameMatcher::Literal(literal(pattern))
        })
    }

    fn tag(&self, pattern: &str, how: FieldMode, at: usize) -> Result<Filter, Fault> {
        let view = View { without_accents: how == FieldMode::WithoutAccents, ..View::default() };
        if how == FieldMode::Regex {
            let regex = self.regex(&format!("(?i){pattern}"), at)?;
            return Ok(Filter::Check(Box::new(Check { what: What::Tags { regex, each: true, view }, narrow: Narrow::default() })));
        }
        Ok(match pattern {
            "none" => Filter::Row(RowFilter::WithoutTags),
            "*" => Filter::True,
            pattern if pattern.contains(' ') => Filter::False,
            pattern => {
                let seen = view.of(pattern);
                let regex = self.regex(&format!("(?i).* {}(::| ).*", to_regex(&seen, r"\S")), at)?;
                let literal = longest_literal(pattern);
                let narrow = if view.without_accents || literal.is_empty() {
                    Narrow::default()
                } else {
                    Narrow { like: Some((NarrowColumn::Tags, contains_any_case(&literal))), ..Narrow::default() }
                };
                Filter::Check(Box::new(Check { what: What::Tags { regex, each: false, view }, narrow }))
            }
        })
    }

    /// A regular expression of this search.
    pub(super) fn regex(&self, pattern: &str, at: usize) -> Result<Regex, Fault> {
        let before = self.regexes.get();
        self.regexes.set(before + 1);
        let most = if before < LARGE_REGEXES { REGEX_SIZE } else { SMALL_REGEX_SIZE };
        RegexBuilder::new(pattern).size_limit(most).dfa_size_limit(most).build().or_else(|error| match error {
            regex::Error::CompiledTooBig(_) => Fault::new(at, "this regular expression takes too much memory"),
            error => {
                // The last line says what is wrong, the ones before it show where.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Fault::new(at, format!("this is no regular expression: {reason}"))
            }
        })
    }

    fn state(&self, state: State) -> RowFilter {
        let timing = &self.context.timing;
        match state {
            State::New => RowFilter::CardTypes(vec![0]),
            State::Learning => RowFilter::CardTypes(vec![1, 3]),
            State::Review => RowFilter::CardTypes(vec![2, 3]),
            State::Suspended => RowFilter::CardQueues(vec![-1]),
            State::Buried => RowFilter::CardQueues(vec![-2, -3]),
            State::BuriedByScheduler => RowFilter::CardQueues(vec![-2]),
            State::BuriedByUser => RowFilter::CardQueues(vec![-3]),
            State::Due => RowFilter::Due { day: timing.today, second: timing.now + self.context.learn_ahead },
        }
    }

    fn rated_since(&self, days: u32, button: Button) -> Filter {
        let from = (self.context.timing.next_day - DAY * i64::from(days)) * 1000;
        Filter::Row(RowFilter::Reviewed { from, to: i64::MAX, inside: true, button })
    }

    fn duplicate(&self, notetype: i64, typed: &str) -> Filter {
        let stripped = text::strip_html_keeping_media_names(&self.note_text(typed)).into_owned();
        let narrow = Narrow { notetypes: Some(vec![notetype]), checksum: Some(text::checksum(&self.note_text(typed))), like: None };
        Filter::Check(Box::new(Check { what: What::FirstField(notetype, stripped), narrow }))
    }
}

/// Compares names as Anki's tables do.
pub(super) enum NameMatcher {
    Literal(String),
    Regex(Regex),
}

impl NameMatcher {
    pub(super) fn fits(&self, name: &str) -> bool {
        match self {
            Self::Literal(wanted) => names::same(wanted, name),
            Self::Regex(regex) => regex.is_match(name),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::search::{DayRules, parse};

    #[test]
    fn few_regular_expressions_are_large() {
        let rules = DayRules { created: 0, rollover: None, creation_offset: None, local_offset: None, scheduler: 2 };
        let context = Context {
            decks: vec![],
            presets: vec![],
            notetypes: vec![],
            current_deck: 1,
            timing: rules.at(0),
            learn_ahead: 0,
            normalize: true,
            ignore_accents: false,
        };
        let found = |text: &str| resolve(&parse(text).unwrap(), &context, text).map_err(|error| error.message);
        let too_large = "this regular expression takes too much memory";
        assert!(found(&[r"re:\w{8}"; 16].join(" ")).is_ok());
        assert_eq!(found(&[r"re:\w{8}"; 17].join(" ")).unwrap_err(), too_large);
        assert_eq!(found(r"re:\w{1000}").unwrap_err(), too_large);
        assert!(found(&["tag:some*", r"w:word", "re:a.*b"].repeat(166).join(" ")).is_ok());
    }
}
