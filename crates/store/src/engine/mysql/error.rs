//! What MySQL's and MariaDB's errors mean. The numbers are those of both, unless one is named.

use crate::error::StoreError;
use mysql_async::{DriverError, Error, ServerError};

const DEADLOCK: u16 = 1213;
/// MariaDB with snapshot isolation: the row has changed since the transaction read it.
const CHECKREAD: u16 = 1020;
/// Also for locks on tables, which DDL waits for.
const LOCK_WAIT_TIMEOUT: u16 = 1205;
/// Interrupted by a limit on the time of a statement (MariaDB's, MySQL's), or by an administrator.
const TOO_SLOW: &[u16] = &[1969, 3024, 1317];
pub(super) const DUPLICATE_KEY: u16 = 1062;
const DUPLICATE_INDEX_NAME: u16 = 1061;
/// An index or a column of that name exists.
pub(super) const ALREADY_THERE: &[u16] = &[DUPLICATE_INDEX_NAME, 1060];
/// The same with the name of the key; a database; a table; an index.
const EXISTS: &[u16] = &[DUPLICATE_KEY, 1586, 1007, 1050, DUPLICATE_INDEX_NAME];
/// A table; a database; the database to drop; the table to drop; a table made after the snapshot; a table that its engine has lost.
const GONE: &[u16] = &[1146, 1049, 1008, 1051, 1412, 1932];
/// Connections: too many of them (of all, of a user, per hour), killed, broken, idle for too long, host or account blocked, no thread.
/// Resources: memory, disk, table full, locks, transactions. Files, tables, databases that cannot be made, read, written or removed. A
/// server that stops, is read-only during a fail-over, does not commit, or has not joined its cluster.
const UNAVAILABLE: &[u16] = &[
    1040, 1203, 1226, 1927, 1152, 1158, 1159, 1160, 1161, 4031, 1129, 1130, 3118, 4151, 1135, 1037, 1038, 1041, 1021, 1114, 1206, 1637,
    1004, 1005, 1006, 1009, 1010, 1016, 1017, 1023, 1024, 1025, 1026, 1030, 1878, 1053, 1290, 1792, 1836, 1180, 1047, 3168, 3169,
];
/// Nobody of that name and password, also where the socket tells who it is; no right to the database, to do that to a table or a column.
const DENIED: &[u16] = &[1045, 1698, 1044, 1142, 1143];
/// There is no such database.
const NO_DATABASE: u16 = 1049;
/// Below this, numbers are those of MySQL's layer above the operating system: a file could not be made, read, written, …
const OF_THE_SYSTEM: u16 = 120;
/// A packet, or the result of a function, above `max_allowed_packet`.
const PACKET_TOO_LARGE: &[u16] = &[1153, 1301];
/// `LOAD DATA LOCAL`: switched off by the server, by the client, and the same in MySQL 8 and MariaDB.
const LOCAL_FORBIDDEN: &[u16] = &[1148, 3948, 3950, 4166];
/// Their messages quote values, which have no place in logs: duplicate keys, text that does not fit, SQL.
const QUOTING: &[u16] = &[DUPLICATE_KEY, 1586, 1366, 1292, 1367, 1411, 1064];

/// Sorts an error of a statement.
#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
pub(super) fn error(error: Error) -> StoreError {
    match &error {
        Error::Server(server) => server_error(server),
        Error::Driver(DriverError::PacketTooLarge) => packet_too_large("the driver refused to send it"),
        // Closed by the other side, or broken in the middle of an answer.
        Error::Io(_) | Error::Driver(DriverError::ConnectionClosed | DriverError::PacketOutOfOrder) => {
            StoreError::Unavailable(error.to_string())
        }
        // Never with the values that the driver could not handle.
        Error::Driver(DriverError::FromValue { .. } | DriverError::FromRow { .. } | DriverError::UnexpectedPacket { .. }) => {
            StoreError::Internal("the database answered something that the driver does not understand".into())
        }
        _ => StoreError::Internal(error.to_string()),
    }
}

/// Sorts an error of connecting: whatever it is, it can be over later.
#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
pub(super) fn connecting(error: Error) -> StoreError {
    StoreError::Unavailable(match &error {
        Error::Server(server) => describe(server),
        Error::Driver(DriverError::UnexpectedPacket { .. }) => "the server does not speak as MySQL does".into(),
        other => other.to_string(),
    })
}

/// Whether an error of connecting stays until somebody changes account, rights or settings.
pub(super) fn is_denied(error: &Error) -> bool {
    matches!(error, Error::Server(server) if DENIED.contains(&server.code) || server.code == NO_DATABASE)
}

/// Whether the server does not let us use `LOAD DATA LOCAL`.
pub(super) fn is_local_forbidden(error: &Error) -> bool {
    matches!(error, Error::Server(server) if LOCAL_FORBIDDEN.contains(&server.code))
}

fn server_error(server: &ServerError) -> StoreError {
    let text = describe(server);
    let is_in = |codes: &[u16]| codes.contains(&server.code);
    match server.code {
        DEADLOCK | CHECKREAD => StoreError::Repeat(text),
        LOCK_WAIT_TIMEOUT => StoreError::LockWait(text),
        _ if is_in(TOO_SLOW) => StoreError::Busy(text),
        _ if is_in(EXISTS) => StoreError::AlreadyExists(text),
        _ if is_in(GONE) => StoreError::Gone(text),
        _ if is_in(DENIED) => StoreError::Denied(text),
        _ if is_in(PACKET_TOO_LARGE) => packet_too_large(&text),
        code if code < OF_THE_SYSTEM || is_in(UNAVAILABLE) => StoreError::Unavailable(text),
        _ => StoreError::Internal(text),
    }
}

pub(super) fn packet_too_large(text: &str) -> StoreError {
    StoreError::Internal(format!(
        "something is larger than the database server takes at once ({text}): raise max_allowed_packet in the server's configuration \
         (1G is fine, it is only a limit)"
    ))
}

fn describe(server: &ServerError) -> String {
    let message = if QUOTING.contains(&server.code) { without_quoted(&server.message) } else { server.message.clone() };
    format!("{message} ({})", server.code)
}

/// Cuts out everything from the first quotation mark to the last.
fn without_quoted(message: &str) -> String {
    match (message.find('\''), message.rfind('\'')) {
        (Some(from), Some(to)) if from < to => format!("{}'…{}", &message[..from], &message[to..]),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: u16, message: &str) -> StoreError {
        error(Error::Server(ServerError { code, message: message.into(), state: "HY000".into() }))
    }

    #[test]
    fn errors_are_sorted_by_what_can_be_done() {
        assert!(matches!(server(1213, "Deadlock"), StoreError::Repeat(_)));
        assert!(matches!(server(1205, "Lock wait"), StoreError::LockWait(_)));
        assert!(matches!(server(1146, "Table 'a.b' doesn't exist"), StoreError::Gone(_)));
        assert!(matches!(server(1040, "Too many connections"), StoreError::Unavailable(_)));
        assert!(matches!(server(3, "Error writing file './ddl_recovery.log' (Errcode: 28)"), StoreError::Unavailable(_)));
        assert!(matches!(server(1044, "Access denied"), StoreError::Denied(_)));
        assert!(matches!(server(1054, "Unknown column"), StoreError::Internal(_)));
        assert!(server(1153, "Got a packet").to_string().contains("max_allowed_packet"));
    }

    #[test]
    fn values_are_not_quoted() {
        let text = server(1062, "Duplicate entry 'it's secret' for key 'PRIMARY'").to_string();
        assert!(!text.contains("secret") && text.contains("Duplicate entry") && text.contains("(1062)"), "{text}");
        assert!(server(1146, "Table 'a.b' doesn't exist").to_string().contains("a.b"));
    }
}
