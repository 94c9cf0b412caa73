//! The media index of each account.
