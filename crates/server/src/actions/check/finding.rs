//! What was found, and who is told.

use std::fmt::Display;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something that the server should not have let happen, or that will get in its way.
    Damage,
    /// What clients have sent and other clients live with, such as a card of a deck that is gone. Anki's own check mends it.
    Oddity,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// `--repair` mends it.
    Repair,
    /// Somebody has to do something: a sentence that says what.
    ByHand(&'static str),
}

/// One thing that is not as it should be. Never contains the text of notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The username; empty for what belongs to no account.
    pub account: String,
    pub table: &'static str,
    /// The row's key; empty where it is about the whole.
    pub id: String,
    /// What is wrong, to be read after the row's key: "its note 5 does not exist".
    pub what: String,
    pub severity: Severity,
    pub remedy: Remedy,
}

/// Who is told, as it is found.
pub trait Report {
    /// Something was found.
    fn finding(&mut self, finding: &Finding);
    /// What is being looked at now: an account's username, empty for what belongs to none, its number from 0 on, and which part of it.
    fn step(&mut self, account: &str, number: usize, of: usize, part: &str);
    /// So many findings of an account are mended, for good.
    fn repaired(&mut self, account: &str, count: u64);
    /// An account could not be checked, or mended, to the end.
    fn failed(&mut self, account: &str, error: &anyhow::Error);
}

/// The result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub accounts: u64,
    /// Found, whether mended or not.
    pub damages: u64,
    pub oddities: u64,
    pub repaired: u64,
    /// Damages that are still there.
    pub left: u64,
    /// Accounts, and what belongs to none, that could not be checked to the end.
    pub failed: u64,
    /// Reviews of cards that are gone, which is as it should be.
    pub reviews_without_card: i64,
}

/// Collects findings.
pub(super) struct Found<'a> {
    report: &'a mut dyn Report,
    pub(super) totals: Totals,
    pub(super) repair: bool,
    account: String,
    place: (usize, usize),
    /// Findings that are being mended, and how many of them are damages.
    pending: (u64, u64),
}

impl<'a> Found<'a> {
    pub(super) fn new(report: &'a mut dyn Report, repair: bool) -> Self {
        Self { report, totals: Totals::default(), repair, account: String::new(), place: (0, 0), pending: (0, 0) }
    }

    pub(super) fn begin(&mut self, account: &str, number: usize, of: usize) {
        account.clone_into(&mut self.account);
        self.place = (number, of);
    }

    pub(super) fn step(&mut self, part: &str) {
        self.report.step(&self.account, self.place.0, self.place.1, part);
    }

    pub(super) fn damage(&mut self, table: &'static str, id: impl Display, what: impl Into<String>, remedy: Remedy) {
        self.add(table, id.to_string(), what.into(), Severity::Damage, remedy);
    }

    pub(super) fn oddity(&mut self, table: &'static str, id: impl Display, what: impl Into<String>, remedy: Remedy) {
        self.add(table, id.to_string(), what.into(), Severity::Oddity, remedy);
    }

    fn add(&mut self, table: &'static str, id: String, what: String, severity: Severity, remedy: Remedy) {
        let is_damage = u64::from(severity == Severity::Damage);
        self.totals.damages += is_damage;
        self.totals.oddities += 1 - is_damage;
        if self.repair && remedy == Remedy::Repair {
            self.pending.0 += 1;
            self.pending.1 += is_damage;
        } else {
            self.totals.left += is_damage;
        }
        self.report.finding(&Finding { account: self.account.clone(), table, id, what, severity, remedy });
    }

    /// What was found to be mended so far, is.
    pub(super) fn repaired(&mut self) {
        let (count, _) = std::mem::take(&mut self.pending);
        if count > 0 {
            self.totals.repaired += count;
            self.report.repaired(&self.account, count);
        }
    }

    /// Nothing more of this account is checked, and what was about to be mended is not.
    pub(super) fn failed(&mut self, error: &anyhow::Error) {
        let (_, damages) = std::mem::take(&mut self.pending);
        self.totals.left += damages;
        self.totals.failed += 1;
        self.report.failed(&self.account, error);
    }
}
