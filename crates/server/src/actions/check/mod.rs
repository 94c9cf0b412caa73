//! Looks for damage in what is stored, and mends what can be mended without losing anything.
//!
//! Looking disturbs nobody: each collection is read in one snapshot. Mending holds the collection's lock, changes it in one transaction,
//! raises its modification stamp and, where clients have to hear of a row, stamps that with a usn that is new to them. A sync that runs
//! meanwhile is refused at its end and made again by its client.

mod collection;
mod finding;
mod installation;
mod keyed;
mod media;
mod objects;
mod rows;

pub use finding::{Finding, Remedy, Report, Severity, Totals};

use crate::app::App;
use finding::Found;
use std::sync::Arc;
use store::main_db::Account;

/// What is to be done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Mend what can be mended.
    pub repair: bool,
    /// Read the contents of all media files and compare their hashes.
    pub deep: bool,
}

/// Checks accounts and, with `installation`, what belongs to none of them. What fails is reported and does not keep the rest from being
/// checked.
pub async fn check(app: &Arc<App>, accounts: &[Account], installation: bool, options: Options, report: &mut dyn Report) -> Totals {
    let mut found = Found::new(report, options.repair);
    for (number, account) in accounts.iter().enumerate() {
        found.begin(&account.username, number, accounts.len());
        let checked = async {
            collection::check(app, account, &mut found).await?;
            media::check(app, account, options.deep, &mut found).await
        };
        if let Err(error) = checked.await {
            found.failed(&error);
        }
        found.totals.accounts += 1;
    }
    if installation {
        found.begin("", accounts.len(), accounts.len());
        if let Err(error) = installation::check(app, &mut found).await {
            found.failed(&error);
        }
    }
    found.totals
}
