//! What belongs to no surface: health, host names, the address of the peer, request ids, access log.

pub mod counted;
pub mod health;
pub mod home;
pub mod hosts;
pub mod not_found;
pub mod peer;
pub mod request_id;
pub mod surface;
pub mod track;
