use serde_json::{Map, Value, json};

use super::{
    SchemaError,
    fields::{Fields, FromJson, add_other, other_bytes, other_keys, position},
    messages::{DayLimit, DeckCommon, DeckKind, FilteredDeck, Kind, NormalDeck, SearchTerm},
};
use crate::{model::Usn, names};

/// A deck in its typed form: the columns of schema 18.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypedDeck {
    pub(crate) id: i64,
    /// Levels joined by `::`.
    pub(crate) name: String,
    pub(crate) mtime: i64,
    pub(crate) usn: Usn,
    pub(crate) common: DeckCommon,
    pub(crate) kind: DeckKind,
}

const COMMON_KEYS: &[&str] =
    &["id", "mod", "name", "usn", "lrnToday", "revToday", "newToday", "timeToday", "collapsed", "browserCollapsed", "desc", "md", "dyn"];

const NORMAL_KEYS: &[&str] =
    &["conf", "extendNew", "extendRev", "reviewLimit", "newLimit", "reviewLimitToday", "newLimitToday", "desiredRetention"];

const FILTERED_KEYS: &[&str] =
    &["resched", "terms", "separate", "delays", "previewDelay", "previewAgainSecs", "previewHardSecs", "previewGoodSecs"];

/// Reads a deck object, and puts right in it what Anki's parser would put right.
pub(crate) fn read(object: &mut Map<String, Value>) -> Result<TypedDeck, SchemaError> {
    let mut fields = Fields::new(object);
    let filtered = read_dyn(&mut fields)?;
    fields.remove("return");

    let id = fields.number_or_digits("id")?;
    let mtime = if fields.value("mod").is_ok() {
        fields.number_or_digits("mod")?
    } else {
        fields.set("mod", 0);
        0
    };
    let given: String = fields.required("name")?;
    let name = names::normalize_deck_name(&given).into_owned();
    if name != given {
        fields.set("name", name.as_str());
    }
    let usn = fields.required("usn")?;
    let learning = read_today(&mut fields, "lrnToday")?;
    let review = read_today(&mut fields, "revToday")?;
    let new = read_today(&mut fields, "newToday")?;
    let time = read_today(&mut fields, "timeToday")?;
    let day = time.day.max(new.day).max(review.day);
    let study_collapsed = fields.required("collapsed")?;
    let browser_collapsed = fields.optional("browserCollapsed", false)?;
    let description = fields.optional("desc", String::new())?;
    let markdown_description = fields.optional("md", false)?;
    let kind = if filtered {
        Kind::Filtered(read_filtered(&mut fields)?)
    } else {
        Kind::Normal(read_normal(&mut fields, description, markdown_description)?)
    };
    let known = [COMMON_KEYS, if filtered { FILTERED_KEYS } else { NORMAL_KEYS }].concat();
    let common = DeckCommon {
        study_collapsed,
        browser_collapsed,
        last_day_studied: day.cast_unsigned(),
        new_studied: new.on(day),
        review_studied: review.on(day),
        learning_studied: learning.on(day),
        milliseconds_studied: time.amount,
        other: other_bytes(&fields.unknown(&known)),
    };
    Ok(TypedDeck { id, name, mtime, usn, common, kind: DeckKind { kind: Some(kind) } })
}

/// Whether the deck is filtered: 1 or `true`. Other numbers up to 255 mean a normal deck.
fn read_dyn(fields: &mut Fields<'_>) -> Result<bool, SchemaError> {
    let filtered = match fields.value("dyn")? {
        Value::Bool(filtered) => *filtered,
        _ => fields.required::<u8>("dyn")? == 1,
    };
    fields.set("dyn", u8::from(filtered));
    Ok(filtered)
}

/// How much was studied on a day.
#[derive(Clone, Copy)]
struct Today {
    day: i32,
    amount: i32,
}

impl Today {
    /// The amount, if it was of this day.
    fn on(self, day: i32) -> i32 {
        if self.day == day { self.amount } else { 0 }
    }
}

/// Reads `[day, amount]`. As in Anki, the amount is the last element and the day the one before; what is no integer counts as 0.
fn read_today(fields: &mut Fields<'_>, key: &str) -> Result<Today, SchemaError> {
    let list = fields.list(key)?;
    let mut from_end = list.iter().rev().map(|value| value.as_i64().unwrap_or(0));
    #[expect(clippy::cast_possible_truncation, reason = "clients wrap these numbers")]
    let mut next = || from_end.next().unwrap_or(0) as i32;
    let (amount, day) = (next(), next());
    let plain = [day, amount].map(Value::from);
    if list.as_slice() != plain.as_slice() {
        *list = plain.into();
    }
    Ok(Today { day, amount })
}

fn read_normal(fields: &mut Fields<'_>, description: String, markdown_description: bool) -> Result<NormalDeck, SchemaError> {
    let percent: Option<u32> = fields.lenient("desiredRetention", None);
    Ok(NormalDeck {
        config_id: fields.number_or_digits("conf")?,
        extend_new: fields.lenient("extendNew", 0_i32).max(0).cast_unsigned(),
        extend_review: fields.lenient("extendRev", 0_i32).max(0).cast_unsigned(),
        description,
        markdown_description,
        review_limit: fields.lenient("reviewLimit", None),
        new_limit: fields.lenient("newLimit", None),
        review_limit_today: fields.lenient("reviewLimitToday", None),
        new_limit_today: fields.lenient("newLimitToday", None),
        #[expect(clippy::cast_precision_loss, reason = "percentages are small")]
        desired_retention: percent.map(|percent| percent as f32 / 100.0),
    })
}

fn read_filtered(fields: &mut Fields<'_>) -> Result<FilteredDeck, SchemaError> {
    let reschedule = fields.truth("resched")?;
    fields.optional("separate", false)?;
    let terms = fields.list("terms")?.iter_mut().enumerate();
    let search_terms = terms.map(|(index, term)| read_term(term, &position("terms", index))).collect::<Result<_, _>>()?;
    Ok(FilteredDeck {
        reschedule,
        search_terms,
        delays: fields.lenient::<Option<Vec<f32>>>("delays", None).unwrap_or_default(),
        preview_delay: fields.optional("previewDelay", 0)?,
        preview_hard_secs: fields.optional("previewHardSecs", 0)?,
        preview_good_secs: fields.optional("previewGoodSecs", 0)?,
        preview_again_secs: fields.optional("previewAgainSecs", 0)?,
    })
}

/// Reads `[search, limit, order]`, the limit perhaps as digits. The same as an object is taken too, and becomes a list.
fn read_term(term: &mut Value, path: &str) -> Result<SearchTerm, SchemaError> {
    if let Value::Object(map) = term {
        *term = ["search", "limit", "order"].iter().map(|key| map.get(*key).cloned().unwrap_or_default()).collect();
    }
    let problem = || SchemaError::new(path, "expected a search text, a limit and an order");
    let Value::Array(parts) = term else { return Err(problem()) };
    let [search, limit, order] = parts.as_mut_slice() else { return Err(problem()) };
    if let Value::String(digits) = limit {
        *limit = digits.parse::<i32>().map_err(|_| problem())?.into();
    }
    Ok(SearchTerm {
        search: String::from_json(search).ok_or_else(problem)?,
        limit: i32::from_json(limit).ok_or_else(problem)?.max(0).cast_unsigned(),
        order: i32::from_json(order).ok_or_else(problem)?,
    })
}

/// Writes a deck as clients do. What the JSON form cannot express (fractions of a percent, a kind that we do not know) is left out.
pub(crate) fn write(deck: &TypedDeck) -> Map<String, Value> {
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    let common = &deck.common;
    let day = common.last_day_studied.cast_signed();
    set("id", deck.id.into());
    set("mod", deck.mtime.into());
    set("name", deck.name.as_str().into());
    set("usn", deck.usn.into());
    set("lrnToday", json!([day, common.learning_studied]));
    set("revToday", json!([day, common.review_studied]));
    set("newToday", json!([day, common.new_studied]));
    set("timeToday", json!([day, common.milliseconds_studied]));
    set("collapsed", common.study_collapsed.into());
    set("browserCollapsed", common.browser_collapsed.into());
    let unknown_kind;
    let reserved = match &deck.kind.kind {
        Some(Kind::Filtered(filtered)) => {
            set("desc", "".into());
            set("dyn", 1.into());
            write_filtered(filtered, &mut set);
            [COMMON_KEYS, FILTERED_KEYS, NORMAL_KEYS].concat()
        }
        normal => {
            // A kind of a later version looks like a normal deck with the default preset.
            unknown_kind = NormalDeck { config_id: 1, ..NormalDeck::default() };
            let normal = if let Some(Kind::Normal(normal)) = normal { normal } else { &unknown_kind };
            set("desc", normal.description.as_str().into());
            if normal.markdown_description {
                set("md", true.into());
            }
            set("dyn", 0.into());
            write_normal(normal, &mut set);
            [COMMON_KEYS, NORMAL_KEYS].concat()
        }
    };
    add_other(&mut object, other_keys(&common.other), &reserved);
    object
}

fn write_normal(normal: &NormalDeck, set: &mut impl FnMut(&str, Value) -> Option<Value>) {
    set("conf", normal.config_id.into());
    set("extendNew", normal.extend_new.min(i32::MAX.cast_unsigned()).into());
    set("extendRev", normal.extend_review.min(i32::MAX.cast_unsigned()).into());
    set("reviewLimit", normal.review_limit.to_json());
    set("newLimit", normal.new_limit.to_json());
    set("reviewLimitToday", normal.review_limit_today.to_json());
    set("newLimitToday", normal.new_limit_today.to_json());
    // Anki cuts the fraction off, so that 0.53 comes back as 52 %; rounding keeps it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the conversion saturates")]
    let percent = normal.desired_retention.map(|share| (share * 100.0).round() as u32);
    set("desiredRetention", percent.to_json());
}

fn write_filtered(filtered: &FilteredDeck, set: &mut impl FnMut(&str, Value) -> Option<Value>) {
    let limit = |limit: u32| limit.min(i32::MAX.cast_unsigned());
    let terms = filtered.search_terms.iter();
    set("resched", filtered.reschedule.into());
    set("terms", terms.map(|term| json!([term.search, limit(term.limit), term.order])).collect());
    set("separate", true.into());
    set("delays", if filtered.delays.is_empty() { Value::Null } else { filtered.delays.to_json() });
    set("previewDelay", filtered.preview_delay.into());
    set("previewAgainSecs", filtered.preview_again_secs.into());
    set("previewHardSecs", filtered.preview_hard_secs.into());
    set("previewGoodSecs", filtered.preview_good_secs.into());
}

impl FromJson for DayLimit {
    const EXPECTED: &'static str = "a limit and a day";

    fn from_json(value: &Value) -> Option<Self> {
        let part = |key: &str, index: usize| u32::from_json(value.get(key).or_else(|| value.get(index))?);
        Some(Self { limit: part("limit", 0)?, today: part("today", 1)? })
    }

    fn to_json(&self) -> Value {
        json!({"limit": self.limit, "today": self.today})
    }
}
