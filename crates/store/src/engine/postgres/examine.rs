//! What `djankiserv doctor` looks at on PostgreSQL.

use super::connect::connect;
use super::{OLDEST, SHARED_SCHEMA, describe, error};
use crate::engine::ConnectTo;
use crate::engine::examine::{Examined, Level, Observation, Wanted, connections, encryption};
use crate::error::{Result, StoreError};
use std::collections::HashMap;
use std::time::Duration;
use tokio_postgres::Client;

pub(in crate::engine) async fn examine(to: &ConnectTo, wanted: &Wanted, patience: Duration) -> Result<Examined> {
    let connecting = tokio::time::timeout(patience, connect(to)).await;
    let (client, connection) = connecting.map_err(|_| StoreError::Unavailable("the server does not answer".into()))??;
    let mut examined = Examined::default();
    let outcome = look(&client, to, wanted, &mut examined).await;
    drop(client);
    let _ = connection.await;
    Ok(examined.ended(outcome))
}

async fn look(client: &Client, to: &ConnectTo, wanted: &Wanted, examined: &mut Examined) -> Result<()> {
    client.batch_execute("SET lock_timeout = '5s'; SET statement_timeout = '20s'").await.map_err(error)?;
    let rows = client.query("SELECT name, setting FROM pg_settings", &[]).await.map_err(error)?;
    let settings: HashMap<String, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let setting = |name: &str| settings.get(name).map(String::as_str).unwrap_or_default();
    let say = &mut examined.observations;
    version(setting("server_version"), setting("server_version_num"), say);
    let version = "SELECT CAST(version AS TEXT) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
    let version = client.query_opt(version, &[]).await.map_err(error)?;
    say.extend(encryption(to, version.and_then(|row| row.get::<_, Option<String>>(0)).as_deref()));
    durability(&setting, say);
    let encoding = setting("server_encoding");
    if encoding == "UTF8" {
        say.push(Observation::good("encoding", "the database is in UTF8"));
    } else {
        let advice = "make a new database with ENCODING 'UTF8' TEMPLATE template0: not every note can be stored in another encoding";
        say.push(Observation::new("encoding", Level::Problem, format!("the database is in {encoding}"), advice));
    }
    let row = client
        .query_one(
            "SELECT pg_is_in_recovery(), CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT), \
             (SELECT CAST(rolconnlimit AS BIGINT) FROM pg_roles WHERE rolname = current_user), \
             (SELECT CAST(datconnlimit AS BIGINT) FROM pg_database WHERE datname = current_database()), \
             (SELECT COUNT(*) FROM pg_stat_activity WHERE datid IS NOT NULL AND (datname <> current_database() OR usename <> current_user)), \
             (SELECT COUNT(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' \
              AND (n.nspname = 'djankiserv' OR n.nspname LIKE 'djs\\_%') AND NOT pg_has_role(c.relowner, 'USAGE'))",
            &[],
        )
        .await
        .map_err(error)?;
    let (replica, clock, by_role, by_database, others, foreign): (bool, i64, i64, i64, i64, i64) =
        (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5));
    examined.clock_ms = Some(clock);
    let number = |name: &str| setting(name).parse::<i64>().unwrap_or(0);
    let reserved = number("superuser_reserved_connections") + number("reserved_connections");
    say.push(connections(wanted.connections, number("max_connections") - reserved, others, "max_connections of PostgreSQL"));
    for (limit, whose) in [(by_role, format!("the role {}", to.user)), (by_database, format!("the database {}", to.database))] {
        if limit >= 0 && limit < i64::try_from(wanted.connections).unwrap_or(i64::MAX) {
            let found = format!("{whose} is limited to {limit} connections, and {} may be wanted", wanted.connections);
            say.push(Observation::new(
                "connections",
                Level::Problem,
                found,
                "raise its CONNECTION LIMIT, or lower DJANKISERV_DB_CONNECTIONS",
            ));
        }
    }
    if replica || setting("default_transaction_read_only") == "on" {
        let advice = "name the primary server in the settings, or end its read-only mode";
        say.push(Observation::new("writable", Level::Problem, "the server only reads: it is a replica, or set so", advice));
        return Ok(());
    }
    if foreign > 0 {
        let found = format!("{foreign} tables belong to another role than {}", to.user);
        let advice = "REASSIGN OWNED BY that role TO this one: otherwise updates of the program cannot change them. It happens when a dump is restored by an administrator";
        say.push(Observation::new("owner", Level::Problem, found, advice));
    }
    rights(client, to, wanted, say).await;
    examined.steps = steps(client).await?;
    Ok(())
}

fn version(version: &str, number: &str, say: &mut Vec<Observation>) {
    let major = number.parse::<i32>().unwrap_or(0) / 10_000;
    let found = format!("PostgreSQL {version}");
    say.push(if major < OLDEST {
        Observation::new("version", Level::Problem, found, format!("version {OLDEST} or later is needed"))
    } else {
        Observation::good("version", found)
    });
}

fn durability<'a>(setting: &impl Fn(&str) -> &'a str, say: &mut Vec<Observation>) {
    let before = say.len();
    for (name, why) in [
        ("fsync", "after a crash of the machine the whole database can be beyond repair"),
        ("full_page_writes", "after a crash of the machine pages of tables can be half old and half new"),
    ] {
        if setting(name) == "off" {
            say.push(Observation::new(
                name,
                Level::Problem,
                format!("{name} is off: {why}"),
                format!("set {name} = on in postgresql.conf"),
            ));
        }
    }
    if setting("synchronous_commit") == "off" {
        let found = "synchronous_commit is off: a crash can lose the last syncs, which clients believe to be done";
        say.push(Observation::new("synchronous_commit", Level::Warning, found, "set synchronous_commit = on"));
    }
    if say.len() == before {
        say.push(Observation::good("durability", "commits wait for the disk"));
    }
}

/// Makes what the program makes, in a transaction that is undone.
async fn rights(client: &Client, to: &ConnectTo, wanted: &Wanted, say: &mut Vec<Observation>) {
    let scratch = format!("djs_doctor_{}", wanted.scratch);
    let shared = format!(
        "BEGIN; CREATE SCHEMA IF NOT EXISTS {SHARED_SCHEMA}; CREATE TABLE {SHARED_SCHEMA}.{scratch} (id BIGINT PRIMARY KEY); \
         INSERT INTO {SHARED_SCHEMA}.{scratch} VALUES (1); ROLLBACK"
    );
    let own = format!(
        "BEGIN; CREATE SCHEMA {scratch}; CREATE TABLE {scratch}.t (id BIGINT PRIMARY KEY); INSERT INTO {scratch}.t VALUES (1); ROLLBACK"
    );
    let mut tried = vec![(shared, "the shared tables")];
    if wanted.collections {
        tried.push((own, "a schema for a collection"));
    }
    let before = say.len();
    for (sql, what) in tried {
        if let Err(e) = client.batch_execute(&sql).await {
            let _ = client.batch_execute("ROLLBACK").await;
            let advice = format!("make {} the owner: ALTER DATABASE {} OWNER TO {}", to.user, to.database, to.user);
            say.push(Observation::new("rights", Level::Problem, format!("{} cannot make {what}: {}", to.user, describe(&e)), advice));
        }
    }
    if say.len() == before {
        say.push(Observation::good("rights", "schemas and tables can be made"));
    }
}

async fn steps(client: &Client) -> Result<std::collections::BTreeMap<String, i64>> {
    let exists = client.query_one("SELECT to_regclass('djankiserv.migrations') IS NOT NULL", &[]).await.map_err(error)?;
    if !exists.get::<_, bool>(0) {
        return Ok(Default::default());
    }
    let sql = "SELECT CAST(part AS TEXT), CAST(MAX(number) AS BIGINT) FROM djankiserv.migrations GROUP BY part";
    let rows = client.query(sql, &[]).await.map_err(error)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
