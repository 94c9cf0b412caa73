//! `/account/`: what belongs to whoever is logged in.

pub mod overview;
