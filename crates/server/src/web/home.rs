//! `/`: leads to the page that is meant.

use super::error::WebResult;
use super::layout::Layout;
use super::visit::Visit;
use askama::Template;

#[derive(Template)]
#[template(path = "welcome.html")]
struct Welcome {
    l: Layout,
}

pub async fn show(visit: Visit) -> WebResult {
    if let Some(active) = &visit.active {
        let is_staff = active.account.is_staff || active.account.is_superuser;
        return Ok(visit.go(if is_staff { "/admin/" } else { "/account/" }));
    }
    if visit.app.accounts.any().await? {
        return Ok(visit.go("/login/"));
    }
    visit.page(&Welcome { l: visit.layout("Welcome") })
}
