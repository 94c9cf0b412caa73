//! Statistics of an account's collection, as Anki's own windows show them: its graphs, and the list of decks with what is waiting.

pub mod decks;
pub mod graphs;

pub use decks::DeckCounts;
pub use graphs::Graphs;

use super::search::SearchFailed;
use crate::clock::Clock;
use store::engine::Tx;
use store::user_db::{Current, GenerationState, UserDb};

/// What Anki's graphs show.
///
/// # Errors
/// When the database is in no state to answer.
pub async fn graphs(user: &UserDb, clock: &Clock, account: i64) -> Result<Graphs, SearchFailed> {
    let Some((tx, current)) = open(user, account).await? else { return Ok(Graphs::default()) };
    let graphs = graphs::read(&tx, &current, clock).await?;
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
    if current.state == GenerationState::Importing {
        return Err(SearchFailed::Importing);
    }
    tx.limit_time(30_000).await?;
    Ok(Some((tx, current)))
}
