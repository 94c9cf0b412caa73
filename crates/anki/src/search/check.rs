//! The part of a search that is answered here, row by row.

use super::card_data::CardData;
use super::filter::{Check, Filter, RowFilter, What};
use crate::text::{FIELD_SEPARATOR, split_fields, strip_html_keeping_media_names};

/// The columns of a card and its note that a search can look at. Those that it does not are left empty.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    pub notetype: i64,
    pub fields: String,
    pub sort_field: String,
    pub tags: String,
    pub data: String,
    /// 0 new, 1 learning, 2 review, 3 relearning.
    pub kind: i64,
    /// Where the card is due in its own deck.
    pub due: i64,
    pub interval: i64,
}

impl Filter {
    /// Whether a row passes. `row` answers the conditions that are the database's. None is SQL's NULL: neither true nor false.
    pub fn passes(&self, candidate: &Candidate, row: &mut dyn FnMut(&RowFilter) -> bool) -> Option<bool> {
        match self {
            Self::True => Some(true),
            Self::False => Some(false),
            Self::Row(filter) => Some(row(filter)),
            Self::Check(check) => check.passes(candidate),
            Self::Not(inner) => inner.passes(candidate, row).map(|passes| !passes),
            // Every row condition is asked, whatever the result is by then: the answers come in their order.
            Self::And(all) => combined(all.iter().map(|one| one.passes(candidate, row)), false),
            Self::Or(all) => combined(all.iter().map(|one| one.passes(candidate, row)), true),
        }
    }

    /// The conditions that are the database's, in the order in which [`Filter::passes`] asks for them.
    pub fn row_filters<'a>(&'a self, into: &mut Vec<&'a RowFilter>) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().for_each(|one| one.row_filters(into)),
            Self::Not(inner) => inner.row_filters(into),
            Self::Row(filter) => into.push(filter),
            Self::True | Self::False | Self::Check(_) => {}
        }
    }
}

/// `decisive` if one of them is that, else unknown if one of them is, else the opposite.
fn combined(all: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let (mut is_decided, mut is_unknown) = (false, false);
    for one in all {
        is_decided |= one == Some(decisive);
        is_unknown |= one.is_none();
    }
    if is_decided { Some(decisive) } else { (!is_unknown).then_some(!decisive) }
}

impl Check {
    /// Whether a row passes; None if that cannot be said, which is not the same as no.
    pub fn passes(&self, row: &Candidate) -> Option<bool> {
        let data = || CardData::read(&row.data);
        Some(match &self.what {
            What::Text { sort_field, fields, view } => {
                sort_field.as_ref().is_some_and(|like| like.matches(&view.of(&row.sort_field)))
                    || fields.as_ref().is_some_and(|like| like.matches(&view.of(&row.fields)))
            }
            What::FieldPatterns { of, view } => {
                let Some((_, patterns, sort_field)) = of.iter().find(|(id, ..)| *id == row.notetype) else { return Some(false) };
                let fields = view.of(&row.fields);
                patterns.iter().any(|like| like.matches(&fields))
                    || sort_field.as_ref().is_some_and(|like| like.matches(&view.of(&row.sort_field)))
            }
            What::Regex { regex, view } => regex.is_match(&view.of(&row.fields)),
            What::FieldRegex { of, regex, view } => {
                let Some((_, indexes)) = of.iter().find(|(id, _)| *id == row.notetype) else { return Some(false) };
                let fields = view.of(&row.fields);
                if indexes.is_empty() {
                    regex.is_match(&fields)
                } else {
                    fields.split(FIELD_SEPARATOR).zip(0..).any(|(field, index)| indexes.contains(&index) && regex.is_match(field))
                }
            }
            What::AnyFieldRegex(regex) => split_fields(&row.fields).any(|field| regex.is_match(field)),
            What::Tags { regex, each: true, .. } => row.tags.split(' ').any(|tag| regex.is_match(tag)),
            What::Tags { regex, each: false, view } => regex.is_match(&view.of(&row.tags)),
            What::FirstField(notetype, wanted) => {
                row.notetype == *notetype
                    && split_fields(&row.fields).next().is_some_and(|first| strip_html_keeping_media_names(first) == *wanted)
            }
            What::Stability(comparison, value) => comparison.holds(&data()?.stability?.into(), value),
            What::Difficulty(comparison, value) => comparison.holds(&data()?.difficulty?.into(), value),
            // A new card is known to have none, which is not the same as not to know it.
            What::Retrievability { .. } if row.kind == 0 => false,
            What::Retrievability { comparison, value, now, today } => {
                comparison.holds(&data()?.retrievability(row, *now, *today)?.into(), value)
            }
            What::CustomNumber(key, comparison, value) => comparison.holds(&data()?.custom_number(key)?, value),
            What::CustomText(key, comparison, value) => comparison.holds(&data()?.custom(key)?, value),
            What::HasCustomData(key) => data().and_then(|data| data.custom(key)).is_some(),
        })
    }
}
