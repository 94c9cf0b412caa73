//! Generated objects through all their forms.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema11::messages::{CardRequirement, DayLimit, FilteredDeck, Kind, NormalDeck, SearchTerm};

/// Floats as settings have them: few digits, or anything at all.
fn float() -> impl Strategy<Value = f32> {
    prop_oneof![(0_u16..3000).prop_map(|n| f32::from(n) / 100.0), any::<f32>()]
}

fn floats() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(float(), 0..4)
}

/// Keys that add-ons leave behind, as the bytes of an `other` field.
fn other() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        Just(json!(null)),
        Just(json!({"big": 12345678901234567890_u64, "list": [1.5, {"x": []}]})),
    ];
    let key = prop_oneof!["addon[A-Z]{1,3}", Just("ü \"q\"".to_owned())];
    prop::collection::btree_map(key, value, 0..4)
        .prop_map(|keys| if keys.is_empty() { Vec::new() } else { serde_json::to_vec(&keys.into_iter().collect::<Map<_, _>>()).unwrap() })
}

/// Fields of a later version, encoded.
fn unknown() -> impl Strategy<Value = Vec<u8>> {
    let field = (100_u32..250, prop::collection::vec(any::<u8>(), 0..9)).prop_map(|(number, payload)| {
        let mut field = Vec::new();
        prost::encoding::encode_varint(u64::from(number) << 3 | 2, &mut field);
        prost::encoding::encode_varint(payload.len() as u64, &mut field);
        field.extend(payload);
        field
    });
    prop::collection::vec(field, 0..3).prop_map(|mut fields| {
        // Parsers keep repeated fields in order, so a sorted list is what comes back.
        fields.sort_by_key(|field| prost::encoding::decode_varint(&mut field.as_slice()).unwrap());
        fields.concat()
    })
}

fn day_limit() -> impl Strategy<Value = Option<DayLimit>> {
    prop::option::of((any::<u32>(), any::<u32>()).prop_map(|(limit, today)| DayLimit { limit, today }))
}

fn normal() -> impl Strategy<Value = Kind> {
    let limits = (prop::option::of(any::<u32>()), prop::option::of(any::<u32>()), day_limit(), day_limit());
    (any::<i64>(), any::<u32>(), any::<u32>(), ".{0,9}", any::<bool>(), limits, prop::option::of(float())).prop_map(
        |(config_id, extend_new, extend_review, description, markdown_description, limits, desired_retention)| {
            let (review_limit, new_limit, review_limit_today, new_limit_today) = limits;
            Kind::Normal(NormalDeck {
                config_id,
                extend_new,
                extend_review,
                description,
                markdown_description,
                review_limit,
                new_limit,
                review_limit_today,
                new_limit_today,
                desired_retention,
            })
        },
    )
}

fn filtered() -> impl Strategy<Value = Kind> {
    let term = (".{0,9}", any::<u32>(), any::<i32>()).prop_map(|(search, limit, order)| SearchTerm { search, limit, order });
    (any::<bool>(), prop::collection::vec(term, 0..3), floats(), any::<[u32; 4]>()).prop_map(
        |(reschedule, search_terms, delays, seconds)| {
            let [preview_delay, preview_hard_secs, preview_good_secs, preview_again_secs] = seconds;
            Kind::Filtered(FilteredDeck {
                reschedule,
                search_terms,
                delays,
                preview_delay,
                preview_hard_secs,
                preview_good_secs,
                preview_again_secs,
            })
        },
    )
}

prop_compose! {
    fn deck_row()(
        (id, mtime, usn) in (any::<i64>(), any::<i64>(), any::<i32>()),
        name in "[a-zÄ ]{0,4}(\u{1f}[a-z:]{0,3})?",
        (study_collapsed, browser_collapsed, last_day_studied) in any::<(bool, bool, u32)>(),
        [new_studied, review_studied, learning_studied, milliseconds_studied] in any::<[i32; 4]>(),
        kind in prop_oneof![normal(), filtered()],
        other in other(),
        unknown in [unknown(), unknown()],
    ) -> Row<DeckBlobs> {
        let common = DeckCommon {
            study_collapsed, browser_collapsed, last_day_studied, new_studied, review_studied, learning_studied,
            milliseconds_studied, other,
        };
        let [in_common, in_kind] = unknown;
        // `other` has the highest number, so unknown fields come before it.
        let common = with_unknown(&DeckCommon { other: Vec::new(), ..common.clone() }, &in_common, &common.other);
        Row { id, name, mtime, usn, blobs: DeckBlobs { common, kind: with_unknown(&DeckKind { kind: Some(kind) }, &in_kind, b"") } }
    }
}

fn with_unknown(message: &impl Message, unknown: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = message.encode_to_vec();
    bytes.extend(unknown);
    if !other.is_empty() {
        prost::encoding::bytes::encode(255, &other.to_vec(), &mut bytes);
    }
    bytes
}

prop_compose! {
    fn preset_config()(
        (learn_steps, relearn_steps, easy_days_percentages) in (floats(), floats(), floats()),
        (fsrs_params_4, fsrs_params_5, fsrs_params_6) in (floats(), floats(), floats()),
        [initial_ease, easy_multiplier, hard_multiplier, lapse_multiplier, interval_multiplier] in [float(), float(), float(), float(), float()],
        [desired_retention, historical_retention, seconds_to_show_question, seconds_to_show_answer] in [float(), float(), float(), float()],
        [new_per_day, reviews_per_day, maximum_review_interval, minimum_lapse_interval] in any::<[u32; 4]>(),
        [graduating_interval_good, graduating_interval_easy, leech_threshold, cap_answer_time_to_secs, new_per_day_minimum] in any::<[u32; 5]>(),
        [new_card_insert_order, leech_action, question_action, answer_action] in [-1..3_i32, -1..3_i32, -1..3_i32, -1..9_i32],
        [new_mix, interday_learning_mix, new_card_sort_order, review_order, new_card_gather_priority] in any::<[i32; 5]>(),
        [disable_autoplay, show_timer, skip_question_when_replaying_answer, bury_new, bury_reviews] in any::<[bool; 5]>(),
        [bury_interday_learning, stop_timer_on_answer, wait_for_audio] in any::<[bool; 3]>(),
        (param_search, ignore_revlogs_before_date) in (".{0,5}", ".{0,5}"),
        other in other(),
    ) -> PresetConfig {
        PresetConfig {
            learn_steps, relearn_steps, easy_days_percentages, fsrs_params_4, fsrs_params_5, fsrs_params_6, initial_ease,
            easy_multiplier, hard_multiplier, lapse_multiplier, interval_multiplier, desired_retention, historical_retention,
            seconds_to_show_question, seconds_to_show_answer, new_per_day, reviews_per_day, maximum_review_interval,
            minimum_lapse_interval, graduating_interval_good, graduating_interval_easy, leech_threshold, cap_answer_time_to_secs,
            new_per_day_minimum, new_card_insert_order, leech_action, question_action, answer_action, new_mix,
            interday_learning_mix, new_card_sort_order, review_order, new_card_gather_priority, disable_autoplay, show_timer,
            skip_question_when_replaying_answer, bury_new, bury_reviews, bury_interday_learning, stop_timer_on_answer,
            wait_for_audio, param_search, ignore_revlogs_before_date, other,
        }
    }
}

prop_compose! {
    fn field_config()(
        [sticky, rtl, plain_text, collapsed, exclude_from_search, prevent_deletion] in any::<[bool; 6]>(),
        (font_name, description) in (".{0,5}", ".{0,5}"),
        font_size in any::<u32>(),
        (id, tag) in (prop::option::of(any::<i64>()), prop::option::of(any::<u32>())),
        (other, unknown) in (other(), unknown()),
    ) -> Vec<u8> {
        let config = FieldConfig {
            sticky, rtl, plain_text, collapsed, exclude_from_search, prevent_deletion, font_name, description, font_size, id, tag,
            other: Vec::new(),
        };
        with_unknown(&config, &unknown, &other)
    }
}

prop_compose! {
    fn template_config()(
        [q_format, a_format, q_format_browser, a_format_browser, browser_font_name] in [".{0,5}", ".{0,5}", ".{0,5}", ".{0,5}", ".{0,5}"],
        (target_deck_id, browser_font_size, id) in (any::<i64>(), any::<u32>(), prop::option::of(any::<i64>())),
        (other, unknown) in (other(), unknown()),
    ) -> Vec<u8> {
        let config = TemplateConfig {
            q_format, a_format, q_format_browser, a_format_browser, browser_font_name, target_deck_id, browser_font_size, id,
            other: Vec::new(),
        };
        with_unknown(&config, &unknown, &other)
    }
}

prop_compose! {
    fn notetype_row()(
        (id, name, mtime, usn) in (any::<i64>(), ".{0,5}", any::<i64>(), any::<i32>()),
        (kind, original_stock_kind) in (-1..3_i32, any::<i32>()),
        (sort_field_idx, target_deck_id_unused, original_id) in (any::<u32>(), any::<i64>(), prop::option::of(any::<i64>())),
        [css, latex_pre, latex_post] in [".{0,5}", ".{0,5}", ".{0,5}"],
        latex_svg in any::<bool>(),
        reqs in prop::collection::vec((any::<u32>(), -1..4_i32, prop::collection::vec(0..70_000_u32, 0..3)), 0..3),
        fields in prop::collection::vec((".{0,4}", field_config()), 0..4),
        templates in prop::collection::vec((".{0,4}", template_config()), 0..4),
        (other, unknown) in (other(), unknown()),
    ) -> Row<NotetypeBlobs> {
        let reqs = reqs.into_iter().map(|(card_ord, kind, field_ords)| CardRequirement { card_ord, kind, field_ords }).collect();
        let config = NotetypeConfig {
            kind, sort_field_idx, css, target_deck_id_unused, latex_pre, latex_post, latex_svg, reqs, original_stock_kind,
            original_id, other: Vec::new(),
        };
        Row { id, name, mtime, usn, blobs: NotetypeBlobs { config: with_unknown(&config, &unknown, &other), fields, templates } }
    }
}

/// Whatever a file holds, the JSON must be one that clients take.
fn assert_valid(json: &str, check: impl Fn(Map<String, Value>) -> Result<String, SchemaError>) {
    let again = check(parse(json).unwrap()).unwrap();
    assert_eq!(again, json, "valid objects stay as they are");
}

proptest! {
    #[test]
    fn decks_come_back(row in deck_row()) {
        let deck = read_deck(&row).unwrap();
        assert_valid(&deck.json, |object| schema11::any_deck(object).map(|deck| deck.json));
        let back = write_deck(&deck).unwrap();
        prop_assert_eq!(back.blobs, row.blobs);
        prop_assert_eq!((back.id, back.mtime, back.usn), (row.id, row.mtime, row.usn));
    }

    #[test]
    fn presets_come_back(config in preset_config(), unknown in unknown(), usn in any::<i32>()) {
        let other = config.other.clone();
        let blob = with_unknown(&PresetConfig { other: Vec::new(), ..config }, &unknown, &other);
        let row = Row { id: 5, name: "p".to_owned(), mtime: 6, usn, blobs: blob };
        let preset = read_preset(&row).unwrap();
        assert_valid(&preset.json, |object| schema11::any_preset(object).map(|preset| preset.json));
        let back = write_preset(&preset).unwrap();
        prop_assert_eq!(back.blobs, row.blobs);
    }

    #[test]
    fn notetypes_come_back(row in notetype_row()) {
        let notetype = read_notetype(&row).unwrap();
        assert_valid(&notetype.json, |object| schema11::any_notetype(object).map(|notetype| notetype.json));
        let back = write_notetype(&notetype).unwrap();
        prop_assert_eq!(back.blobs, row.blobs);
    }

    /// The other way round: what a client syncs as JSON survives a schema-18 file.
    #[test]
    fn json_comes_back(row in deck_row(), config in preset_config(), notetype in notetype_row()) {
        let known = |deck: Deck| Deck { extra: None, ..deck };
        let deck = known(read_deck(&row).unwrap());
        prop_assert_eq!(known(read_deck(&write_deck(&deck).unwrap()).unwrap()), deck);

        let row = Row { id: 5, name: "p".to_owned(), mtime: 6, usn: 7, blobs: config.encode_to_vec() };
        let preset = Preset { extra: None, ..read_preset(&row).unwrap() };
        prop_assert_eq!(Preset { extra: None, ..read_preset(&write_preset(&preset).unwrap()).unwrap() }, preset);

        let notetype = Notetype { extra: None, ..read_notetype(&notetype).unwrap() };
        prop_assert_eq!(Notetype { extra: None, ..read_notetype(&write_notetype(&notetype).unwrap()).unwrap() }, notetype);
    }

    #[test]
    fn garbage_is_an_error_at_worst(common in prop::collection::vec(any::<u8>(), 0..40), kind in prop::collection::vec(any::<u8>(), 0..40)) {
        let row = Row { id: 1, name: "d".to_owned(), mtime: 0, usn: 0, blobs: DeckBlobs { common, kind } };
        if let Ok(deck) = read_deck(&row) {
            write_deck(&deck).unwrap();
        }
    }
}

#[test]
fn a_deck_of_a_later_kind_is_a_normal_one_to_older_clients() {
    // An alternative with number 3, and none at all.
    for kind in [vec![26, 2, 8, 1], Vec::new()] {
        let row = Row { id: 1, name: "d".to_owned(), mtime: 0, usn: 0, blobs: DeckBlobs { common: Vec::new(), kind: kind.clone() } };
        let deck = read_deck(&row).unwrap();
        assert_eq!((&parse(&deck.json).unwrap()["dyn"], deck.extra.is_some()), (&json!(0), !kind.is_empty()));
        let back = write_deck(&deck).unwrap().blobs.kind;
        let normal = DeckKind { kind: Some(Kind::Normal(NormalDeck { config_id: 1, ..NormalDeck::default() })) }.encode_to_vec();
        assert_eq!(back, [normal, kind].concat());
    }
}

/// Found by fuzzing: such a normal deck came back as a filtered one.
#[test]
fn a_deck_of_both_kinds_stays_what_it_is() {
    let (normal, filtered) = ([10, 2, 8, 7], [18, 2, 8, 1]);
    for (kind, is_filtered) in [([filtered, normal].concat(), false), ([normal, filtered].concat(), true)] {
        let row = Row { id: 1, name: "d".to_owned(), mtime: 0, usn: 0, blobs: DeckBlobs { common: Vec::new(), kind } };
        let deck = read_deck(&row).unwrap();
        assert_eq!(parse(&deck.json).unwrap()["dyn"], json!(u8::from(is_filtered)));
        assert_eq!(read_deck(&write_deck(&deck).unwrap()).unwrap(), deck);
    }
}

#[test]
fn percentages_and_eases_are_rounded_not_cut() {
    for percent in 0..=100_u16 {
        let kind = Kind::Normal(NormalDeck { desired_retention: Some(f32::from(percent) / 100.0), ..NormalDeck::default() });
        let blobs = DeckBlobs { common: Vec::new(), kind: DeckKind { kind: Some(kind) }.encode_to_vec() };
        let deck = read_deck(&Row { id: 1, name: "d".to_owned(), mtime: 0, usn: 0, blobs }).unwrap();
        assert_eq!(parse(&deck.json).unwrap()["desiredRetention"], json!(percent));
        assert_eq!(deck.extra, None, "{percent}");
    }
    for factor in 1300..=9999_u16 {
        let config = PresetConfig { initial_ease: f32::from(factor) / 1000.0, ..PresetConfig::default() };
        let preset = read_preset(&Row { id: 1, name: "p".to_owned(), mtime: 0, usn: 0, blobs: config.encode_to_vec() }).unwrap();
        assert_eq!(parse(&preset.json).unwrap()["new"]["initialFactor"], json!(factor));
        assert_eq!(preset.extra, None, "{factor}");
    }
}
