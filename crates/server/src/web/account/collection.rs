//! `/account/collection/`: the way to a copy of one's collection, and the versions that uploads have replaced.

use crate::web::error::WebResult;
use crate::web::layout::Layout;
use crate::web::show::{self, Html};
use crate::web::visit::SignedIn;
use askama::Template;
use store::user_db::{Generation, GenerationState};

pub const HERE: &str = "/account/collection/";

#[derive(Template)]
#[template(path = "account_collection.html")]
struct CollectionPage {
    l: Layout,
    current: Option<Version>,
    is_importing: bool,
    kept: Vec<Version>,
    kept_days: u32,
    kept_count: u32,
}

/// A version as pages show it.
pub struct Version {
    pub number: i32,
    pub notes: String,
    pub cards: String,
    pub reviews: String,
    pub changed: Html,
    pub replaced: Html,
}

impl Version {
    pub fn of(generation: &Generation) -> Self {
        Self {
            number: generation.number,
            notes: show::number(generation.counts.notes),
            cards: show::number(generation.counts.cards),
            reviews: show::number(generation.counts.revlog),
            changed: show::time_or_never(generation.stamps.modified),
            replaced: show::time_or_never(generation.replaced),
        }
    }
}

pub async fn show(who: SignedIn) -> WebResult {
    let (current, kept) = who.app.accounts.versions(who.active.account.id).await?;
    let limits = &who.app.config.limits;
    who.page(&CollectionPage {
        l: super::layout(&who, "Your collection", "collection"),
        current: current.as_ref().map(Version::of),
        is_importing: current.is_some_and(|current| current.state == GenerationState::Importing),
        kept: kept.iter().map(|kept| Version::of(&kept.generation)).collect(),
        kept_days: limits.kept_days,
        kept_count: limits.kept_count,
    })
}
