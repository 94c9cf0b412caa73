//! `/account/`: what belongs to whoever is logged in.

pub mod collection;
pub mod devices;
pub mod download;
pub mod email;
pub mod leave;
pub mod overview;
pub mod password;
pub mod restore;
pub mod tokens;

use super::layout::Layout;
use super::visit::SignedIn;

/// The frame of one of these pages.
fn layout(who: &SignedIn, title: &str, section: &'static str) -> Layout {
    Layout { section, ..who.layout(title) }
}
