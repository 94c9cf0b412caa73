//! Joining by invitation or openly, and passwords that were forgotten.

use crate::browser::Browser;
use crate::support::{NOW, PASSWORD, TestServer};
use djankiserv::actions::accounts::NewUser;
use djankiserv::actions::one_time_links::LinkKind;
use djankiserv::actions::username::Username;
use djankiserv::app::App;
use djankiserv::config::{Link, Mail, OidcSettings, Secret, Web};
use std::sync::Arc;
use store::main_db::AccountChange;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const DAY: i64 = 24 * 60 * 60 * 1000;
const SECRET: &str = "Vier Elche trinken Tee";

fn account(username: &str) -> [(&str, &str); 4] {
    [("username", username), ("email", "x@example.com"), ("password", SECRET), ("again", SECRET)]
}

fn set(web: Web) -> impl FnOnce(&mut App) {
    move |app| Arc::make_mut(&mut app.config).web = web
}

#[tokio::test]
async fn invitations() {
    let server = TestServer::new().await;
    server.device("boss").await;
    let id = server.account("boss").await;
    let roles =
        AccountChange { email: String::new(), is_staff: true, is_superuser: false, quota_collection_bytes: None, quota_media_bytes: None };
    server.app.main.change_account(id, &roles).await.unwrap();
    let mut boss = Browser::new(&server);
    boss.log_in("boss", PASSWORD).await.leads_to("/");
    let mut guest = Browser::new(&server);
    guest.get("/join/").await.expect(403, "invited here");
    guest.get("/login/").await;
    guest.post("/join/", &account("guest")).await.expect(403, "invited here");
    let mut links = Vec::new();
    for _ in 0..3 {
        boss.post("/admin/invitations/", &[("days", "7")]).await.leads_to("/admin/invitations/made/");
        let page = boss.get("/admin/invitations/made/").await.expect(200, "shown only now");
        assert_eq!(boss.get("/admin/invitations/made/").await.text, page.text);
        links.push(page.between("http://anki.example", "</code>").to_owned());
    }
    guest.get(&links[0]).await.expect(200, "Make my account");
    // What is refused does not cost the invitation.
    guest.post(&links[0], &account("BOSS")).await.expect(422, "that name already");
    guest.post(&links[0], &[("username", "guest"), ("password", "guest1234"), ("again", "guest1234")]).await.expect(422, "guessed first");
    guest.post(&links[0], &account("guest")).await.leads_to("/account/connect/");
    let page = guest.get("/account/connect/").await.expect(200, "Waiting for the first sync of <strong>guest");
    assert!(page.text.contains("Welcome, guest!"), "{}", page.text);
    boss.get("/admin/invitations/made/").await.expect(200, "shown only now");
    Browser::new(&server).get(&links[0]).await.expect(403, "has been used");
    // Withdrawn, and too old.
    let page = boss.get("/admin/invitations/").await.expect(200, "Withdraw");
    assert_eq!(page.text.matches("name=\"link\"").count(), 2);
    let digest = page.between("name=\"link\" value=\"", "\"").to_owned();
    boss.post("/admin/invitations/withdraw/", &[("link", &digest)]).await.leads_to("/admin/invitations/");
    let mut left = 0;
    for link in &links[1..] {
        left += u32::from(Browser::new(&server).get(link).await.status == 200);
    }
    assert_eq!(left, 1);
    server.clock.set(NOW + 7 * DAY);
    for link in &links {
        Browser::new(&server).get(link).await.expect(403, "too old");
    }
    let made = server.app.main.audit(Some(server.account("guest").await), 5).await.unwrap();
    assert_eq!(made[0].actor, "invitation of boss");
    server.end().await;
}

#[tokio::test]
async fn nobody_says_which_address_is_theirs_where_it_opens_accounts() {
    let oidc = OidcSettings {
        issuer: "https://login.example".into(),
        client_id: "x".into(),
        client_secret: None,
        name: "x".into(),
        link: Link::Email,
        creates: false,
    };
    for (link, email) in [(Link::Email, ""), (Link::Never, "x@example.com")] {
        let oidc = Some(OidcSettings { link, ..oidc.clone() });
        let server = TestServer::with(|app| Arc::make_mut(&mut app.config).logins.oidc = oidc).await;
        let secret = server.app.links.make(LinkKind::Join, None, "boss", DAY).await.unwrap();
        let mut guest = Browser::new(&server);
        guest.get(&LinkKind::Join.path(&secret)).await.expect(200, "Make my account");
        guest.post(&LinkKind::Join.path(&secret), &account("guest")).await.leads_to("/account/connect/");
        assert_eq!(server.app.accounts.find(&Username::new("guest").unwrap()).await.unwrap().email, email);
        server.end().await;
    }
}

#[tokio::test]
async fn open_to_everybody() {
    let server = TestServer::with(set(Web { signup_open: true, ..Web::default() })).await;
    let mut guest = Browser::new(&server);
    guest.get("/login/").await;
    // The administrator comes first: with the first user the link to set the server up is dead.
    guest.get("/join/").await.expect(403, "not set up yet");
    guest.post("/join/", &account("guest")).await.expect(403, "not set up yet");
    server.device("first").await;
    guest.get("/login/").await.expect(200, "href=\"/join/\"");
    guest.get("/join/").await.expect(200, "Make my account");
    guest
        .post("/join/", &[("is_staff", "1"), ("is_superuser", "1")].into_iter().chain(account("guest")).collect::<Vec<_>>())
        .await
        .leads_to("/account/connect/");
    let guest = server.app.accounts.find(&Username::new("guest").unwrap()).await.unwrap();
    assert!(!guest.is_staff && !guest.is_superuser && guest.email == "x@example.com");
    // One address cannot make many.
    let mut many = Browser::new(&server).from("198.51.100.7");
    many.get("/login/").await;
    for n in 0..10 {
        many.post("/join/", &account(&format!("many{n}"))).await.leads_to("/account/connect/");
    }
    many.post("/join/", &account("many10")).await.expect(429, "Too many attempts");
    server.end().await;
}

/// A mail server that takes everything and answers what it got.
async fn sink() -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                let (mut mail, mut is_data) = (String::new(), false);
                write.write_all(b"220 sink\r\n").await.unwrap();
                while let Ok(Some(line)) = lines.next_line().await {
                    mail.push_str(&line);
                    mail.push('\n');
                    let answer: &[u8] = match line.as_str() {
                        "." if is_data => {
                            is_data = false;
                            sender.send(std::mem::take(&mut mail)).unwrap();
                            b"250 taken\r\n"
                        }
                        _ if is_data => continue,
                        "DATA" => {
                            is_data = true;
                            b"354 go on\r\n"
                        }
                        "QUIT" => b"221 bye\r\n",
                        _ => b"250 fine\r\n",
                    };
                    write.write_all(answer).await.unwrap();
                }
            });
        }
    });
    (port, receiver)
}

/// Whoever has the address gets links to choose a password, so a change of it is no secret.
#[tokio::test]
async fn a_new_address_is_told_to_the_old_one() {
    let (port, mut mails) = sink().await;
    let mail = Mail { smtp_url: Secret::new(format!("smtp://127.0.0.1:{port}")), from: "Anki <anki@example.com>".into() };
    let server = TestServer::with(set(Web { mail: Some(mail), ..Web::default() })).await;
    server.device("ann").await;
    let id = server.account("ann").await;
    let new = NewUser {
        username: Username::new("boss").unwrap(),
        email: String::new(),
        password: PASSWORD.into(),
        is_staff: true,
        is_superuser: true,
    };
    server.app.accounts.create(new, "test").await.unwrap();
    let mut boss = Browser::new(&server);
    boss.log_in("boss", PASSWORD).await.leads_to("/");
    let path = format!("/admin/users/{id}/");
    for (email, notice) in [
        ("ann@example.com", "The e-mail address is changed."),
        ("ann@example.com", "What is known"),
        ("eve@example.com", "address is changed"),
    ] {
        boss.post(&format!("{path}edit/"), &[("username", "ann"), ("email", email)]).await.leads_to(&path);
        boss.get(&path).await.expect(200, notice);
    }
    let mail = mails.recv().await.unwrap().replace("=\n", "");
    assert!(mail.contains("RCPT TO:<ann@example.com>") && mail.contains("changed by the administrator boss"), "{mail}");
    assert!(!mail.contains("eve@example.com"), "{mail}");
    assert!(mails.try_recv().is_err(), "the first one took nobody's place, and the second was none");
    server.end().await;
}

#[tokio::test]
async fn forgotten_passwords() {
    let (port, mut mails) = sink().await;
    let mail = Mail { smtp_url: Secret::new(format!("smtp://127.0.0.1:{port}")), from: "Anki <anki@example.com>".into() };
    let web = Web { public_url: Some("https://anki.example.org".into()), mail: Some(mail), ..Web::default() };
    let server = TestServer::with(set(web)).await;
    for (name, email) in [("ann", "ann@example.com"), ("off", "off@example.com"), ("silent", "")] {
        server.device(name).await;
        let account = server.app.accounts.find(&Username::new(name).unwrap()).await.unwrap();
        let change = AccountChange {
            email: email.into(),
            is_staff: false,
            is_superuser: false,
            quota_collection_bytes: None,
            quota_media_bytes: None,
        };
        server.app.accounts.change(&account, &change, "test").await.unwrap();
    }
    server.app.accounts.set_active(&Username::new("off").unwrap(), false, "test").await.unwrap();
    let mut browser = Browser::new(&server);
    browser.get("/login/").await.expect(200, "href=\"/forgot/\"");
    browser.get("/forgot/").await.expect(200, "Send the mail");
    let mut texts = Vec::new();
    for name in ["nobody", "off", "silent", "off@example.com", "nobody@example.com", "", "ann"] {
        texts.push(browser.post("/forgot/", &[("name", name)]).await.expect(200, "If there is such an account").text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
    let mail = mails.recv().await.unwrap();
    // Lines are folded when they are long.
    let mail = mail.replace("=\n", "").replace("=3D", "=");
    assert!(
        mail.contains("RCPT TO:<ann@example.com>") && mail.contains("From: \"Anki\" <anki@example.com>")
            || mail.contains("From: Anki <anki@example.com>"),
        "{mail}"
    );
    let (_, rest) = mail.split_once("https://anki.example.org/password/").unwrap();
    let secret = rest.get(..64).unwrap().to_owned();
    assert!(mails.try_recv().is_err(), "nobody else gets a mail");
    // The newest link is the only one.
    browser.post("/forgot/", &[("name", "ANN@Example.com")]).await.expect(200, "on its way");
    let second = mails.recv().await.unwrap().replace("=\n", "");
    let second = second.split_once("/password/").unwrap().1.get(..64).unwrap().to_owned();
    let path = LinkKind::Password.path(&second);
    Browser::new(&server).get(&LinkKind::Password.path(&secret)).await.expect(403, "has been used");
    browser.get(&path).await.expect(200, "ann");
    browser.post(&path, &[("password", SECRET), ("again", SECRET)]).await.leads_to("/account/");
    browser.get("/account/").await.expect(200, "Your password is changed. 1 device is logged out.");
    Browser::new(&server).log_in("ann", SECRET).await.leads_to("/");
    // An hour later it would not have been good any more.
    browser.post("/forgot/", &[("name", "ann")]).await.expect(200, "on its way");
    let third = mails.recv().await.unwrap().replace("=\n", "");
    let third = third.split_once("/password/").unwrap().1.get(..64).unwrap().to_owned();
    server.clock.set(NOW + DAY / 24);
    Browser::new(&server).get(&LinkKind::Password.path(&third)).await.expect(403, "too old");
    // Nobody's mailbox is flooded.
    let mut last = 200;
    for _ in 0..12 {
        last = browser.post("/forgot/", &[("name", "nobody2")]).await.status;
    }
    assert_eq!(last, 429);
    server.end().await;
}
