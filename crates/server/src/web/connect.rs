//! What to type into each client, a code for phones to read, and whether the first sync has arrived.

use super::admin::target;
use super::error::WebResult;
use super::layout::Layout;
use super::show::{self, Html};
use super::visit::{SignedIn, Staff, Visit};
use askama::Template;
use axum::extract::Path;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;
use store::main_db::Account;

/// Seconds between looks, while a sync is awaited.
const POLL: u32 = 4;

#[derive(Template)]
#[template(path = "connect.html")]
struct ConnectPage {
    l: Layout,
    username: String,
    address: String,
    /// Whether the address names this machine only.
    is_local: bool,
    is_https: bool,
    /// Whether whoever looks at it runs the server.
    is_staff: bool,
    code: Option<Code>,
    poll: u32,
    state: State,
    /// The page of the user, for administrators.
    user_page: Option<String>,
}

/// How far the first sync has come.
enum State {
    Nothing,
    LoggedIn(String),
    Synced { notes: String, cards: String, client: String, when: Html },
}

/// A code as the path of an SVG.
struct Code {
    size: usize,
    path: String,
}

/// `/account/connect/`
pub async fn own(who: SignedIn) -> WebResult {
    let account = who.active.account.clone();
    page(&who, &account, None).await
}

/// `/admin/users/<id>/connect/`
pub async fn others(who: Staff, Path(id): Path<i64>) -> WebResult {
    let account = target::account(&who, id).await?;
    let user_page = who.site.link(&target::path(&account));
    page(&who, &account, Some(user_page)).await
}

async fn page(visit: &Visit, account: &Account, user_page: Option<String>) -> WebResult {
    let app = &visit.app;
    let ids = [account.id];
    let (clients, overviews) = tokio::try_join!(app.main.last_clients(&ids), app.user.overviews(&ids))?;
    let client = clients.get(&account.id).map(|(client, _)| show::client(client));
    let state = match overviews.get(&account.id) {
        Some(overview) if !overview.schema.is_empty() => State::Synced {
            notes: show::count(overview.counts.notes, "note"),
            cards: show::count(overview.counts.cards, "card"),
            client: client.unwrap_or_default(),
            when: show::time_or_never(overview.last_sync),
        },
        _ => client.map_or(State::Nothing, State::LoggedIn),
    };
    let address = visit.public_link("/");
    let host = url::Url::parse(&address).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    // Nothing but this machine reaches it, so no phone does.
    let is_local = host == "localhost" || host.starts_with("127.") || host == "[::1]";
    let title = match &user_page {
        Some(_) => format!("Connect Anki for {}", account.username),
        None => "Connect Anki".to_owned(),
    };
    let mut l = visit.layout(&title);
    if user_page.is_none() {
        l.section = "connect";
    }
    if !matches!(state, State::Synced { .. }) {
        l.refresh = Some(POLL);
    }
    let is_staff = l.is_staff;
    visit.page(&ConnectPage {
        l,
        username: account.username.clone(),
        is_local,
        is_https: address.starts_with("https:"),
        is_staff,
        code: if is_local { None } else { code(&address) },
        address,
        poll: POLL,
        state,
        user_page,
    })
}

/// None for an address that is too long.
fn code(text: &str) -> Option<Code> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (i, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            // Readers want a white margin of four.
            let _ = write!(path, "M{} {}h1v1h-1z", i % width + 4, i / width + 4);
        }
    }
    Some(Code { size: width + 8, path })
}
