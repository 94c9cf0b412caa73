//! Logins to the pages by others than us. A whole login at a real provider is in `e2e/test_web_oidc.py`.

use crate::browser::Browser;
use crate::support::{PASSWORD, TestServer};
use djankiserv::actions::actor::Actor;
use djankiserv::actions::external_logins::ExternalError;
use djankiserv::actions::oidc::Person;
use djankiserv::actions::username::Username;
use djankiserv::config::{Link, OidcSettings, TrustedProxies};
use serde_json::json;
use std::sync::Arc;
use store::main_db::AccountChange;

const NEW: &str = "vier Elche trinken Tee";

async fn behind_a_proxy(creates: bool) -> TestServer {
    TestServer::with(|app| {
        let config = Arc::make_mut(&mut app.config);
        config.trusted_proxies = TrustedProxies::parse("10.0.0.1").unwrap();
        config.logins.proxy_header = Some("remote-user".parse().unwrap());
        config.logins.proxy_creates = creates;
    })
    .await
}

fn named(server: &TestServer, name: &str) -> Browser {
    let mut browser = Browser::new(server).from("10.0.0.1");
    browser.headers = vec![("remote-user", name.to_owned())];
    browser
}

#[tokio::test]
async fn a_proxy_says_who_it_is() {
    let server = behind_a_proxy(false).await;
    server.device("ann").await;
    server.device("bob").await;
    let mut browser = named(&server, "ANN");
    browser.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    browser.get("/login/?next=/account/").await.leads_to("/account/");
    browser.get("/account/").await.expect(200, "<dd>ann</dd>");
    // That is not the password, which dangerous steps need.
    browser.get("/account/collection/download/").await.leads_to("/confirm/?next=%2Faccount%2Fcollection%2Fdownload%2F");
    browser
        .post("/confirm/", &[("password", PASSWORD), ("next", "/account/collection/download/")])
        .await
        .leads_to("/account/collection/download/");
    browser.get("/account/tokens/add/").await.expect(200, "Make the token");
    // Another person at the same browser, nobody, two at once, and the same cookie from elsewhere.
    let with = |headers: &[&str], from: &str| {
        let mut other = browser.clone().from(from);
        other.headers = headers.iter().map(|name| ("remote-user", (*name).to_owned())).collect();
        other
    };
    let refused = "/login/?next=%2Faccount%2F";
    with(&["bob"], "10.0.0.1").get("/account/").await.leads_to(refused);
    with(&[], "10.0.0.1").get("/account/").await.leads_to(refused);
    with(&["ann"], "10.0.0.2").get("/account/").await.leads_to(refused);
    with(&["ann"], "10.0.0.2").get("/login/").await.expect(200, "Password");
    let mut other = with(&["bob"], "10.0.0.1");
    other.get("/login/").await.leads_to("/");
    other.get("/account/").await.expect(200, "<dd>bob</dd>");
    // Logging out is not undone at once.
    browser.post("/logout/", &[]).await.leads_to("/login/?stay=1&told=out");
    browser.get("/login/?stay=1").await.expect(200, "Go on as ANN");
    browser.get("/account/").await.leads_to(refused);
    for (name, part) in [("nobody", "no account here"), ("a\tb", "cannot be a username")] {
        named(&server, name).get("/login/").await.expect(403, part);
    }
    server.app.accounts.set_active(&Username::new("bob").unwrap(), false, "test").await.unwrap();
    other.get("/account/").await.leads_to(refused);
    other.get("/login/").await.expect(403, "disabled");
    server.end().await;
}

#[tokio::test]
async fn a_proxy_brings_new_users() {
    let server = behind_a_proxy(true).await;
    let mut browser = named(&server, "carol");
    browser.get("/login/").await.leads_to("/");
    browser.get("/account/").await.expect(200, "You have no password here yet");
    browser.get("/confirm/").await.expect(200, "Choose one first");
    browser.post("/confirm/", &[("password", ""), ("next", "/account/")]).await.expect(422, "not right");
    browser.post("/confirm/", &[("password", "!"), ("next", "/account/")]).await.expect(422, "not right");
    let path = "/account/password/";
    browser.get(path).await.expect(200, "Anki needs a password of its own");
    browser.post(path, &[("password", NEW), ("again", NEW)]).await.leads_to(path);
    browser.get(path).await.expect(200, "Old password");
    browser.post(path, &[("password", PASSWORD), ("again", PASSWORD)]).await.expect(422, "old password is not right");
    assert!(server.app.accounts.verify_login("carol", NEW.into(), None).await.is_ok());
    server.end().await;
}

fn settings(link: Link, creates: bool) -> OidcSettings {
    OidcSettings { issuer: "https://login.example".into(), client_id: "x".into(), client_secret: None, name: "x".into(), link, creates }
}

fn person(subject: &str, email: Option<&str>, username: Option<&str>) -> Person {
    Person {
        issuer: "https://login.example".into(),
        subject: subject.into(),
        email: email.map(str::to_owned),
        username: username.map(str::to_owned),
        asked_at: None,
    }
}

#[tokio::test]
async fn who_belongs_to_which_account() {
    let server = TestServer::new().await;
    let accounts = &server.app.accounts;
    let actor = Actor::from("test");
    for name in ["ann", "bob", "root", "twin1", "Twin2"] {
        server.device(name).await;
        let account = accounts.find(&Username::new(name).unwrap()).await.unwrap();
        let email = match name {
            "twin1" => "twin@example.com".to_owned(),
            "Twin2" => "Twin@Example.com".to_owned(),
            _ => format!("{name}@example.com"),
        };
        let is_superuser = name == "root";
        let change = AccountChange { email, is_staff: false, is_superuser, quota_collection_bytes: None, quota_media_bytes: None };
        accounts.change(&account, &change, "test").await.unwrap();
    }
    let who = async |settings: OidcSettings, person: Person| match accounts.by_person(&settings, &person, &actor).await {
        Ok(account) => account.username,
        Err(ExternalError::NoAccount) => "nobody".to_owned(),
        Err(other) => other.to_string(),
    };
    let (never, email, username) = (settings(Link::Never, false), settings(Link::Email, false), settings(Link::Username, false));
    for (settings, person, want) in [
        (&never, person("1", Some("ann@example.com"), Some("ann")), "nobody"),
        (&email, person("1", None, Some("ann")), "nobody"),
        (&email, person("1", Some("twin@example.com"), None), "nobody"),
        (&email, person("1", Some("root@example.com"), None), "nobody"),
        (&username, person("1", Some("ann@example.com"), Some("nobody")), "nobody"),
        (&username, person("1", None, Some("root")), "nobody"),
        (&email, person("1", Some("Ann@Example.com"), Some("bob")), "ann"),
        // From now on the subject counts, whatever else changes.
        (&never, person("1", Some("bob@example.com"), Some("bob")), "ann"),
        (&username, person("2", None, Some("BOB")), "bob"),
        (&settings(Link::Never, true), person("3", None, Some("ann")), "The name ann is taken here"),
        (&settings(Link::Never, true), person("3", None, None), "nobody"),
        (&settings(Link::Never, true), person("3", Some("new@example.com"), None), "new@example.com"),
        (&never, person("3", None, None), "new@example.com"),
    ] {
        let got = who(settings.clone(), person.clone()).await;
        assert!(got.starts_with(want), "{settings:?} {person:?}: {got}");
    }
    let bob = accounts.find(&Username::new("bob").unwrap()).await.unwrap();
    assert!(matches!(accounts.link(&bob, &person("1", None, None), &actor).await, Err(ExternalError::LinkedElsewhere)));
    accounts.link(&bob, &person("2", None, None), &actor).await.unwrap();
    accounts.link(&bob, &person("4", None, None), &actor).await.unwrap();
    assert!(accounts.is_linked(&bob, &person("4", None, None)).await.unwrap());
    let identities = server.app.main.identities(bob.id).await.unwrap();
    assert_eq!(identities.len(), 2);
    let ann = accounts.find(&Username::new("ann").unwrap()).await.unwrap();
    assert!(!accounts.unlink(&ann, &identities[0].digest, &actor).await.unwrap());
    assert!(accounts.unlink(&bob, &identities[0].digest, &actor).await.unwrap());
    accounts.set_active(&Username::new("ann").unwrap(), false, "test").await.unwrap();
    assert_eq!(who(never.clone(), person("1", None, None)).await, "Your account is disabled.");
    // Somebody else's account of the same name is not theirs.
    server.app.main.mark_account_deleted(ann.id, 1).await.unwrap();
    server.device("ann").await;
    assert_eq!(who(never, person("1", None, None)).await, "nobody");
    server.end().await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached() {
    let server = TestServer::with(|app| {
        let config = Arc::make_mut(&mut app.config);
        config.logins.oidc =
            Some(OidcSettings { issuer: "http://127.0.0.1:1".into(), name: "the office".into(), ..settings(Link::Never, false) });
    })
    .await;
    server.device("ann").await;
    let mut browser = Browser::new(&server);
    browser.get("/login/?next=/account/").await.expect(200, "Log in with the office");
    browser.get("/login/oidc/?next=/account/").await.expect(502, "The login with the office does not work now.");
    for query in ["", "?state=&code=x", "?state=x&code=x", "?error=access_denied"] {
        browser.get(&format!("/login/oidc/callback/{query}")).await.expect(400, "Begin again");
    }
    for cookie in ["x", "7b7d", "e4", ""] {
        browser.cookies.insert("oidc".into(), cookie.into());
        browser.get("/login/oidc/callback/?state=&code=x").await.expect(400, "Begin again");
    }
    browser.get("/login/oidc/link/").await.leads_to("/login/?next=%2Flogin%2Foidc%2Flink%2F");
    browser.log_in("ann", PASSWORD).await.leads_to("/");
    browser.headers.push(("sec-fetch-site", "cross-site".into()));
    browser.get("/login/oidc/link/").await.expect(403, "another site");
    browser.get("/login/oidc/confirm/").await.expect(403, "another site");
    server.end().await;
    let server = TestServer::new().await;
    for path in ["/login/oidc/", "/login/oidc/callback/?state=x&code=x"] {
        Browser::new(&server).get(path).await.expect(404, "Not found");
    }
    server.end().await;
}

/// A provider of which only the description is needed: it confirms nobody.
async fn provider() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let description = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"), "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    let answer = |body: serde_json::Value| axum::routing::get(move || std::future::ready(axum::Json(body.clone())));
    let routes =
        axum::Router::new().route("/.well-known/openid-configuration", answer(description)).route("/keys", answer(json!({"keys": []})));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    issuer
}

#[tokio::test]
async fn a_trip_to_the_provider_says_only_what_we_have_signed() {
    let issuer = provider().await;
    let oidc = OidcSettings { issuer, ..settings(Link::Never, false) };
    let server = TestServer::with(|app| Arc::make_mut(&mut app.config).logins.oidc = Some(oidc)).await;
    server.device("ann").await;
    let mut browser = Browser::new(&server);
    browser.log_in("ann", PASSWORD).await.leads_to("/");
    let begun = browser.get("/login/oidc/confirm/").await;
    let (_, state) = begun.location().split_once("state=").unwrap();
    let back = format!("/login/oidc/callback/?code=x&state={}", state.split('&').next().unwrap());
    let name = browser.cookies.keys().find(|name| name.contains("oidc")).unwrap().clone();
    let sealed = browser.cookies[&name].clone();
    let (json, signature) = sealed.split_once('.').unwrap();
    let json = String::from_utf8(hex::decode(json).unwrap()).unwrap();
    assert!(json.contains("\"Confirm\""), "{json}");
    let changed = hex::encode(json.replace("\"Confirm\"", "\"Link\""));
    let forged = [format!("{changed}.{signature}"), changed.clone(), format!("{changed}."), hex::encode(&json), String::new()];
    for forged in forged {
        browser.cookies.insert(name.clone(), forged);
        browser.get(&back).await.expect(400, "begun in another browser");
    }
    // What we have signed goes on to the provider, which does not confirm it here.
    browser.cookies.insert(name.clone(), sealed.clone());
    browser.get(&back).await.expect(502, "does not work now");
    // In another session it is worth nothing, as without one.
    let mut other = Browser::new(&server);
    other.log_in("ann", PASSWORD).await.leads_to("/");
    other.cookies.insert(name.clone(), sealed.clone());
    other.get(&back).await.expect(400, "begun in another browser");
    let mut stranger = Browser::new(&server);
    stranger.cookies.insert(name, sealed);
    stranger.get(&back).await.expect(400, "begun in another browser");
    server.end().await;
}
