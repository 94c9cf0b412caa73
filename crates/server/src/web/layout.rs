//! What all pages have in common: the frame around their content.

use super::assets;
use crate::http::site::Site;

/// The data of `layout.html`, which every template has as `l`.
#[derive(Debug, Clone)]
pub struct Layout {
    pub title: String,
    /// What links begin with.
    pub base: String,
    pub style: String,
    pub script: String,
    /// The token that every form sends.
    pub csrf: String,
    /// Who is logged in.
    pub user: Option<String>,
    pub is_staff: bool,
    /// Which of the pages below `/account/` this is; empty for others.
    pub section: &'static str,
    /// Which of the places of administrators this is: `users`, `user` for those below it, `server`; empty for others.
    pub place: &'static str,
    pub version: &'static str,
    /// Where the project lives, with its documentation and its source.
    pub project: &'static str,
    /// Something to tell, once, about what was just done.
    pub notice: Option<String>,
    /// Load the page again after so many seconds.
    pub refresh: Option<u32>,
}

impl Layout {
    /// For nobody in particular.
    pub fn bare(title: &str, site: &Site) -> Self {
        Self {
            title: title.to_owned(),
            base: site.base.clone(),
            style: site.link(&assets::address("style.css")),
            script: site.link(&assets::address("pages.js")),
            csrf: String::new(),
            user: None,
            is_staff: false,
            section: "",
            place: "",
            version: env!("CARGO_PKG_VERSION"),
            project: env!("CARGO_PKG_REPOSITORY"),
            notice: None,
            refresh: None,
        }
    }
}
