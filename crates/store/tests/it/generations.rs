//! A schema is never there without a row that names it, whoever comes and goes at the same moment.

use crate::support::user_db;
use std::time::Duration;
use store::params;
use store::user_db::{GenerationState, UserDb};

const ACCOUNT: i64 = 7;
const LEASE_UNTIL: i64 = 1_000;

/// Names of schemas that are there, and those that rows name.
async fn there_and_named(user: &UserDb) -> (Vec<String>, Vec<String>) {
    let rows = user.db().query("SELECT schema_name FROM {s}.generations ORDER BY 1", vec![]).await.unwrap();
    (user.schemas().await.unwrap(), rows.iter().map(|row| row.text(0).unwrap()).collect())
}

/// What the janitor does at this time.
async fn tidy(user: &UserDb, now: i64) {
    for generation in user.outdated_generations(now, 0, 10).await.unwrap() {
        user.remove_generation(&generation).await.unwrap();
    }
}

#[tokio::test]
async fn a_schema_that_is_made_after_its_account_was_deleted_is_removed() {
    let user = user_db().await;
    user.create_collection(ACCOUNT, 1).await.unwrap();
    let new = user.begin_generation(ACCOUNT, "upload", 1, LEASE_UNTIL).await.unwrap();
    user.delete_collection(ACCOUNT, 10).await.unwrap();
    assert_eq!(there_and_named(&user).await, (vec![], vec![new.schema.clone()]), "its row stays, as somebody may still be making it");
    let row = &user.generations(ACCOUNT).await.unwrap()[0];
    assert_eq!(row.state, GenerationState::Dropping);
    // The one who registered it comes to that only now.
    user.db().create_schema(&new.schema).await.unwrap();
    assert!(!user.extend_lease(&new, 5_000).await.unwrap(), "and hears that it is given up");
    tidy(&user, LEASE_UNTIL).await;
    assert_eq!(there_and_named(&user).await.0, [new.schema.as_str()], "not before its time is over");
    tidy(&user, LEASE_UNTIL + 1).await;
    assert_eq!(there_and_named(&user).await, (vec![], vec![]));
}

#[tokio::test]
async fn a_collection_in_use_is_gone_at_once() {
    let user = user_db().await;
    user.create_collection(ACCOUNT, 1).await.unwrap();
    for number in 1..=2 {
        let new = user.begin_generation(ACCOUNT, "upload", number, LEASE_UNTIL).await.unwrap();
        let state = if number == 1 { "kept" } else { "current" };
        let sql = "UPDATE {s}.generations SET state = ? WHERE schema_name = ?";
        user.db().execute(sql, params![state, new.schema.as_str()]).await.unwrap();
    }
    user.delete_collection(ACCOUNT, 10).await.unwrap();
    assert_eq!(there_and_named(&user).await, (vec![], vec![]));
}

/// The real thing, at random moments.
#[tokio::test]
async fn uploads_that_begin_while_their_account_is_deleted() {
    let user = user_db().await;
    for account in 1..=30 {
        user.create_collection(account, 1).await.unwrap();
        let later = Duration::from_micros(account.unsigned_abs() * 200);
        let deletion = async {
            tokio::time::sleep(later).await;
            user.delete_collection(account, 10).await
        };
        let (begun, deleted) = tokio::join!(user.begin_generation(account, "upload", 1, LEASE_UNTIL), deletion);
        deleted.unwrap();
        let (there, named) = there_and_named(&user).await;
        assert!(there.iter().all(|schema| named.contains(schema)), "{later:?}: {begun:?}");
    }
    tidy(&user, LEASE_UNTIL + 1).await;
    assert_eq!(there_and_named(&user).await, (vec![], vec![]));
}
