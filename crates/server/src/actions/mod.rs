//! What can be done, whoever asks: rules that the command line, the sync and later the API and the web pages share.

pub mod accounts;
pub mod actor;
pub mod administration;
pub mod api_tokens;
pub mod backup;
pub mod check;
pub mod collection_file;
pub mod doctor;
pub mod edit_collection;
pub mod email;
pub mod export;
pub mod external_logins;
pub mod import;
pub mod key_cache;
pub mod load_collection;
pub mod mail;
pub mod media_files;
pub mod oidc;
pub mod one_time_links;
pub mod own_account;
pub mod password_rules;
pub mod quota;
pub mod search;
pub mod statistics;
pub mod username;
pub mod web_sessions;
