//! Which Anki a schema-18 file needs.
//!
//! A client drops protobuf fields that it does not know when it opens a schema-18 file, while in the JSON of a schema-11 file it
//! keeps them as unknown keys. So a client older than the fields in use must be given schema 11.
//!
//! The table below says with which release each field first appears in the message descriptors of the `anki` packages on PyPI;
//! 2.1.57, 2.1.60, 2.1.62, 2.1.66, 23.10, 23.12, 24.4, 24.6, 24.11, 25.2, 25.7, 25.9, 25.9.2, 26.5 and 26.9.3 were looked at. A field
//! that came in between is listed under the later of the two releases. Fields that are not listed are in 2.1.57, the first
//! version to read schema 18 from a server. New numbers of enums need no version: clients keep numbers they do not know.
//!
//! | since | deck | preset | notetype |
//! |---|---|---|---|
//! | 2.1.62 | | | stock kind; field: excluded from search |
//! | 23.10 | | FSRS-4 parameters, desired retention, historical retention, stop timer on answer | original id; field: id, tag, prevent deletion; template: id |
//! | 23.12 | filtered: preview delays of again, hard, good | seconds to show question and answer, answer action, wait for audio, search for parameters | |
//! | 24.4 | | ignore reviews before date | |
//! | 24.6 | | question action | |
//! | 24.11 | | FSRS-5 parameters, easy days | |
//! | 25.7 | | FSRS-6 parameters | |
//! | 25.9 | desired retention | | |

use super::{FileError, blobs, objects::object_error};
use crate::{
    model::{Deck, Notetype, Preset},
    schema11::{
        deck,
        messages::{FieldConfig, FilteredDeck, Kind, NotetypeConfig, PresetConfig, TemplateConfig},
        notetype, preset,
    },
};

/// An Anki release: 2.1.66 is `(2, 1, 66)`, 25.09.2 is `(25, 9, 2)`.
pub type Version = (u32, u32, u32);

/// The first version that reads and writes schema 18 when it syncs.
pub const FIRST: Version = (2, 1, 57);

/// The newest version whose fields are known here. Later ones may have more.
pub const NEWEST_KNOWN: Version = (26, 9, 3);

/// The lowest version that knows all protobuf fields a schema-18 file with these objects would hold, as far as they say anything:
/// a field with the value that clients assume without it does not count. Unknown fields in `extra` are left out, being made by a
/// later Anki than we know.
///
/// # Errors
/// When an object's JSON is not that of its sort.
pub fn newest_field_version(notetypes: &[Notetype], decks: &[Deck], presets: &[Preset]) -> Result<Version, FileError> {
    let mut newest = FIRST;
    let mut need = |version: Version, used: bool| {
        if used {
            newest = newest.max(version);
        }
    };
    for object in notetypes {
        let typed = blobs::parse(&object.json).and_then(|mut json| notetype::read(&mut json));
        let typed = typed.map_err(object_error("notetype", object.id))?;
        of_notetype(&typed.config, &mut need);
        typed.fields.iter().for_each(|(_, field)| of_field(field, &mut need));
        typed.templates.iter().for_each(|(_, template)| of_template(template, &mut need));
    }
    for object in decks {
        let typed = blobs::parse(&object.json).and_then(|mut json| deck::read(&mut json)).map_err(object_error("deck", object.id))?;
        match typed.kind.kind {
            Some(Kind::Normal(normal)) => need((25, 9, 0), normal.desired_retention.is_some()),
            Some(Kind::Filtered(filtered)) => of_filtered_deck(&filtered, &mut need),
            None => {}
        }
    }
    for object in presets {
        let typed = blobs::parse(&object.json).and_then(|mut json| preset::read(&mut json)).map_err(object_error("preset", object.id))?;
        of_preset(&typed.config, &mut need);
    }
    Ok(newest)
}

fn of_notetype(config: &NotetypeConfig, need: &mut impl FnMut(Version, bool)) {
    need((2, 1, 62), config.original_stock_kind != 0);
    need((23, 10, 0), config.original_id.is_some());
}

fn of_field(config: &FieldConfig, need: &mut impl FnMut(Version, bool)) {
    need((2, 1, 62), config.exclude_from_search);
    need((23, 10, 0), config.id.is_some() || config.tag.is_some() || config.prevent_deletion);
}

fn of_template(config: &TemplateConfig, need: &mut impl FnMut(Version, bool)) {
    need((23, 10, 0), config.id.is_some());
}

fn of_filtered_deck(filtered: &FilteredDeck, need: &mut impl FnMut(Version, bool)) {
    let FilteredDeck { preview_again_secs, preview_hard_secs, preview_good_secs, .. } = filtered;
    need((23, 12, 0), [preview_again_secs, preview_hard_secs, preview_good_secs].iter().any(|seconds| **seconds != 0));
}

fn of_preset(config: &PresetConfig, need: &mut impl FnMut(Version, bool)) {
    // Clients take 0 for the retention that they assume by default.
    let retention = |retention: f32| retention != 0.0 && retention != 0.9;
    need((23, 10, 0), !config.fsrs_params_4.is_empty() || config.stop_timer_on_answer);
    need((23, 10, 0), retention(config.desired_retention) || retention(config.historical_retention));
    need((23, 12, 0), config.seconds_to_show_question != 0.0 || config.seconds_to_show_answer != 0.0 || config.answer_action != 0);
    need((23, 12, 0), !config.wait_for_audio || !config.param_search.is_empty());
    need((24, 4, 0), !config.ignore_revlogs_before_date.is_empty());
    need((24, 6, 0), config.question_action != 0);
    need((24, 11, 0), !config.fsrs_params_5.is_empty() || config.easy_days_percentages.iter().any(|share| *share != 1.0));
    need((25, 7, 0), !config.fsrs_params_6.is_empty());
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::schema11::{self, stock};

    fn edited(json: &str, changes: &Value) -> serde_json::Map<String, Value> {
        let mut object = blobs::parse(json).unwrap();
        object.extend(changes.as_object().unwrap().clone());
        object
    }

    #[test]
    fn presets_and_decks() {
        let presets = [
            (json!({}), FIRST),
            (json!({"sm2Retention": 0.0, "desiredRetention": 0.9, "easyDaysPercentages": []}), FIRST),
            (json!({"desiredRetention": 0.91}), (23, 10, 0)),
            (json!({"fsrsWeights": [1.0]}), (23, 10, 0)),
            (json!({"waitForAudio": false}), (23, 12, 0)),
            (json!({"answerAction": 2}), (23, 12, 0)),
            (json!({"ignoreRevlogsBeforeDate": "2020-01-01"}), (24, 4, 0)),
            (json!({"questionAction": 1}), (24, 6, 0)),
            (json!({"fsrsParams5": [1.0]}), (24, 11, 0)),
            (json!({"easyDaysPercentages": [1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]}), (24, 11, 0)),
            (json!({"fsrsParams6": [1.0], "fsrsWeights": [1.0]}), (25, 7, 0)),
        ];
        for (changes, version) in presets {
            let preset = schema11::preset(edited(&stock::default_preset().json, &changes)).unwrap();
            assert_eq!(newest_field_version(&[], &[], &[preset]).unwrap(), version, "{changes}");
        }
        let decks = [
            (json!({}), FIRST),
            (json!({"reviewLimit": 5, "newLimitToday": {"limit": 1, "today": 1}}), FIRST),
            (json!({"desiredRetention": 0}), (25, 9, 0)),
            (json!({"dyn": 1, "resched": true, "terms": [["", 100, 0]]}), FIRST),
            (json!({"dyn": 1, "resched": true, "terms": [], "previewAgainSecs": 60}), (23, 12, 0)),
        ];
        for (changes, version) in decks {
            let deck = schema11::deck(edited(&stock::default_deck().json, &changes)).unwrap();
            assert_eq!(newest_field_version(&[], &[deck], &[]).unwrap(), version, "{changes}");
        }
    }

    #[test]
    fn notetypes() {
        let stock = stock::notetypes(1, &mut || 5);
        assert_eq!(newest_field_version(&stock, &[], &[]).unwrap(), (23, 10, 0));
        let mut basic = blobs::parse(&stock[0].json).unwrap();
        for list in ["flds", "tmpls"] {
            basic[list].as_array_mut().unwrap().iter_mut().for_each(|part| part["id"] = Value::Null);
        }
        let version = |object: &serde_json::Map<String, Value>| {
            newest_field_version(&[schema11::notetype(object.clone()).unwrap()], &[], &[]).unwrap()
        };
        assert_eq!(version(&basic), (2, 1, 62));
        basic.shift_remove("originalStockKind");
        assert_eq!(version(&basic), FIRST);
        basic["flds"][1]["tag"] = 0.into();
        assert_eq!(version(&basic), (23, 10, 0));
    }
}
