//! Host keys: what a client got when it logged in, and sends with every request from then on.

use super::MainDb;
use crate::error::Result;
use crate::params;

/// A client as it describes itself, for the list of an account's devices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Client {
    /// Such as `anki` or `ankidroid`; empty when unknown.
    pub name: String,
    pub version: String,
    pub platform: String,
}

/// Whom a host key belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKeyOwner {
    pub account: i64,
    pub username: String,
    /// When the key was last seen in use, to within a minute or so.
    pub last_seen: i64,
    /// The account's quotas, in bytes.
    pub quota_collection_bytes: Option<i64>,
    pub quota_media_bytes: Option<i64>,
}

/// A host key in the list of an account's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    pub digest: String,
    pub client: Client,
    pub created: i64,
    pub last_seen: i64,
    pub last_address: String,
}

impl MainDb {
    /// Writes down a key that is given out.
    pub async fn add_host_key(&self, digest: &str, account: i64, client: &Client, address: &str, now_ms: i64) -> Result<()> {
        self.db
            .execute(
                "INSERT INTO {s}.host_keys (digest, account, client_name, client_version, client_platform, created, last_seen, last_address) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    digest,
                    account,
                    client.name.as_str(),
                    client.version.as_str(),
                    client.platform.as_str(),
                    now_ms,
                    now_ms,
                    address
                ],
            )
            .await
            .map(drop)
    }

    /// Whom a key belongs to. None for a key that is unknown, was revoked, or whose account is disabled or deleted.
    pub async fn host_key_owner(&self, digest: &str) -> Result<Option<HostKeyOwner>> {
        let sql = "SELECT k.account, a.username, k.last_seen, a.quota_collection_bytes, a.quota_media_bytes FROM {s}.host_keys k JOIN {s}.accounts a ON a.id = k.account \
                   WHERE k.digest = ? AND a.is_active = 1 AND a.deleted_at IS NULL";
        let row = self.db.query_opt(sql, params![digest]).await?;
        let owner = |row: crate::engine::Row| {
            Ok(HostKeyOwner {
                account: row.int(0)?,
                username: row.text(1)?,
                last_seen: row.int(2)?,
                quota_collection_bytes: row.opt_int(3)?,
                quota_media_bytes: row.opt_int(4)?,
            })
        };
        row.map(owner).transpose()
    }

    /// Notes that a key was used, by which client and from where. `client` is None when the request does not tell.
    pub async fn host_key_seen(&self, digest: &str, client: Option<&Client>, address: &str, now_ms: i64) -> Result<()> {
        match client {
            Some(client) => {
                let sql = "UPDATE {s}.host_keys SET last_seen = ?, last_address = ?, client_name = ?, client_version = ?, \
                           client_platform = ? WHERE digest = ?";
                let params = params![now_ms, address, client.name.as_str(), client.version.as_str(), client.platform.as_str(), digest];
                self.db.execute(sql, params).await
            }
            None => {
                let sql = "UPDATE {s}.host_keys SET last_seen = ?, last_address = ? WHERE digest = ?";
                self.db.execute(sql, params![now_ms, address, digest]).await
            }
        }
        .map(drop)
    }

    /// The keys of an account, the most recently used first.
    pub async fn host_keys(&self, account: i64) -> Result<Vec<HostKey>> {
        let sql = "SELECT digest, client_name, client_version, client_platform, created, last_seen, last_address \
                   FROM {s}.host_keys WHERE account = ? ORDER BY last_seen DESC, digest";
        let rows = self.db.query(sql, params![account]).await?;
        let key = |row: &crate::engine::Row| {
            Ok(HostKey {
                digest: row.text(0)?,
                client: Client { name: row.text(1)?, version: row.text(2)?, platform: row.text(3)? },
                created: row.int(4)?,
                last_seen: row.int(5)?,
                last_address: row.text(6)?,
            })
        };
        rows.iter().map(key).collect()
    }

    /// Makes all keys of an account invalid and answers how many those were.
    pub async fn revoke_host_keys(&self, account: i64) -> Result<u64> {
        self.db.execute("DELETE FROM {s}.host_keys WHERE account = ?", params![account]).await
    }

    /// Makes one key of an account invalid. Answers whether there was such a key.
    pub async fn revoke_host_key(&self, account: i64, digest: &str) -> Result<bool> {
        let sql = "DELETE FROM {s}.host_keys WHERE account = ? AND digest = ?";
        Ok(self.db.execute(sql, params![account, digest]).await? > 0)
    }

    /// Removes the keys that have not been used since then and answers how many those were.
    pub async fn remove_unused_host_keys(&self, before_ms: i64) -> Result<u64> {
        self.db.execute("DELETE FROM {s}.host_keys WHERE last_seen < ?", params![before_ms]).await
    }
}
