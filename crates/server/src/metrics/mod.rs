//! What a process counts, for Prometheus: see docs/monitoring.md. Every process counts for itself.

mod kinds;
mod listener;
mod page;
mod process;

pub use kinds::{Counter, Durations, Gauge, Inside};
pub use listener::{bind, serve};

/// Requests that have been answered, or whose client went away before.
pub static REQUESTS: Counter<3> = Counter::new(
    "djankiserv_requests_total",
    ["surface", "method", "outcome"],
    "Requests by surface, step of the protocol or HTTP method, and outcome.",
);
/// Until the head of the answer.
pub static STAGES: Durations<1> = Durations::new(
    "djankiserv_sync_stage_seconds",
    ["stage"],
    "Time that steps of syncs took, until the answer began. import and build are the work on whole collections that may go on behind one.",
);
/// Of the surfaces that are not sync.
pub static REQUEST_SECONDS: Durations<1> =
    Durations::new("djankiserv_request_seconds", ["surface"], "Time that requests took, until the answer began.");
/// Until the end of the answer's body.
pub static ACTIVE_REQUESTS: Gauge<1> =
    Gauge::new("djankiserv_requests_active", ["surface"], "Requests that are being received, worked on or answered.");
/// Bytes of bodies, as they went over the network.
pub static RECEIVED: Counter<1> = Counter::new("djankiserv_received_bytes_total", ["surface"], "Bytes of the bodies of requests.");
/// See [`RECEIVED`].
pub static SENT: Counter<1> = Counter::new("djankiserv_sent_bytes_total", ["surface"], "Bytes of the bodies of answers.");
/// Checked passwords, whatever they were given for.
pub static LOGINS: Counter<1> = Counter::new(
    "djankiserv_logins_total",
    ["outcome"],
    "Passwords that were checked: ok, wrong, disabled (the account is), limited (too many attempts), failed (the server's fault).",
);
/// Whole collections that came in.
pub static IMPORTS: Counter<1> =
    Counter::new("djankiserv_imports_total", ["outcome"], "Uploaded collections: done, refused (the client was told why), failed.");
/// Rounds of housekeeping.
pub static HOUSEKEEPING: Counter<2> = Counter::new(
    "djankiserv_housekeeping_rounds_total",
    ["kind", "outcome"],
    "Rounds of housekeeping: often each minute, rarely each hour.",
);
/// What housekeeping has found to do.
pub static REMOVED: Counter<1> = Counter::new(
    "djankiserv_housekeeping_removed_total",
    ["what"],
    "What housekeeping removed: syncs that did not go on, outdated generations of collections.",
);
/// When housekeeping last went well.
pub static HOUSEKEEPING_DONE: Gauge<1> = Gauge::new(
    "djankiserv_housekeeping_last_success_timestamp_seconds",
    ["kind"],
    "When a round of housekeeping last went well, in seconds since the epoch.",
);
/// Those that the server makes by itself.
pub static BACKUPS: Counter<1> = Counter::new("djankiserv_backups_total", ["outcome"], "Backups on schedule: done, failed.");
/// Of whichever process.
pub static BACKUP_DONE: Gauge<0> = Gauge::new(
    "djankiserv_backup_last_success_timestamp_seconds",
    [],
    "When the last backup on schedule ended well, by whichever process, in seconds since the epoch.",
);
/// Of the certificate that this process serves.
pub static TLS_EXPIRY: Gauge<0> = Gauge::new(
    "djankiserv_tls_certificate_expiry_timestamp_seconds",
    [],
    "When the certificate expires that this process serves, in seconds since the epoch; 0 while there is none.",
);
/// Certificates that this process has ordered.
pub static ACME_ORDERS: Counter<1> =
    Counter::new("djankiserv_acme_orders_total", ["outcome"], "Certificates ordered by ACME: done, failed.");
/// Of whichever process.
pub static ACME_FAILED: Gauge<0> = Gauge::new(
    "djankiserv_acme_last_failure_timestamp_seconds",
    [],
    "When the last try to get a certificate failed, by whichever process, in seconds since the epoch; 0 if one has succeeded since.",
);
