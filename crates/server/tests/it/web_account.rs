//! The pages of one's own account: what they do, and what they must not do for others.

use crate::browser::Browser;
use crate::support::{self, NOW, PASSWORD, TestServer};
use anki::file::Schema;
use axum::body::Body;
use axum::http::Request;
use djankiserv::actions::username::Username;
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

const NEW: &str = "vier Elche trinken Tee";
const MINUTE: i64 = 60_000;

async fn logged_in(server: &TestServer, name: &str) -> Browser {
    let mut browser = Browser::new(server);
    browser.log_in(name, PASSWORD).await.leads_to("/");
    browser
}

async fn digests(server: &TestServer, name: &str) -> Vec<String> {
    let account = server.account(name).await;
    server.app.main.host_keys(account).await.unwrap().into_iter().map(|key| key.digest).collect()
}

#[tokio::test]
async fn a_new_password() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    let (mut here, mut there) = (logged_in(&server, "ann").await, logged_in(&server, "ann").await);
    let path = "/account/password/";
    here.get(path).await.expect(200, "Old password");
    for (old, new, again, part) in [
        ("wrong", NEW, NEW, "The old password is not right."),
        ("", NEW, NEW, "The old password is not right."),
        (PASSWORD, NEW, "another", "not the same"),
        (PASSWORD, "short", "short", "at least 8"),
        (PASSWORD, "password1", "password1", "guessed first"),
    ] {
        here.post(path, &[("old", old), ("password", new), ("again", again)]).await.expect(422, part);
    }
    // Nothing else is logged out unless one asks for it.
    here.post(path, &[("old", PASSWORD), ("password", NEW), ("again", NEW)]).await.leads_to(path);
    here.get(path).await.expect(200, "Your password is changed.");
    there.get("/account/").await.expect(200, "ann");
    device.meta().await;
    let third = "fünf Elche trinken Bier";
    // Tokens are ended by a tick of their own.
    let account = server.app.main.account_by_id(server.account("ann").await).await.unwrap().unwrap();
    let (app, scopes) = (&server.app, [djankiserv::actions::api_tokens::Scope::Read]);
    let make = async || djankiserv::actions::api_tokens::create(&app.main, &app.clock, &account, "x", &scopes, None).await.unwrap().0;
    let tokens = [make().await, make().await];
    let fields = [("old", NEW), ("password", third), ("again", third), ("devices", "1"), ("browsers", "1")];
    here.post(path, &fields).await.leads_to(path);
    here.get(path).await.expect(200, "Your password is changed. 1 device and 1 other browser are logged out.");
    let is_good = async |token: &str| djankiserv::actions::api_tokens::find(&app.main, &app.clock, token).await.unwrap().is_some();
    assert!(is_good(&tokens[0]).await && is_good(&tokens[1]).await);
    here.post(path, &[("old", third), ("password", third), ("again", third), ("tokens", "1")]).await.leads_to(path);
    here.get(path).await.expect(200, "Your password is changed. 2 API tokens are revoked.");
    assert!(!is_good(&tokens[0]).await && !is_good(&tokens[1]).await);
    there.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    assert_eq!(device.status("sync/meta", json!({"v": 11, "cv": "x"})).await, 403);
    there.log_in("ann", third).await.leads_to("/");
    let audit = server.app.main.audit(Some(server.account("ann").await), 10).await.unwrap();
    let entry = audit.iter().find(|entry| entry.action == "account.password").unwrap();
    assert_eq!((entry.actor.as_str(), entry.address.as_str()), ("ann", "203.0.113.5"));
    assert!(!audit.iter().any(|entry| entry.detail.contains("Elche")));
    server.end().await;
}

#[tokio::test]
async fn guessing_the_old_password_is_slowed_down() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let mut browser = logged_in(&server, "ann").await;
    let guess = |old| [("old", old), ("password", NEW), ("again", NEW)];
    for _ in 0..10 {
        browser.post("/account/password/", &guess("wrong")).await.expect(422, "not right");
    }
    browser.post("/account/password/", &guess(PASSWORD)).await.expect(429, "Try again in");
    server.end().await;
}

#[tokio::test]
async fn devices_and_browsers() {
    let server = TestServer::new().await;
    let first = server.device("ann").await;
    let second = server.log_in("ann").await;
    server.device("bob").await;
    let (mut here, mut there) = (logged_in(&server, "ann").await, logged_in(&server, "ann").await);
    let path = "/account/devices/";
    let page = here.get(path).await.expect(200, "26.09.3");
    assert!(page.text.contains("this browser"));
    let bobs = digests(&server, "bob").await.remove(0);
    here.post(path, &[("device", &bobs)]).await.leads_to(path);
    here.get(path).await.expect(200, "There is no such device any more.");
    assert_eq!(digests(&server, "bob").await, [bobs]);
    let ann = digests(&server, "ann").await;
    here.post(path, &[("device", &ann[0])]).await.leads_to(path);
    assert_eq!(digests(&server, "ann").await, [ann[1].clone()]);
    let mut statuses = Vec::new();
    for device in [&first, &second] {
        statuses.push(device.status("sync/meta", json!({"v": 11, "cv": "x"})).await);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
    // All at once needs the password again.
    server.clock.set(NOW + 16 * MINUTE);
    here.post("/account/devices/all/", &[]).await.leads_to("/confirm/?next=%2Faccount%2Fdevices%2F");
    assert_eq!(digests(&server, "ann").await.len(), 1);
    here.post("/confirm/", &[("password", PASSWORD), ("next", path)]).await.leads_to(path);
    here.post("/account/devices/all/", &[]).await.leads_to(path);
    here.get(path).await.expect(200, "No device is logged in.");
    // Browsers: somebody else's, the other one, this one.
    let bob = server.account("bob").await;
    let mut bobs_browser = logged_in(&server, "bob").await;
    let bobs = server.app.main.web_sessions(bob, server.clock.now_ms()).await.unwrap().remove(0).digest;
    here.post("/account/browsers/", &[("browser", &bobs)]).await.leads_to(path);
    bobs_browser.get("/account/").await.expect(200, "bob");
    here.post("/account/browsers/others/", &[]).await.leads_to(path);
    there.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    let own = server.app.main.web_sessions(server.account("ann").await, server.clock.now_ms()).await.unwrap().remove(0).digest;
    here.post("/account/browsers/", &[("browser", &own)]).await.leads_to("/login/");
    here.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    server.end().await;
}

#[tokio::test]
async fn an_older_version_comes_back() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    let other = server.device("bob").await;
    for owner in [&device, &other] {
        owner.upload(&support::collection(Schema::V18, 5, NOW)).await;
        owner.upload(&support::collection(Schema::V18, 2, NOW + 5000)).await;
    }
    let mut browser = logged_in(&server, "ann").await;
    browser.get("/account/collection/").await.expect(200, "Version 1");
    let path = "/account/collection/1/restore/";
    browser.get(path).await.expect(200, "Only the device that made the last upload");
    browser.post(path, &[]).await.expect(422, "Tick the box first");
    assert_eq!(device.notes().await.len(), 2);
    browser.post(path, &[("understood", "1")]).await.leads_to("/account/collection/");
    browser.get("/account/collection/").await.expect(200, "Version 1 is your collection again.");
    assert_eq!(device.notes().await.len(), 5);
    // Once more it is not only the last upload that is undone.
    browser.get("/account/collection/2/restore/").await.expect(200, "Each device will ask");
    for path in ["/account/collection/1/restore/", "/account/collection/77/restore/"] {
        browser.get(path).await.expect(404, "Not found");
        browser.post(path, &[("understood", "1")]).await.expect(404, "Not found");
    }
    browser.get("/account/collection/x/restore/").await.expect(404, "Not found");
    assert_eq!(other.notes().await.len(), 2, "numbers are of one's own versions");
    server.clock.set(NOW + 16 * MINUTE);
    let confirm = "/confirm/?next=%2Faccount%2Fcollection%2F2%2Frestore%2F";
    browser.get("/account/collection/2/restore/").await.leads_to(confirm);
    browser.post("/account/collection/2/restore/", &[("understood", "1")]).await.leads_to(confirm);
    assert_eq!(device.notes().await.len(), 5);
    server.end().await;
}

#[tokio::test]
async fn the_collection_as_a_file() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&support::collection(Schema::V18, 5, NOW)).await;
    let mut browser = logged_in(&server, "ann").await;
    browser.get("/account/collection/download/").await.expect(200, "Download the .colpkg file");
    for (query, collection) in [("", "collection.anki21b"), ("?form=legacy", "collection.anki21")] {
        let cookie = format!("sessionid={}", browser.cookies["sessionid"]);
        let request = Request::get(format!("/account/collection/download/file/{query}")).header("cookie", cookie).header("host", "x");
        let answer = djankiserv::app::router(server.app.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"ann-2026-09-21.colpkg\"");
        assert_eq!(
            (&answer.headers()["x-content-type-options"], &answer.headers()["cache-control"]),
            (&"nosniff".parse().unwrap(), &"no-store".parse().unwrap())
        );
        let package = answer.into_body().collect().await.unwrap().to_bytes().to_vec();
        let archive = zip::ZipArchive::new(std::io::Cursor::new(package)).unwrap();
        assert!(archive.file_names().any(|name| name.unwrap() == collection));
    }
    let head = Request::head("/account/collection/download/file/").body(Body::empty()).unwrap();
    assert_eq!(browser.send(head).await.text, "");
    server.clock.set(NOW + 16 * MINUTE);
    browser.get("/account/collection/download/file/").await.leads_to("/confirm/?next=%2Faccount%2Fcollection%2Fdownload%2F");
    Browser::new(&server)
        .get("/account/collection/download/file/")
        .await
        .leads_to("/login/?next=%2Faccount%2Fcollection%2Fdownload%2Ffile%2F");
    server.end().await;
}

#[tokio::test]
async fn tokens() {
    let server = TestServer::new().await;
    server.device("ann").await;
    server.device("bob").await;
    let (mut ann, mut bob) = (logged_in(&server, "ann").await, logged_in(&server, "bob").await);
    let (path, add) = ("/account/tokens/", "/account/tokens/add/");
    ann.get(path).await.expect(200, "You have no tokens.");
    let page = ann.get(add).await.expect(200, "Read your collection");
    assert!(!page.text.contains("Manage users"));
    for (fields, status, part) in [
        (vec![("name", ""), ("read", "1"), ("days", "30")], 422, "needs a name"),
        (vec![("name", "x"), ("days", "30")], 422, "Tick at least one thing"),
        (vec![("name", "x"), ("admin", "1"), ("days", "30")], 422, "only staff"),
        (vec![("name", "x"), ("read", "1"), ("days", "31")], 400, "expires in 30 days"),
    ] {
        let page = ann.post(add, &fields).await;
        assert!(page.status == status && page.text.to_lowercase().contains(&part.to_lowercase()), "{part}: {} {}", page.status, page.text);
    }
    let name = "<script>alert(1)</script>";
    let made = "/account/tokens/made/";
    ann.get(made).await.leads_to(path);
    ann.get(path).await.expect(200, "only for some minutes");
    ann.post(add, &[("name", name), ("read", "1"), ("write", "1"), ("days", "30")]).await.leads_to(made);
    let page = ann.get(made).await.expect(200, "only this once");
    let token = page.between("id=\"token\">", "<").to_owned();
    let found = djankiserv::actions::api_tokens::find(&server.app.main, &server.clock, &token).await.unwrap().unwrap();
    assert_eq!((found.0.username.as_str(), found.1.scopes.len(), found.1.expires), ("ann", 2, Some(NOW + 30 * 24 * 60 * MINUTE)));
    for way in [
        "<code class=\"copy\">http://anki.example/ankiconnect</code>".to_owned(),
        format!("<code class=\"copy\">http://anki.example/ankiconnect/{token}</code>"),
        format!("<code class=\"copy\">Authorization: Bearer {token}</code>"),
        "href=\"/api/v2/\"".to_owned(),
    ] {
        assert!(page.text.contains(&way), "{way}");
    }
    // Loading the page again makes no second token. The cookie says nothing by itself, and is of no use to others or later.
    assert!(ann.get(made).await.text.contains(&token));
    assert!(!ann.cookies["shown"].contains(&token[4..20]), "{:?}", ann.cookies);
    bob.cookies.insert("shown".into(), ann.cookies["shown"].clone());
    bob.get(made).await.leads_to(path);
    bob.get(path).await.expect(200, "only for some minutes");
    let mut forged = ann.clone();
    forged.cookies.insert("shown".into(), ann.cookies["shown"].replacen(|c: char| c.is_ascii_digit(), "x", 1));
    forged.get(made).await.leads_to(path);
    forged.get(path).await;
    server.clock.set(NOW + 10 * MINUTE);
    ann.get(made).await.leads_to(path);
    let page = ann.get(path).await.expect(200, "&#60;script&#62;");
    assert_eq!(page.text.matches("name=\"token\" value").count(), 1, "{}", page.text);
    assert!(!page.text.contains(name) && !page.text.contains(&token));
    let id = page.between("name=\"token\" value=\"", "\"").to_owned();
    bob.post(path, &[("token", &id)]).await.leads_to(path);
    bob.get(path).await.expect(200, "There is no such token any more.");
    ann.get(path).await.expect(200, &id);
    server.clock.set(NOW + 31 * 24 * 60 * MINUTE);
    ann.log_in("ann", PASSWORD).await.leads_to("/");
    ann.get(path).await.expect(200, "expired");
    ann.post(path, &[("token", &id)]).await.leads_to(path);
    ann.get(path).await.expect(200, "The token is revoked.");
    server.clock.set(NOW + 32 * 24 * 60 * MINUTE);
    // The form asks for the password by itself then, and nothing that was typed is lost.
    ann.get(add).await.expect(200, "name=\"own_password\"");
    let fields = [("name", "kept"), ("write", "1"), ("days", "365"), ("purpose", "ankiconnect")];
    for (password, problem) in [("", "once more"), ("wrong", "Your password is not right.")] {
        let page = ann.post(add, &[&fields[..], &[("own_password", password)]].concat()).await.expect(422, problem);
        assert!(page.text.contains("value=\"kept\"") && page.text.contains("name=\"write\" value=\"1\" checked"), "{}", page.text);
        assert!(page.text.contains("value=\"365\" selected"), "{}", page.text);
    }
    ann.post(add, &[&fields[..], &[("own_password", PASSWORD)]].concat()).await.leads_to(made);
    ann.get(made).await.expect(200, "kept");
    let page = ann.get("/account/tokens/add/?for=ankiconnect").await.expect(200, "AnkiConnect tools");
    for scope in ["read", "write", "media"] {
        assert!(page.text.contains(&format!("name=\"{scope}\" value=\"1\" checked")), "{scope}: {}", page.text);
    }
    assert!(!page.text.contains("own_password"), "the password has just been typed");
    server.end().await;
}

#[tokio::test]
async fn ones_own_address_and_leaving() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&support::collection(Schema::V18, 5, NOW)).await;
    let id = server.account("ann").await;
    let mut ann = logged_in(&server, "ann").await;
    let (email, leave) = ("/account/email/", "/account/leave/");
    ann.get("/account/").await.expect(200, "href=\"/account/email/\"");
    ann.post(email, &[("email", "x")]).await.expect(422, "not an e-mail address");
    ann.post(email, &[("email", "ann@example.com")]).await.leads_to("/account/");
    ann.get("/account/").await.expect(200, "Your e-mail address is changed.");
    server.clock.set(NOW + 16 * MINUTE);
    ann.get(email).await.expect(200, "own_password");
    let page = ann.post(email, &[("email", "eve@example.com")]).await.expect(422, "type it once more");
    assert!(page.text.contains("value=\"eve@example.com\""), "{}", page.text);
    let account = async || server.app.main.account_by_id(id).await.unwrap().unwrap();
    assert_eq!(account().await.email, "ann@example.com");
    // Leaving needs the name and the password.
    ann.get(leave).await.expect(200, "5 notes, 5 cards");
    ann.post(leave, &[("username", "bob"), ("own_password", PASSWORD)]).await.expect(422, "another name");
    ann.post(leave, &[("username", "ann")]).await.expect(422, "type it once more");
    ann.post(leave, &[("username", "ann"), ("own_password", "wrong")]).await.expect(422, "not right");
    assert_eq!(device.notes().await.len(), 5);
    let mut other = ann.clone();
    ann.post(leave, &[("username", "ann"), ("own_password", PASSWORD)]).await.leads_to("/login/?told=gone&stay=1");
    ann.get("/login/?told=gone&stay=1").await.expect(200, "Your account is deleted.");
    other.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    ann.log_in("ann", PASSWORD).await.expect(422, "not right");
    // Somebody is always left who can look after the others.
    let username = Username::new("boss").unwrap();
    let new = djankiserv::actions::accounts::NewUser {
        username,
        email: String::new(),
        password: PASSWORD.into(),
        is_staff: true,
        is_superuser: true,
    };
    server.app.accounts.create(new, "test").await.unwrap();
    let mut boss = logged_in(&server, "boss").await;
    boss.get(leave).await.expect(403, "another administrator");
    boss.post(leave, &[("username", "boss")]).await.expect(403, "another administrator");
    boss.get("/account/").await.expect(200, "another administrator deletes your account");
    // What the server keeps safe is on its page.
    boss.get("/admin/server/").await.expect(200, "never by itself: set DJANKISERV_BACKUP_TO");
    server.end().await;
}

/// Every form of these pages, without its token, from a session that is over, and from somebody who was disabled meanwhile.
#[tokio::test]
async fn forms_that_must_do_nothing() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&support::collection(Schema::V18, 5, NOW)).await;
    device.upload(&support::collection(Schema::V18, 2, NOW + 5000)).await;
    let mut browser = logged_in(&server, "ann").await;
    let key = digests(&server, "ann").await.remove(0);
    let forms = [
        ("/account/password/", vec![("old", PASSWORD), ("password", NEW), ("again", NEW)]),
        ("/account/devices/", vec![("device", key.as_str())]),
        ("/account/devices/all/", vec![]),
        ("/account/browsers/others/", vec![]),
        ("/account/collection/1/restore/", vec![("understood", "1")]),
        ("/account/tokens/add/", vec![("name", "x"), ("read", "1"), ("days", "30")]),
        ("/account/email/", vec![("email", "eve@example.com")]),
        ("/account/leave/", vec![("username", "ann")]),
        ("/account/tokens/", vec![("token", "x")]),
    ];
    for (path, fields) in &forms {
        browser.post_raw(path, fields).await.expect(403, "nothing was done");
    }
    server.app.accounts.set_active(&Username::new("ann").unwrap(), false, "test").await.unwrap();
    for (path, fields) in &forms {
        browser.clone().post(path, fields).await.leads_to("/login/?told=late");
    }
    server.app.accounts.set_active(&Username::new("ann").unwrap(), true, "test").await.unwrap();
    let mut late = browser.clone();
    server.clock.set(NOW + 15 * 24 * 60 * MINUTE);
    for (path, fields) in &forms {
        late.post(path, fields).await.leads_to("/login/?told=late");
    }
    assert_eq!(digests(&server, "ann").await, [key]);
    assert_eq!(device.notes().await.len(), 2);
    server.end().await;
}
