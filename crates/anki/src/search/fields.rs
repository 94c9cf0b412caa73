//! Searches for the text of notes.
//!
//! A pattern for some fields is one for all fields as one text, joined by U+001F, with `*` for the others. So it is in the clients, and
//! so are its consequences: a `*` in it can reach into the next field, and neighbouring fields that one name stands for are one text.

use super::context::NotetypeNames;
use super::error::Fault;
use super::filter::{Check, Filter, Narrow, NarrowColumn, View, What};
use super::pattern::{Like, contains_any_case, longest_literal, to_regex};
use super::resolve::Resolver;
use super::term::{FieldMode, TextMode};
use super::view::without_accents;
use crate::text::FIELD_SEPARATOR;
use std::ops::Range;

/// Text without a key, `nc:` and `sc:`.
pub(super) fn text(resolver: &Resolver<'_>, pattern: &str, how: TextMode) -> Filter {
    let context = resolver.context;
    let view =
        View { without_accents: context.ignore_accents || how == TextMode::WithoutAccents, without_clozes: how == TextMode::WithoutClozes };
    let pattern = resolver.note_text(pattern);
    let pattern = if view.without_accents { without_accents(&pattern).into_owned() } else { pattern };
    let like = Like::new(&pattern).anywhere();
    let clozes = || context.notetypes.iter().filter(|notetype| notetype.is_cloze).map(|notetype| notetype.id).collect();
    let narrow = Narrow {
        notetypes: view.without_clozes.then(clozes),
        like: (view == View::default()).then(|| (NarrowColumn::FieldsOrSortField, like.clone())),
        checksum: None,
    };
    let has_excluded = context.notetypes.iter().any(|notetype| notetype.fields.iter().any(|field| field.excluded));
    let what = if has_excluded {
        let of = context.notetypes.iter().filter_map(|notetype| {
            let ranges = ranges(notetype.fields.iter().map(|field| !field.excluded), true);
            if ranges.is_empty() {
                return None;
            }
            let is_sort_field_excluded = notetype.fields.get(notetype.sort_field).is_some_and(|field| field.excluded);
            let patterns = ranges.iter().map(|range| of_fields(notetype, range, &like)).collect();
            Some((notetype.id, patterns, (!is_sort_field_excluded).then(|| like.clone())))
        });
        What::FieldPatterns { of: of.collect(), view }
    } else {
        What::Text { sort_field: Some(like.clone()), fields: Some(like), view }
    };
    let found = Filter::Check(Box::new(Check { what, narrow }));
    if view.without_clozes {
        let ids: Vec<i64> = clozes();
        return Filter::And(vec![Filter::Row(super::filter::RowFilter::NotetypeIds(ids)), found]);
    }
    found
}

/// `re:` and `w:`. The pattern is a regular expression.
pub(super) fn regex(resolver: &Resolver<'_>, pattern: &str, at: usize, is_without_accents: bool) -> Result<Filter, Fault> {
    let context = resolver.context;
    let view = View { without_accents: is_without_accents, without_clozes: false };
    let pattern = resolver.note_text(pattern);
    let pattern = if is_without_accents { without_accents(&pattern).into_owned() } else { pattern };
    let regex = resolver.regex(&format!("(?i){pattern}"), at)?;
    let has_excluded = context.notetypes.iter().any(|notetype| notetype.fields.iter().any(|field| field.excluded));
    let what = if has_excluded {
        let of = context.notetypes.iter().map(|notetype| {
            let included = notetype.fields.iter().zip(0..).filter(|(field, _)| !field.excluded).map(|(_, index)| index).collect::<Vec<_>>();
            // No number stands for all fields as one text.
            (notetype.id, if included.len() == notetype.fields.len() { Vec::new() } else { included })
        });
        What::FieldRegex { of: of.collect(), regex, view }
    } else {
        What::Regex { regex, view }
    };
    Ok(Filter::Check(Box::new(Check { what, narrow: Narrow::default() })))
}

/// `name:text`.
pub(super) fn field(resolver: &Resolver<'_>, name: &str, pattern: &str, how: FieldMode, at: usize) -> Result<Filter, Fault> {
    let name = crate::text::normalize_nfc(name);
    let pattern = resolver.note_text(pattern);
    if matches!(&*name, "*" | "_*" | "*_") {
        let regex = match how {
            FieldMode::Regex => format!("(?i){pattern}"),
            _ => format!("(?is)^{}$", to_regex(&pattern, ".")),
        };
        let what = What::AnyFieldRegex(resolver.regex(&regex, at)?);
        return Ok(Filter::Check(Box::new(Check { what, narrow: Narrow::default() })));
    }
    let fits = resolver.name_matcher(&name, at)?;
    let named = |notetype: &NotetypeNames| notetype.fields.iter().map(|field| fits.fits(&field.name)).collect::<Vec<_>>();
    let notetypes: Vec<_> =
        resolver.context.notetypes.iter().map(|notetype| (notetype, named(notetype))).filter(|(_, named)| named.contains(&true)).collect();
    if notetypes.is_empty() {
        return Ok(Filter::False);
    }
    let ids = Some(notetypes.iter().map(|(notetype, _)| notetype.id).collect());
    if how == FieldMode::Regex {
        let indexes = |named: &[bool]| (0..named.len()).filter(|index| named[*index]).collect();
        let of = notetypes.iter().map(|(notetype, named)| (notetype.id, indexes(named))).collect();
        let what = What::FieldRegex { of, regex: resolver.regex(&format!("(?i){pattern}"), at)?, view: View::default() };
        return Ok(Filter::Check(Box::new(Check { what, narrow: Narrow { notetypes: ids, ..Narrow::default() } })));
    }
    let view = View { without_accents: how == FieldMode::WithoutAccents, without_clozes: false };
    // Anything at all is looked for field by field, so that each of them counts.
    let is_joined = !matches!(pattern.as_str(), "*" | "_*" | "*_");
    let pattern = if view.without_accents { without_accents(&pattern).into_owned() } else { pattern };
    let like = Like::new(&pattern);
    let of = notetypes.iter().map(|(notetype, named)| {
        let patterns = ranges(named.iter().copied(), is_joined).iter().map(|range| of_fields(notetype, range, &like)).collect();
        (notetype.id, patterns, None)
    });
    let of = of.collect();
    let literal = longest_literal(&pattern);
    let like = (!view.without_accents && !literal.is_empty()).then(|| (NarrowColumn::Fields, contains_any_case(&literal)));
    let narrow = Narrow { notetypes: ids, like, checksum: None };
    Ok(Filter::Check(Box::new(Check { what: What::FieldPatterns { of, view }, narrow })))
}

/// A pattern for all fields as one text, in which `like` stands for those of `range`.
fn of_fields(notetype: &NotetypeNames, range: &Range<usize>, like: &Like) -> Like {
    let mut whole = Like::default();
    let mut is_first = true;
    for index in (0..notetype.fields.len()).filter(|index| *index == range.start || !range.contains(index)) {
        if !is_first {
            whole = whole.then(Like::char(FIELD_SEPARATOR));
        }
        is_first = false;
        whole = whole.then(if index == range.start { like.clone() } else { Like::any_text() });
    }
    whole
}

/// The runs of fields that are wanted; each field by itself unless they are joined.
fn ranges(wanted: impl Iterator<Item = bool>, is_joined: bool) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (index, _) in wanted.enumerate().filter(|(_, wanted)| *wanted) {
        match ranges.last_mut() {
            Some(last) if is_joined && last.end == index => last.end = index + 1,
            _ => ranges.push(index..index + 1),
        }
    }
    ranges
}
