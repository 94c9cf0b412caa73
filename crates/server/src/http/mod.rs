//! What belongs to no surface: the listener, health, host names, who asks from where and under which address, cookies and tokens of
//! browsers, request ids, access log.

pub mod cookies;
pub mod counted;
pub mod csrf;
pub mod health;
pub mod hosts;
pub mod listener;
pub mod not_found;
pub mod paced;
pub mod peer;
pub mod plain;
pub mod probe;
pub mod proxy_user;
pub mod request_id;
pub mod site;
pub mod surface;
pub mod tls;
pub mod track;
