//! The server in this process, on real databases, spoken to in raw protocol: what real clients never do, and what they cannot see.
//!
//! `DJANKISERV_TEST_ENGINE=mysql scripts/private-databases.sh cargo test -p djankiserv --test it`; see that script for the other engines.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod backups;
mod breaking;
mod browser;
mod bucket;
mod certificates;
mod check;
mod contents;
mod databases;
mod doctor;
mod editing;
mod exporting;
mod finishing;
mod framing;
mod graves;
mod housekeeping;
mod importing;
mod large;
mod limits;
mod logins;
mod media;
mod meta;
mod monitoring;
mod objects;
mod outage;
mod outside;
mod program;
mod quotas;
mod refusals;
mod scheduled_backups;
mod searching;
mod sessions;
mod support;
mod transfers;
mod upgrade;
mod uploading;
mod web_account;
mod web_admin;
mod web_external;
mod web_joining;
mod web_login;
mod web_setup;
