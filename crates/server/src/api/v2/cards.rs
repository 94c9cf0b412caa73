//! Cards.

use super::collection::today;
use super::notes::{Gone, IdsInput};
use super::problem::{Answer, Problem};
use super::request::{Api, Body, Page, Path, Query, at_most, cursor, ids, limit, select};
use crate::actions::api_tokens::Scope;
use crate::actions::edit_collection::cards::{CardChange, ChangeCards, DeleteCards};
use crate::actions::edit_collection::{self, DeckRef};
use anki::model::Card;
use axum::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// A card.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Card)]
pub struct CardView {
    pub id: i64,
    pub note_id: i64,
    /// Where it is now.
    pub deck_id: i64,
    /// Where it came from, if a filtered deck has it.
    pub home_deck_id: Option<i64>,
    /// The template, or the cloze number minus one.
    pub ordinal: i64,
    #[serde(rename = "type")]
    pub kind: CardKind,
    pub queue: CardQueue,
    /// New: the position. Learning: the second. Otherwise the day, counted from the collection's first.
    pub due: i64,
    /// Days.
    pub interval: i64,
    /// In thousandths.
    pub ease: i64,
    pub reviews: i64,
    pub lapses: i64,
    /// 0 for none to 7.
    pub flag: i64,
    /// Seconds since the epoch of its last change.
    pub modified: i64,
    /// The scheduler's memory, as clients store it.
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
}

/// How far a card has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CardType)]
pub enum CardKind {
    New,
    Learning,
    Review,
    Relearning,
}

/// Where a card waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CardQueue {
    New,
    /// For minutes.
    Learning,
    Review,
    /// For days.
    DayLearning,
    Preview,
    Suspended,
    /// By the scheduler.
    Buried,
    /// By its owner.
    UserBuried,
}

/// What became of cards.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedCards {
    pub changed: Vec<i64>,
    /// They were like that already.
    pub unchanged: Vec<i64>,
}

/// Which cards to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListCards {
    /// Only these, separated by commas.
    pub ids: Option<String>,
    /// Only the cards of these notes, separated by commas.
    pub notes: Option<String>,
    pub cursor: Option<String>,
    /// From 1 to 1000; 100 without.
    pub limit: Option<u32>,
    /// Keys of each card to answer, separated by commas.
    pub select: Option<String>,
}

/// What to do to cards.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cards": [1795391697000_i64], "change": {"do": "set_due", "from_days": 3, "to_days": 7}, "skip_missing": true}))]
pub struct CardsInput {
    /// At most 10,000.
    pub cards: Vec<i64>,
    pub change: ChangeInput,
    /// Pass over cards that do not exist, instead of refusing all.
    #[serde(default)]
    pub skip_missing: bool,
}

/// A change of cards.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChangeInput {
    /// Into a deck, which is made if there is none of that name.
    Move {
        deck: Option<String>,
        deck_id: Option<i64>,
    },
    Suspend,
    /// Back from being suspended or buried.
    Restore,
    /// Until tomorrow.
    Bury,
    /// 0 for none to 7.
    Flag {
        flag: u8,
    },
    /// Back to new.
    Forget {
        #[serde(default)]
        forget_counts: bool,
    },
    /// Due in so many days from today (0 is today), or spread over the days until another.
    SetDue {
        from_days: u32,
        to_days: Option<u32>,
        /// Also take the days until then for the interval.
        #[serde(default)]
        set_interval: bool,
    },
    /// The position of new cards.
    Position {
        position: i64,
    },
    /// In thousandths, from 1300.
    Ease {
        ease: u16,
    },
}

/// Lists cards.
#[utoipa::path(get, path = "/api/v2/cards", tag = "cards", params(ListCards), responses((status = 200, body = Page<CardView>, description = "A page of cards")))]
pub async fn list(api: Api, Query(query): Query<ListCards>) -> Answer<Json<Page<Value>>> {
    let current = api.open().await?;
    let stored = api.stored(&current);
    let limit = limit(query.limit)?;
    let (cards, next) = match (&query.ids, &query.notes) {
        (Some(wanted), _) => (stored.cards_by_id(&ids(wanted)?).await?, None),
        (None, Some(notes)) => (stored.cards_of_notes(&ids(notes)?).await?, None),
        (None, None) => {
            let cards = stored.cards_after(cursor(query.cursor.as_deref())?, limit).await?;
            let next = cards.last().filter(|_| cards.len() as i64 == limit).map(|card| card.id.to_string());
            (cards, next)
        }
    };
    let views: Vec<CardView> = cards.iter().map(view).collect();
    let items = select(&views, query.select.as_deref())?;
    Ok(Json(Page { items, next }))
}

/// Answers one card.
#[utoipa::path(get, path = "/api/v2/cards/{id}", tag = "cards", params(("id" = i64, Path)), responses((status = 200, body = CardView), (status = 404, body = Problem)))]
pub async fn get(api: Api, Path(id): Path<i64>) -> Answer<Json<CardView>> {
    let current = api.open().await?;
    let found = api.stored(&current).cards_by_id(&[id]).await?;
    found.first().map(|card| Json(view(card))).ok_or_else(|| Problem::not_found(format!("there is no card {id}")))
}

/// Moves, suspends, buries, flags or reschedules cards, all or none.
#[utoipa::path(post, path = "/api/v2/cards/change", tag = "cards", request_body = CardsInput, responses((status = 200, body = ChangedCards), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn change(api: Api, Body(input): Body<CardsInput>) -> Answer<Json<ChangedCards>> {
    at_most("cards", input.cards.len(), 10_000)?;
    api.needs(Scope::Write)?;
    let today = match input.change {
        ChangeInput::SetDue { .. } => today(&api, &edit_collection::open(&api.app, api.account()).await?).await?,
        _ => 0,
    };
    let change = card_change(&input.change, today)?;
    let done = api.edit(&ChangeCards { cards: input.cards, change, skip_missing: input.skip_missing }).await?;
    let (changed, unchanged): (Vec<_>, Vec<_>) = done.into_iter().partition(|(_, changed)| *changed);
    let ids = |cards: Vec<(Card, bool)>| cards.into_iter().map(|(card, _)| card.id).collect::<Vec<_>>();
    Ok(Json(ChangedCards { changed: ids(changed), unchanged: ids(unchanged) }))
}

/// Deletes cards, and notes that then have none.
#[utoipa::path(post, path = "/api/v2/cards/delete", tag = "cards", request_body = IdsInput, responses((status = 200, body = Gone)))]
pub async fn delete(api: Api, Body(input): Body<IdsInput>) -> Answer<Json<Gone>> {
    at_most("ids", input.ids.len(), 10_000)?;
    let gone = api.edit(&DeleteCards(input.ids)).await?;
    Ok(Json(gone.into()))
}

fn card_change(input: &ChangeInput, today: i64) -> Answer<CardChange> {
    let wrong = |field: &str, reason: &str| Err(Problem::invalid(format!("change.{field}"), reason));
    Ok(match input {
        ChangeInput::Move { deck: Some(name), deck_id: None } => CardChange::Move(DeckRef::Name(name.clone())),
        ChangeInput::Move { deck: None, deck_id: Some(id) } => CardChange::Move(DeckRef::Id(*id)),
        ChangeInput::Move { .. } => return wrong("deck", "send either `deck` or `deck_id`"),
        ChangeInput::Suspend => CardChange::Suspend,
        ChangeInput::Restore => CardChange::Restore,
        ChangeInput::Bury => CardChange::Bury,
        ChangeInput::Flag { flag } if *flag <= 7 => CardChange::Flag(*flag),
        ChangeInput::Flag { .. } => return wrong("flag", "from 0 to 7"),
        ChangeInput::Forget { forget_counts } => CardChange::Forget { forget_counts: *forget_counts },
        ChangeInput::SetDue { from_days, to_days, set_interval } => {
            let (from, to) = (*from_days, to_days.unwrap_or(*from_days));
            if to > 36_500 || from > to {
                return wrong("from_days", "at most 36,500 days, and not after `to_days`");
            }
            CardChange::SetDue { today, from, to, set_interval: *set_interval }
        }
        ChangeInput::Position { position } if (0..=i64::from(i32::MAX)).contains(position) => CardChange::Position(*position),
        ChangeInput::Position { .. } => return wrong("position", "from 0 to 2147483647"),
        ChangeInput::Ease { ease } if *ease >= 1300 => CardChange::Ease(*ease),
        ChangeInput::Ease { .. } => return wrong("ease", "from 1300 to 65535"),
    })
}

/// A card as it is answered.
pub fn view(card: &Card) -> CardView {
    CardView {
        id: card.id,
        note_id: card.note_id,
        deck_id: card.deck_id,
        home_deck_id: Some(card.original_deck_id).filter(|id| *id != 0),
        ordinal: card.ord,
        kind: match card.kind {
            0 => CardKind::New,
            1 => CardKind::Learning,
            2 => CardKind::Review,
            _ => CardKind::Relearning,
        },
        queue: match card.queue {
            0 => CardQueue::New,
            1 => CardQueue::Learning,
            2 => CardQueue::Review,
            3 => CardQueue::DayLearning,
            4 => CardQueue::Preview,
            -1 => CardQueue::Suspended,
            -2 => CardQueue::Buried,
            _ => CardQueue::UserBuried,
        },
        due: card.due,
        interval: card.interval,
        ease: card.factor,
        reviews: card.reps,
        lapses: card.lapses,
        flag: card.flags & 7,
        modified: card.mtime,
        data: serde_json::from_str(&card.data).unwrap_or_default(),
    }
}
