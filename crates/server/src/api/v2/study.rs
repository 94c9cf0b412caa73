//! Answering cards, and what each answer would lead to.

use super::cards::{CardView, view};
use super::once::edit_once;
use super::problem::{Answer, Problem};
use super::request::{Api, Body, Path, at_most};
use crate::actions::edit_collection::Edit;
use crate::actions::edit_collection::answers::{AnswerCards, CardAnswer};
use crate::actions::study::{Desk, StudyError};
use anki::model::Card;
use anki::scheduling::{Rating, Wait};
use axum::Json;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
use utoipa::ToSchema;

/// The four buttons of Anki.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Rating)]
pub enum RatingInput {
    Again,
    Hard,
    Good,
    Easy,
}

/// An answer to a card.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rating": "good", "milliseconds": 4200}))]
pub struct AnswerInput {
    pub rating: RatingInput,
    /// How long it took to answer. What is beyond the limit of the preset does not count.
    #[serde(default)]
    pub milliseconds: u32,
}

/// Answers to cards, in the order in which they were given.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"answers": [{"card": 1795391697000_i64, "rating": "good"}], "skip_missing": true}))]
pub struct AnswersInput {
    /// At most 10,000.
    pub answers: Vec<CardAnswerInput>,
    /// Pass over cards that do not exist, instead of refusing all.
    #[serde(default)]
    pub skip_missing: bool,
}

/// One of several answers.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardAnswerInput {
    pub card: i64,
    pub rating: RatingInput,
    /// How long it took to answer.
    #[serde(default)]
    pub milliseconds: u32,
}

/// Cards that were answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnsweredCards {
    /// As they are now, each once.
    pub cards: Vec<CardView>,
}

/// What each rating would lead to.
#[derive(Debug, Serialize, ToSchema)]
pub struct NextReviews {
    pub again: NextReview,
    pub hard: NextReview,
    pub good: NextReview,
    pub easy: NextReview,
}

/// When a card would be shown again.
#[derive(Debug, Serialize, ToSchema)]
pub struct NextReview {
    /// How long until then, before learning steps are lengthened a little by chance. 0 is not again.
    pub seconds: u32,
    /// The same where it is a number of days.
    pub days: Option<u32>,
    /// As Anki writes it on the button.
    #[schema(example = "<10m")]
    pub label: String,
}

impl From<RatingInput> for Rating {
    fn from(rating: RatingInput) -> Self {
        match rating {
            RatingInput::Again => Self::Again,
            RatingInput::Hard => Self::Hard,
            RatingInput::Good => Self::Good,
            RatingInput::Easy => Self::Easy,
        }
    }
}

/// Answers a card, as if it had been answered on a device: its schedule, a review, the limits of its decks, its siblings, leeches.
#[utoipa::path(post, path = "/api/v2/cards/{id}/answer", tag = "study", params(("id" = i64, Path)), request_body = AnswerInput, responses((status = 200, body = CardView, description = "The card as it is now"), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn answer(api: Api, Path(id): Path<i64>, headers: HeaderMap, Body(input): Body<AnswerInput>) -> Answer<Json<Value>> {
    let answers = vec![CardAnswer { field: "card".into(), card: id, rating: input.rating.into(), milliseconds: input.milliseconds }];
    let change = AnswerCards { answers, skip_missing: false };
    let show = |_: &Edit, cards: &Vec<Option<Card>>| cards.iter().flatten().next().map(|card| json!(view(card))).unwrap_or_default();
    Ok(Json(edit_once(&api, &headers, &format!("cards/{id}/answer"), &input, change, show).await?))
}

/// Answers cards, one after the other, all or none.
#[utoipa::path(post, path = "/api/v2/cards/answer", tag = "study", request_body = AnswersInput, responses((status = 200, body = AnsweredCards), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn answer_many(api: Api, headers: HeaderMap, Body(input): Body<AnswersInput>) -> Answer<Json<Value>> {
    at_most("answers", input.answers.len(), 10_000)?;
    let one = |(at, answer): (usize, &CardAnswerInput)| CardAnswer {
        field: format!("answers[{at}].card"),
        card: answer.card,
        rating: answer.rating.into(),
        milliseconds: answer.milliseconds,
    };
    let answers = input.answers.iter().enumerate().map(one).collect();
    let change = AnswerCards { answers, skip_missing: input.skip_missing };
    let show = |_: &Edit, cards: &Vec<Option<Card>>| {
        let mut seen = HashSet::new();
        let cards = cards.iter().flatten().filter(|card| seen.insert(card.id)).map(view).collect();
        json!(AnsweredCards { cards })
    };
    Ok(Json(edit_once(&api, &headers, "cards/answer", &input, change, show).await?))
}

/// Says when a card would be shown again after each rating, if it were answered now.
#[utoipa::path(get, path = "/api/v2/cards/{id}/next", tag = "study", params(("id" = i64, Path)), responses((status = 200, body = NextReviews), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn next(api: Api, Path(id): Path<i64>) -> Answer<Json<NextReviews>> {
    let current = api.open().await?;
    let desk = Desk::load(api.stored(&current), current.stamps.created, api.app.clock.now_secs(), &[id]).await?;
    let card = desk.cards.get(&id).ok_or_else(|| Problem::not_found(format!("there is no card {id}")))?;
    let question = desk.question(card).map_err(StudyError::from)?;
    let [again, hard, good, easy] = question.waits();
    let labels = question.labels(desk.learn_ahead);
    let [again_label, hard_label, good_label, easy_label] = labels;
    Ok(Json(NextReviews {
        again: review(again, again_label),
        hard: review(hard, hard_label),
        good: review(good, good_label),
        easy: review(easy, easy_label),
    }))
}

fn review(wait: Wait, label: String) -> NextReview {
    let days = match wait {
        Wait::Days(days) => Some(days),
        Wait::Seconds(_) => None,
    };
    NextReview { seconds: wait.seconds(), days, label }
}

impl From<StudyError> for Problem {
    fn from(error: StudyError) -> Self {
        match error {
            StudyError::FirstScheduler | StudyError::Card(_) => Self::invalid("card", error.to_string()),
            StudyError::Store(error) => error.into(),
            StudyError::Object(error) => crate::actions::edit_collection::EditError::from(error).into(),
        }
    }
}
