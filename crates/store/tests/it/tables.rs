//! Tables and the lists of them, and how they are made.

use crate::support::{by_engine, db, fresh, installation};
use std::time::Duration;
use store::main_db::{KEY_TABLES, MainDb};
use store::migrations::{Step, run};
use store::user_db::{ACCOUNT_TABLES, UserDb};

#[tokio::test]
async fn every_table_with_rows_of_an_account_is_in_a_list() {
    let to = fresh().await;
    let installation = installation();
    MainDb::open(&to, &installation, 1).await.unwrap();
    let user = UserDb::open(&to, &installation, 1).await.unwrap();
    let sql = format!(
        "SELECT LOWER(table_name) FROM information_schema.columns WHERE LOWER(column_name) = 'account' AND table_schema = {}",
        by_engine("'djankiserv'", "DATABASE()")
    );
    let rows = user.db().query(&sql, vec![]).await.unwrap();
    let mut there: Vec<String> = rows.iter().map(|row| row.text(0).unwrap()).collect();
    // What was done to an account outlives it.
    let mut known: Vec<&str> = KEY_TABLES.into_iter().chain(ACCOUNT_TABLES).chain(["audit_log"]).collect();
    there.sort_unstable();
    known.sort_unstable();
    assert_eq!(there, known);
}

/// Databases end a transaction that is idle for a minute, and the lock is one.
#[tokio::test]
#[ignore = "takes more than a minute"]
async fn a_step_of_more_than_a_minute_keeps_its_lock() {
    let slow: &'static [Step] = by_engine(&[Step { sql: "SELECT pg_sleep(80)" }], &[Step { sql: "DO SLEEP(80)" }]);
    let first = db().await;
    let other = first.clone();
    let began = std::time::Instant::now();
    let running = tokio::spawn(async move { run(&first, "slow", slow, 1, 1).await });
    tokio::time::sleep(Duration::from_secs(70)).await;
    // Waits for the lock, in vain.
    let refused = run(&other, "slow", slow, 1, 1).await;
    assert!(refused.is_err() && began.elapsed() < Duration::from_secs(95), "{refused:?}");
    assert_eq!(running.await.unwrap().unwrap(), 1);
    assert_eq!(run(&other, "slow", slow, 1, 1).await.unwrap(), 0);
}
