//! `/admin/users/<id>/delete/`: deleting an account, after saying what will be lost.

use super::target;
use crate::web::error::WebResult;
use crate::web::form::Posted;
use crate::web::layout::Layout;
use crate::web::show;
use crate::web::visit::{Staff, Visit};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use store::main_db::Account;
use store::user_db::GenerationState;

#[derive(Template)]
#[template(path = "user_delete.html")]
struct DeletePage {
    l: Layout,
    id: i64,
    username: String,
    lost: Losses,
    problem: Option<&'static str>,
}

/// What an account has, as a page says it.
pub struct Losses {
    pub notes: String,
    pub cards: String,
    pub reviews: String,
    pub media_files: String,
    pub media: String,
    pub kept: String,
    pub devices: String,
}

pub async fn show(who: Staff, Path(id): Path<i64>) -> WebResult {
    let account = allowed(&who, id).await?;
    let page = DeletePage::new(&who, &account, None).await?;
    who.page(&page)
}

pub async fn submit(Path(id): Path<i64>, Posted { who, form }: Posted<Staff>) -> WebResult {
    let account = allowed(&who, id).await?;
    if form.text("username") != account.username {
        let page = DeletePage::new(&who, &account, Some("That is another name, so nothing was deleted.")).await?;
        return who.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    who.app.accounts.begin_deletion(&account, who.actor()).await?;
    who.go_and_tell("/admin/", format!("{} is deleted. Collection and media are being removed.", account.username)).await
}

async fn allowed(who: &Staff, id: i64) -> WebResult<Account> {
    let account = target::other_to_change(who, id).await?;
    who.need_password(&format!("{}delete/", target::path(&account)))?;
    Ok(account)
}

impl DeletePage {
    async fn new(who: &Staff, account: &Account, problem: Option<&'static str>) -> WebResult<Self> {
        Ok(Self {
            l: who.admin_layout(&format!("Delete {}", account.username), "user"),
            id: account.id,
            username: account.username.clone(),
            lost: Losses::of(who, account).await?,
            problem,
        })
    }
}

impl Losses {
    /// # Errors
    /// When a database fails.
    pub async fn of(visit: &Visit, account: &Account) -> WebResult<Self> {
        let app = &visit.app;
        let ids = [account.id];
        let (overviews, generations) = tokio::try_join!(app.user.overviews(&ids), app.user.generations(account.id))?;
        let overview = overviews.get(&account.id).cloned().unwrap_or_default();
        Ok(Self {
            notes: show::count(overview.counts.notes, "note"),
            cards: show::count(overview.counts.cards, "card"),
            reviews: show::count(overview.counts.revlog, "review"),
            media_files: show::count(overview.media_files, "media file"),
            media: show::size(overview.media_bytes),
            kept: show::count(generations.iter().filter(|g| g.state == GenerationState::Kept).count() as i64, "kept older version"),
            devices: show::count(app.main.host_keys(account.id).await?.len() as i64, "logged-in device"),
        })
    }
}
