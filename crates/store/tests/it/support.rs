//! A database of its own for each test, on the server that DJANKISERV_TEST_POSTGRES names.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use store::engine::{ConnectTo, Db, Host};
use store::user_db::UserDb;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The address is of the form `postgresql:///postgres?host=<folder of the socket>&user=<superuser>`.
fn connect_to(database: &str) -> ConnectTo {
    let url = std::env::var("DJANKISERV_TEST_POSTGRES")
        .expect("DJANKISERV_TEST_POSTGRES is not set: run `make test`, or scripts/private-postgres.sh cargo test");
    let query = url.split_once('?').expect("an address with ?host=…&user=…").1;
    let value = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)).unwrap_or_default().to_owned();
    ConnectTo {
        host: Host::Socket(PathBuf::from(value("host="))),
        port: 5432,
        user: value("user="),
        password: None,
        database: database.to_owned(),
        max_connections: 6,
    }
}

/// A fresh database. Left behind when the test fails; the private server goes with the test run.
pub async fn fresh() -> ConnectTo {
    let name = format!("djs_contract_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let admin = Db::connect(&connect_to("postgres")).await.unwrap();
    admin.script(&format!("CREATE DATABASE {name}")).await.unwrap();
    connect_to(&name)
}

pub async fn db() -> Db {
    Db::connect(&fresh().await).await.unwrap()
}

pub async fn user_db() -> UserDb {
    UserDb::open(&fresh().await, "0123456789abcdef", 1).await.unwrap()
}
