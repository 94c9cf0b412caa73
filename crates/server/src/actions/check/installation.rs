//! What belongs to no account, or to one that does not exist.

use super::collection::NO_ROW;
use super::finding::{Found, Remedy};
use super::media::has_account;
use crate::actions::unnamed_media::foreign_owner;
use crate::app::App;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use store::main_db::KEY_TABLES;
use store::user_db::ACCOUNT_TABLES;

const WHOSE: Remedy = Remedy::ByHand(
    "Was the main database restored from an older dump than the user database? Then restore both from the same day. Nothing is removed, as \
     this may be somebody's collection.",
);

const MIXED_UP: Remedy = Remedy::ByHand(
    "Are DJANKISERV_MAINDB_…, DJANKISERV_USERDB_… and the place of the media the right ones? Two installations cannot share one. If the other one \
     is gone for good, remove the file `installation` beside the folders of its media. Until then nothing of them is tidied up.",
);

pub(super) async fn check(app: &Arc<App>, found: &mut Found<'_>) -> anyhow::Result<()> {
    found.step("accounts");
    for table in KEY_TABLES {
        let stray = app.main.keys_without_account(table).await?;
        for (account, count) in &stray {
            found.damage(table, account, format!("{count} logins of an account that does not exist"), Remedy::Repair);
        }
        if found.repair && !stray.is_empty() {
            app.main.remove_keys_without_account(table).await?;
        }
    }
    let stray = app.user.stray_pieces().await?;
    for (account, count) in &stray {
        found.damage("sync_staged", account, format!("{count} pieces of a sync that does not run"), Remedy::Repair);
    }
    if found.repair && !stray.is_empty() {
        app.user.remove_stray_pieces().await?;
    }
    found.repaired();
    without_account(app, found).await
}

/// Rows, schemas and folders of accounts that the main database does not know.
async fn without_account(app: &Arc<App>, found: &mut Found<'_>) -> anyhow::Result<()> {
    // What belongs to accounts is read before the accounts: an account comes first and goes last.
    let schemas = app.user.schemas().await?;
    let store = app.media.clone();
    let folders = tokio::task::spawn_blocking(move || store.accounts()).await??;
    let mut owners = Vec::new();
    for table in ACCOUNT_TABLES {
        owners.push((table, app.user.accounts_in(table).await?));
    }
    let accounts: BTreeSet<i64> = app.main.account_ids().await?.into_iter().collect();
    let named = app.user.named_schemas().await?;
    for (table, ids) in owners {
        for id in ids {
            // An account may have gone meanwhile, with all its rows.
            if !accounts.contains(&id) && app.user.has_rows_in(table, id).await? {
                found.damage(table, id, "there is no such account", WHOSE);
            }
        }
    }
    if let Some(owner) = foreign_owner(app).await? {
        let what = format!("the media belong to the installation {owner}, the databases to {}", app.main.installation());
        found.damage("media", "installation", what, MIXED_UP);
    }
    for folder in folders {
        if !accounts.contains(&folder) && has_account(app, folder).await? {
            found.damage("media", folder, "the media folder has files of an account that does not exist", WHOSE);
        }
    }
    // Those of accounts that exist are reported with the account.
    let of_account = |schema: &str| {
        let mut parts = schema.rsplitn(3, '_').skip(1);
        parts.next().and_then(|hex| i64::from_str_radix(hex, 16).ok()).is_some_and(|id| accounts.contains(&id))
    };
    let still: HashSet<String> = app.user.schemas().await?.into_iter().collect();
    for schema in schemas.iter().filter(|schema| !named.contains(*schema) && !of_account(schema) && still.contains(*schema)) {
        found.damage("generations", schema, "there is such a schema, but no row for it", NO_ROW);
    }
    Ok(())
}
