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
    if visit.active.is_some() {
        return Ok(visit.go("/account/"));
    }
    if visit.app.accounts.any().await? {
        return Ok(visit.go("/login/"));
    }
    visit.page(&Welcome { l: visit.layout("Welcome") })
}
