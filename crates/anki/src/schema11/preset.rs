use serde_json::{Map, Value, json};

use super::{
    SchemaError,
    fields::{Fields, FromJson, add_other, other_bytes, other_keys},
    messages::PresetConfig,
};
use crate::model::Usn;

/// A preset in its typed form: the columns of schema 18.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypedPreset {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) mtime: i64,
    pub(crate) usn: Usn,
    pub(crate) config: PresetConfig,
}

#[rustfmt::skip]
const TOP_KEYS: &[&str] = &[
    "id", "mod", "name", "usn", "maxTaken", "autoplay", "timer", "replayq", "new", "rev", "lapse", "dyn", "newMix",
    "newPerDayMinimum", "interdayLearningMix", "reviewOrder", "newSortOrder", "newGatherPriority", "buryInterdayLearning",
    "fsrsWeights", "fsrsParams5", "fsrsParams6", "desiredRetention", "ignoreRevlogsBeforeDate", "easyDaysPercentages",
    "stopTimerOnAnswer", "secondsToShowQuestion", "secondsToShowAnswer", "questionAction", "answerAction", "waitForAudio",
    "sm2Retention", "weightSearch",
];

const NEW_KEYS: &[&str] = &["bury", "delays", "initialFactor", "ints", "order", "perDay"];
const REV_KEYS: &[&str] = &["bury", "ease4", "ivlFct", "maxIvl", "perDay", "hardFactor"];
const LAPSE_KEYS: &[&str] = &["delays", "leechAction", "leechFails", "minInt", "mult"];

/// The nested objects, and the keys in them that have fields of their own.
const NESTED: [(&str, &[&str]); 3] = [("new", NEW_KEYS), ("rev", REV_KEYS), ("lapse", LAPSE_KEYS)];

/// Reads a preset object, and puts right in it what Anki's parser would put right.
pub(crate) fn read(object: &mut Map<String, Value>) -> Result<TypedPreset, SchemaError> {
    let mut fields = Fields::new(object);
    let mut other = fields.unknown(TOP_KEYS);
    let id = fields.number_or_digits("id")?;
    let mtime = fields.number_or_digits("mod")?;
    let name = fields.required("name")?;
    let usn = fields.required("usn")?;
    fields.lenient("dyn", false);
    let mut config = PresetConfig {
        cap_answer_time_to_secs: fields.required::<i32>("maxTaken")?.max(0).cast_unsigned(),
        disable_autoplay: !fields.required::<bool>("autoplay")?,
        show_timer: fields.present("timer", 0_u8)? != 0,
        skip_question_when_replaying_answer: !fields.optional("replayq", false)?,
        new_mix: fields.optional("newMix", 0)?,
        new_per_day_minimum: fields.optional("newPerDayMinimum", 0)?,
        interday_learning_mix: fields.optional("interdayLearningMix", 0)?,
        review_order: fields.optional("reviewOrder", 0)?,
        new_card_sort_order: fields.optional("newSortOrder", 0)?,
        new_card_gather_priority: fields.optional("newGatherPriority", 0)?,
        bury_interday_learning: fields.optional("buryInterdayLearning", false)?,
        fsrs_params_4: fields.optional("fsrsWeights", Vec::new())?,
        fsrs_params_5: fields.optional("fsrsParams5", Vec::new())?,
        fsrs_params_6: fields.optional("fsrsParams6", Vec::new())?,
        desired_retention: fields.optional("desiredRetention", 0.0)?,
        ignore_revlogs_before_date: fields.optional("ignoreRevlogsBeforeDate", String::new())?,
        easy_days_percentages: fields.optional("easyDaysPercentages", Vec::new())?,
        stop_timer_on_answer: fields.optional("stopTimerOnAnswer", false)?,
        seconds_to_show_question: fields.optional("secondsToShowQuestion", 0.0)?,
        seconds_to_show_answer: fields.optional("secondsToShowAnswer", 0.0)?,
        question_action: fields.optional("questionAction", Choice::<1>(0))?.0.into(),
        answer_action: fields.optional("answerAction", Choice::<4>(0))?.0.into(),
        wait_for_audio: fields.optional("waitForAudio", true)?,
        historical_retention: fields.optional("sm2Retention", 0.0)?,
        param_search: fields.optional("weightSearch", String::new())?,
        ..PresetConfig::default()
    };
    for ((key, known), read) in NESTED.into_iter().zip([read_new, read_rev, read_lapse]) {
        let value = fields.value(key)?;
        // One wrong value in here makes Anki fall back to its defaults for the whole of it.
        let sound = Fields::of(value, key).and_then(|mut nested| read(&mut nested, &mut config)).is_ok();
        if !sound {
            *value = defaults(key);
            Fields::of(value, key).and_then(|mut nested| read(&mut nested, &mut config))?;
        }
        let unknown = Fields::of(value, key)?.unknown(known);
        if !unknown.is_empty() {
            other.insert(key.to_owned(), unknown.into());
        }
    }
    config.other = other_bytes(&other);
    Ok(TypedPreset { id, name, mtime, usn, config })
}

fn read_new(fields: &mut Fields<'_>, config: &mut PresetConfig) -> Result<(), SchemaError> {
    config.bury_new = fields.optional("bury", false)?;
    config.learn_steps = fields.present("delays", Vec::new())?;
    config.initial_ease = f32::from(fields.required::<u16>("initialFactor")?) / 1000.0;
    let intervals = fields.present("ints", vec![1_u16, 4, 0])?;
    let [good, easy, ..] = intervals.as_slice() else {
        // AnkiDroid once wrote two elements, which will do; with fewer, the defaults hold.
        fields.set("ints", json!([1, 4, 0]));
        return read_new(fields, config);
    };
    config.graduating_interval_good = (*good).into();
    config.graduating_interval_easy = (*easy).into();
    config.new_card_insert_order = (1 - fields.present("order", Choice::<1>(1))?.0).into();
    config.new_per_day = fields.present("perDay", 0)?;
    Ok(())
}

fn read_rev(fields: &mut Fields<'_>, config: &mut PresetConfig) -> Result<(), SchemaError> {
    config.bury_reviews = fields.optional("bury", false)?;
    config.easy_multiplier = fields.required("ease4")?;
    config.interval_multiplier = fields.required("ivlFct")?;
    config.maximum_review_interval = fields.required("maxIvl")?;
    config.reviews_per_day = fields.present("perDay", 0)?;
    config.hard_multiplier = fields.optional("hardFactor", 1.2)?;
    Ok(())
}

fn read_lapse(fields: &mut Fields<'_>, config: &mut PresetConfig) -> Result<(), SchemaError> {
    config.relearn_steps = fields.present("delays", Vec::new())?;
    config.leech_action = fields.present("leechAction", Choice::<1>(1))?.0.into();
    config.leech_threshold = fields.required("leechFails")?;
    config.minimum_lapse_interval = fields.required("minInt")?;
    config.lapse_multiplier = fields.required("mult")?;
    Ok(())
}

/// What a nested object holds in a preset nobody changed.
fn defaults(key: &str) -> Value {
    match key {
        "new" => json!({"bury": false, "delays": [1.0, 10.0], "initialFactor": 2500, "ints": [1, 4, 0], "order": 1, "perDay": 20}),
        "rev" => json!({"bury": false, "ease4": 1.3, "ivlFct": 1.0, "maxIvl": 36500, "perDay": 200, "hardFactor": 1.2}),
        _ => json!({"delays": [10.0], "leechAction": 1, "leechFails": 8, "minInt": 1, "mult": 0.0}),
    }
}

/// Writes a preset as clients do. Values that the JSON form cannot express become the nearest, or the default.
pub(crate) fn write(preset: &TypedPreset) -> Map<String, Value> {
    let config = &preset.config;
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("id", preset.id.into());
    set("mod", preset.mtime.into());
    set("name", preset.name.as_str().into());
    set("usn", preset.usn.into());
    set("maxTaken", config.cap_answer_time_to_secs.min(i32::MAX.cast_unsigned()).into());
    set("autoplay", (!config.disable_autoplay).into());
    set("timer", u8::from(config.show_timer).into());
    set("replayq", (!config.skip_question_when_replaying_answer).into());
    set("new", write_new(config));
    set("rev", write_rev(config));
    set("lapse", write_lapse(config));
    set("dyn", false.into());
    set("newMix", config.new_mix.into());
    set("newPerDayMinimum", config.new_per_day_minimum.into());
    set("interdayLearningMix", config.interday_learning_mix.into());
    set("reviewOrder", config.review_order.into());
    set("newSortOrder", config.new_card_sort_order.into());
    set("newGatherPriority", config.new_card_gather_priority.into());
    set("buryInterdayLearning", config.bury_interday_learning.into());
    set("fsrsWeights", config.fsrs_params_4.to_json());
    set("fsrsParams5", config.fsrs_params_5.to_json());
    set("fsrsParams6", config.fsrs_params_6.to_json());
    set("desiredRetention", config.desired_retention.to_json());
    set("ignoreRevlogsBeforeDate", config.ignore_revlogs_before_date.to_json());
    set("easyDaysPercentages", config.easy_days_percentages.to_json());
    set("stopTimerOnAnswer", config.stop_timer_on_answer.into());
    set("secondsToShowQuestion", config.seconds_to_show_question.to_json());
    set("secondsToShowAnswer", config.seconds_to_show_answer.to_json());
    set("questionAction", choice::<1>(config.question_action, 0));
    set("answerAction", choice::<4>(config.answer_action, 0));
    set("waitForAudio", config.wait_for_audio.into());
    set("sm2Retention", config.historical_retention.to_json());
    set("weightSearch", config.param_search.to_json());

    let mut other = other_keys(&config.other);
    for (key, known) in NESTED {
        if let (Some(Value::Object(kept)), Some(Value::Object(nested))) = (other.shift_remove(key), object.get_mut(key)) {
            add_other(nested, kept, known);
        }
    }
    add_other(&mut object, other, TOP_KEYS);
    object
}

fn write_new(config: &PresetConfig) -> Value {
    let days = |days: u32| u16::try_from(days).unwrap_or(u16::MAX);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the conversion saturates")]
    // Anki cuts the fraction off, so that 2.008 comes back as 2007; rounding keeps it.
    let factor = (config.initial_ease * 1000.0).round() as u16;
    json!({
        "bury": config.bury_new,
        "delays": config.learn_steps.to_json(),
        "initialFactor": factor,
        "ints": [days(config.graduating_interval_good), days(config.graduating_interval_easy), 0],
        "order": if config.new_card_insert_order == 1 { 0 } else { 1 },
        "perDay": config.new_per_day,
    })
}

fn write_rev(config: &PresetConfig) -> Value {
    json!({
        "bury": config.bury_reviews,
        "ease4": config.easy_multiplier.to_json(),
        "ivlFct": config.interval_multiplier.to_json(),
        "maxIvl": config.maximum_review_interval,
        "perDay": config.reviews_per_day,
        "hardFactor": config.hard_multiplier.to_json(),
    })
}

fn write_lapse(config: &PresetConfig) -> Value {
    json!({
        "delays": config.relearn_steps.to_json(),
        "leechAction": choice::<1>(config.leech_action, 0),
        "leechFails": config.leech_threshold,
        "minInt": config.minimum_lapse_interval,
        "mult": config.lapse_multiplier.to_json(),
    })
}

/// A number from 0 to `LAST` that stands for one of several choices. Clients refuse objects with any other number.
struct Choice<const LAST: u8>(u8);

impl<const LAST: u8> FromJson for Choice<LAST> {
    const EXPECTED: &'static str = "the number of a choice";

    fn from_json(value: &Value) -> Option<Self> {
        u8::from_json(value).filter(|number| *number <= LAST).map(Self)
    }

    fn to_json(&self) -> Value {
        self.0.into()
    }
}

/// The JSON form of a choice; those of later versions become `default`.
fn choice<const LAST: u8>(number: i32, default: u8) -> Value {
    u8::try_from(number).ok().filter(|number| *number <= LAST).unwrap_or(default).into()
}
