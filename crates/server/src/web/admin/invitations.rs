//! `/admin/invitations/`: links with which somebody makes an account of their own.

use super::password::LinkPage;
use crate::actions::one_time_links::LinkKind;
use crate::web::error::WebResult;
use crate::web::form::Posted;
use crate::web::layout::Layout;
use crate::web::show::{self, Html};
use crate::web::shown;
use crate::web::visit::Staff;
use askama::Template;
use axum::http::HeaderMap;

const HERE: &str = "/admin/invitations/";
/// What the secret that is shown was made for.
const SHOWN: &str = "invitation";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Template)]
#[template(path = "invitations.html")]
struct InvitationsPage {
    l: Layout,
    is_open: bool,
    lines: Vec<Line>,
}

struct Line {
    digest: String,
    maker: String,
    created: Html,
    expires: Html,
}

pub async fn show(who: Staff) -> WebResult {
    let links = who.app.links.list(LinkKind::Join).await?;
    let line = |link: store::main_db::OneTimeLink| Line {
        digest: link.digest,
        maker: link.maker,
        created: show::time(link.created),
        expires: show::time(link.expires),
    };
    who.page(&InvitationsPage {
        l: who.admin_layout("Invitations", "user"),
        is_open: who.app.config.web.signup_open,
        lines: links.into_iter().map(line).collect(),
    })
}

pub async fn make(Posted { who, form }: Posted<Staff>) -> WebResult {
    let days = form.get("days").parse().unwrap_or(7_i64).clamp(1, 90);
    let secret = who.app.links.make(LinkKind::Join, None, &who.active.account.username, days * DAY_MS).await?;
    who.app.accounts.record(&who.actor(), None, "invitation.make", format!("made an invitation that is good for {days} days")).await;
    let mut answer = who.go("/admin/invitations/made/");
    shown::keep(&who, &mut answer, SHOWN, &secret)?;
    Ok(answer)
}

/// The invitation that was just made. Loading the page again makes no other one.
pub async fn made(who: Staff, headers: HeaderMap) -> WebResult {
    let Some(secret) = shown::kept(&who, &headers, SHOWN)? else { return Ok(who.go(HERE)) };
    let Some(link) = who.app.links.find(LinkKind::Join, &secret).await? else {
        return who.go_and_tell(HERE, "That invitation has been used or withdrawn.").await;
    };
    who.page(&LinkPage {
        l: who.admin_layout("An invitation", "user"),
        link: who.public_link(&LinkKind::Join.path(&secret)),
        about: "Give this link to the person you invite. It makes one account, and is shown only now.".into(),
        until: show::time(link.expires),
        back: who.site.link(HERE),
    })
}

pub async fn withdraw(Posted { who, form }: Posted<Staff>) -> WebResult {
    if who.app.links.withdraw(LinkKind::Join, form.get("link")).await? {
        who.app.accounts.record(&who.actor(), None, "invitation.withdraw", "withdrew an invitation".into()).await;
    }
    who.go_and_tell(HERE, "The invitation is withdrawn.").await
}
