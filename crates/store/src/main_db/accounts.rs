//! Accounts: who may log in.

use super::{KEY_TABLES, MainDb};
use crate::engine::Row;
use crate::error::Result;
use crate::params;
use crate::repeat::repeat;

/// An account as stored. Deleted ones are never answered except by [`MainDb::deleted_accounts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Random, never used again, below 2^53.
    pub id: i64,
    /// As it was typed when the account was made.
    pub username: String,
    pub email: String,
    /// May not log in, and its host keys are not valid, while this is false.
    pub is_active: bool,
    pub is_staff: bool,
    pub is_superuser: bool,
    pub created: i64,
    pub last_login: Option<i64>,
    /// The most that its collection and its media may take, in bytes. None for no limit of its own.
    pub quota_collection_bytes: Option<i64>,
    pub quota_media_bytes: Option<i64>,
}

/// An e-mail address in the form in which addresses are compared: A to Z are a to z, and no other letters are folded. A letter that merely
/// looks or sounds the same (the Kelvin sign is a lower-case `k` to Unicode) must not make somebody the owner of another's address.
pub fn email_key(email: &str) -> String {
    email.to_ascii_lowercase()
}

/// What an account is made from.
#[derive(Debug, Clone)]
pub struct NewAccount {
    pub id: i64,
    pub username: String,
    /// The username in the form in which names are compared.
    pub username_key: String,
    pub email: String,
    pub password_hash: String,
    pub is_staff: bool,
    pub is_superuser: bool,
}

/// What can be changed about an account beside its name, password and state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChange {
    pub email: String,
    pub is_staff: bool,
    pub is_superuser: bool,
    pub quota_collection_bytes: Option<i64>,
    pub quota_media_bytes: Option<i64>,
}

/// Read by [`from_row`]; whoever joins other tables puts their columns behind.
pub(super) const COLUMN_COUNT: usize = 10;
pub(super) const COLUMNS: &str = "a.id, a.username, a.email, a.is_active, a.is_staff, a.is_superuser, a.created, a.last_login, \
     a.quota_collection_bytes, a.quota_media_bytes";

impl MainDb {
    /// Makes an account that may log in at once.
    ///
    /// # Errors
    /// [`crate::StoreError::AlreadyExists`] when there is an account with the same username or id.
    pub async fn create_account(&self, new: &NewAccount, now_ms: i64) -> Result<()> {
        self.db
            .execute(
                "INSERT INTO {s}.accounts (id, username, username_key, email, email_key, password_hash, is_active, is_staff, is_superuser, created) \
                 VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?)",
                params![
                    new.id,
                    new.username.as_str(),
                    new.username_key.as_str(),
                    new.email.as_str(),
                    email_key(&new.email),
                    new.password_hash.as_str(),
                    new.is_staff,
                    new.is_superuser,
                    now_ms
                ],
            )
            .await
            .map(drop)
    }

    /// The account with this username.
    pub async fn account_by_username(&self, username_key: &str) -> Result<Option<Account>> {
        self.account_where("a.username_key = ?", params![username_key]).await
    }

    /// The account with this id.
    pub async fn account_by_id(&self, id: i64) -> Result<Option<Account>> {
        self.account_where("a.id = ?", params![id]).await
    }

    /// The account with this username, and its password's hash.
    pub async fn account_with_password(&self, username_key: &str) -> Result<Option<(Account, String)>> {
        let sql = format!("SELECT {COLUMNS}, a.password_hash FROM {{s}}.accounts a WHERE a.username_key = ? AND a.deleted_at IS NULL");
        let row = self.db.query_opt(&sql, params![username_key]).await?;
        row.map(|row| Ok((from_row(&row)?, row.text(COLUMN_COUNT)?))).transpose()
    }

    /// The active accounts with this e-mail address in any case, at most five.
    pub async fn accounts_by_email(&self, email: &str) -> Result<Vec<Account>> {
        let key = email_key(email);
        let sql =
            format!("SELECT {COLUMNS} FROM {{s}}.accounts a WHERE a.email_key = ? AND a.is_active = 1 AND a.deleted_at IS NULL LIMIT 5");
        let mut found: Vec<Account> = self.db.query(&sql, params![key.as_str()]).await?.iter().map(from_row).collect::<Result<_>>()?;
        // During an update, a process of the version before may have changed the address without its key.
        found.retain(|account| email_key(&account.email) == key);
        Ok(found)
    }

    /// Writes the keys of addresses that have none: those from before there were keys. Answers how many.
    pub(super) async fn fill_email_keys(db: &crate::engine::Db) -> Result<usize> {
        let rows = db.query("SELECT id, email FROM {s}.accounts WHERE email_key = '' AND email <> ''", vec![]).await?;
        let mut plain: Vec<i64> = Vec::new();
        for row in &rows {
            let (id, email) = (row.int(0)?, row.text(1)?);
            let key = email_key(&email);
            if key == email {
                plain.push(id);
            } else {
                let sql = "UPDATE {s}.accounts SET email_key = ? WHERE id = ? AND email = ?";
                db.execute(sql, params![key, id, email]).await?;
            }
        }
        for ids in plain.chunks(5000) {
            db.execute("UPDATE {s}.accounts SET email_key = email WHERE email_key = '' AND id IN ??", params![ids]).await?;
        }
        Ok(rows.len())
    }

    /// Whether an account has a password at all. One that came from elsewhere, such as a provider of logins, may have none.
    pub async fn has_password(&self, id: i64) -> Result<bool> {
        let sql = "SELECT password_hash FROM {s}.accounts WHERE id = ? AND deleted_at IS NULL";
        let row = self.db.query_opt(sql, params![id]).await?;
        // Django's sign for "none" is an exclamation mark in front.
        row.map_or(Ok(false), |row| Ok(!matches!(row.text(0)?.chars().next(), None | Some('!'))))
    }

    /// All accounts, by username.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        let sql = format!("SELECT {COLUMNS} FROM {{s}}.accounts a WHERE a.deleted_at IS NULL ORDER BY a.username_key");
        self.db.query(&sql, vec![]).await?.iter().map(from_row).collect()
    }

    /// Whether there is any account.
    pub async fn has_accounts(&self) -> Result<bool> {
        let row = self.db.query_opt("SELECT 1 FROM {s}.accounts WHERE deleted_at IS NULL LIMIT 1", vec![]).await?;
        Ok(row.is_some())
    }

    /// Replaces the password's hash. Answers whether there is such an account.
    pub async fn set_password_hash(&self, id: i64, hash: &str) -> Result<bool> {
        let sql = "UPDATE {s}.accounts SET password_hash = ? WHERE id = ? AND deleted_at IS NULL";
        Ok(self.db.execute(sql, params![hash, id]).await? > 0)
    }

    /// Replaces a hash by another one of the same password, unless the password has been changed meanwhile.
    pub async fn renew_password_hash(&self, id: i64, old: &str, new: &str) -> Result<()> {
        let sql = "UPDATE {s}.accounts SET password_hash = ? WHERE id = ? AND password_hash = ?";
        self.db.execute(sql, params![new, id, old]).await.map(drop)
    }

    /// Lets an account in, or keeps it out. Answers whether there is such an account.
    pub async fn set_active(&self, id: i64, active: bool) -> Result<bool> {
        let sql = "UPDATE {s}.accounts SET is_active = ? WHERE id = ? AND deleted_at IS NULL";
        Ok(self.db.execute(sql, params![active, id]).await? > 0)
    }

    /// Changes e-mail address, roles and quotas. Answers whether there is such an account.
    pub async fn change_account(&self, id: i64, new: &AccountChange) -> Result<bool> {
        let sql = "UPDATE {s}.accounts SET email = ?, email_key = ?, is_staff = ?, is_superuser = ?, quota_collection_bytes = ?, \
                   quota_media_bytes = ? WHERE id = ? AND deleted_at IS NULL";
        let key = email_key(&new.email);
        let params =
            params![new.email.as_str(), key, new.is_staff, new.is_superuser, new.quota_collection_bytes, new.quota_media_bytes, id];
        Ok(self.db.execute(sql, params).await? > 0)
    }

    /// Gives an account another username. Answers whether there is such an account.
    ///
    /// # Errors
    /// [`crate::StoreError::AlreadyExists`] when another account has that username.
    pub async fn rename_account(&self, id: i64, username: &str, username_key: &str) -> Result<bool> {
        let sql = "UPDATE {s}.accounts SET username = ?, username_key = ? WHERE id = ? AND deleted_at IS NULL";
        Ok(self.db.execute(sql, params![username, username_key, id]).await? > 0)
    }

    /// Writes down the moment of a login.
    pub async fn set_last_login(&self, id: i64, now_ms: i64) -> Result<()> {
        self.db.execute("UPDATE {s}.accounts SET last_login = ? WHERE id = ?", params![now_ms, id]).await.map(drop)
    }

    /// Marks an account as deleted and removes all that it could log in with. Its username becomes free at once; its row stays until
    /// [`MainDb::remove_account`], so that an interrupted clean-up can be finished later. Answers whether there is such an account.
    pub async fn mark_account_deleted(&self, id: i64, now_ms: i64) -> Result<bool> {
        repeat("deleting an account", || async {
            let tx = self.db.begin().await?;
            // No username contains a control character, so this key cannot be anybody's.
            let sql = "UPDATE {s}.accounts SET deleted_at = ?, is_active = 0, username_key = ?, password_hash = '' WHERE id = ? AND deleted_at IS NULL";
            let changed = tx.execute(sql, params![now_ms, format!("\u{1}{id}"), id]).await?;
            for table in KEY_TABLES {
                tx.execute(&format!("DELETE FROM {{s}}.{table} WHERE account = ?"), params![id]).await?;
            }
            tx.commit().await?;
            Ok(changed > 0)
        })
        .await
    }

    /// Ids of deleted accounts whose data may not be removed completely yet.
    pub async fn deleted_accounts(&self) -> Result<Vec<i64>> {
        let rows = self.db.query("SELECT id FROM {s}.accounts WHERE deleted_at IS NOT NULL ORDER BY deleted_at", vec![]).await?;
        rows.iter().map(|row| row.int(0)).collect()
    }

    /// Removes the row of a deleted account, after all its data.
    pub async fn remove_account(&self, id: i64) -> Result<()> {
        self.db.execute("DELETE FROM {s}.accounts WHERE id = ? AND deleted_at IS NOT NULL", params![id]).await.map(drop)
    }

    async fn account_where(&self, condition: &str, params: Vec<crate::engine::Value>) -> Result<Option<Account>> {
        let sql = format!("SELECT {COLUMNS} FROM {{s}}.accounts a WHERE {condition} AND a.deleted_at IS NULL");
        self.db.query_opt(&sql, params).await?.as_ref().map(from_row).transpose()
    }
}

pub(super) fn from_row(row: &Row) -> Result<Account> {
    Ok(Account {
        id: row.int(0)?,
        username: row.text(1)?,
        email: row.text(2)?,
        is_active: row.bool(3)?,
        is_staff: row.bool(4)?,
        is_superuser: row.bool(5)?,
        created: row.int(6)?,
        last_login: row.opt_int(7)?,
        quota_collection_bytes: row.opt_int(8)?,
        quota_media_bytes: row.opt_int(9)?,
    })
}
