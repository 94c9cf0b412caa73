//! What the documentation tells operators to grant on MySQL and MariaDB: enough, as all tests show, and not too much.

use crate::support::{by_engine, fresh_without, installation};
use bytes::Bytes;
use store::StoreError;
use store::collection::{Collection, Load, LoadRows};
use store::user_db::UserDb;

/// What happens to a collection, from the first start to the deletion of its account.
async fn live_and_die(without: &str) -> Result<(), StoreError> {
    let user = UserDb::open(&fresh_without(without).await, &installation(), 1).await?;
    user.create_collection(7, 1).await?;
    let new = user.begin_generation(7, "upload", 1, 2).await?;
    let mut rows = LoadRows::new();
    rows.note(&anki::model::Note { id: 1, ..Default::default() });
    Load::new(user.db(), &new.schema).notes(futures_util::stream::iter([Ok::<Bytes, StoreError>(rows.take())])).await?;
    let tx = user.db().begin().await?;
    Collection::within(&tx, &new.schema).delete_notes(&[1]).await?;
    tx.commit().await?;
    assert_eq!(user.schemas().await?, [new.schema]);
    user.delete_collection(7, 10).await
}

#[tokio::test]
async fn each_right_is_needed_and_all_are_enough() {
    live_and_die("").await.unwrap();
    for right in by_engine(&[][..], &["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX"][..]) {
        let outcome = live_and_die(right).await;
        assert!(outcome.as_ref().is_err_and(|e| e.to_string().contains("denied")), "without {right}: {outcome:?}");
    }
}
