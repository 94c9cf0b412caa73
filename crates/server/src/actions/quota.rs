//! Who owns a collection, and how much room it may take.
//!
//! A collection is measured as it lies in the database, as syncs measure it, so that what administrators see is what counts.

use super::edit_collection::EditError;
use crate::app::App;
use store::main_db::Account;

/// What a row takes beside its texts: the other columns, and its places in indexes.
pub const ROW: usize = 200;

/// Whose collection is changed.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    pub account: i64,
    quota_collection: Option<i64>,
}

impl From<&Account> for Owner {
    fn from(account: &Account) -> Self {
        Self { account: account.id, quota_collection: account.quota_collection_bytes }
    }
}

/// An id alone is held to no quota: for what the server itself does.
impl From<i64> for Owner {
    fn from(account: i64) -> Self {
        Self { account, quota_collection: None }
    }
}

/// How much a collection may still grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room(Option<(i64, i64)>);

impl Room {
    /// Asks the database, if there is a limit at all.
    pub(super) async fn of(app: &App, owner: Owner) -> Result<Self, EditError> {
        let Some(quota) = owner.quota_collection else { return Ok(Self(None)) };
        let current = app.user.state(owner.account).await?.and_then(|state| state.current);
        let used = match current {
            Some(current) => app.user.schema_size(&current.schema).await?,
            None => 0,
        };
        Ok(Self(Some((quota, used))))
    }

    /// # Errors
    /// [`EditError::Full`] when so many bytes more are too many. What adds none always fits.
    pub(super) fn check(self, added: usize) -> Result<(), EditError> {
        match self.0 {
            Some((quota, used)) if added > 0 && used.saturating_add(i64::try_from(added).unwrap_or(i64::MAX)) > quota => {
                Err(EditError::Full(quota))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_adds_nothing_always_fits() {
        for (room, added, fits) in [
            (None, usize::MAX, true),
            (Some((10, 5)), 5, true),
            (Some((10, 5)), 6, false),
            (Some((10, 50)), 0, true),
            (Some((10, 50)), 1, false),
            (Some((10, 5)), usize::MAX, false),
        ] {
            assert_eq!(Room(room).check(added).is_ok(), fits, "{room:?} {added}");
        }
    }
}
