use crate::support::user_db;
use store::StoreError;
use store::user_db::media::{MediaFile, MediaState, MediaWrite, StoredContent};

fn add(name: &str, sha1: &str, size: i64) -> MediaWrite {
    let content = StoredContent { sha1: sha1.into(), content_key: Some(format!("key-{name}-{sha1}")), size };
    MediaWrite { name: name.into(), content: Some(content) }
}

fn delete(name: &str) -> MediaWrite {
    MediaWrite { name: name.into(), content: None }
}

#[tokio::test]
async fn each_real_change_takes_the_next_usn() {
    let user = user_db().await;
    user.create_collection(7, 1).await.unwrap();
    let apply = async |writes: &[MediaWrite]| user.apply_media(7, writes, 1).await.unwrap();
    assert_eq!(apply(&[add("a.jpg", "11", 10), add("A.jpg", "22", 5), add("é.jpg", "33", 1)]).await, 3);
    assert_eq!(apply(&[add("a.jpg", "11", 10), delete("unknown")]).await, 3, "nothing new");
    assert_eq!(apply(&[delete("a.jpg"), add("a.jpg", "44", 7), add("é.jpg", "33", 1), delete("A.jpg")]).await, 6);
    assert_eq!(user.media_state(7).await.unwrap(), Some(MediaState { usn: 6, files: 2, bytes: 8 }));
    let changes = user.media_changes(7, 0, 10).await.unwrap();
    let rows: Vec<_> = changes.iter().map(|c| (c.usn, c.name.as_str(), c.sha1.as_str(), c.size)).collect();
    assert_eq!(rows, [(3, "é.jpg", "33", 1), (5, "a.jpg", "44", 7), (6, "A.jpg", "", 0)]);
    assert_eq!(user.media_changes(7, 3, 1).await.unwrap()[0].usn, 5);
    assert_eq!(user.media_files(7, &["a.jpg".into(), "A.jpg".into(), "x".into()]).await.unwrap().len(), 1);
    let named = user.named_contents(7).await.unwrap();
    assert!(named.contains("key-a.jpg-44") && !named.contains("key-a.jpg-11") && !named.contains("key-A.jpg-22"), "{named:?}");
    assert!(user.apply_media(8, &[delete("a")], 1).await.is_err(), "an account without a row");
}

#[tokio::test]
async fn devices_at_the_same_time_get_different_usns() {
    let user = user_db().await;
    user.create_collection(7, 1).await.unwrap();
    let devices = (0..4).map(|device| {
        let user = user.clone();
        async move {
            for n in 0..10 {
                user.apply_media(7, &[add(&format!("{device}-{n}"), "11", 1)], 1).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(devices).await;
    let mut usns: Vec<i32> = user.media_changes(7, 0, 100).await.unwrap().iter().map(|c| c.usn).collect();
    usns.dedup();
    assert_eq!(usns, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_no_row_names_is_noted_and_forgotten() {
    let user = user_db().await;
    user.create_collection(7, 1).await.unwrap();
    let keys: Vec<String> = (0..2_500).map(|n| format!("ab/{n}")).collect();
    user.note_unnamed(7, &keys, 100).await.unwrap();
    user.note_unnamed(8, &keys, 100).await.unwrap();
    assert!(user.unnamed_contents(8).await.unwrap().is_empty(), "an account that is gone");
    user.note_unnamed(7, &["cd/1".into()], 200).await.unwrap();
    user.forget_unnamed(7, &keys[1..]).await.unwrap();
    let mut left: Vec<_> = user.unnamed_contents(7).await.unwrap().into_iter().collect();
    left.sort();
    assert_eq!(left, [("ab/0".to_owned(), 100), ("cd/1".to_owned(), 200)]);
    user.delete_collection(7, 1).await.unwrap();
    assert!(user.unnamed_contents(7).await.unwrap().is_empty());
}

/// An import that goes on while a device sends something, which has to wait: counted from 0, it would be lost among the placed rows.
#[tokio::test]
async fn nobody_counts_while_rows_are_placed() {
    let user = user_db().await;
    user.create_collection(7, 1).await.unwrap();
    let placed = |name: &str, usn| MediaFile { name: name.into(), sha1: "11".into(), content_key: format!("ab/{name}"), size: 1, usn };
    user.place_media(7, vec![placed("a", 700)], 1).await.unwrap();
    let refused = user.apply_media(7, &[add("new", "22", 5)], 1).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    user.place_media(7, vec![placed("b", 900)], 1).await.unwrap();
    user.end_placing_media(7, 950).await.unwrap();
    assert_eq!(user.apply_media(7, &[add("new", "22", 5)], 1).await.unwrap(), 951);
    assert_eq!(user.media_state(7).await.unwrap(), Some(MediaState { usn: 951, files: 3, bytes: 7 }));
}
