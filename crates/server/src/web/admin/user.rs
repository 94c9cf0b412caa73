//! `/admin/users/<id>/`: all about a user.

use super::target;
use super::users::tags;
use crate::actions::administration::may_change;
use crate::web::error::WebResult;
use crate::web::layout::Layout;
use crate::web::show::{self, Html};
use crate::web::visit::Staff;
use askama::Template;
use axum::extract::Path;
use store::user_db::GenerationState;

const AUDIT_ENTRIES: i64 = 20;

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    l: Layout,
    id: i64,
    username: String,
    facts: Vec<(&'static str, Html)>,
    tags: Vec<&'static str>,
    is_active: bool,
    may_change: bool,
    is_self: bool,
    devices: Vec<Device>,
    browsers: usize,
    running: Option<String>,
    versions: Vec<Version>,
    audit: Vec<Entry>,
}

struct Device {
    digest: String,
    client: String,
    address: String,
    created: Html,
    last_seen: String,
}

struct Version {
    number: i32,
    is_kept: bool,
    state: &'static str,
    notes: String,
    cards: String,
    reviews: String,
    changed: Html,
    arrived: Html,
    replaced: Html,
}

/// An entry of the audit log.
pub struct Entry {
    pub at: Html,
    pub actor: String,
    pub address: String,
    pub detail: String,
}

pub async fn show(who: Staff, Path(id): Path<i64>) -> WebResult {
    let account = target::account(&who, id).await?;
    let app = &who.app;
    let now = app.clock.now_ms();
    let (keys, browsers, audit) =
        tokio::try_join!(app.main.host_keys(id), app.main.web_sessions(id, now), app.main.audit(Some(id), AUDIT_ENTRIES))?;
    let ids = [id];
    let (overviews, session, generations) = tokio::try_join!(app.user.overviews(&ids), app.user.any_session(id), app.user.generations(id))?;
    let overview = overviews.get(&id).cloned().unwrap_or_default();
    let size = if overview.schema.is_empty() { 0 } else { app.user.schema_size(&overview.schema).await? };
    let email = if account.email.is_empty() { "none".to_owned() } else { account.email.clone() };
    let facts = vec![
        ("E-mail", email.into()),
        ("Made", show::time(account.created)),
        ("Last login", show::time_or_never(account.last_login.unwrap_or(0))),
        ("Notes", show::number(overview.counts.notes).into()),
        ("Cards", show::number(overview.counts.cards).into()),
        ("Reviews", show::number(overview.counts.revlog).into()),
        ("Collection", show::used(size, account.quota_collection_bytes).into()),
        (
            "Media",
            format!("{}, {}", show::used(overview.media_bytes, account.quota_media_bytes), show::count(overview.media_files, "file"))
                .into(),
        ),
        ("Last sync", show::time_or_never(overview.last_sync)),
    ];
    let devices = keys.into_iter().map(|key| Device {
        client: show::client(&key.client),
        digest: key.digest,
        address: key.last_address,
        created: show::time(key.created),
        last_seen: show::ago(key.last_seen, now),
    });
    let is_whole = |state| matches!(state, GenerationState::Current | GenerationState::Kept | GenerationState::Importing);
    let versions = generations.into_iter().filter(|g| is_whole(g.state)).map(|g| Version {
        number: g.number,
        is_kept: g.state == GenerationState::Kept,
        state: if g.state == GenerationState::Kept { "kept" } else { "in use" },
        notes: show::number(g.counts.notes),
        cards: show::number(g.counts.cards),
        reviews: show::number(g.counts.revlog),
        changed: show::time_or_never(g.stamps.modified),
        arrived: show::time(g.created),
        replaced: if g.replaced == 0 { Html::default() } else { show::time(g.replaced) },
    });
    who.page(&UserPage {
        l: who.admin_layout(&account.username, "user"),
        id,
        facts,
        tags: tags(&account),
        is_active: account.is_active,
        may_change: may_change(&who.active.account, &account),
        is_self: account.id == who.active.account.id,
        devices: devices.collect(),
        browsers: browsers.len(),
        running: session
            .map(|s| format!("{}, begun {}, last request {}", s.client, show::ago(s.started, now), show::ago(s.last_seen, now))),
        versions: versions.collect(),
        audit: audit.into_iter().map(Entry::from).collect(),
        username: account.username,
    })
}

impl From<store::main_db::AuditEntry> for Entry {
    fn from(entry: store::main_db::AuditEntry) -> Self {
        Self { at: show::time(entry.at), actor: entry.actor, address: entry.address, detail: entry.detail.replace('`', "") }
    }
}
