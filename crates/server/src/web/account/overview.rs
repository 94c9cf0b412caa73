//! `/account/`: how much is stored, and when it was last synced.

use crate::web::error::WebResult;
use crate::web::layout::Layout;
use crate::web::show;
use crate::web::visit::SignedIn;
use askama::Template;

#[derive(Template)]
#[template(path = "account.html")]
struct Overview {
    l: Layout,
    email: String,
    notes: String,
    cards: String,
    reviews: String,
    last_sync: String,
    media: String,
    media_files: String,
}

pub async fn show(who: SignedIn) -> WebResult {
    let account = &who.active.account;
    let (state, media) = tokio::join!(who.app.user.state(account.id), who.app.user.media_state(account.id));
    let current = state?.and_then(|state| state.current);
    let media = media?.unwrap_or_default();
    let counts = current.as_ref().map(|current| current.counts).unwrap_or_default();
    who.page(&Overview {
        l: who.layout("Your account"),
        email: account.email.clone(),
        notes: show::number(counts.notes),
        cards: show::number(counts.cards),
        reviews: show::number(counts.revlog),
        last_sync: show::time_or_never(current.map_or(0, |current| current.stamps.last_sync)),
        media: show::size(media.bytes),
        media_files: show::number(media.files),
    })
}
