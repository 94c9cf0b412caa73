//! What belongs to no surface: health, host names, the address of the peer.

pub mod health;
pub mod home;
pub mod hosts;
pub mod not_found;
pub mod peer;
