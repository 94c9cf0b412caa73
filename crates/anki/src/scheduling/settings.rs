//! What a preset, a deck and the configuration say about studying.

use crate::schema11::messages::{Kind, PresetConfig};
use crate::schema11::{self, SchemaError};
use serde_json::Map;
use serde_json::Value;

/// A preset's part in scheduling, with Anki's defaults for what is out of range.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Minutes.
    pub learning_steps: Vec<f32>,
    /// Minutes.
    pub relearning_steps: Vec<f32>,
    pub graduating_days: u32,
    pub easy_days: u32,
    /// 2.5 for 250 %.
    pub initial_ease: f32,
    pub easy_bonus: f32,
    pub hard_factor: f32,
    pub lapse_factor: f32,
    pub interval_factor: f32,
    pub maximum_days: u32,
    pub minimum_lapse_days: u32,
    pub leech_threshold: u32,
    pub suspend_leeches: bool,
    /// The longest time that an answer counts for.
    pub longest_answer_secs: u32,
    pub bury: Bury,
    pub desired_retention: f32,
    pub historical_retention: f32,
    /// Empty for the default ones.
    pub fsrs_params: Vec<f32>,
    /// Reviews before this date, `2026-11-25`, say nothing about memory. Empty for none.
    pub ignore_before: String,
    /// One for each weekday from Monday on, or empty.
    pub easy_weekdays: Vec<f32>,
}

/// Which siblings of a card that was answered wait until tomorrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bury {
    pub new: bool,
    pub reviews: bool,
    pub interday_learning: bool,
}

impl Default for Settings {
    /// What clients take where a deck's preset does not exist.
    fn default() -> Self {
        Self {
            learning_steps: vec![1.0, 10.0],
            relearning_steps: vec![10.0],
            graduating_days: 1,
            easy_days: 4,
            initial_ease: 2.5,
            easy_bonus: 1.3,
            hard_factor: 1.2,
            lapse_factor: 0.0,
            interval_factor: 1.0,
            maximum_days: 36_500,
            minimum_lapse_days: 1,
            leech_threshold: 8,
            suspend_leeches: false,
            longest_answer_secs: 60,
            bury: Bury::default(),
            desired_retention: 0.9,
            historical_retention: 0.9,
            fsrs_params: Vec::new(),
            ignore_before: String::new(),
            easy_weekdays: vec![1.0; 7],
        }
    }
}

impl Settings {
    /// Reads a stored preset.
    ///
    /// # Errors
    /// When it is no preset.
    pub fn read(json: &str) -> Result<Self, SchemaError> {
        let mut object = object(json)?;
        Ok(Self::of(schema11::preset::read(&mut object)?.config))
    }

    fn of(config: PresetConfig) -> Self {
        let default = Self::default();
        let days = |days: u32, default: u32| within(days, 1, 36_500, default);
        let params = [config.fsrs_params_6, config.fsrs_params_5, config.fsrs_params_4];
        Self {
            learning_steps: config.learn_steps,
            relearning_steps: config.relearn_steps,
            graduating_days: days(config.graduating_interval_good, default.graduating_days),
            easy_days: days(config.graduating_interval_easy, default.easy_days),
            initial_ease: within(config.initial_ease, 1.31, 5.0, default.initial_ease),
            easy_bonus: within(config.easy_multiplier, 1.0, 5.0, default.easy_bonus),
            hard_factor: within(config.hard_multiplier, 0.5, 1.3, default.hard_factor),
            lapse_factor: within(config.lapse_multiplier, 0.0, 1.0, default.lapse_factor),
            interval_factor: within(config.interval_multiplier, 0.5, 2.0, default.interval_factor),
            maximum_days: days(config.maximum_review_interval, default.maximum_days),
            minimum_lapse_days: days(config.minimum_lapse_interval, default.minimum_lapse_days),
            leech_threshold: within(config.leech_threshold, 1, 9999, default.leech_threshold),
            suspend_leeches: config.leech_action == 0,
            longest_answer_secs: within(config.cap_answer_time_to_secs, 1, 9999, default.longest_answer_secs),
            bury: Bury { new: config.bury_new, reviews: config.bury_reviews, interday_learning: config.bury_interday_learning },
            desired_retention: within(config.desired_retention, 0.7, 0.99, default.desired_retention),
            historical_retention: within(config.historical_retention, 0.7, 0.97, default.historical_retention),
            fsrs_params: params.into_iter().find(|params| !params.is_empty()).unwrap_or_default(),
            ignore_before: config.ignore_revlogs_before_date,
            easy_weekdays: config.easy_days_percentages,
        }
    }
}

/// The default for what is out of range, or no number at all.
fn within<T: PartialOrd + Copy>(value: T, least: T, most: T, default: T) -> T {
    if value >= least && value <= most { value } else { default }
}

/// A deck's part in scheduling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StudiedDeck {
    Normal {
        preset: i64,
        /// In place of the preset's.
        desired_retention: Option<f32>,
    },
    Filtered {
        /// Whether answers change when cards are due.
        reschedules: bool,
        /// Seconds until a card that is only shown comes again, after each rating but easy; 0 for not again.
        delays: [u32; 3],
    },
}

impl StudiedDeck {
    /// Reads a stored deck.
    ///
    /// # Errors
    /// When it is no deck.
    pub fn read(json: &str) -> Result<Self, SchemaError> {
        let mut object = object(json)?;
        Ok(match schema11::deck::read(&mut object)?.kind.kind {
            Some(Kind::Normal(deck)) => Self::Normal { preset: deck.config_id, desired_retention: deck.desired_retention },
            Some(Kind::Filtered(deck)) => Self::Filtered {
                reschedules: deck.reschedule,
                delays: [deck.preview_again_secs, deck.preview_hard_secs, deck.preview_good_secs],
            },
            None => return Err(SchemaError::new("dyn", "expected a normal or a filtered deck")),
        })
    }
}

pub(super) fn object(json: &str) -> Result<Map<String, Value>, SchemaError> {
    serde_json::from_str(json).map_err(|_| SchemaError::new("", "expected an object"))
}
