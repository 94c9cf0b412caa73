//! The first run: from the link in the log to the first sync.

use crate::browser::Browser;
use crate::support::{NOW, TestServer, collection};
use anki::file::Schema;
use djankiserv::actions::one_time_links::LinkKind;
use djankiserv::web::setup::LINK_MS;
use serde_json::json;

const SECRET: &str = "Vier Elche trinken Tee";

fn account(username: &str) -> [(&str, &str); 4] {
    [("username", username), ("email", ""), ("password", SECRET), ("again", SECRET)]
}

#[tokio::test]
async fn a_conversation() {
    let server = TestServer::new().await;
    let mut browser = Browser::new(&server);
    browser.get("/").await.expect(200, "has no users yet");
    let secret = server.app.links.make(LinkKind::SetUp, None, "serve", LINK_MS).await.unwrap();
    let other = server.app.links.make(LinkKind::SetUp, None, "serve", LINK_MS).await.unwrap();
    let path = LinkKind::SetUp.path(&secret);
    for wrong in ["/setup/x/", "/setup/0000/", &LinkKind::Join.path(&secret)] {
        assert!(matches!(browser.get(wrong).await.status, 403 | 404), "{wrong}");
    }
    browser.get(&path).await.expect(200, "first administrator");
    for (password, again, problem) in
        [("short", "short", "at least 8"), (SECRET, "x", "not the same"), ("password", "password", "guessed first")]
    {
        let fields = [("username", "boss"), ("password", password), ("again", again)];
        browser.post(&path, &fields).await.expect(422, problem);
    }
    browser.post(&path, &[("username", ""), ("password", SECRET), ("again", SECRET)]).await.expect(422, "cannot be empty");
    browser.post_raw(&path, &account("boss")).await.expect(403, "too old");
    browser.post(&path, &account("boss")).await.leads_to("/admin/users/add/?first=1");
    // Neither link is good for a second administrator.
    for secret in [&secret, &other] {
        let mut late = Browser::new(&server);
        late.get("/login/").await;
        late.post(&LinkKind::SetUp.path(secret), &account("thief")).await.expect(403, "set up already");
        late.get(&LinkKind::SetUp.path(secret)).await.expect(403, "href=\"/login/\">Log in</a>");
    }
    browser.get("/admin/users/add/?first=1").await.expect(200, "The administrator is made.");
    let added = browser.post("/admin/users/add/", &account("ann")).await;
    let id = server.account("ann").await;
    let connect = format!("/admin/users/{id}/connect/");
    added.leads_to(&connect);
    let page = browser.get(&connect).await.expect(200, "Waiting for the first sync of");
    assert!(
        page.text.contains("<code class=\"copy\">http://anki.example/</code>") && page.text.contains("Made the user ann."),
        "{}",
        page.text
    );
    assert!(page.text.contains("http-equiv=\"refresh\"") && page.text.contains("data-poll"), "{}", page.text);
    let mut device = server.log_in_with("ann", SECRET).await;
    browser.get(&connect).await.expect(200, "has logged in as");
    device.session = "s1".into();
    device.upload(&collection(Schema::V18, 3, NOW)).await;
    let page = browser.get(&connect).await.expect(200, "The first sync has arrived: 3 notes and 3 cards are here");
    assert!(!page.text.contains("http-equiv=\"refresh\"") && !page.text.contains("data-poll"), "{}", page.text);
    assert!(page.text.contains("Last sync: <time datetime=\"20"), "{}", page.text);
    assert_eq!(device.json("sync/meta", json!({"v": 11, "cv": "x"})).await["mod"], NOW);
    let audit = server.app.main.audit(None, 10).await.unwrap();
    let made = audit.iter().find(|entry| entry.detail.contains("`boss`")).unwrap();
    assert_eq!((made.actor.as_str(), made.address.as_str()), ("setup page", "203.0.113.5"));
    let made = audit.iter().find(|entry| entry.detail.contains("`ann`")).unwrap();
    assert_eq!((made.actor.as_str(), made.address.as_str()), ("boss", "203.0.113.5"));
    server.end().await;
}
