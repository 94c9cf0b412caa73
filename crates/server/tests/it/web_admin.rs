//! What administrators do in the browser, and what others cannot.

use crate::browser::Browser;
use crate::support::{NOW, PASSWORD, TestServer, collection};
use anki::file::Schema;
use djankiserv::actions::accounts::NewUser;
use djankiserv::actions::username::Username;
use serde_json::json;
use std::time::{Duration, Instant};
use store::main_db::NewAccount;

const MINUTE: i64 = 60_000;
const SECRET: &str = "Vier Elche trinken Tee";

impl TestServer {
    /// An account with these roles.
    async fn person(&self, name: &str, is_staff: bool, is_superuser: bool) -> i64 {
        let username = Username::new(name).unwrap();
        let new = NewUser { username, email: format!("{name}@example.com"), password: PASSWORD.into(), is_staff, is_superuser };
        self.app.accounts.create(new, "test").await.unwrap().id
    }
}

async fn world() -> (TestServer, Browser) {
    let server = TestServer::new().await;
    server.person("boss", true, true).await;
    server.person("helper", true, false).await;
    let mut boss = Browser::new(&server);
    boss.log_in("boss", PASSWORD).await.leads_to("/");
    boss.get("/").await.leads_to("/admin/");
    (server, boss)
}

#[tokio::test]
async fn a_user_and_all_about_them() {
    let (server, mut boss) = world().await;
    let device = server.device("<b>ann</b>").await;
    device.upload(&collection(Schema::V18, 3, NOW)).await;
    device.upload(&collection(Schema::V18, 5, NOW + 5)).await;
    let id = server.account("<b>ann</b>").await;
    let page = boss.get("/admin/?q=ANN").await.expect(200, "&#60;b&#62;ann&#60;/b&#62;");
    assert!(!page.text.contains("<b>ann") && page.text.contains("1–1 of 1") && page.text.contains("26.09.3"), "{}", page.text);
    assert!(!page.text.contains("0 bytes</td>\n<td data-label=\"Media\""), "the size of the collection is known: {}", page.text);
    let path = format!("/admin/users/{id}/");
    let page = boss.get(&path).await.expect(200, "Bring back…");
    assert!(page.text.contains("in use") && page.text.contains("Log out everywhere"), "{}", page.text);
    // Another version.
    let restore = format!("{path}restore/1/");
    let page = boss.get(&restore).await.expect(200, "What will happen on the devices of &#60;b&#62;ann");
    assert!(page.text.contains("<th scope=\"row\">Then</th>") && page.text.contains(&format!("action=\"{restore}\"")), "{}", page.text);
    boss.post(&restore, &[]).await.expect(422, "Tick the box first");
    assert_eq!(device.notes().await.len(), 5);
    boss.post(&restore, &[("understood", "1")]).await.leads_to(&path);
    boss.get(&path).await.expect(200, "Version 1 is in use again");
    assert_eq!(device.notes().await.len(), 3);
    boss.get(&format!("{path}restore/77/")).await.expect(404, "Not found");
    boss.post(&format!("{path}restore/77/"), &[("understood", "1")]).await.leads_to(&path);
    boss.get(&path).await.expect(200, "There is no kept version 77");
    // A running sync, and its device.
    device.start(0).await;
    boss.get(&path).await.expect(200, "A sync is running");
    boss.get("/admin/server/").await.expect(200, "26.09.3");
    let digest = boss.get(&path).await.between("name=\"device\" value=\"", "\"").to_owned();
    boss.post(&format!("{path}devices/"), &[("device", "other")]).await.leads_to(&path);
    boss.get(&path).await.expect(200, "was logged out already");
    boss.post(&format!("{path}devices/"), &[("device", &digest)]).await.leads_to(&path);
    assert_eq!(device.status("sync/meta", json!({"v": 11, "cv": "x"})).await, 403);
    // Name, mail, quotas.
    let fields = [("username", "anna"), ("email", "anna@example.com"), ("quota_collection", "20"), ("quota_media", "5")];
    boss.post(&format!("{path}edit/"), &fields).await.leads_to(&path);
    let page = boss.get(&path).await.expect(200, "anna@example.com");
    assert!(page.text.contains(" of 20 MB") && page.text.contains(" of 5.0 MB"), "{}", page.text);
    for (field, value, problem) in
        [("quota_media", "-1", "whole number"), ("email", "x", "not an e-mail"), ("username", "BOSS", "that name already")]
    {
        let fields = fields.map(|(name, old)| (name, if name == field { value } else { old }));
        boss.post(&format!("{path}edit/"), &fields).await.expect(422, problem);
    }
    // Passwords.
    boss.post(&format!("{path}password/"), &[("password", "password"), ("again", "password")]).await.expect(422, "guessed first");
    boss.post(&format!("{path}password/"), &[("password", SECRET), ("again", SECRET)]).await.leads_to(&path);
    let mut anna = Browser::new(&server);
    anna.log_in("anna", SECRET).await.leads_to("/");
    let shown = format!("{path}password-link/");
    boss.get(&shown).await.leads_to(&format!("{path}password/"));
    boss.post(&shown, &[]).await.leads_to(&shown);
    let link = boss.get(&shown).await.expect(200, "shown only now");
    assert_eq!(boss.get(&shown).await.text, link.text, "loading it again makes no other link");
    let link = link.between("http://anki.example", "</code>").to_owned();
    // Locked out and in again.
    boss.get(&format!("{path}disable/")).await.expect(200, "Nothing is deleted.");
    anna.get("/account/").await.expect(200, "anna");
    boss.post(&format!("{path}disable/"), &[]).await.leads_to(&path);
    anna.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    Browser::new(&server).get(&link).await.expect(403, "has been used");
    boss.post(&format!("{path}enable/"), &[]).await.leads_to(&path);
    anna.get("/account/").await.expect(200, "anna");
    boss.get(&format!("{path}logout/")).await.expect(200, "All API tokens are revoked");
    boss.post(&format!("{path}logout/"), &[]).await.leads_to(&path);
    // What is no page leads to the one that it belongs to.
    for step in ["enable/", "devices/"] {
        boss.get(&format!("{path}{step}")).await.leads_to(&path);
    }
    boss.get("/admin/invitations/withdraw/").await.leads_to("/admin/invitations/");
    anna.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    let chosen = [("password", "noch ein langer Satz"), ("again", "noch ein langer Satz")];
    anna.get(&link).await.expect(200, "anna");
    anna.post(&link, &chosen).await.leads_to("/account/");
    anna.get(&link).await.expect(403, "has been used");
    // Gone.
    let delete = format!("{path}delete/");
    boss.get(&delete).await.expect(200, "3 notes, 3 cards");
    boss.post(&delete, &[("username", "ann")]).await.expect(422, "another name");
    boss.post(&delete, &[("username", "anna")]).await.leads_to("/admin/");
    boss.get("/admin/").await.expect(200, "anna is deleted");
    boss.get(&path).await.expect(404, "Not found");
    anna.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    let audit = server.app.main.audit(Some(id), 50).await.unwrap();
    let by_boss: Vec<&str> = audit.iter().filter(|e| e.actor == "boss" && e.address == "203.0.113.5").map(|e| e.action.as_str()).collect();
    for action in [
        "collection.restore",
        "device.revoke",
        "account.rename",
        "account.change",
        "account.password",
        "account.link",
        "account.disable",
        "account.enable",
        "account.logout",
        "account.delete",
    ] {
        assert!(by_boss.contains(&action), "{action} in {by_boss:?}");
    }
    assert!(!format!("{audit:?}").contains(SECRET));
    tokio::time::timeout(Duration::from_secs(20), async {
        while !server.schemas().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("the data is removed without anybody waiting for it");
    server.end().await;
}

#[tokio::test]
async fn who_may_do_what() {
    let (server, mut boss) = world().await;
    server.device("ann").await;
    let (boss_id, helper_id, ann_id) = (server.account("boss").await, server.account("helper").await, server.account("ann").await);
    let pages = ["", "connect/", "edit/", "password/", "delete/"];
    let steps = ["edit/", "password/", "password-link/", "enable/", "disable/", "logout/", "devices/", "restore/1/", "delete/"];
    let before = server.app.accounts.list().await.unwrap();
    // Nobody, and somebody who is no administrator.
    let mut nobody = Browser::new(&server);
    nobody.get("/login/").await;
    let mut ann = Browser::new(&server);
    ann.log_in("ann", PASSWORD).await.leads_to("/");
    for path in ["/admin/", "/admin/server/", "/admin/invitations/", "/admin/users/add/"] {
        assert!(nobody.get(path).await.location().starts_with("/login/?next="), "{path}");
        ann.get(path).await.expect(403, "for administrators");
    }
    for page in pages {
        let path = format!("/admin/users/{boss_id}/{page}");
        assert!(nobody.get(&path).await.location().starts_with("/login/?next="), "{path}");
        ann.get(&path).await.expect(403, "for administrators");
    }
    let all =
        [("username", "boss"), ("password", SECRET), ("again", SECRET), ("understood", "1"), ("is_superuser", "1"), ("is_staff", "1")];
    for step in steps {
        nobody.post(&format!("/admin/users/{ann_id}/{step}"), &all).await.leads_to("/login/?told=late");
        ann.post(&format!("/admin/users/{ann_id}/{step}"), &all).await.expect(403, "for administrators");
        // Staff look after users only.
    }
    let mut helper = Browser::new(&server);
    helper.log_in("helper", PASSWORD).await.leads_to("/");
    for id in [boss_id, helper_id] {
        helper.get(&format!("/admin/users/{id}/")).await.expect(200, "Audit log");
        for step in steps {
            helper.post(&format!("/admin/users/{id}/{step}"), &all).await.expect(403, "Only superusers");
        }
    }
    // Roles that staff sends along are not given.
    let fields = [("username", "ann"), ("email", ""), ("is_staff", "1"), ("is_superuser", "1")];
    helper.post(&format!("/admin/users/{ann_id}/edit/"), &fields).await.leads_to(&format!("/admin/users/{ann_id}/"));
    // Nobody removes the ground they stand on.
    for step in ["disable/", "delete/"] {
        boss.post(&format!("/admin/users/{boss_id}/{step}"), &all).await.expect(400, "your own account");
    }
    boss.post(&format!("/admin/users/{boss_id}/edit/"), &[("username", "boss"), ("email", "boss@example.com")])
        .await
        .expect(400, "your own roles");
    assert_eq!(server.app.accounts.list().await.unwrap().len(), before.len());
    for (old, new) in before.iter().zip(server.app.accounts.list().await.unwrap()) {
        assert_eq!(
            (old.is_staff, old.is_superuser, old.is_active, &old.email),
            (new.is_staff, new.is_superuser, new.is_active, &new.email)
        );
    }
    for path in ["/admin/users/1/", "/admin/users/9007199254740991/edit/"] {
        boss.get(path).await.expect(404, "Not found");
    }
    assert!(matches!(boss.get("/admin/users/x/").await.status, 400 | 404));
    // Dangerous steps ask for the password when it was not typed lately.
    server.clock.set(NOW + 16 * MINUTE);
    let path = format!("/admin/users/{ann_id}/");
    let confirm = format!("/confirm/?next=%2Fadmin%2Fusers%2F{ann_id}%2Fdelete%2F");
    boss.get(&format!("{path}delete/")).await.leads_to(&confirm);
    boss.post(&format!("{path}delete/"), &[("username", "ann")]).await.leads_to(&confirm);
    boss.post(&format!("{path}restore/1/"), &all).await.leads_to(&format!("/confirm/?next=%2Fadmin%2Fusers%2F{ann_id}%2Frestore%2F1%2F"));
    for step in ["password/", "password-link/", "disable/", "logout/"] {
        boss.post(&format!("{path}{step}"), &all).await.expect(422, "name=\"own_password\"");
    }
    assert!(server.app.accounts.find_by_id(ann_id).await.unwrap().is_active);
    // So they do for what leads to a password: name and e-mail address. Quotas are free.
    for fields in [[("username", "ann"), ("email", "eve@example.com")], [("username", "eve"), ("email", "")]] {
        boss.post(&format!("{path}edit/"), &fields).await.expect(422, "type it once more");
        let page = boss.post(&format!("{path}edit/"), &[&fields[..], &[("own_password", "wrong")]].concat()).await;
        let page = page.expect(422, "Your password is not right.");
        assert!(page.text.contains(&format!("value=\"{}\"", fields[0].1)), "{}", page.text);
    }
    let unchanged = server.app.accounts.find_by_id(ann_id).await.unwrap();
    assert_eq!((unchanged.username.as_str(), unchanged.email.as_str()), ("ann", ""));
    boss.post(&format!("{path}edit/"), &[("username", "ann"), ("email", ""), ("quota_media", "7")]).await.leads_to(&path);
    let with_role = [("username", "ann"), ("email", ""), ("is_staff", "1")];
    let page = boss.post(&format!("{path}edit/"), &with_role).await.expect(422, "type it once more");
    assert!(page.text.contains("name=\"is_staff\" value=\"1\" checked"), "{}", page.text);
    boss.post(&format!("{path}edit/"), &[&with_role[..], &[("own_password", PASSWORD)]].concat()).await.leads_to(&path);
    assert!(server.app.accounts.find_by_id(ann_id).await.unwrap().is_staff);
    // Without the token, nothing.
    for step in steps {
        boss.post_raw(&format!("{path}{step}"), &all).await.expect(403, "too old");
    }
    server.end().await;
}

#[tokio::test]
async fn ten_thousand_users() {
    let (server, mut boss) = world().await;
    let numbers: Vec<i64> = (0..10_000).collect();
    for batch in numbers.chunks(200) {
        let make = |n: i64| {
            let app = server.app.clone();
            async move {
                let name = format!("user{n:05}");
                let new = NewAccount {
                    id: (1 << 41) + n,
                    username_key: name.clone(),
                    email: format!("{name}@school.example"),
                    username: name,
                    password_hash: String::new(),
                    is_staff: false,
                    is_superuser: false,
                };
                app.main.create_account(&new, NOW + n).await.unwrap();
                app.user.create_collection(new.id, NOW).await.unwrap();
            }
        };
        futures_util::stream::StreamExt::for_each_concurrent(futures_util::stream::iter(batch.iter().copied()), 6, make).await;
    }
    let mut slowest = (Duration::ZERO, "");
    for (path, part) in [
        ("/admin/", "1–50 of 10,002"),
        ("/admin/?page=200", "9,951–10,000 of 10,002"),
        ("/admin/?page=201", "10,001–10,002 of 10,002"),
        ("/admin/?page=9999", "No user fits."),
        ("/admin/?page=-5", "1–50 of 10,002"),
        ("/admin/?q=R0777", "1–10 of 10"),
        ("/admin/?q=school.EXAMPLE&sort=-created", "user09999"),
        ("/admin/?q=BOSS@Example.com", "1–1 of 1"),
        ("/admin/?sort=-login", ">boss<"),
        ("/admin/?sort=email&state=active", "1–50 of 10,002"),
        ("/admin/?state=staff", "1–2 of 2"),
        ("/admin/?state=disabled", "No user fits."),
        ("/admin/?q=%25", "No user fits."),
        ("/admin/?q=user_0777", "No user fits."),
        ("/admin/?q='%20OR%201=1--", "No user fits."),
        ("/admin/server/", "10,002, 10,002 of them active"),
    ] {
        let started = Instant::now();
        boss.get(path).await.expect(200, part);
        slowest = slowest.max((started.elapsed(), path));
    }
    assert!(slowest.0 < Duration::from_secs(2), "{slowest:?}");
    server.end().await;
}
