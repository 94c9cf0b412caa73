//! `user …` from end to end.

use crate::support::Folder;

#[test]
fn a_users_life() {
    let folder = Folder::new("users");
    folder.run_with_password(&["user", "add", "Ann@Example.com", "--email", "ann@example.com"], "pw\n");
    folder.run_with_password(&["createsuperuser", "--username", "Ümit 日本"], "pw");

    let list = folder.run(&["user", "list", "--json"]).expect_success().stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect();
    assert_eq!(names, ["Ann@Example.com", "Ümit 日本"]);
    assert_eq!((&list[0]["is_superuser"], &list[1]["is_superuser"]), (&false.into(), &true.into()));

    let mut again = folder.command(&["user", "add", "ann@example.COM", "--password-file", "/etc/hostname"]);
    crate::support::Finished::from(again.output().unwrap()).expect_failure(1, "there is a user `ann@example.COM` already");

    folder.run_with_password(&["user", "passwd", "ann@example.com"], "other");
    folder.run(&["user", "disable", "ann@example.com"]).expect_success();
    assert!(folder.run(&["user", "list"]).expect_success().stdout.contains("disabled"));
    folder.run(&["user", "enable", "ann@example.com"]).expect_success();
    folder.run(&["user", "rename", "ann@example.com", "Anna"]).expect_success();
    folder.run(&["user", "enable", "ann@example.com"]).expect_failure(1, "there is no user `ann@example.com`");
    let empty = folder.run(&["collection", "list", "anna"]).expect_success().stdout;
    assert!(empty.contains("has not synced"), "{empty}");
    folder.run(&["collection", "restore", "anna", "1"]).expect_failure(1, "has no kept version 1");

    folder.run(&["user", "delete", "anna"]).expect_failure(1, "use --yes");
    folder.run(&["user", "delete", "anna", "--yes"]).expect_success();
    folder.run(&["user", "delete", "anna", "--yes"]).expect_failure(1, "there is no user");
    // The name is free again.
    folder.run_with_password(&["user", "add", "ANNA"], "pw");
}
