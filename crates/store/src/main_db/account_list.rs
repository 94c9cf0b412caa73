//! Pages of the list of accounts, searched and sorted by the database, so that many accounts stay fast.

use super::accounts::{Account, COLUMNS, email_key, from_row};
use super::{Client, MainDb};
use crate::engine::Value;
use crate::error::Result;
use crate::params;
use std::collections::HashMap;

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountOrder {
    Username,
    Email,
    Created,
    LastLogin,
}

/// Which accounts are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountFilter {
    All,
    Active,
    Disabled,
    /// Those who may use the administration pages.
    Staff,
}

/// What to list.
#[derive(Debug, Clone)]
pub struct AccountQuery {
    /// Part of the username in the form in which names are compared. Empty for all.
    pub username_part: String,
    /// Part of the e-mail address, for those whose username does not fit.
    pub email_part: String,
    pub filter: AccountFilter,
    pub order: AccountOrder,
    pub descending: bool,
    pub limit: i64,
    pub offset: i64,
}

/// Accounts and devices of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub accounts: i64,
    pub active: i64,
    pub devices: i64,
}

impl MainDb {
    /// One page of the accounts that fit, and how many fit in all.
    pub async fn account_page(&self, query: &AccountQuery) -> Result<(Vec<Account>, i64)> {
        let mut condition = String::from("a.deleted_at IS NULL");
        let mut params: Vec<Value> = Vec::new();
        if !query.username_part.is_empty() {
            condition.push_str(" AND (a.username_key LIKE ? ESCAPE '!' OR a.email_key LIKE ? ESCAPE '!')");
            params.extend(params![contains(&query.username_part), contains(&email_key(&query.email_part))]);
        }
        condition.push_str(match query.filter {
            AccountFilter::All => "",
            AccountFilter::Active => " AND a.is_active = 1",
            AccountFilter::Disabled => " AND a.is_active = 0",
            AccountFilter::Staff => " AND (a.is_staff = 1 OR a.is_superuser = 1)",
        });
        let direction = if query.descending { "DESC" } else { "ASC" };
        let order = match query.order {
            AccountOrder::Username => format!("a.username_key {direction}"),
            AccountOrder::Email => format!("a.email_key {direction}, a.username_key"),
            AccountOrder::Created => format!("a.created {direction}, a.username_key"),
            AccountOrder::LastLogin => format!("COALESCE(a.last_login, 0) {direction}, a.username_key"),
        };
        let page = format!("SELECT {COLUMNS} FROM {{s}}.accounts a WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?");
        let count = format!("SELECT COUNT(*) FROM {{s}}.accounts a WHERE {condition}");
        let mut page_params = params.clone();
        page_params.extend(params![query.limit, query.offset]);
        let (rows, count) = futures_util::future::try_join(self.db.query(&page, page_params), self.db.query(&count, params)).await?;
        let count = count.first().map_or(Ok(0), |row| row.int(0))?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// For each of these accounts that has a device: the one that was seen last, and when.
    pub async fn last_clients(&self, accounts: &[i64]) -> Result<HashMap<i64, (Client, i64)>> {
        let sql = "SELECT account, client_name, client_version, client_platform, last_seen FROM {s}.host_keys WHERE account IN ?? ORDER BY last_seen";
        let mut last = HashMap::new();
        for row in self.db.query(sql, params![accounts]).await? {
            let client = Client { name: row.text(1)?, version: row.text(2)?, platform: row.text(3)? };
            last.insert(row.int(0)?, (client, row.int(4)?));
        }
        Ok(last)
    }

    /// Usernames of accounts, for what is stored by id.
    pub async fn usernames(&self, accounts: &[i64]) -> Result<HashMap<i64, String>> {
        let sql = "SELECT id, username FROM {s}.accounts WHERE id IN ?? AND deleted_at IS NULL";
        self.db.query(sql, params![accounts]).await?.iter().map(|row| Ok((row.int(0)?, row.text(1)?))).collect()
    }

    /// How many accounts and devices there are.
    pub async fn totals(&self) -> Result<Totals> {
        let sql = "SELECT COUNT(*), COUNT(CASE WHEN is_active = 1 THEN 1 END), (SELECT COUNT(*) FROM {s}.host_keys) \
                   FROM {s}.accounts WHERE deleted_at IS NULL";
        let rows = self.db.query(sql, vec![]).await?;
        let int = |column| rows.first().map_or(Ok(0), |row| row.int(column));
        Ok(Totals { accounts: int(0)?, active: int(1)?, devices: int(2)? })
    }
}

/// A pattern for LIKE that finds the text anywhere, whatever it contains.
fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
