//! Who owns a collection, and how much room it and its media may take.
//!
//! A collection is measured as it lies in the database, as syncs measure it, so that what administrators see is what counts.

use super::edit_collection::EditError;
use crate::app::App;
use store::main_db::Account;

/// What a row takes beside its texts: the other columns, and its places in indexes.
pub const ROW: usize = 200;

/// An account has no room for what is to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Its collection would grow beyond so many bytes.
    #[error("the collection of this account may take {} MB at most, and there is no room for more; deleting still works", .0 / 1_000_000)]
    Collection(i64),
    /// Its media would.
    #[error("the media of this account may take {} MB at most", .0 / 1_000_000)]
    Media(i64),
}

impl Full {
    /// The same for clients that show it to their user as it is.
    pub fn for_user(self) -> String {
        let (Self::Collection(quota) | Self::Media(quota)) = self;
        let what = match self {
            Self::Collection(_) => "collection",
            Self::Media(_) => "media",
        };
        format!("Your {what} may take {} MB on this server at most. Ask its administrator for more.", quota / 1_000_000)
    }
}

/// Whether `added` bytes are too many where `used` are taken already. What adds none always fits.
pub fn exceeds(used: i64, added: u64, quota: i64) -> bool {
    added > 0 && used.saturating_add_unsigned(added) > quota
}

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
    /// [`Full::Collection`] when so many bytes more are too many.
    pub(super) fn check(self, added: usize) -> Result<(), Full> {
        match self.0 {
            Some((quota, used)) if exceeds(used, added as u64, quota) => Err(Full::Collection(quota)),
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
            (Some((i64::MAX, i64::MAX)), 1, true),
            (Some((0, 0)), 0, true),
        ] {
            assert_eq!(Room(room).check(added).is_ok(), fits, "{room:?} {added}");
        }
    }
}
