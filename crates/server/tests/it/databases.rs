//! Databases of a test's own, on the engines that DJANKISERV_TEST_ENGINE names, and what only an administrator can do to them.

use djankiserv::config::{Config, Databases, Source};
use std::time::{Duration, Instant};
use store::engine::{ConnectTo, Db, Engine};
use store::params;

/// What an operator is told to do on MySQL and MariaDB. The tests have exactly these rights.
const DOCUMENTATION: &str = include_str!("../../../../docs/databases.md");
pub const PASSWORD: &str = "a long password";

/// A database that a server uses, for one of its two or for both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    pub engine: Engine,
    /// Also the name of the account on MySQL. On PostgreSQL it is the superuser's.
    pub name: String,
}

/// Connections with all rights to the servers.
pub struct Admin {
    postgres: Option<Db>,
    mysql: Option<Db>,
}

/// The engines of the main and of the user database.
pub fn engines() -> (Engine, Engine) {
    match std::env::var("DJANKISERV_TEST_ENGINE").as_deref() {
        Err(_) | Ok("postgresql") => (Engine::Postgres, Engine::Postgres),
        Ok("mysql") => (Engine::Mysql, Engine::Mysql),
        Ok("mixed") => (Engine::Postgres, Engine::Mysql),
        Ok("mixed-reverse") => (Engine::Mysql, Engine::Postgres),
        Ok(other) => panic!("DJANKISERV_TEST_ENGINE must be postgresql, mysql, mixed or mixed-reverse, not {other}"),
    }
}

/// What an operator is told to do on MySQL and MariaDB, for a database and an account of this name.
pub fn documented(name: &str) -> Vec<String> {
    let block = DOCUMENTATION.split("```sql").find(|block| block.contains("GRANT")).unwrap().split("```").next().unwrap();
    let statements = block.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    statements.map(|statement| statement.replace("djankiserv", name).replace("'localhost'", "'%'")).collect()
}

fn admin_url(engine: Engine) -> String {
    let variable = match engine {
        Engine::Postgres => "DJANKISERV_TEST_POSTGRES",
        Engine::Mysql => "DJANKISERV_TEST_MYSQL",
    };
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `make test`, or scripts/private-databases.sh cargo test"))
}

/// The main database of a configuration with this address.
pub fn connect_to(url: &str) -> ConnectTo {
    let config = Config::load(&Source::from_pairs([("DJANKISERV_MAINDB_URL", url), ("DJANKISERV_DATA_ROOT", "/nonexistent")])).unwrap();
    match config.databases {
        Databases::External { main, .. } => main,
        Databases::Embedded => panic!("an address means an external database"),
    }
}

impl Admin {
    pub async fn connect() -> Self {
        let (main, user) = engines();
        let connect = async |engine| {
            if main == engine || user == engine { Some(Db::connect(&connect_to(&admin_url(engine))).await.unwrap()) } else { None }
        };
        Self { postgres: connect(Engine::Postgres).await, mysql: connect(Engine::Mysql).await }
    }

    fn at(&self, engine: Engine) -> &Db {
        let db = match engine {
            Engine::Postgres => &self.postgres,
            Engine::Mysql => &self.mysql,
        };
        db.as_ref().expect("an engine under test")
    }

    /// The main and the user database of a new server: one and the same where both are on one engine.
    pub async fn create(&self) -> (Database, Database) {
        let name = format!("it_{}", hex::encode(djankiserv::random::bytes::<6>().unwrap()));
        let (main, user) = engines();
        let main = Database { engine: main, name: name.clone() };
        let user = Database { engine: user, name };
        self.create_one(&main).await;
        if user != main {
            self.create_one(&user).await;
        }
        (main, user)
    }

    async fn create_one(&self, database: &Database) {
        let Database { engine, name } = database;
        let admin = self.at(*engine);
        if *engine == Engine::Postgres {
            return admin.script(&format!("CREATE DATABASE {name}")).await.unwrap();
        }
        for statement in documented(name) {
            admin.script(&statement).await.unwrap();
        }
    }

    /// Cuts all connections to a database, waits until they are gone, and answers how many they were.
    pub async fn cut(&self, database: &Database) -> u64 {
        let admin = self.at(database.engine);
        if database.engine == Engine::Postgres {
            let kill = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = ?";
            let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM ({kill}) k");
            return admin.query(&sql, params![database.name.as_str()]).await.unwrap()[0].int(0).unwrap().unsigned_abs();
        }
        let connections = async || {
            let sql = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist WHERE user = ?";
            let rows = admin.query(sql, params![database.name.as_str()]).await.unwrap();
            rows.iter().map(|row| row.int(0).unwrap()).collect::<Vec<_>>()
        };
        let cut = connections().await;
        for id in &cut {
            // One that has ended by itself meanwhile is no error worth telling.
            let _ = admin.script(&format!("KILL {id}")).await;
        }
        let until = Instant::now() + Duration::from_secs(10);
        while connections().await.iter().any(|id| cut.contains(id)) {
            assert!(Instant::now() < until, "connections survive being killed");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        cut.len() as u64
    }

    /// Lets nobody connect to a database any more, or lets them again.
    pub async fn allow_connections(&self, database: &Database, allowed: bool) {
        let name = &database.name;
        let sql = match database.engine {
            Engine::Postgres => format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}"),
            Engine::Mysql => format!("ALTER USER '{name}'@'%' ACCOUNT {}", if allowed { "UNLOCK" } else { "LOCK" }),
        };
        self.at(database.engine).script(&sql).await.unwrap();
    }

    /// The address of somebody who may read and write a database, but not make anything there.
    pub async fn url_without_rights(&self, database: &Database) -> String {
        let (admin, name) = (self.at(database.engine), &database.name);
        if database.engine == Engine::Mysql {
            admin.script(&format!("REVOKE CREATE ON `djs\\_%`.* FROM '{name}'@'%'")).await.unwrap();
            return database.url();
        }
        admin.script(&format!("CREATE ROLE {name}_guest LOGIN")).await.unwrap();
        let url = database.url();
        assert!(url.contains("user=postgres"), "{url}");
        url.replace("user=postgres", &format!("user={name}_guest"))
    }

    /// Removes what that has made. What was revoked goes with the account.
    pub async fn end_without_rights(&self, database: &Database) {
        if database.engine == Engine::Postgres {
            self.at(database.engine).script(&format!("DROP ROLE {}_guest", database.name)).await.unwrap();
        }
    }

    /// Makes a database anew. Whoever is connected to it loses that.
    pub async fn empty(&self, database: &Database) {
        let (admin, name) = (self.at(database.engine), &database.name);
        if database.engine == Engine::Postgres {
            admin.script(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
            admin.script(&format!("CREATE DATABASE {name}")).await.unwrap();
        } else {
            // Rights are kept.
            admin.script(&format!("DROP DATABASE {name}; CREATE DATABASE {name}")).await.unwrap();
        }
    }

    /// Whether somebody waits for a row's lock in the database.
    pub async fn is_lock_awaited(&self, database: &Database) -> bool {
        let sql = match database.engine {
            Engine::Postgres => "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_stat_activity WHERE datname = ? AND wait_event_type = 'Lock'",
            Engine::Mysql => {
                "SELECT COUNT(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id \
                 WHERE p.user = ? AND t.trx_state = 'LOCK WAIT'"
            }
        };
        self.at(database.engine).query(sql, params![database.name.as_str()]).await.unwrap()[0].int(0).unwrap() > 0
    }

    /// Removes a database and, on MySQL, the account and those of its collections.
    pub async fn drop(&self, database: &Database, collections: &[String]) {
        let admin = self.at(database.engine);
        let name = &database.name;
        if database.engine == Engine::Postgres {
            return admin.script(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
        }
        for collection in collections {
            admin.drop_schema(collection).await.unwrap();
        }
        admin.script(&format!("DROP DATABASE {name}; DROP USER '{name}'@'%'")).await.unwrap();
    }
}

impl Database {
    /// A connection such as the server has.
    pub async fn connect(&self) -> Db {
        Db::connect(&connect_to(&self.url())).await.unwrap()
    }

    /// The address for a server's settings.
    pub fn url(&self) -> String {
        let admin = admin_url(self.engine);
        if self.engine == Engine::Postgres {
            let url = admin.replacen("/postgres?", &format!("/{}?", self.name), 1);
            assert_ne!(url, admin, "the address must name the database postgres");
            return url;
        }
        let mut url = url::Url::parse(&admin).unwrap();
        url.set_username(&self.name).unwrap();
        url.set_password(Some(PASSWORD)).unwrap();
        url.set_path(&self.name);
        url.into()
    }

    /// Renames a table within its schema.
    pub async fn rename_table(&self, db: &Db, schema: &str, from: &str, to: &str) {
        let target = if self.engine == Engine::Mysql { format!("{schema}.{to}") } else { to.to_owned() };
        db.script(&format!("ALTER TABLE {schema}.{from} RENAME TO {target}")).await.unwrap();
    }

    /// The rows of a table as text, sorted, to compare before and after.
    pub async fn rows(&self, db: &Db, schema: &str, table: &str) -> Vec<String> {
        let sql = match self.engine {
            Engine::Postgres => format!("SELECT CAST(row_to_json(t) AS TEXT) FROM {schema}.{table} t"),
            Engine::Mysql => {
                let sql = "SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position";
                let columns = db.query(sql, params![schema, table]).await.unwrap();
                let columns: Vec<String> = columns.iter().map(|row| format!("COALESCE(HEX({}), 'NULL')", row.text(0).unwrap())).collect();
                assert!(!columns.is_empty(), "no table {schema}.{table}");
                format!("SELECT CONCAT_WS(' ', {}) FROM {schema}.{table}", columns.join(", "))
            }
        };
        // Not by the database: MySQL has no memory to sort what is long.
        let mut rows: Vec<String> = db.query(&sql, vec![]).await.unwrap().iter().map(|row| row.text(0).unwrap()).collect();
        rows.sort();
        rows
    }
}
