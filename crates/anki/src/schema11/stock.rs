//! What a brand-new collection contains: one deck, one preset, six notetypes and the initial configuration.
//!
//! Compared with a fresh collection of the client 26.09.3 in English. Only the message of the image occlusion template is worded
//! differently.

use serde_json::{Value, json};

use super::{
    any_deck, any_notetype, any_preset,
    deck::{self, TypedDeck},
    messages::{CardRequirement, DeckCommon, DeckKind, FieldConfig, Kind, NormalDeck, NotetypeConfig, PresetConfig, TemplateConfig},
    notetype::{self, TypedNotetype},
    preset::{self, TypedPreset},
};
use crate::model::{ConfigEntry, Deck, Notetype, Preset};

/// The id of the deck and of the preset that every collection has.
pub const DEFAULT_ID: i64 = 1;

/// The deck "Default", with the default preset.
pub fn default_deck() -> Deck {
    let typed = TypedDeck {
        id: DEFAULT_ID,
        name: "Default".to_owned(),
        mtime: 0,
        usn: 0,
        common: DeckCommon { study_collapsed: true, browser_collapsed: true, ..DeckCommon::default() },
        kind: DeckKind { kind: Some(Kind::Normal(NormalDeck { config_id: DEFAULT_ID, ..NormalDeck::default() })) },
    };
    // What we write ourselves always reads; a test says so.
    any_deck(deck::write(&typed)).unwrap_or_default()
}

/// The preset "Default".
pub fn default_preset() -> Preset {
    let config = PresetConfig {
        learn_steps: vec![1.0, 10.0],
        relearn_steps: vec![10.0],
        easy_days_percentages: vec![1.0; 7],
        new_per_day: 20,
        reviews_per_day: 200,
        initial_ease: 2.5,
        easy_multiplier: 1.3,
        hard_multiplier: 1.2,
        interval_multiplier: 1.0,
        maximum_review_interval: 36_500,
        minimum_lapse_interval: 1,
        graduating_interval_good: 1,
        graduating_interval_easy: 4,
        leech_action: 1,
        leech_threshold: 8,
        cap_answer_time_to_secs: 60,
        desired_retention: 0.9,
        historical_retention: 0.9,
        wait_for_audio: true,
        ..PresetConfig::default()
    };
    let typed = TypedPreset { id: DEFAULT_ID, name: "Default".to_owned(), mtime: 0, usn: 0, config };
    any_preset(preset::write(&typed)).unwrap_or_default()
}

/// The stock notetypes, with ids from `first_id` upwards. Clients take the milliseconds of now for it.
///
/// `part_id` gives the ids of fields and templates: random 64-bit numbers, the same for one part through all renames.
pub fn notetypes(first_id: i64, part_id: &mut dyn FnMut() -> i64) -> Vec<Notetype> {
    let stock = [basic(), reversed(), optional_reversed(), type_in(), cloze(), image_occlusion()];
    let notetypes = stock.into_iter().zip(first_id..).zip(1..);
    notetypes.map(|((stock, id), original_stock_kind)| stock.build(id, original_stock_kind, part_id)).collect()
}

/// The configuration of a fresh collection: third scheduler, the given notetype chosen for new notes.
///
/// `minutes_west` is the timezone of the owner, in minutes west of UTC.
pub fn config(notetype_id: i64, minutes_west: i32) -> Vec<ConfigEntry> {
    let values = [
        ("activeDecks", json!([DEFAULT_ID])),
        ("addToCur", json!(true)),
        ("collapseTime", json!(1200)),
        ("creationOffset", json!(minutes_west)),
        ("curDeck", json!(DEFAULT_ID)),
        ("curModel", json!(notetype_id)),
        ("dayLearnFirst", json!(false)),
        ("dueCounts", json!(true)),
        ("estTimes", json!(true)),
        ("newSpread", json!(0)),
        ("nextPos", json!(1)),
        ("sched2021", json!(true)),
        ("schedVer", json!(2)),
        ("sortBackwards", json!(false)),
        ("sortType", json!("noteFld")),
        ("timeLim", json!(0)),
    ];
    values.map(|(key, value): (&str, Value)| ConfigEntry { key: key.to_owned(), usn: 0, mtime: 0, json: value.to_string() }).into()
}

/// A stock notetype before it has ids.
struct Stock {
    name: &'static str,
    cloze: bool,
    css: String,
    /// Name, tag, and whether clients refuse to delete the field.
    fields: Vec<(&'static str, Option<u32>, bool)>,
    /// Name, question and answer.
    templates: Vec<(&'static str, String, String)>,
    /// For each template, whether all (2) or any (1) of the fields are needed, and which.
    requirements: Vec<(i32, Vec<u32>)>,
}

impl Stock {
    fn build(self, id: i64, original_stock_kind: i32, part_id: &mut dyn FnMut() -> i64) -> Notetype {
        let fields = self.fields.into_iter().map(|(name, tag, prevent_deletion)| {
            let font_name = "Arial".to_owned();
            let config = FieldConfig { font_name, font_size: 20, id: Some(part_id()), tag, prevent_deletion, ..FieldConfig::default() };
            (name.to_owned(), config)
        });
        let fields = fields.collect();
        let templates = self.templates.into_iter().map(|(name, q_format, a_format)| {
            (name.to_owned(), TemplateConfig { q_format, a_format, id: Some(part_id()), ..TemplateConfig::default() })
        });
        let requirements = self.requirements.into_iter().zip(0..);
        let config = NotetypeConfig {
            kind: self.cloze.into(),
            css: self.css,
            latex_pre: LATEX_PRE.to_owned(),
            latex_post: LATEX_POST.to_owned(),
            reqs: requirements.map(|((kind, field_ords), card_ord)| CardRequirement { card_ord, kind, field_ords }).collect(),
            original_stock_kind,
            ..NotetypeConfig::default()
        };
        let typed = TypedNotetype { id, name: self.name.to_owned(), mtime: 0, usn: 0, config, fields, templates: templates.collect() };
        any_notetype(notetype::write(&typed)).unwrap_or_default()
    }
}

const CARD_1: &str = "Card 1";
const CARD_2: &str = "Card 2";

fn basic() -> Stock {
    Stock {
        name: "Basic",
        cloze: false,
        css: card_css(Some("1.5")),
        fields: vec![("Front", None, false), ("Back", None, false)],
        templates: vec![(CARD_1, "{{Front}}".to_owned(), answer("{{FrontSide}}", "{{Back}}"))],
        requirements: vec![(1, vec![0])],
    }
}

fn reversed() -> Stock {
    let mut stock = Stock { name: "Basic (and reversed card)", ..basic() };
    stock.templates.push((CARD_2, "{{Back}}".to_owned(), answer("{{FrontSide}}", "{{Front}}")));
    stock.requirements.push((1, vec![1]));
    stock
}

fn optional_reversed() -> Stock {
    let mut stock = Stock { name: "Basic (optional reversed card)", ..basic() };
    stock.fields.push(("Add Reverse", None, false));
    let question = "{{#Add Reverse}}{{Back}}{{/Add Reverse}}".to_owned();
    stock.templates.push((CARD_2, question, answer("{{FrontSide}}", "{{Front}}")));
    stock.requirements.push((2, vec![1, 2]));
    stock
}

fn type_in() -> Stock {
    Stock {
        name: "Basic (type in the answer)",
        templates: vec![(CARD_1, "{{Front}}\n\n{{type:Back}}".to_owned(), answer("{{Front}}", "{{type:Back}}"))],
        requirements: vec![(1, vec![0, 1])],
        ..basic()
    }
}

fn cloze() -> Stock {
    let cloze_css = ".cloze {\n    font-weight: bold;\n    color: blue;\n}\n.nightMode .cloze {\n    color: lightblue;\n}\n";
    Stock {
        name: "Cloze",
        cloze: true,
        css: card_css(Some("1.5")) + cloze_css,
        fields: vec![("Text", Some(0), true), ("Back Extra", Some(1), false)],
        templates: vec![("Cloze", "{{cloze:Text}}".to_owned(), "{{cloze:Text}}<br>\n{{Back Extra}}".to_owned())],
        requirements: vec![(1, vec![0])],
    }
}

fn image_occlusion() -> Stock {
    let back = "\n<div><button id=\"toggle\">Toggle Masks</button></div>\n\
        {{#Back Extra}}<div>{{Back Extra}}</div>{{/Back Extra}}\n";
    Stock {
        name: "Image Occlusion",
        cloze: true,
        css: OCCLUSION_CSS.to_owned() + "\n" + &card_css(None),
        fields: vec![
            ("Occlusion", Some(0), true),
            ("Image", Some(1), true),
            ("Header", Some(2), true),
            ("Back Extra", Some(3), true),
            ("Comments", Some(4), false),
        ],
        templates: vec![("Image Occlusion", OCCLUSION_FRONT.to_owned(), OCCLUSION_FRONT.to_owned() + back)],
        requirements: vec![(1, vec![0, 1, 2])],
    }
}

fn answer(above: &str, below: &str) -> String {
    format!("{above}\n\n<hr id=answer>\n\n{below}")
}

fn card_css(line_height: Option<&str>) -> String {
    let line_height = line_height.map(|height| format!("    line-height: {height};\n")).unwrap_or_default();
    format!(
        ".card {{\n    font-family: arial;\n    font-size: 20px;\n{line_height}    text-align: center;\n    color: black;\n    \
         background-color: white;\n}}\n"
    )
}

const LATEX_PRE: &str = r"\documentclass[12pt]{article}
\special{papersize=3in,5in}
\usepackage[utf8]{inputenc}
\usepackage{amssymb,amsmath}
\pagestyle{empty}
\setlength{\parindent}{0in}
\begin{document}
";

const LATEX_POST: &str = r"\end{document}";

/// The names are those that the client's drawing code looks up.
const OCCLUSION_CSS: &str = "#image-occlusion-canvas {
    --inactive-shape-color: #ffeba2;
    --active-shape-color: #ff8e8e;
    --inactive-shape-border: 1px #212121;
    --active-shape-border: 1px #212121;
    --highlight-shape-color: #ff8e8e00;
    --highlight-shape-border: 1px #ff8e8e;
}
";

/// The elements and the function that the client's drawing code expects.
const OCCLUSION_FRONT: &str = r#"{{#Header}}<div>{{Header}}</div>{{/Header}}
<div style="display: none">{{cloze:Occlusion}}</div>
<div id="err"></div>
<div id="image-occlusion-container">
    {{Image}}
    <canvas id="image-occlusion-canvas"></canvas>
</div>
<script>
try {
    anki.imageOcclusion.setup();
} catch (error) {
    document.getElementById("err").innerHTML = `These masks cannot be shown. A newer Anki may be needed.<br><br>${error}`;
}
</script>
"#;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    /// The deck, the preset and the notetypes of a fresh collection of 26.09.3, made with `tests/make_data.py`.
    const FRESH: &str = include_str!("../../tests/data/26.09.3-fresh.json");

    fn fresh() -> Value {
        serde_json::from_str(FRESH).unwrap()
    }

    fn parsed(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_new_collection_is_that_of_a_client() {
        let mut fresh = fresh();
        assert_eq!(parsed(&default_deck().json), fresh["decks"]["1"]);
        assert_eq!(parsed(&default_preset().json), fresh["presets"][0]);

        let first_id = fresh["notetypes"][0]["id"].as_i64().unwrap();
        let theirs: std::collections::BTreeMap<String, String> =
            fresh["config"].as_object().unwrap().iter().map(|(key, value)| (key.clone(), value.to_string())).collect();
        assert_eq!(
            config(first_id, 0).into_iter().map(|entry| (entry.key, entry.json)).collect::<std::collections::BTreeMap<_, _>>(),
            theirs
        );

        let ours = notetypes(first_id, &mut || 7);
        for (ours, theirs) in ours.iter().zip(fresh["notetypes"].as_array_mut().unwrap()) {
            let mut ours = parsed(&ours.json);
            for part in ["flds", "tmpls"].into_iter().flat_map(|list| theirs[list].as_array().unwrap().clone()) {
                assert!(part["id"].is_i64());
            }
            for list in ["flds", "tmpls"] {
                theirs[list].as_array_mut().unwrap().iter_mut().for_each(|part| part["id"] = 7.into());
            }
            if theirs["name"] == "Image Occlusion" {
                // Our wording, see above.
                for side in ["qfmt", "afmt"] {
                    assert!(ours["tmpls"][0][side].as_str().unwrap().contains("anki.imageOcclusion.setup()"));
                    ours["tmpls"][0][side] = theirs["tmpls"][0][side].clone();
                }
            }
            assert_eq!(&ours, theirs);
        }
        assert_eq!(ours.len(), 6);
    }

    #[test]
    fn every_part_has_its_own_id() {
        let mut next = -3;
        let mut part_id = || {
            next += 1;
            next
        };
        let notetypes = notetypes(100, &mut part_id);
        assert_eq!(notetypes.iter().map(|notetype| notetype.id).collect::<Vec<_>>(), [100, 101, 102, 103, 104, 105]);
        let parts: usize = notetypes.iter().map(|notetype| usize::try_from(notetype.field_count + notetype.template_count).unwrap()).sum();
        assert_eq!(next, i64::try_from(parts).unwrap() - 3);
    }
}
