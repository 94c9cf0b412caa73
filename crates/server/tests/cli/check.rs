//! `check` as a command: what it prints and how it ends.

use crate::support::Folder;

#[test]
fn the_exit_code_tells_what_was_found() {
    let folder = Folder::new("check");
    folder.run_with_password(&["user", "add", "ann"], "pw");
    let clean = folder.run(&["check", "--all"]).expect_success();
    assert!(clean.stdout.contains("1 users checked: 0 damages"), "{clean:?}");
    assert!(clean.stderr.is_empty(), "no bar where nobody watches: {clean:?}");
    folder.run(&["check", "ann", "--deep", "--repair"]).expect_success();

    std::fs::create_dir_all(folder.path().join("media/12345")).unwrap();
    let damaged = folder.run(&["check", "--all", "--json"]);
    assert_eq!(damaged.code, Some(1), "{damaged:?}");
    let lines: Vec<serde_json::Value> = damaged.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [finding, sums] = lines.as_slice() else { panic!("{damaged:?}") };
    assert_eq!((&finding["severity"], &finding["table"], &finding["id"]), (&"damage".into(), &"media".into(), &"12345".into()));
    assert_eq!((&finding["repairable"], &sums["damages"], &sums["left"]), (&false.into(), &1.into(), &1.into()));
    let explained = folder.run(&["check", "--all", "--repair"]);
    assert!(explained.code == Some(1) && explained.stdout.contains("What to do (1 ×): "), "{explained:?}");
    folder.run(&["check", "ann"]).expect_success();

    folder.run(&["check", "bob"]).expect_failure(2, "there is no user `bob`");
    folder.run(&["check"]).expect_failure(2, "<USERNAMES or --all>");
    folder.run(&["check", "ann", "--all"]).expect_failure(2, "cannot be used with");
}
