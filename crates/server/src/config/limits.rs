//! The settings that limit what one may send, keep and try.

use super::settings;
use super::source::Reader;

/// How much a client may send, and how much is kept for it. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A collection file, decompressed.
    pub max_upload: u64,
    /// Any other collection request, decompressed.
    pub max_body: u64,
    /// A batch of media files, unpacked.
    pub max_media_batch: u64,
    /// What one running sync may stage.
    pub max_staged: u64,
    /// How many days a replaced collection is kept.
    pub kept_days: u32,
    /// How many replaced collections are kept per account.
    pub kept_count: u32,
    /// Requests of one account that are served at the same time by one process.
    pub account_requests: usize,
    /// Requests that a login may send to the API in a minute; 0 for any number.
    pub api_requests: u32,
    /// Connections of one process to one database.
    pub db_connections: usize,
}

/// How many logins may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginLimits {
    /// Failed attempts for one account within the window.
    pub attempts: u32,
    /// Milliseconds.
    pub window_ms: i64,
}

/// None when something is wrong, which the reader then knows.
pub(super) fn read(r: &mut Reader) -> Option<Limits> {
    let mut megabytes = |setting| r.number(setting, 1..=1 << 20).map(|n| n << 20);
    let max_upload = megabytes(settings::MAX_UPLOAD_MB);
    let max_body = megabytes(settings::MAX_BODY_MB);
    let max_media_batch = megabytes(settings::MAX_MEDIA_BATCH_MB);
    let max_staged = megabytes(settings::STAGED_MB);
    let kept_days = r.number(settings::KEPT_DAYS, 0..=36_500);
    let kept_count = r.number(settings::KEPT_COUNT, 0..=1_000);
    let account_requests = r.number(settings::ACCOUNT_REQUESTS, 1..=1_000);
    let api_requests = r.number(settings::API_REQUESTS_PER_MINUTE, 0..=1_000_000);
    let db_connections = r.number(settings::DB_CONNECTIONS, 2..=1_000);
    Some(Limits {
        max_upload: max_upload?,
        max_body: max_body?,
        max_media_batch: max_media_batch?,
        max_staged: max_staged?,
        kept_days: u32::try_from(kept_days?).ok()?,
        kept_count: u32::try_from(kept_count?).ok()?,
        account_requests: usize::try_from(account_requests?).ok()?,
        api_requests: u32::try_from(api_requests?).ok()?,
        db_connections: usize::try_from(db_connections?).ok()?,
    })
}

/// None when something is wrong, which the reader then knows.
pub(super) fn read_login(r: &mut Reader) -> Option<LoginLimits> {
    let attempts = r.number(settings::LOGIN_ATTEMPTS, 1..=1_000_000);
    let window = r.number(settings::LOGIN_WINDOW_SECONDS, 1..=86_400);
    Some(LoginLimits { attempts: u32::try_from(attempts?).ok()?, window_ms: i64::try_from(window?).ok()? * 1000 })
}
