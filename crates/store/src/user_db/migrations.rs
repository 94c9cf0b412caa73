//! The shared tables of the user database. Times are milliseconds since the epoch.

use crate::migrations::Step;

/// A program that knows this many steps works with all of them: see docs/upgrading.md. Raised when a step takes something away.
pub(super) const OLDEST: usize = 1;

pub(super) const STEPS: &[Step] =
    &[Step { sql: FIRST }, Step { sql: API_ANSWERS }, Step { sql: MEDIA_UNNAMED }, Step { sql: STAGED_SUMMARY }];

/// The shared tables whose rows belong to an account.
pub const ACCOUNT_TABLES: [&str; 9] =
    ["collections", "generations", "media", "media_unnamed", "media_state", "sync_sessions", "sync_staged", "sync_finished", "api_answers"];

/// Sessions and staging are lost together when the database crashes (UNLOGGED on PostgreSQL): the client is told to sync again.
const FIRST: &str = "
CREATE TABLE IF NOT EXISTS {s}.user_installation (
    id SMALLINT PRIMARY KEY,
    installation KEY_T NOT NULL
);
CREATE TABLE IF NOT EXISTS {s}.collections (
    account BIGINT PRIMARY KEY,
    generation INTEGER NOT NULL,
    next_generation INTEGER NOT NULL,
    empty_schema_modified BIGINT NOT NULL,
    ahead_schema_modified BIGINT NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS {s}.generations (
    account BIGINT NOT NULL,
    number INTEGER NOT NULL,
    schema_name KEY_T NOT NULL,
    state KEY_T NOT NULL,
    lease_until BIGINT NOT NULL,
    created BIGINT NOT NULL,
    replaced BIGINT NOT NULL,
    origin KEY_T NOT NULL,
    loaded_modified BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    crt BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    schema_modified BIGINT NOT NULL,
    usn INTEGER NOT NULL,
    last_sync BIGINT NOT NULL,
    scheduler_version INTEGER NOT NULL,
    creation_offset SMALLINT NOT NULL,
    notes BIGINT NOT NULL,
    cards BIGINT NOT NULL,
    revlog BIGINT NOT NULL,
    notetypes BIGINT NOT NULL,
    decks BIGINT NOT NULL,
    presets BIGINT NOT NULL,
    PRIMARY KEY (account, number)
);
CREATE INDEX IF NOT EXISTS generations_state ON {s}.generations (state);
CREATE UNLOGGED TABLE IF NOT EXISTS {s}.sync_sessions (
    account BIGINT PRIMARY KEY,
    session_key KEY_T NOT NULL,
    host_key KEY_T NOT NULL,
    client KEY_T NOT NULL,
    generation INTEGER NOT NULL,
    base_modified BIGINT NOT NULL,
    base_usn INTEGER NOT NULL,
    client_usn INTEGER NOT NULL,
    client_is_newer SMALLINT NOT NULL,
    started BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    pieces INTEGER NOT NULL,
    staged_bytes BIGINT NOT NULL,
    staged_graves SMALLINT NOT NULL,
    notetype_shapes TEXT_T NOT NULL,
    send_position TEXT_T NOT NULL,
    verdict KEY_T NOT NULL,
    expected_counts TEXT_T NOT NULL
);
CREATE UNLOGGED TABLE IF NOT EXISTS {s}.sync_staged (
    account BIGINT NOT NULL,
    number INTEGER NOT NULL,
    kind KEY_T NOT NULL,
    body BLOB_T NOT NULL,
    PRIMARY KEY (account, number)
);
CREATE TABLE IF NOT EXISTS {s}.sync_finished (
    account BIGINT NOT NULL,
    session_key KEY_T NOT NULL,
    host_key KEY_T NOT NULL,
    modified BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    PRIMARY KEY (account, session_key)
);
CREATE INDEX IF NOT EXISTS sync_finished_ended ON {s}.sync_finished (ended);
CREATE TABLE IF NOT EXISTS {s}.media_state (
    account BIGINT PRIMARY KEY,
    usn INTEGER NOT NULL,
    files BIGINT NOT NULL,
    bytes BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS {s}.media (
    account BIGINT NOT NULL,
    name KEY_T NOT NULL,
    sha1 KEY_T NOT NULL,
    content_key KEY_T NOT NULL,
    size BIGINT NOT NULL,
    usn INTEGER NOT NULL,
    modified BIGINT NOT NULL,
    PRIMARY KEY (account, name)
);
CREATE INDEX IF NOT EXISTS media_usn ON {s}.media (account, usn);
";

/// Answers to requests that may be sent again.
const API_ANSWERS: &str = "
CREATE TABLE IF NOT EXISTS {s}.api_answers (
    account BIGINT NOT NULL,
    key_digest KEY_T NOT NULL,
    request KEY_T NOT NULL,
    answer TEXT_T NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (account, key_digest)
);
CREATE INDEX IF NOT EXISTS api_answers_created ON {s}.api_answers (created);
";

/// Contents of media that no row names, and since when that is known.
const MEDIA_UNNAMED: &str = "
CREATE TABLE IF NOT EXISTS {s}.media_unnamed (
    account BIGINT NOT NULL,
    content_key KEY_T NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (account, content_key)
);
";

/// What the sanity check needs of a staged piece; NULL where a version before staged it. What lives for a second is not worth packing.
const STAGED_SUMMARY: &str = "
ALTER TABLE {s}.sync_staged ADD COLUMN IF NOT EXISTS summary BLOB_T;
ALTER TABLE {s}.sync_staged ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE {s}.sync_staged ALTER COLUMN summary SET STORAGE EXTERNAL;
";
