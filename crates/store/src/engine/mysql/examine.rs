//! What `djankiserv doctor` looks at on MySQL and MariaDB.

use super::connect::connect;
use super::error::error;
use super::pool::{MARIADB_SETTINGS, SESSION_SETTINGS, SMALL_PACKET, oldest};
use super::sql::quoted;
use crate::engine::ConnectTo;
use crate::engine::examine::{Examined, Level, Observation, Wanted, connections, encryption};
use crate::error::{Result, StoreError};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

const ADVICE_ON_RIGHTS: &str = "give the account the rights of docs/databases.md: SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX on its \
     database and on `djs\\_%`.*";

pub(in crate::engine) async fn examine(to: &ConnectTo, wanted: &Wanted, patience: Duration) -> Result<Examined> {
    let connected = tokio::time::timeout(patience, connect(to)).await;
    let (mut conn, _) = connected.map_err(|_| StoreError::Unavailable("the server does not answer".into()))??;
    let mut examined = Examined::default();
    let outcome = look(&mut conn, to, wanted, &mut examined).await;
    let _ = conn.disconnect().await;
    Ok(examined.ended(outcome))
}

async fn look(conn: &mut Conn, to: &ConnectTo, wanted: &Wanted, examined: &mut Examined) -> Result<()> {
    let rows: Vec<(String, String)> = conn.query("SHOW GLOBAL VARIABLES").await.map_err(error)?;
    let settings: HashMap<String, String> = rows.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    let setting = |name: &str| settings.get(name).map(String::as_str).unwrap_or_default();
    let number = |name: &str| setting(name).parse::<i64>().unwrap_or(0);
    let say = &mut examined.observations;
    let version: String = conn.query_first("SELECT VERSION()").await.map_err(error)?.unwrap_or_default();
    let is_mariadb = version.contains("MariaDB");
    let name = if is_mariadb { "MariaDB" } else { "MySQL" };
    let (major, minor, patch) = oldest(is_mariadb);
    say.push(if conn.server_version() < (major, minor, patch) {
        Observation::new("version", Level::Problem, format!("{name} {version}"), format!("{major}.{minor}.{patch} or later is needed"))
    } else {
        Observation::good("version", format!("{name} {version}"))
    });
    let tls: Option<(String, String)> = conn.query_first("SHOW SESSION STATUS LIKE 'Ssl_version'").await.map_err(error)?;
    say.extend(encryption(to, tls.map(|(_, version)| version).filter(|version| !version.is_empty()).as_deref()));
    durability(&setting, say);
    packets(number("max_allowed_packet"), say);
    if setting("local_infile") == "ON" {
        say.push(Observation::good("local_infile", "uploads are loaded with LOAD DATA LOCAL"));
    } else {
        let advice = "set local_infile = 1: uploads then take about half the time";
        say.push(Observation::new("local_infile", Level::Note, "local_infile is off: uploads are loaded with INSERT", advice));
    }
    if number("innodb_buffer_pool_size") <= 128 << 20 {
        let advice = "set innodb_buffer_pool_size to about half of the memory of a machine that does nothing else";
        say.push(Observation::new("memory", Level::Note, "innodb_buffer_pool_size is the small default", advice));
    }
    if setting("wsrep_on") == "ON" {
        let advice = "let all processes use one node at a time: a lock taken on one node is not seen by the others, and syncs then fail with conflicts";
        say.push(Observation::new("galera", Level::Warning, "the server is a node of a Galera cluster", advice));
    }
    let wanted_by_others = "SELECT COUNT(*) FROM information_schema.processlist WHERE user <> SUBSTRING_INDEX(CURRENT_USER(), '@', 1)";
    let others: Option<i64> = conn.query_first(wanted_by_others).await.map_err(error)?;
    say.push(connections(wanted.connections, number("max_connections"), others.unwrap_or(0), "max_connections of the server"));
    let of_user: Option<i64> = conn.query_first("SELECT CAST(@@SESSION.max_user_connections AS SIGNED)").await.map_err(error)?;
    if let Some(of_user) = of_user
        && of_user > 0
        && of_user < i64::try_from(wanted.connections).unwrap_or(i64::MAX)
    {
        let found = format!("the account is limited to {of_user} connections, and {} may be wanted", wanted.connections);
        say.push(Observation::new(
            "connections",
            Level::Problem,
            found,
            "raise its MAX_USER_CONNECTIONS, or lower DJANKISERV_DB_CONNECTIONS",
        ));
    }
    // Without the fraction on servers that were told to leave it out, which is exact enough.
    let clock: Option<i64> = conn.query_first("SELECT CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)").await.map_err(error)?;
    examined.clock_ms = clock;
    if setting("read_only") == "ON" || setting("super_read_only") == "ON" {
        let advice = "name the primary server in the settings, or end its read-only mode";
        say.push(Observation::new("writable", Level::Problem, "the server only reads: it is a replica, or set so", advice));
        return Ok(());
    }
    let session = if is_mariadb { format!("{SESSION_SETTINGS}{MARIADB_SETTINGS}") } else { SESSION_SETTINGS.to_owned() };
    match conn.query_drop(session).await {
        Ok(()) => say.push(Observation::good("session", "sql_mode, waits for locks and isolation are set by each connection for itself")),
        Err(e) => {
            let found = format!("the settings of a connection are refused: {}", error(e));
            say.push(Observation::new(
                "session",
                Level::Problem,
                found,
                "let the account set sql_mode, innodb_lock_wait_timeout and the like",
            ));
        }
    }
    rights(conn, to, wanted, say).await;
    examined.steps = steps(conn).await?;
    Ok(())
}

fn durability<'a>(setting: &impl Fn(&str) -> &'a str, say: &mut Vec<Observation>) {
    let before = say.len();
    if setting("innodb_flush_log_at_trx_commit") != "1" {
        let found = format!(
            "innodb_flush_log_at_trx_commit is {}: a crash of the machine can lose the last syncs, which clients believe to be done",
            setting("innodb_flush_log_at_trx_commit")
        );
        say.push(Observation::new("innodb_flush_log_at_trx_commit", Level::Warning, found, "set it to 1, the default"));
    }
    if setting("innodb_doublewrite").eq_ignore_ascii_case("OFF") {
        let found = "innodb_doublewrite is off: after a crash of the machine pages of tables can be half old and half new";
        say.push(Observation::new(
            "innodb_doublewrite",
            Level::Problem,
            found,
            "set innodb_doublewrite = 1, unless the file system writes whole pages",
        ));
    }
    if setting("innodb_flush_method").eq_ignore_ascii_case("nosync") {
        let found = "innodb_flush_method is nosync: after a crash of the machine the whole database can be beyond repair";
        say.push(Observation::new("innodb_flush_method", Level::Problem, found, "leave it at its default"));
    }
    if setting("log_bin") == "ON" {
        if setting("binlog_format").eq_ignore_ascii_case("STATEMENT") {
            let found = "binlog_format is STATEMENT, which does not go together with READ COMMITTED: the program refuses to start";
            say.push(Observation::new("binlog_format", Level::Problem, found, "set binlog_format = ROW"));
        }
        if setting("sync_binlog") != "1" {
            let found = "sync_binlog is not 1: a crash of the machine can lose the last syncs, which clients believe to be done";
            say.push(Observation::new("sync_binlog", Level::Warning, found, "set sync_binlog = 1"));
        }
    }
    if say.len() == before {
        say.push(Observation::good("durability", "commits wait for the disk"));
    }
}

fn packets(bytes: i64, say: &mut Vec<Observation>) {
    let found = format!("max_allowed_packet is {} MiB", bytes >> 20);
    let small = i64::try_from(SMALL_PACKET).unwrap_or(i64::MAX);
    say.push(if bytes < small {
        let advice = "set max_allowed_packet = 1G: notes with more text than that cannot be synced";
        Observation::new("max_allowed_packet", Level::Warning, found, advice)
    } else {
        Observation::good("max_allowed_packet", found)
    });
}

/// Makes what the program makes, and removes it again.
async fn rights(conn: &mut Conn, to: &ConnectTo, wanted: &Wanted, say: &mut Vec<Observation>) {
    let scratch = quoted(&format!("djs_doctor_{}", wanted.scratch));
    let shared = format!("{}.{scratch}", quoted(&to.database));
    let before = say.len();
    let mut tried = vec![(None, shared, "the shared tables")];
    if wanted.collections {
        tried.push((Some(scratch.clone()), format!("{scratch}.t"), "a database for a collection"));
    }
    for (database, table, what) in tried {
        let mut statements = Vec::new();
        statements.extend(database.iter().map(|database| format!("CREATE DATABASE {database}")));
        statements.push(format!("CREATE TABLE {table} (id BIGINT PRIMARY KEY, n BIGINT)"));
        statements.push(format!("CREATE INDEX i ON {table} (n)"));
        statements.push(format!("ALTER TABLE {table} ADD COLUMN m BIGINT"));
        statements.push(format!("INSERT INTO {table} (id) VALUES (1)"));
        statements.push(format!("UPDATE {table} SET n = 1"));
        statements.push(format!("DELETE FROM {table}"));
        let mut refused = None;
        for statement in statements {
            if let Err(e) = conn.query_drop(statement).await {
                refused = Some(error(e));
                break;
            }
        }
        let clean_up =
            database.map_or_else(|| format!("DROP TABLE IF EXISTS {table}"), |database| format!("DROP DATABASE IF EXISTS {database}"));
        let cleaned = conn.query_drop(clean_up).await.map_err(error);
        if let Some(e) = refused.or(cleaned.err()) {
            say.push(Observation::new(
                "rights",
                Level::Problem,
                format!("{} cannot make, change or remove {what}: {e}", to.user),
                ADVICE_ON_RIGHTS,
            ));
        }
    }
    if say.len() == before {
        say.push(Observation::good("rights", "databases and tables can be made, changed and removed"));
    }
}

async fn steps(conn: &mut Conn) -> Result<BTreeMap<String, i64>> {
    let exists: Option<i64> = conn
        .query_first("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'migrations'")
        .await
        .map_err(error)?;
    if exists.unwrap_or(0) == 0 {
        return Ok(BTreeMap::new());
    }
    let sql = "SELECT CAST(part AS CHAR), CAST(MAX(number) AS SIGNED) FROM migrations GROUP BY part";
    let rows: Vec<(String, i64)> = conn.query(sql).await.map_err(error)?;
    Ok(rows.into_iter().collect())
}
