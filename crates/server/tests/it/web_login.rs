//! Logging in and out of the pages, and what must not get through.

use crate::browser::Browser;
use crate::support::{NOW, PASSWORD, TestServer};
use axum::body::Body;
use axum::http::Request;
use djankiserv::actions::username::Username;

const DAY: i64 = 24 * 60 * 60 * 1000;

async fn server_with_ann() -> (TestServer, Browser) {
    let server = TestServer::new().await;
    server.device("ann").await;
    let browser = Browser::new(&server);
    (server, browser)
}

#[tokio::test]
async fn in_and_out() {
    let (server, mut browser) = server_with_ann().await;
    browser.get("/").await.leads_to("/login/");
    browser.get("/account/?x=1").await.leads_to("/login/?next=%2Faccount%2F%3Fx%3D1");
    let page = browser.get("/login/?next=/account/").await.expect(200, "name=\"next\" value=\"/account/\"");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(
        (page.headers["cache-control"].as_bytes(), page.headers["x-content-type-options"].as_bytes()),
        (&b"no-store"[..], &b"nosniff"[..])
    );
    for inline in ["<style", "style=", "<script>", "onclick"] {
        assert!(!page.text.contains(inline), "{inline}");
    }
    browser.post("/login/", &[("username", "ANN"), ("password", PASSWORD), ("next", "/account/")]).await.leads_to("/account/");
    browser.get("/account/").await.expect(200, "Last sync");
    browser.get("/login/?next=/account/").await.leads_to("/account/");
    browser.get("/").await.leads_to("/account/");
    let mut thief = browser.clone();
    browser.get("/logout/").await.leads_to("/");
    browser.post("/logout/", &[]).await.leads_to("/login/?told=out");
    assert!(browser.cookies.is_empty());
    browser.get("/login/?told=out").await.expect(200, "You are logged out.");
    thief.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    server.end().await;
}

/// People get a page; what is no browser gets a bare 404, as clients expect it.
#[tokio::test]
async fn addresses_that_lead_nowhere() {
    let (server, _) = server_with_ann().await;
    let ask = |method: &str, path: &str, accept: &str| {
        let request = Request::builder().method(method).uri(path).header("accept", accept).body(Body::empty()).unwrap();
        crate::api::raw(&server, request)
    };
    let page = ask("GET", "/acount/", "text/html,application/xhtml+xml,*/*;q=0.8").await;
    let text = String::from_utf8_lossy(&page.bytes).into_owned();
    assert_eq!((page.status, page.header("x-frame-options")), (404, "DENY"), "{text}");
    assert!(text.contains("There is no such page") && text.contains("<link rel=\"stylesheet\""), "{text}");
    for (method, path, accept) in
        [("GET", "/acount/", "*/*"), ("POST", "/sync/sync/meta", "text/html"), ("GET", "/msync/sync/begin", "*/*")]
    {
        let plain = ask(method, path, accept).await;
        assert_eq!((plain.status, &plain.bytes[..]), (404, &b"404"[..]), "{method} {path}");
    }
    server.end().await;
}

/// Nothing tells whether a user exists, has another password, or is disabled.
#[tokio::test]
async fn refusals_look_the_same() {
    let (server, mut browser) = server_with_ann().await;
    server.device("off").await;
    server.app.accounts.set_active(&Username::new("off").unwrap(), false, "test").await.unwrap();
    let mut texts = Vec::new();
    for (username, password) in [("ann", "wrong"), ("nobody", PASSWORD), ("off", PASSWORD), ("", ""), ("a\u{1}", "x")] {
        let page = browser.log_in(username, password).await.expect(422, "The username or the password is not right.");
        assert!(!browser.cookies.contains_key("sessionid"));
        texts.push(page.text.replace(&format!("value=\"{username}\""), "value=\"\"").replace(" autofocus", ""));
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    server.end().await;
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let (server, mut browser) = server_with_ann().await;
    for _ in 0..10 {
        browser.log_in("ann", "wrong").await.expect(422, "not right");
    }
    let page = browser.log_in("ann", PASSWORD).await.expect(429, "Try again in 5 minutes.");
    assert_eq!(page.headers["retry-after"], "300");
    server.clock.set(NOW + 5 * 60_000 + 1);
    browser.log_in("ann", PASSWORD).await.leads_to("/");
    server.end().await;
}

#[tokio::test]
async fn forged_forms_do_nothing() {
    let (server, mut browser) = server_with_ann().await;
    let fields = [("username", "ann"), ("password", PASSWORD)];
    // Without the page's cookie and token nobody can be logged in, not even as the attacker.
    let page = browser.post_raw("/login/", &fields).await.expect(403, "Please try once more.");
    assert!(page.text.contains("name=\"username\" value=\"ann\"") && !page.text.contains(PASSWORD), "{}", page.text);
    browser.cookies.clear();
    browser.post("/login/", &fields).await.expect(403, "too old");
    browser.get("/login/").await;
    browser.post_raw("/login/", &[fields[0], fields[1], ("csrfmiddlewaretoken", "x")]).await.expect(403, "too old");
    assert!(!browser.cookies.contains_key("sessionid"));
    // The form that was shown again is good, though.
    browser.clone().post("/login/", &fields).await.leads_to("/");
    browser.log_in("ann", PASSWORD).await.leads_to("/");
    browser.post_raw("/logout/", &[]).await.expect(403, "too old");
    let other = Browser::new(&server).log_in("ann", PASSWORD).await;
    let others_token = other.headers.get_all("set-cookie").iter().next_back().unwrap().to_str().unwrap()[10..74].to_owned();
    browser.post_raw("/logout/", &[("csrfmiddlewaretoken", &others_token)]).await.expect(403, "too old");
    let token = browser.cookies["csrftoken"].clone();
    assert_ne!(token, others_token);
    for (name, value) in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let mut browser = browser.clone();
        browser.headers.push((name, value.into()));
        browser.post("/logout/", &[]).await.expect(403, "from another site");
    }
    let json = Request::post("/logout/").header("content-type", "application/json").header("x-csrftoken", &token);
    browser.send(json.body(Body::from("{}")).unwrap()).await.expect(400, "not a form");
    let long = "x".repeat(70_000);
    browser.post("/logout/", &[("a", &long)]).await.expect(400, "too long");
    browser.get("/account/").await.expect(200, "ann");
    // A script of ours may send the token as the original's did.
    let script = Request::post("/logout/").header("content-type", "application/x-www-form-urlencoded").header("x-csrftoken", &token);
    browser.send(script.body(Body::empty()).unwrap()).await.leads_to("/login/?told=out");
    server.end().await;
}

/// Whoever was logged out meanwhile is told so, and comes back to the page that the form was on.
#[tokio::test]
async fn forms_that_were_sent_too_late() {
    let (server, mut browser) = server_with_ann().await;
    browser.log_in("ann", PASSWORD).await.leads_to("/");
    server
        .app
        .accounts
        .log_out_everywhere(&server.app.main.account_by_id(server.account("ann").await).await.unwrap().unwrap(), "test")
        .await
        .unwrap();
    for (referer, login) in [
        ("http://anki.example/account/tokens/add/?for=x", "/login/?next=%2Faccount%2Ftokens%2Fadd%2F%3Ffor%3Dx&told=late"),
        ("http://anki.example/", "/login/?told=late"),
        ("http://anki.example:81/account/", "/login/?told=late"),
        ("http://anki.example//evil.example/", "/login/?told=late"),
        ("x", "/login/?told=late"),
    ] {
        let mut late = browser.clone();
        late.headers.push(("referer", referer.into()));
        late.post("/account/tokens/add/", &[("name", "x"), ("read", "1"), ("days", "30")]).await.leads_to(login);
    }
    browser.get("/login/?told=late").await.expect(200, "nothing was changed. Log in, then send it again.");
    browser.get("/login/?told=%3Cb%3E").await.expect(200, "Log in");
    browser.post("/logout/", &[]).await.leads_to("/login/");
    server.end().await;
}

#[tokio::test]
async fn no_redirect_leads_away() {
    let (server, browser) = server_with_ann().await;
    for next in
        ["//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "/\r\nX: y", "evil"]
    {
        let mut browser = browser.clone();
        browser.get("/login/").await;
        browser.post("/login/", &[("username", "ann"), ("password", PASSWORD), ("next", next)]).await.leads_to("/");
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        browser.get(&format!("/login/?{query}")).await.leads_to("/");
    }
    server.end().await;
}

#[tokio::test]
async fn sessions_end() {
    let (server, mut browser) = server_with_ann().await;
    let ann = Username::new("ann").unwrap();
    browser.log_in("ann", PASSWORD).await.leads_to("/");
    // Used every ten days, it goes on, but not for ever.
    for day in (10..=80).step_by(10) {
        server.clock.set(NOW + day * DAY);
        browser.get("/account/").await.expect(200, "ann");
    }
    server.clock.set(NOW + 89 * DAY);
    browser.get("/account/").await.expect(200, "ann");
    server.clock.set(NOW + 91 * DAY);
    browser.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    browser.log_in("ann", PASSWORD).await.leads_to("/");
    server.clock.set(NOW + 106 * DAY);
    browser.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    browser.log_in("ann", PASSWORD).await.leads_to("/");
    server.app.accounts.set_active(&ann, false, "test").await.unwrap();
    browser.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    server.app.accounts.set_active(&ann, true, "test").await.unwrap();
    browser.get("/account/").await.expect(200, "ann");
    server.app.accounts.set_password(&ann, "another horse".into(), true, "test").await.unwrap();
    browser.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    browser.cookies.insert("sessionid".into(), "' OR 1=1 --".into());
    browser.get("/account/").await.leads_to("/login/?next=%2Faccount%2F");
    browser.log_in("ann", "another horse").await.leads_to("/");
    server.app.accounts.tidy().await.unwrap();
    let account = server.account("ann").await;
    assert_eq!(server.app.main.web_sessions(account, NOW + 106 * DAY).await.unwrap().len(), 1);
    server.end().await;
}

#[tokio::test]
async fn nothing_typed_becomes_html() {
    let server = TestServer::new().await;
    let name = "<script>alert(1)</script>\"'&";
    server.device(name).await;
    let mut browser = Browser::new(&server);
    browser.log_in(name, "wrong").await.expect(422, "&#60;script&#62;");
    let page = browser.get("/login/?next=/%22%3E%3Cscript%3Ex").await;
    assert!(!page.text.contains("<script>"), "{}", page.text);
    browser.log_in(name, PASSWORD).await.leads_to("/");
    let page = browser.get("/account/").await.expect(200, "&#60;script&#62;alert(1)");
    assert!(!page.text.contains("<script>"), "{}", page.text);
    server.end().await;
}

#[tokio::test]
async fn the_password_is_asked_again() {
    let (server, mut browser) = server_with_ann().await;
    browser.log_in("ann", PASSWORD).await.leads_to("/");
    browser.get("/confirm/?next=/account/").await.expect(200, "once more");
    let page = browser.get("/confirm/?next=/account/collection/download/").await.expect(200, "Downloading your collection: before this");
    assert!(page.text.contains("href=\"/account/collection/\">Cancel"), "{}", page.text);
    browser.post("/confirm/", &[("password", "wrong"), ("next", "/account/")]).await.expect(422, "not right");
    browser.post("/confirm/", &[("password", PASSWORD), ("next", "//evil.example")]).await.leads_to("/");
    browser.post("/confirm/", &[("password", PASSWORD), ("next", "/account/")]).await.leads_to("/account/");
    server.end().await;
}

#[tokio::test]
async fn behind_a_proxy() {
    let server = TestServer::with(|app| {
        let config = std::sync::Arc::make_mut(&mut app.config);
        config.trusted_proxies = djankiserv::config::TrustedProxies::parse("10.0.0.1").unwrap();
    })
    .await;
    server.device("ann").await;
    let forwarded = [("x-forwarded-proto", "https"), ("x-forwarded-host", "anki.example"), ("x-forwarded-prefix", "/sub/")];
    let mut browser = Browser::new(&server).from("10.0.0.1");
    browser.headers = forwarded.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    browser.get("/").await.leads_to("/sub/login/");
    browser.get("/login/").await.expect(200, "action=\"/sub/login/\"");
    let page = browser.post("/login/", &[("username", "ann"), ("password", PASSWORD)]).await;
    page.leads_to("/sub/");
    for cookie in page.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.contains("; Secure") && cookie.contains("Path=/sub/;") && cookie.contains("SameSite=Lax"), "{cookie}");
        assert_eq!(cookie.contains("HttpOnly"), cookie.starts_with("sessionid"), "{cookie}");
    }
    // The same headers from anybody else mean nothing.
    let mut browser = browser.clone().from("192.0.2.9");
    browser.cookies.clear();
    let page = browser.get("/login/").await.expect(200, "action=\"/login/\"");
    assert!(!page.headers["set-cookie"].to_str().unwrap().contains("Secure"));
    server.end().await;
}

#[tokio::test]
async fn addresses_without_a_page() {
    let (server, mut browser) = server_with_ann().await;
    for path in ["/admin/nothing/", "/account/nothing/", "/static/nothing.css"] {
        browser.get(path).await.expect(404, "Not found");
    }
    for path in [
        "/login",
        "/admin",
        "/account",
        "/account/devices",
        "/admin/users/5/edit",
        "/join",
        "/join/x",
        "/setup/x",
        "/password/x",
        "/forgot",
        "/logout",
        "/login/oidc",
    ] {
        let page = browser.get(path).await;
        assert_eq!((page.status, page.location()), (308, format!("{path}/").as_str()));
    }
    assert_eq!(browser.get("/admin?q=a&page=2").await.location(), "/admin/?q=a&page=2");
    browser.get("/.well-known/change-password").await.leads_to("/account/password/");
    for (path, page) in [
        ("/account/devices/all/", "/account/devices/"),
        ("/account/browsers/", "/account/devices/"),
        ("/account/browsers/others/", "/account/devices/"),
        ("/account/password/unlink/", "/account/password/"),
    ] {
        browser.get(path).await.leads_to(page);
    }
    // What cannot be sent anywhere gets a page that says so, with who is logged in around it.
    let page = browser.post("/account/", &[]).await.expect(405, "nothing was done");
    assert!(page.headers["allow"].to_str().unwrap().contains("GET") && !page.text.contains("Log out"), "{}", page.text);
    browser.log_in("ann", PASSWORD).await.leads_to("/");
    for page in [browser.post("/account/", &[]).await, browser.get("/account/nothing/").await, browser.get("/admin/").await] {
        assert!(page.text.contains("Log out <span class=\"who\">ann") && page.text.contains(">My account</a>"), "{}", page.text);
    }
    browser.cookies.clear();
    let page = browser.get("/login/").await;
    let style = page.between("rel=\"stylesheet\" href=\"", "\"").to_owned();
    let sheet = browser.get(&style).await.expect(200, "prefers-color-scheme");
    assert!(sheet.headers["cache-control"].to_str().unwrap().contains("immutable"));
    server.end().await;
}
