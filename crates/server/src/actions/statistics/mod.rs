//! Statistics of an account's collection, as Anki's own windows show them: its graphs, and the list of decks with what is waiting.

pub mod decks;
pub mod graphs;

pub use decks::DeckCounts;
pub use graphs::Graphs;

use super::search::SearchFailed;
use crate::clock::Clock;
use store::collection::search::{Order, Target, Wanted};
use store::engine::Tx;
use store::user_db::{Current, UserDb};

/// Cards that a search may find. More would be too long a list for the database; a search that finds all of them needs none.
const MOST_FOUND: usize = 100_000;

/// What Anki's graphs show: of the whole collection, or of the cards that a search finds.
///
/// # Errors
/// When the search is wrong or finds too many, or the database is in no state to answer.
pub async fn graphs(user: &UserDb, clock: &Clock, account: i64, search: &str) -> Result<Graphs, SearchFailed> {
    let node = anki::search::parse(search)?;
    let Some((tx, current)) = open(user, account).await? else { return Ok(Graphs::default()) };
    let found = match search.trim() {
        "" => None,
        text => {
            let limit = usize::try_from(current.counts.cards).unwrap_or(MOST_FOUND).max(MOST_FOUND) + 1;
            let wanted = Wanted { target: Target::Cards, order: Order::Id, descending: false, after: None, limit };
            let ids = super::search::within(&tx, &current, clock, text, &node, wanted).await?.ids;
            match ids.len() {
                all if all as i64 == current.counts.cards => None,
                few if few <= MOST_FOUND => Some(ids),
                many => {
                    let reason = format!("it finds {many} cards; statistics are made of at most {MOST_FOUND}, or of all");
                    return Err(SearchFailed::Request(reason));
                }
            }
        }
    };
    let graphs = graphs::read(&tx, &current, clock, found.as_deref()).await?;
    tx.rollback().await?;
    Ok(graphs)
}

/// The tree of decks with what is waiting today.
///
/// # Errors
/// When the database is in no state to answer.
pub async fn decks(user: &UserDb, clock: &Clock, account: i64) -> Result<Vec<DeckCounts>, SearchFailed> {
    let Some((tx, current)) = open(user, account).await? else { return Ok(Vec::new()) };
    let decks = decks::read(&tx, &current, clock).await?;
    tx.rollback().await?;
    Ok(decks)
}

/// None if the account has no collection.
async fn open(user: &UserDb, account: i64) -> Result<Option<(Tx, Current)>, SearchFailed> {
    let (tx, state) = user.snapshot(account).await?;
    let Some(current) = state.and_then(|state| state.current) else {
        tx.rollback().await?;
        return Ok(None);
    };
    if !current.has_all_rows() {
        return Err(SearchFailed::Importing);
    }
    tx.limit_time(30_000).await?;
    Ok(Some((tx, current)))
}
