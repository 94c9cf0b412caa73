//! Which engines there are.

/// The engines that there are. Only this folder asks which one it is; everybody else hands it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Postgres,
    /// MySQL or MariaDB. Which of the two is asked of the server.
    Mysql,
}

impl Engine {
    /// By the names that Django has for it, or the engine's own.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "django.db.backends.postgresql" | "django.db.backends.postgresql_psycopg2" | "postgresql" | "postgres" => Some(Self::Postgres),
            "django.db.backends.mysql" | "mysql" | "mariadb" => Some(Self::Mysql),
            _ => None,
        }
    }

    /// By the word before `://` in an address.
    pub fn from_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "postgresql" | "postgres" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::Mysql),
            _ => None,
        }
    }

    /// The TCP port on which its servers listen unless told otherwise.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::Mysql => 3306,
        }
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL/MariaDB",
        })
    }
}
