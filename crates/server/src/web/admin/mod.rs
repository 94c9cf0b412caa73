//! `/admin/`: the pages of administrators.

pub mod add;
pub mod delete;
pub mod edit;
pub mod invitations;
pub mod password;
pub mod restore;
pub mod server;
pub mod steps;
pub mod target;
pub mod user;
pub mod users;
