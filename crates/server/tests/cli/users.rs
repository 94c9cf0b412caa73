//! `user …` from end to end.

use crate::support::Folder;

#[test]
fn a_users_life() {
    let folder = Folder::new("users");
    // A folder that was mistyped stays empty, and is named.
    let where_from = folder.path().display().to_string();
    for command in [&["user", "list"][..], &["user", "passwd", "ann"], &["user", "delete", "ann", "--yes"], &["collection", "list", "ann"]]
    {
        folder.run(command).expect_failure(1, &format!("there is no installation in {where_from};"));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let made = folder.run_with_password(&["user", "add", "Ann@Example.com", "--email", "ann@example.com"], "pw\n").stdout;
    assert!(made.contains(&format!("Made the user Ann@Example.com in the new data folder {where_from} (it was empty")), "{made}");
    assert!(made.contains("no administrator") && made.contains("createsuperuser"), "{made}");
    let made = folder.run_with_password(&["createsuperuser", "--username", "Ümit 日本"], "pw").stdout;
    assert_eq!(made, "Made the superuser Ümit 日本.\n");

    let list = folder.run(&["user", "list", "--json"]).expect_success().stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect();
    assert_eq!(names, ["Ann@Example.com", "Ümit 日本"]);
    assert_eq!((&list[0]["is_superuser"], &list[1]["is_superuser"]), (&false.into(), &true.into()));

    let mut odd = folder.command(&["user", "add", "odd", "--email", "odd", "--password-file", "/etc/hostname"]);
    crate::support::Finished::from(odd.output().unwrap()).expect_failure(1, "`odd` is not an e-mail address");
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
    folder.run(&["user", "delete", "anna", "--yes"]).expect_failure(1, &format!("shows all (the data folder is {where_from})"));
    // The name is free again.
    let made = folder.run_with_password(&["user", "add", "ANNA"], "pw").stdout;
    assert!(!made.contains("administrator"), "{made}");
}

#[test]
fn tokens_of_a_user() {
    let folder = Folder::new("tokens");
    let server = folder.serve();
    folder.run_with_password(&["user", "add", "ann"], "correct horse");
    let token = |arguments: &[&str]| folder.run(&[&["user", "token"], arguments].concat());
    let made = token(&["add", "ann", "reader", "--scope", "read,media", "--days", "30"]).expect_success().stdout;
    let secret = made.trim_end();
    assert!(secret.starts_with("djs_") && secret.lines().count() == 1, "{secret}");
    token(&["add", "ann", "x", "--scope", "everything"]).expect_failure(2, "one of read, write, media, admin");
    token(&["add", "ann", "x"]).expect_failure(2, "--scope");
    token(&["add", "ann", "x", "--scope", "admin"]).expect_failure(1, "only staff");
    token(&["add", "ann", " ", "--scope", "read"]).expect_failure(1, "needs a name");
    token(&["add", "bob", "x", "--scope", "read"]).expect_failure(1, "there is no user `bob`");

    let list: serde_json::Value = serde_json::from_str(&token(&["list", "ann", "--json"]).expect_success().stdout).unwrap();
    assert_eq!((&list[0]["name"], &list[0]["scopes"], list[1].is_null()), (&"reader".into(), &serde_json::json!(["read", "media"]), true));
    assert!(list[0]["expires"].is_string() && !list.to_string().contains(secret));
    let shown = token(&["list", "ann"]).expect_success().stdout;
    assert!(shown.contains("read,media") && !shown.contains(secret), "{shown}");

    // The running server knows it at once, for both of its surfaces, and is rid of it at once.
    let status = |path: &str| server.status_with(path, &format!("Bearer {secret}"));
    assert_eq!([status("/api/v2/notes"), status("/djs/dapi/tags"), status("/api/v2/admin/users")], [200, 200, 403]);
    let id = list[0]["id"].as_str().unwrap();
    token(&["revoke", "ann", id]).expect_success();
    assert_eq!([status("/api/v2/notes"), status("/djs/dapi/tags")], [401, 401]);
    token(&["revoke", "ann", id]).expect_failure(1, "has no token");
    assert!(token(&["list", "ann"]).expect_success().stdout.contains("no tokens"));
}
