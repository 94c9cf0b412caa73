//! The pages for people: logging in, one's own account, administration. Rendered here, embedded in the program, and usable without
//! JavaScript.
//!
//! `routes` is the table of addresses; each page is a file with its handler, its form and the data of its template in `templates/`. A
//! handler takes who it is for as its first argument ([`visit::Visit`], [`visit::SignedIn`], [`visit::Staff`]), and what changes anything
//! takes it inside [`form::Posted`], which is where the token against forged requests is checked. So neither can be forgotten.

pub mod account;
pub mod admin;
pub mod assets;
pub mod confirm;
pub mod connect;
pub mod email_changed;
pub mod error;
pub mod finish;
pub mod forgot;
pub mod form;
pub mod home;
pub mod join;
pub mod layout;
pub mod login;
pub mod lost;
pub mod new_account;
pub mod next;
pub mod oidc;
pub mod own_password;
pub mod problem;
pub mod reset;
pub mod routes;
pub mod setup;
pub mod show;
pub mod shown;
pub mod signed;
pub mod steps_back;
pub mod visit;
