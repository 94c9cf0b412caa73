//! From the text of one term to a [`Term`]: `key:value`, or text without a key.

use super::error::Fault;
use super::escape::{unescape, unescape_quotes, unescape_quotes_and_backslashes};
use super::term::{Button, Comparison, FieldMode, Property, State, Template, Term, TextMode};

/// A term that begins at byte `at`; never empty, never ending in an odd number of backslashes.
pub(super) fn term(text: &str, at: usize) -> Result<Term, Fault> {
    let mut chars = text.char_indices();
    while let Some((colon, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            ':' if colon == 0 => return Fault::new(at, "a colon needs a word before it; one that is meant as text is written \\:"),
            ':' => return with_value(&text[..colon], &text[colon + 1..], at, at + colon + 1),
            _ => {}
        }
    }
    Ok(Term::Text { pattern: unescape(text, at)?, how: TextMode::Plain })
}

/// A term with a key at byte `at` and a value at byte `value_at`.
pub(super) fn with_value(key: &str, value: &str, at: usize, value_at: usize) -> Result<Term, Fault> {
    let text = || unescape(value, value_at);
    let days = |least: u32| whole(value, value_at).map(|days: u32| days.max(least));
    Ok(match key.to_ascii_lowercase().as_str() {
        "deck" => Term::Deck(text()?),
        "preset" => Term::Preset(value.to_owned()),
        "note" => Term::Notetype(text()?),
        "card" => Term::Template(match value.parse::<u16>() {
            Ok(number) => Template::Number(number.max(1) - 1),
            Err(_) => Template::Name(text()?),
        }),
        "tag" => tag(value, value_at)?,
        "flag" => match value.parse() {
            Ok(flag @ 0..=7) => Term::Flag(flag),
            _ => return Fault::new(value_at, "flag: needs a number from 0 (none) to 7"),
        },
        "is" => Term::State(state(value, value_at)?),
        "prop" => property(value, value_at)?,
        "added" => Term::Added(days(1)?),
        "edited" => Term::Edited(days(1)?),
        "introduced" => Term::Introduced(days(1)?),
        "resched" => Term::Rated(days(0)?, Button::Manual),
        "rated" => {
            let (days, button) = value.split_once(':').map_or((value, None), |(days, button)| (days, Some(button)));
            Term::Rated(whole::<u32>(days, value_at)?.max(1), answer_button(button, value_at)?)
        }
        "nid" => Term::NoteIds(ids(value, value_at)?),
        "cid" => Term::CardIds(ids(value, value_at)?),
        "did" => Term::DeckIds(ids(value, value_at)?),
        "mid" => Term::NotetypeId(whole(value, value_at)?),
        "re" => Term::Regex(unescape_quotes(value)),
        "w" => Term::Word(text()?),
        "nc" => Term::Text { pattern: text()?, how: TextMode::WithoutAccents },
        "sc" => Term::Text { pattern: text()?, how: TextMode::WithoutClozes },
        "has-cd" => Term::HasCustomData(text()?),
        "dupe" => {
            let Some((notetype, text)) = value.split_once(',') else {
                return Fault::new(value_at, "dupe: needs the id of a notetype, a comma and a text");
            };
            Term::Duplicate(whole(notetype, value_at)?, unescape_quotes_and_backslashes(text))
        }
        _ => field(key, value, at, value_at)?,
    })
}

fn field(key: &str, value: &str, at: usize, value_at: usize) -> Result<Term, Fault> {
    let name = unescape(key, at)?;
    let (pattern, how) = match value.split_once(':') {
        Some(("re", pattern)) => (unescape_quotes(pattern), FieldMode::Regex),
        Some(("nc", pattern)) => (unescape_quotes(pattern), FieldMode::WithoutAccents),
        _ => (unescape(value, value_at)?, FieldMode::Plain),
    };
    Ok(Term::Field { name, pattern, how })
}

fn tag(value: &str, at: usize) -> Result<Term, Fault> {
    let (pattern, how) = match value.split_once(':') {
        Some(("re", pattern)) => (unescape_quotes(pattern), FieldMode::Regex),
        Some(("nc", pattern)) => (unescape(pattern, at + 3)?, FieldMode::WithoutAccents),
        _ => (unescape(value, at)?, FieldMode::Plain),
    };
    Ok(Term::Tag { pattern, how })
}

fn state(value: &str, at: usize) -> Result<State, Fault> {
    Ok(match value {
        "new" => State::New,
        "learn" => State::Learning,
        "review" => State::Review,
        "due" => State::Due,
        "buried" => State::Buried,
        "buried-manually" => State::BuriedByUser,
        "buried-sibling" => State::BuriedByScheduler,
        "suspended" => State::Suspended,
        _ => return Fault::new(at, "is: needs one of new, learn, review, due, suspended, buried, buried-manually, buried-sibling"),
    })
}

fn property(value: &str, at: usize) -> Result<Term, Fault> {
    const NAMES: &[&str] = &["ivl", "due", "reps", "lapses", "ease", "pos", "rated", "resched", "s", "d", "r"];
    let custom = value.strip_prefix("cdn:").or_else(|| value.strip_prefix("cds:"));
    let name = match custom {
        Some(rest) => {
            let length = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            if length > 0 { value.get(..4 + length) } else { None }
        }
        None => NAMES.iter().find(|name| value.starts_with(**name)).copied(),
    };
    let Some(name) = name else {
        return Fault::new(at, format!("prop: needs one of {}, cdn:key, cds:key", NAMES.join(", ")));
    };
    let (comparison, operand) = comparison(&value[name.len()..], at + name.len())?;
    let at = at + value.len() - operand.len();
    let property = match name {
        "ivl" => Property::Interval(whole(operand, at)?),
        "reps" => Property::Repetitions(whole(operand, at)?),
        "lapses" => Property::Lapses(whole(operand, at)?),
        "pos" => Property::Position(whole(operand, at)?),
        "due" => Property::Due(whole(operand, at)?),
        "ease" => Property::Ease(number(operand, at)?),
        "s" => Property::Stability(number(operand, at)?),
        "d" => Property::Difficulty(number(operand, at)?),
        "r" => Property::Retrievability(number(operand, at)?),
        "resched" => Property::Rated(past_days(operand, at)?, Button::Manual),
        "rated" => {
            let (days, button) = operand.split_once(':').map_or((operand, None), |(days, button)| (days, Some(button)));
            Property::Rated(past_days(days, at)?, answer_button(button, at)?)
        }
        name => match name.split_once(':') {
            Some(("cdn", key)) => Property::CustomNumber(key.to_owned(), number(operand, at)?),
            _ => Property::CustomText(name[4..].to_owned(), operand.to_owned()),
        },
    };
    Ok(Term::Property(property, comparison))
}

fn comparison(text: &str, at: usize) -> Result<(Comparison, &str), Fault> {
    // The longer ones first.
    const ALL: &[(&str, Comparison)] = &[
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("!=", Comparison::NotEqual),
        ("=", Comparison::Equal),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let found = ALL.iter().find_map(|(sign, comparison)| Some((*comparison, text.strip_prefix(sign)?)));
    found.map_or_else(|| Fault::new(at, "the property has to be followed by one of =, !=, <, <=, >, >="), Ok)
}

fn answer_button(text: Option<&str>, at: usize) -> Result<Button, Fault> {
    match text.map(str::parse) {
        None => Ok(Button::Any),
        Some(Ok(number @ 1..=4)) => Ok(Button::Number(number)),
        Some(_) => Fault::new(at, "the answer button has to be a number from 1 (Again) to 4 (Easy)"),
    }
}

fn past_days(text: &str, at: usize) -> Result<i32, Fault> {
    match text.parse() {
        Ok(days) if days <= 0 => Ok(days),
        _ => Fault::new(at, "days in the past are 0 (today) or a negative whole number"),
    }
}

fn whole<T: std::str::FromStr + Bounds>(text: &str, at: usize) -> Result<T, Fault> {
    text.parse().or_else(|_| Fault::new(at, format!("a whole number from {} to {} is needed here", T::LEAST, T::MOST)))
}

fn number(text: &str, at: usize) -> Result<f32, Fault> {
    match text.parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Fault::new(at, "a number is needed here"),
    }
}

fn ids(text: &str, at: usize) -> Result<Vec<i64>, Fault> {
    let is_list = text.split(',').all(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_list {
        return Fault::new(at, "ids are digits, with commas between them");
    }
    // What is too large for an id is nobody's.
    Ok(text.split(',').filter_map(|id| id.parse().ok()).collect())
}

/// The range of a kind of number, for messages.
trait Bounds {
    const LEAST: i64;
    const MOST: i64;
}

macro_rules! bounds {
    ($($number:ty),*) => {
        $(impl Bounds for $number {
            const LEAST: i64 = <$number>::MIN as i64;
            const MOST: i64 = <$number>::MAX as i64;
        })*
    };
}

bounds!(u32, i32, i64);
