//! The tables of the main database. Times are milliseconds since the epoch, digests are hexadecimal digits.

use crate::migrations::Step;

/// A program that knows this many steps works with all of them: see docs/upgrading.md. Raised when a step takes something away.
pub(super) const OLDEST: usize = 1;

pub(super) const STEPS: &[Step] = &[
    Step { sql: FIRST },
    Step { sql: PAGES },
    Step { sql: IDENTITIES },
    Step { sql: DUTIES },
    Step { sql: EMAIL_KEYS },
    Step { sql: CERTIFICATES },
];

/// The tables of what an account logs in with: their rows end with it.
pub const KEY_TABLES: [&str; 5] = ["host_keys", "web_sessions", "api_tokens", "one_time_links", "identities"];

const FIRST: &str = "
CREATE TABLE IF NOT EXISTS {s}.installation (
    id SMALLINT PRIMARY KEY,
    installation KEY_T NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS {s}.accounts (
    id BIGINT PRIMARY KEY,
    username KEY_T NOT NULL,
    username_key KEY_T NOT NULL,
    email KEY_T NOT NULL,
    password_hash TEXT_T NOT NULL,
    is_active SMALLINT NOT NULL,
    is_staff SMALLINT NOT NULL,
    is_superuser SMALLINT NOT NULL,
    created BIGINT NOT NULL,
    last_login BIGINT,
    deleted_at BIGINT,
    quota_collection_bytes BIGINT,
    quota_media_bytes BIGINT
);
CREATE UNIQUE INDEX IF NOT EXISTS accounts_username ON {s}.accounts (username_key);
CREATE TABLE IF NOT EXISTS {s}.host_keys (
    digest KEY_T PRIMARY KEY,
    account BIGINT NOT NULL,
    client_name KEY_T NOT NULL,
    client_version KEY_T NOT NULL,
    client_platform KEY_T NOT NULL,
    created BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    last_address KEY_T NOT NULL
);
CREATE INDEX IF NOT EXISTS host_keys_account ON {s}.host_keys (account);
CREATE INDEX IF NOT EXISTS host_keys_last_seen ON {s}.host_keys (last_seen);
CREATE TABLE IF NOT EXISTS {s}.web_sessions (
    digest KEY_T PRIMARY KEY,
    account BIGINT NOT NULL,
    created BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    last_address KEY_T NOT NULL,
    data TEXT_T NOT NULL
);
CREATE INDEX IF NOT EXISTS web_sessions_account ON {s}.web_sessions (account);
CREATE INDEX IF NOT EXISTS web_sessions_expires ON {s}.web_sessions (expires);
CREATE TABLE IF NOT EXISTS {s}.api_tokens (
    digest KEY_T PRIMARY KEY,
    account BIGINT NOT NULL,
    name KEY_T NOT NULL,
    scopes KEY_T NOT NULL,
    created BIGINT NOT NULL,
    last_used BIGINT,
    expires BIGINT
);
CREATE INDEX IF NOT EXISTS api_tokens_account ON {s}.api_tokens (account);
CREATE TABLE IF NOT EXISTS {s}.audit_log (
    at BIGINT NOT NULL,
    id BIGINT NOT NULL,
    actor KEY_T NOT NULL,
    account BIGINT,
    action KEY_T NOT NULL,
    detail TEXT_T NOT NULL,
    PRIMARY KEY (at, id)
);
CREATE INDEX IF NOT EXISTS audit_log_account ON {s}.audit_log (account, at);
CREATE TABLE IF NOT EXISTS {s}.login_attempts (
    subject KEY_T PRIMARY KEY,
    window_start BIGINT NOT NULL,
    attempts INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS login_attempts_window_start ON {s}.login_attempts (window_start);
";

/// What the web pages need.
const PAGES: &str = "
ALTER TABLE {s}.audit_log ADD COLUMN IF NOT EXISTS address KEY_T NOT NULL DEFAULT '';
CREATE TABLE IF NOT EXISTS {s}.one_time_links (
    digest KEY_T PRIMARY KEY,
    kind KEY_T NOT NULL,
    account BIGINT,
    maker KEY_T NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    data TEXT_T NOT NULL
);
CREATE INDEX IF NOT EXISTS one_time_links_account ON {s}.one_time_links (account);
CREATE INDEX IF NOT EXISTS one_time_links_expires ON {s}.one_time_links (expires);
CREATE INDEX IF NOT EXISTS accounts_email ON {s}.accounts (email);
";

/// Logins by others than us.
const IDENTITIES: &str = "
CREATE TABLE IF NOT EXISTS {s}.identities (
    digest KEY_T PRIMARY KEY,
    account BIGINT NOT NULL,
    issuer KEY_T NOT NULL,
    subject KEY_T NOT NULL,
    label KEY_T NOT NULL,
    created BIGINT NOT NULL,
    last_used BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS identities_account ON {s}.identities (account);
";

/// What one process at a time does for all of them, now and then.
const DUTIES: &str = "
CREATE TABLE IF NOT EXISTS {s}.duties (
    name KEY_T PRIMARY KEY,
    holder KEY_T NOT NULL,
    held_until BIGINT NOT NULL,
    began BIGINT,
    succeeded BIGINT,
    failed BIGINT,
    problem TEXT_T NOT NULL
);
";

/// By which addresses are found in any case. Filled by [`super::MainDb::open`], as databases fold letters each in its way.
const EMAIL_KEYS: &str = "
ALTER TABLE {s}.accounts ADD COLUMN IF NOT EXISTS email_key KEY_T NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS accounts_email_key ON {s}.accounts (email_key);
";

/// Certificates by ACME.
const CERTIFICATES: &str = "
ALTER TABLE {s}.duties ADD COLUMN IF NOT EXISTS failures BIGINT NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS {s}.certificates (
    subject KEY_T PRIMARY KEY,
    chain TEXT_T NOT NULL,
    private_key TEXT_T NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    renew_at BIGINT NOT NULL,
    obtained BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS {s}.acme_accounts (
    authority KEY_T PRIMARY KEY,
    credentials TEXT_T NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS {s}.acme_challenges (
    token KEY_T PRIMARY KEY,
    name KEY_T NOT NULL,
    answer TEXT_T NOT NULL,
    expires BIGINT NOT NULL
);
";
