//! Contents of media that no row names any more: whether they may go, and their end.
//!
//! What is removed here cannot be brought back, so it has to be certain that the database knows better than the store. It does not for an
//! account that it does not have, nor in a store that belongs to another installation: a server that was started without its settings,
//! beside the media of the right one, knows nobody.
//!
//! A week is counted from the moment at which a sweep first finds that no row names the content, whenever it was written.

use crate::app::App;
use crate::media_store::KEPT_UNNAMED;
use anyhow::Context;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Younger content may belong to a request that has not committed yet.
const NEW: Duration = Duration::from_secs(24 * 60 * 60);

/// The id of the installation that the media belong to, if it is another one than ours.
///
/// # Errors
/// When the store cannot be read.
pub async fn foreign_owner(app: &App) -> anyhow::Result<Option<String>> {
    let store = app.media.clone();
    let owner = tokio::task::spawn_blocking(move || store.owner()).await?.context("cannot read whose media these are")?;
    Ok(owner.filter(|owner| owner != app.main.installation()))
}

/// Removes content that no row has named for some days. What goes wrong with one account does not keep the others waiting.
///
/// # Errors
/// When the store or the main database cannot be read.
pub async fn sweep(app: &Arc<App>) -> anyhow::Result<()> {
    let (store, ours) = (app.media.clone(), app.main.installation().to_owned());
    tokio::task::spawn_blocking(move || store.claim(&ours)).await?.context("cannot note whose media these are")?;
    if let Some(owner) = foreign_owner(app).await? {
        tracing::error!(
            owner,
            ours = app.main.installation(),
            "the media belong to another installation than the database, so nothing of them is tidied up: are the settings of the database \
             and of the media the right ones?"
        );
        return Ok(());
    }
    // In this order: an account comes before its media and goes after them.
    let store = app.media.clone();
    let stored = tokio::task::spawn_blocking(move || store.accounts()).await??;
    let accounts: HashSet<i64> = app.main.account_ids().await?.into_iter().collect();
    let (known, unknown): (Vec<i64>, Vec<i64>) = stored.into_iter().partition(|account| accounts.contains(account));
    if !unknown.is_empty() {
        tracing::warn!(
            accounts = unknown.len(),
            "there are media of accounts that do not exist; they stay, and `djankiserv check` names them"
        );
    }
    for account in known {
        if let Err(error) = sweep_account(app, account).await {
            tracing::warn!(account, %error, "cannot tidy up the media of an account; trying again in an hour");
        }
    }
    Ok(())
}

/// Notes what nothing names from now on, and removes what nothing has named for long.
async fn sweep_account(app: &App, account: i64) -> anyhow::Result<()> {
    let (seen, now) = (look(app, account).await?, app.clock.now_ms());
    let over: Vec<String> = seen.since.keys().filter(|key| !seen.unnamed.contains(*key)).cloned().collect();
    app.user.forget_unnamed(account, &over).await?;
    let new: Vec<String> = seen.unnamed.iter().filter(|key| !seen.since.contains_key(*key)).cloned().collect();
    if !new.is_empty() {
        tracing::info!(account, files = new.len(), "there is media content that no file refers to; it is removed in a week");
    }
    app.user.note_unnamed(account, &new, now).await?;
    let outdated = seen.outdated(now);
    if !outdated.is_empty() {
        tracing::info!(account, files = outdated.len(), "removing media content that no file refers to");
    }
    remove(app, account, outdated).await
}

/// What an account's contents are like.
#[derive(Default)]
struct Seen {
    /// No row names them.
    unnamed: HashSet<String>,
    /// What was noted, and when.
    since: HashMap<String, i64>,
}

impl Seen {
    fn outdated(&self, now_ms: i64) -> Vec<String> {
        let kept_ms = i64::try_from(KEPT_UNNAMED.as_millis()).unwrap_or(i64::MAX);
        let noted = |key: &String| self.since.get(key).is_some_and(|since| now_ms - since >= kept_ms);
        self.unnamed.iter().filter(|key| noted(key)).cloned().collect()
    }
}

async fn look(app: &App, account: i64) -> anyhow::Result<Seen> {
    // In this order: a row names content that is there already, and it may be written at any moment.
    let since = app.user.unnamed_contents(account).await?;
    let store = app.media.clone();
    let keys = tokio::task::spawn_blocking(move || store.keys_older_than(account, NEW)).await??;
    // An account that has lost this row may have lost the others too.
    if app.user.media_state(account).await?.is_none() {
        return Ok(Seen::default());
    }
    let named = app.user.named_contents(account).await?;
    Ok(Seen { unnamed: keys.into_iter().filter(|key| !named.contains(key)).collect(), since })
}

/// Keys of contents that no row names, and whose time is over.
///
/// # Errors
/// When store or database cannot be read.
pub async fn outdated(app: &App, account: i64) -> anyhow::Result<Vec<String>> {
    Ok(look(app, account).await?.outdated(app.clock.now_ms()))
}

/// Removes contents that are [`outdated`].
///
/// # Errors
/// When store or database cannot be changed.
pub async fn remove(app: &App, account: i64, keys: Vec<String>) -> anyhow::Result<()> {
    let store = app.media.clone();
    let remove = move || {
        keys.iter().try_for_each(|key| store.delete(account, key))?;
        Ok::<_, std::io::Error>(keys)
    };
    let removed = tokio::task::spawn_blocking(remove).await??;
    Ok(app.user.forget_unnamed(account, &removed).await?)
}
