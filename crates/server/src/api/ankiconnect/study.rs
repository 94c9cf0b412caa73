//! Answering cards, and what each answer would lead to.

use super::args::{Args, int};
use super::context::Context;
use super::failed::{Failed, Result, said};
use crate::actions::edit_collection::answers::{AnswerCards, CardAnswer};
use crate::actions::study::{Desk, StudyError};
use anki::scheduling::Rating;
use serde_json::Value;
use std::collections::HashMap;
use store::user_db::Current;

/// Answers in one request.
const MOST: usize = 10_000;

/// One truth for each answer: whether there is such a card.
pub async fn answer(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let given = args.list("answers")?;
    if given.len() > MOST {
        return Err(said(format!("`answers` can have at most {MOST} answers in one request")));
    }
    let mut answers = Vec::with_capacity(given.len());
    for (at, answer) in given.iter().enumerate() {
        let card = int(&answer["cardId"]).ok_or_else(|| said(format!("answers[{at}]: `cardId` has to be the id of a card")))?;
        let rating = int(&answer["ease"]).and_then(Rating::from_number);
        let rating = rating.ok_or_else(|| said(format!("answers[{at}]: `ease` is 1 for again, 2 for hard, 3 for good, 4 for easy")))?;
        answers.push(CardAnswer { field: format!("answers[{at}]"), card, rating, milliseconds: 0 });
    }
    let done = cx.edit(&AnswerCards { answers, skip_missing: true }).await?;
    Ok(done.iter().map(Option::is_some).collect())
}

/// What clients write on the buttons of these cards. Nothing for those that cannot be answered.
pub async fn labels(cx: &Context<'_>, current: &Current, cards: &[i64]) -> Result<HashMap<i64, [String; 4]>> {
    let desk = match Desk::load(cx.stored(current), current.stamps.created, cx.app.clock.now_secs(), cards).await {
        Ok(desk) => desk,
        Err(StudyError::Store(error)) => return Err(Failed::from(error)),
        Err(_) => return Ok(HashMap::new()),
    };
    let one = |id: &i64| Some((*id, desk.question(desk.cards.get(id)?).ok()?.isolated_labels(desk.learn_ahead)));
    Ok(cards.iter().filter_map(one).collect())
}
