//! `/account/`: how much is stored, and when it was last synced.

use crate::web::error::WebResult;
use crate::web::layout::Layout;
use crate::web::show::{self, Html};
use crate::web::visit::SignedIn;
use askama::Template;

#[derive(Template)]
#[template(path = "account.html")]
struct Overview {
    l: Layout,
    username: String,
    email: String,
    notes: String,
    cards: String,
    reviews: String,
    collection: String,
    media: String,
    last_sync: Html,
    last_sync_ago: String,
    devices: usize,
    running: Option<String>,
    is_empty: bool,
    has_password: bool,
    /// Whether it is for users to say which e-mail address is theirs.
    may_change_email: bool,
    may_leave: bool,
}

pub async fn show(who: SignedIn) -> WebResult {
    let (app, account) = (&who.app, &who.active.account);
    let (now, ids) = (app.clock.now_ms(), [account.id]);
    let (overviews, running) = tokio::try_join!(app.user.overviews(&ids), app.user.any_session(account.id))?;
    let (devices, has_password) = tokio::try_join!(app.main.host_keys(account.id), app.main.has_password(account.id))?;
    let overview = overviews.get(&account.id).cloned().unwrap_or_default();
    let is_empty = overview.schema.is_empty();
    let size = if is_empty { 0 } else { app.user.schema_size(&overview.schema).await? };
    let media = format!("{} in {}", show::used(overview.media_bytes, account.quota_media_bytes), show::count(overview.media_files, "file"));
    who.page(&Overview {
        l: super::layout(&who, "Your account", "overview"),
        username: account.username.clone(),
        email: account.email.clone(),
        notes: show::number(overview.counts.notes),
        cards: show::number(overview.counts.cards),
        reviews: show::number(overview.counts.revlog),
        collection: show::used(size, account.quota_collection_bytes),
        media: if overview.media_files == 0 { "none".to_owned() } else { media },
        last_sync: show::time_or_never(overview.last_sync),
        last_sync_ago: if overview.last_sync > 0 { show::ago(overview.last_sync, now) } else { String::new() },
        devices: devices.len(),
        running: running.map(|sync| show::ago(sync.started, now)),
        is_empty,
        has_password,
        may_change_email: !app.config.logins.trusts_emails(),
        may_leave: !account.is_staff && !account.is_superuser,
    })
}
