//! A database of its own for each test, on the server of the engine that DJANKISERV_TEST_ENGINE names (postgresql, mysql).

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use store::engine::{ConnectTo, Db, Encryption, Engine, Host};
use store::user_db::UserDb;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// What an operator is told to do on MySQL and MariaDB. The tests have exactly these rights.
const DOCUMENTATION: &str = include_str!("../../../../docs/databases.md");

/// The engine under test.
pub fn engine() -> Engine {
    let name = std::env::var("DJANKISERV_TEST_ENGINE").unwrap_or_else(|_| "postgresql".into());
    Engine::from_name(&name).unwrap_or_else(|| panic!("the contract is tested on postgresql or mysql, not on {name}"))
}

/// Of the two, what fits the engine under test.
pub fn by_engine<T>(postgres: T, mysql: T) -> T {
    match engine() {
        Engine::Postgres => postgres,
        Engine::Mysql => mysql,
    }
}

/// The server's administrator. Addresses are `postgresql:///postgres?host=<folder of the socket>&user=<name>` and
/// `mysql://<name>[:<password>]@<host>[:<port>]/mysql[?socket=<path>]`.
pub fn administrator() -> ConnectTo {
    let variable = by_engine("DJANKISERV_TEST_POSTGRES", "DJANKISERV_TEST_MYSQL");
    let url = std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run `make test`, or scripts/private-databases.sh cargo test"));
    let (address, query) = url.split_once('?').unwrap_or((&url, ""));
    let value = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)).map(str::to_owned);
    let authority = address.split("://").nth(1).unwrap().split('/').next().unwrap();
    let (login, place) = authority.split_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password.to_owned())));
    let (host, port) = place.split_once(':').unwrap_or((place, ""));
    let socket = value("host=").or_else(|| value("socket="));
    ConnectTo {
        engine: engine(),
        host: socket.map_or_else(|| Host::Tcp(host.to_owned()), |path| Host::Socket(PathBuf::from(path))),
        port: port.parse().unwrap_or(engine().default_port()),
        user: value("user=").unwrap_or_else(|| user.to_owned()),
        password,
        database: by_engine("postgres", "mysql").into(),
        max_connections: 6,
        encryption: Encryption::default(),
    }
}

/// A connection with all rights.
pub async fn admin() -> Db {
    Db::connect(&administrator()).await.unwrap()
}

/// A fresh database, and who may use it. Left behind when the test ends; the private server goes with the test run.
pub async fn fresh() -> ConnectTo {
    fresh_without("").await
}

/// The same, for an account that lacks one of the documented rights.
pub async fn fresh_without(right: &str) -> ConnectTo {
    if engine() == Engine::Postgres {
        let name = new_name();
        admin().await.script(&format!("CREATE DATABASE {name}")).await.unwrap();
        return ConnectTo { database: name, ..administrator() };
    }
    fresh_at(&administrator(), right).await
}

/// A fresh database for an account with a password, on the server of this administrator.
pub async fn fresh_at(administrator: &ConnectTo, without_right: &str) -> ConnectTo {
    const PASSWORD: &str = "a long password";
    let name = new_name();
    let admin = Db::connect(administrator).await.unwrap();
    if engine() == Engine::Postgres {
        admin.script(&format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")).await.unwrap();
        admin.script(&format!("CREATE DATABASE {name} OWNER {name}")).await.unwrap();
    } else {
        let documented = DOCUMENTATION.split("```sql").find(|block| block.contains("GRANT")).unwrap().split("```").next().unwrap();
        for statement in documented.split(';').filter(|statement| !statement.trim().is_empty()) {
            let statement = statement.replace("djankiserv", &name).replace("'localhost'", "'%'");
            // The first in the list is followed by a comma, the last is preceded by one.
            let right = without_right;
            let granted =
                if right.is_empty() { statement } else { statement.replace(&format!(", {right}"), "").replace(&format!("{right}, "), "") };
            admin.script(&granted).await.unwrap();
        }
    }
    ConnectTo { user: name.clone(), password: Some(PASSWORD.into()), database: name, ..administrator.clone() }
}

fn new_name() -> String {
    format!("contract_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

pub async fn db() -> Db {
    let db = Db::connect(&fresh().await).await.unwrap();
    db.make_shared_schema().await.unwrap();
    db
}

/// One that no other test has. The databases of collections of all tests are beside each other on MySQL.
pub fn installation() -> String {
    format!("{:04x}{:04x}", std::process::id() & 0xffff, COUNT.fetch_add(1, Ordering::Relaxed))
}

pub async fn user_db() -> UserDb {
    UserDb::open(&fresh().await, &installation(), 1).await.unwrap()
}
