//! The settings, as data: name, default, meaning. The reader, `config show`, the warnings about unknown names and
//! `docs/configuration.md` all work from this table, so none of them can forget one.

/// One environment variable.
#[derive(Debug)]
pub struct Setting {
    /// The whole name of the variable.
    pub name: &'static str,
    /// What holds when it is not set, in the form in which it would be set; empty where there is no such text.
    pub default: &'static str,
    /// What may be written, in a few words.
    pub values: &'static str,
    /// What it does, as sentences.
    pub about: &'static str,
    /// Whether it is hidden in output, and may also be given as the name of a file in `<name>_FILE`.
    pub secret: bool,
}

/// Settings that belong together, for the documentation.
#[derive(Debug)]
pub struct Group {
    pub title: &'static str,
    pub about: &'static str,
    pub settings: &'static [&'static Setting],
}

macro_rules! settings {
    ($($id:ident = $name:literal, default $default:literal, values $values:literal $(, $secret:ident)?: $about:literal;)*) => {
        $(pub const $id: &Setting = &Setting {
            name: concat!("DJANKISERV_", $name), default: $default, values: $values, about: $about, secret: settings!(@ $($secret)?),
        };)*
    };
    (@) => { false };
    (@ secret) => { true };
}

settings! {
    LISTEN_ADDRESS = "LISTEN_ADDRESS", default "127.0.0.1", values "an IP address or host name":
        "Where the server listens. `0.0.0.0` or `::` make it reachable from other machines; put a reverse proxy with TLS in front of it before you do that on the internet.";
    LISTEN_PORT = "LISTEN_PORT", default "8002", values "0–65535":
        "The TCP port. 0 takes any free one and prints it.";
    DATA_ROOT = "DATA_ROOT", default "", values "a folder":
        "Media, the embedded database, its dumps and generated secrets live here. Unset, it is `/var/lib/djankiserv` for root and `$XDG_DATA_HOME/djankiserv` (usually `~/.local/share/djankiserv`) for other users.";
    SECRET_KEY = "SECRET_KEY", default "", values "at least 32 bytes", secret:
        "Signs what the API hands out; syncing and the pages do not need it. Unset, a random one is made at the first start and kept in `secret_key` in the data folder. Several processes behind one address must share it.";
    ALLOWED_HOSTS = "ALLOWED_HOSTS", default "*", values "names separated by commas":
        "Host names under which the server answers: `anki.example.com`, `.example.com` for a domain with all its subdomains, `*` for any. Any is the default because a sync server is often reached under several names and addresses, and every request carries its own key.";
    CORS_ORIGINS = "CORS_ORIGINS", default "", values "addresses of sites separated by commas, or *":
        "Sites whose pages may use the API with a token, such as https://example.com.";
    TRUSTED_PROXIES = "TRUSTED_PROXIES", default "", values "addresses or networks separated by commas":
        "Reverse proxies whose `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix` are believed, such as `127.0.0.1, 10.0.0.0/8`. From anybody else these headers are ignored.";
    DEBUG = "DEBUG", default "false", values "true or false":
        "Logs more of what the server does. Never request bodies or passwords, unlike the original.";
    LOG = "LOG", default "info", values "a filter such as `info,store=debug`":
        "Which log lines are written. Takes precedence over DEBUG.";
    TLS_CERT = "TLS_CERT", default "", values "a file in PEM form":
        "The certificate, followed by those between it and its authority. With it and TLS_KEY the server speaks https itself (TLS 1.2 and 1.3); the files are read again when they change.";
    TLS_KEY = "TLS_KEY", default "", values "a file in PEM form":
        "The key of that certificate. It may not have a password.";
    PLAIN_PORT = "PLAIN_PORT", default "", values "0–65535":
        "With TLS: a second port, for plain http, which leads browsers to https and tells sync clients to use it. Unset, there is none.";
    ACME_DOMAINS = "ACME_DOMAINS", default "", values "host names separated by commas":
        "The server gets a certificate for these names by itself, by ACME, and renews it: see [tls.md](tls.md). They must lead to it from the internet (or from where the authority is). Not together with TLS_CERT.";
    ACME_AGREE_TERMS = "ACME_AGREE_TERMS", default "false", values "true or false":
        "True says that you agree to the terms of the authority. Without that there are no certificates.";
    ACME_EMAIL = "ACME_EMAIL", default "", values "a mail address":
        "Where the authority can write to about your certificates.";
    ACME_DIRECTORY = "ACME_DIRECTORY", default "https://acme-v02.api.letsencrypt.org/directory", values "an address":
        "The authority: Let's Encrypt, unless another one is named. `https://acme-staging-v02.api.letsencrypt.org/directory` is its staging server, for trying: nobody trusts its certificates, and its limits are wide.";
    ACME_CA_FILE = "ACME_CA_FILE", default "", values "a file in PEM form":
        "Certificates to trust when talking to the authority, beside the system's: the root of an authority of your own.";
    ACME_CHALLENGE = "ACME_CHALLENGE", default "", values "`http-01` or `tls-alpn-01`":
        "How the authority finds out whose the names are: it asks at port 80, which must lead to PLAIN_PORT, or at port 443, which must lead to LISTEN_PORT. Unset, it is `http-01` if PLAIN_PORT is set.";
    ACME_EAB_ID = "ACME_EAB_ID", default "", values "text":
        "The id of an account at an authority that wants to know its customers (external account binding).";
    ACME_EAB_KEY = "ACME_EAB_KEY", default "", values "text in base64url", secret:
        "The key that belongs to it.";
    METRICS_ADDRESS = "METRICS_ADDRESS", default "", values "an address and port such as `127.0.0.1:9102`":
        "Where Prometheus can fetch metrics, at `/metrics`. Unset, there are none. They tell no names, but are meant for the operator: do not let the internet reach them.";
    LOG_FORMAT = "LOG_FORMAT", default "human", values "human or json":
        "The form of the log lines on standard error.";

    MEDIA_URL = "MEDIA_URL", default "", values "`s3://bucket/prefix?endpoint=https://host&region=name`":
        "Keeps media files in a bucket of a service that speaks S3's protocol, for several machines that share no disk. `endpoint` is not needed for Amazon's own, `region` is `us-east-1` unless given, the prefix may be left out. Unset, they are in `media` in the data folder. Files are not moved when this is changed.";
    MEDIA_ACCESS_KEY = "MEDIA_ACCESS_KEY", default "", values "text":
        "The id of the key for the bucket. It must be allowed to list the bucket, and to get, put and delete objects in it.";
    MEDIA_SECRET_KEY = "MEDIA_SECRET_KEY", default "", values "text", secret:
        "The secret of that key.";
    SIGNUP = "SIGNUP", default "closed", values "closed or open":
        "Whether everybody who reaches the pages can make an account. Closed, administrators add users or invite them with links. It cannot be open where a name or an address that somebody has elsewhere opens an account: with OIDC_LINK other than `never`, or AUTH_PROXY_HEADER.";
    PUBLIC_URL = "PUBLIC_URL", default "", values "an address such as `https://anki.example.com`":
        "The address under which people reach the server, for links in mails and invitations, and for what the pages tell people to type into Anki. Unset, it is the address that the browser uses. Mails need it.";
    SMTP_URL = "SMTP_URL", default "", values "`smtps://user:password@host:port`, or `smtp://…?tls=required`", secret:
        "A mail server, to send links with which people who have forgotten their password choose a new one. Special characters are percent-encoded. Unset, administrators make such links.";
    SMTP_FROM = "SMTP_FROM", default "", values "an address such as `Anki <anki@example.com>`":
        "The sender of these mails.";

    OIDC_ISSUER = "OIDC_ISSUER", default "", values "an address such as `https://login.example.com/realms/main`":
        "A provider of OpenID Connect by which people log in to the web pages. Register this server there as a client with the redirect address `https://<this server>/login/oidc/callback/`. Syncing goes on using passwords, which people set on their page.";
    OIDC_CLIENT_ID = "OIDC_CLIENT_ID", default "", values "text":
        "The id that the provider gave this server.";
    OIDC_CLIENT_SECRET = "OIDC_CLIENT_SECRET", default "", values "text", secret:
        "The secret that belongs to it. Unset for a public client; PKCE is used in both cases.";
    OIDC_NAME = "OIDC_NAME", default "single sign-on", values "text":
        "What the button on the login page calls it: \"Log in with …\".";
    OIDC_LINK = "OIDC_LINK", default "never", values "never, email or username":
        "To which account somebody belongs who comes from the provider for the first time. `email`: the one with the same e-mail address, if the provider has verified it. `username`: the one with the same username; only for providers at which nobody can choose that name freely. `never`: none, until its owner links it on the page of their password. Afterwards only the provider's lasting id for that person counts. Administrators are never linked by themselves.";
    OIDC_CREATE_USERS = "OIDC_CREATE_USERS", default "false", values "true or false":
        "Whether somebody from the provider who has no account here gets one.";
    AUTH_PROXY_HEADER = "AUTH_PROXY_HEADER", default "", values "the name of a header, such as `Remote-User`":
        "Logs people in to the web pages as whom a proxy in front names in this header. It is believed only from addresses in TRUSTED_PROXIES, and the proxy must remove it from what others send.";
    AUTH_PROXY_CREATE_USERS = "AUTH_PROXY_CREATE_USERS", default "false", values "true or false":
        "Whether somebody whom the proxy names and who has no account here gets one.";
    ANKICONNECT_ORIGINS = "ANKICONNECT_ORIGINS", default "http://localhost", values "origins separated by commas, or `*`":
        "Web pages that may speak AnkiConnect with this server from a browser, such as `https://tool.example.com, app://obsidian.md`. `http://localhost` also stands for pages of the same machine and for the extensions of browsers, as in the add-on. Whoever speaks it needs a user's token in any case.";
    ANKICONNECT_FETCH = "ANKICONNECT_FETCH", default "public", values "`public`, `any` or `off`":
        "Whether the server fetches media files whose address a tool sends instead of the file: from public addresses, also from those of your own network, or not at all. With `any`, users reach by the server whatever it can reach.";

    MAX_UPLOAD_MB = "MAX_UPLOAD_MB", default "4096", values "1–1048576, in MiB":
        "The largest collection file that a client may upload, decompressed.";
    MAX_BODY_MB = "MAX_BODY_MB", default "300", values "1–1048576, in MiB":
        "The largest body of any other collection request, decompressed.";
    MAX_MEDIA_BATCH_MB = "MAX_MEDIA_BATCH_MB", default "256", values "1–1048576, in MiB":
        "The largest batch of media files in one request, unpacked. A single media file can have 100 MiB.";
    STAGED_MB = "STAGED_MB", default "4096", values "1–1048576, in MiB":
        "How much one running sync may send before it is finished.";
    KEPT_DAYS = "KEPT_DAYS", default "7", values "0–36500":
        "How many days a collection that was replaced by an upload can be brought back with `djankiserv collection restore`.";
    KEPT_COUNT = "KEPT_COUNT", default "3", values "0–1000":
        "How many replaced collections are kept for an account.";
    API_REQUESTS_PER_MINUTE = "API_REQUESTS_PER_MINUTE", default "1200", values "0–1000000":
        "Requests to /api/v2/ that one token, or one account without a token, may send; 0 for any number. Counted by each process.";
    ACCOUNT_REQUESTS = "ACCOUNT_REQUESTS", default "16", values "1–1000":
        "How many requests of one account's devices a process serves at the same time, and of its programs a quarter as many; further ones wait a moment and are then told to come back later. A device makes one or two at a time.";
    DB_CONNECTIONS = "DB_CONNECTIONS", default "20", values "2–1000":
        "The most connections that one process opens to a database.";
    LOGIN_ATTEMPTS = "LOGIN_ATTEMPTS", default "10", values "1–1000000":
        "How many logins may fail for one account within the window before further ones are answered with \"try later\". Ten times as many for one address. Clients that are logged in already are not affected.";
    LOGIN_WINDOW_SECONDS = "LOGIN_WINDOW_SECONDS", default "300", values "1–86400":
        "The length of that window. An account is never locked for longer than this.";
    DUMPS_KEPT = "DUMPS_KEPT", default "7", values "0–365":
        "How many daily dumps of the embedded database are kept in `dumps` in the data folder. 0 makes none.";

    BACKUP_TO = "BACKUP_TO", default "", values "a folder, or `s3://bucket/prefix?endpoint=https://…&region=…`":
        "Where the server writes backups by itself. Several processes share the work: one of them does each. Unset, it makes none.";
    BACKUP_EVERY_HOURS = "BACKUP_EVERY_HOURS", default "24", values "1–8760":
        "How often. The first one is made at once; after a failure, the next try is an hour later.";
    BACKUP_KEEP = "BACKUP_KEEP", default "14", values "1–100000":
        "How many runs are kept there. Older ones go, with the media that only they needed.";
    BACKUP_ACCESS_KEY = "BACKUP_ACCESS_KEY", default "", values "text":
        "The name of the key to the bucket for backups, for the commands `backup` and `restore` too. Unset, it is the one for media.";
    BACKUP_SECRET_KEY = "BACKUP_SECRET_KEY", default "", values "text", secret:
        "That key.";

    MAINDB_ENGINE = "MAINDB_ENGINE", default "django.db.backends.postgresql", values "`django.db.backends.postgresql` or `postgresql`, `django.db.backends.mysql`, `mysql` or `mariadb`":
        "The kind of database.";
    MAINDB_NAME = "MAINDB_NAME", default "djankiserv", values "text":
        "The name of the database.";
    MAINDB_USER = "MAINDB_USER", default "djankiserv", values "text":
        "The database account to log in as. On PostgreSQL it must own the database, or be allowed to create schemas in it; [databases.md](databases.md) says what it needs on MySQL and MariaDB.";
    MAINDB_PASSWORD = "MAINDB_PASSWORD", default "", values "text", secret:
        "Its password. Required, except for a unix socket, where the database server may know by itself who we are.";
    MAINDB_HOST = "MAINDB_HOST", default "127.0.0.1", values "a host name, an address, a unix socket or its folder":
        "Where the database server is.";
    MAINDB_PORT = "MAINDB_PORT", default "", values "1–65535":
        "Its port. Unset, it is 5432 for PostgreSQL and 3306 for MySQL and MariaDB.";
    MAINDB_SSLMODE = "MAINDB_SSLMODE", default "", values "`disable`, `prefer`, `require`, `verify-ca` or `verify-full`":
        "Whether the connection is encrypted, and how far the server is checked: see [databases.md](databases.md#tls). MySQL's words (`REQUIRED`, `VERIFY_IDENTITY`, …) do too. Unset, it is `prefer` for servers on other machines. It does not concern unix sockets.";
    MAINDB_SSLROOTCERT = "MAINDB_SSLROOTCERT", default "", values "a file in PEM form":
        "The certificate of the authority that the server's certificate must come from. Unset, all that the system trusts will do.";
    MAINDB_URL = "MAINDB_URL", default "", values "`postgresql://user:password@host:port/name` or `mysql://…`", secret:
        "All of the above in one. Special characters are percent-encoded; `?host=/run/postgresql` or `?socket=/run/mysqld/mysqld.sock` name a unix socket, `?sslmode=verify-full&sslrootcert=/file` demand encryption. The password, SSLMODE and SSLROOTCERT may be given separately instead.";

    USERDB_ENGINE = "USERDB_ENGINE", default "", values "as for MAINDB": "The kind of database. It may be another one than main's.";
    USERDB_NAME = "USERDB_NAME", default "", values "text": "The name of the database.";
    USERDB_USER = "USERDB_USER", default "", values "text": "The account to log in as.";
    USERDB_PASSWORD = "USERDB_PASSWORD", default "", values "text", secret: "Its password. Main's is used only on main's server.";
    USERDB_HOST = "USERDB_HOST", default "", values "as for MAINDB": "Where the database server is.";
    USERDB_PORT = "USERDB_PORT", default "", values "1–65535": "Its port: main's on main's server, otherwise that of the engine.";
    USERDB_SSLMODE = "USERDB_SSLMODE", default "", values "as for MAINDB": "Whether the connection is encrypted.";
    USERDB_SSLROOTCERT = "USERDB_SSLROOTCERT", default "", values "a file in PEM form": "The certificate of the server's authority.";
    USERDB_URL = "USERDB_URL", default "", values "as for MAINDB", secret: "All of the above in one.";
}

/// All settings, in the order of the documentation.
pub const GROUPS: &[Group] = &[
    Group {
        title: "Server",
        about: "",
        settings: &[
            LISTEN_ADDRESS,
            LISTEN_PORT,
            DATA_ROOT,
            SECRET_KEY,
            ALLOWED_HOSTS,
            TRUSTED_PROXIES,
            CORS_ORIGINS,
            DEBUG,
            LOG,
            LOG_FORMAT,
            TLS_CERT,
            TLS_KEY,
            PLAIN_PORT,
            ACME_DOMAINS,
            ACME_AGREE_TERMS,
            ACME_EMAIL,
            ACME_DIRECTORY,
            ACME_CA_FILE,
            ACME_CHALLENGE,
            ACME_EAB_ID,
            ACME_EAB_KEY,
            METRICS_ADDRESS,
        ],
    },
    Group {
        title: "Main database",
        about: "Accounts, logins and settings. With none of these set, the server runs a private PostgreSQL of its own in the data \
                folder (it has to be installed, not configured). As soon as one of them is set, an external database is used.",
        settings: &[
            MAINDB_ENGINE,
            MAINDB_NAME,
            MAINDB_USER,
            MAINDB_PASSWORD,
            MAINDB_HOST,
            MAINDB_PORT,
            MAINDB_SSLMODE,
            MAINDB_SSLROOTCERT,
            MAINDB_URL,
        ],
    },
    Group {
        title: "User database",
        about: "Collections and media lists. It may be another database or server than main's. What is not set is the same as for \
                the main database.",
        settings: &[
            USERDB_ENGINE,
            USERDB_NAME,
            USERDB_USER,
            USERDB_PASSWORD,
            USERDB_HOST,
            USERDB_PORT,
            USERDB_SSLMODE,
            USERDB_SSLROOTCERT,
            USERDB_URL,
        ],
    },
    Group { title: "AnkiConnect", about: "", settings: &[ANKICONNECT_ORIGINS, ANKICONNECT_FETCH] },
    Group { title: "Media", about: "", settings: &[MEDIA_URL, MEDIA_ACCESS_KEY, MEDIA_SECRET_KEY] },
    Group {
        title: "Backups",
        about: "See [backup.md](backup.md).",
        settings: &[BACKUP_TO, BACKUP_EVERY_HOURS, BACKUP_KEEP, BACKUP_ACCESS_KEY, BACKUP_SECRET_KEY],
    },
    Group { title: "Pages", about: "", settings: &[SIGNUP, PUBLIC_URL, SMTP_URL, SMTP_FROM] },
    Group {
        title: "Other logins to the pages",
        about: "",
        settings: &[
            OIDC_ISSUER,
            OIDC_CLIENT_ID,
            OIDC_CLIENT_SECRET,
            OIDC_NAME,
            OIDC_LINK,
            OIDC_CREATE_USERS,
            AUTH_PROXY_HEADER,
            AUTH_PROXY_CREATE_USERS,
        ],
    },
    Group {
        title: "Limits",
        about: "",
        settings: &[
            MAX_UPLOAD_MB,
            MAX_BODY_MB,
            MAX_MEDIA_BATCH_MB,
            STAGED_MB,
            KEPT_DAYS,
            KEPT_COUNT,
            ACCOUNT_REQUESTS,
            API_REQUESTS_PER_MINUTE,
            DB_CONNECTIONS,
            LOGIN_ATTEMPTS,
            LOGIN_WINDOW_SECONDS,
            DUMPS_KEPT,
        ],
    },
];

/// Every setting.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    GROUPS.iter().flat_map(|group| group.settings.iter().copied())
}

/// Settings of the original djankiserv that mean nothing here, and why.
pub const WITHOUT_MEANING: &[(&str, &str)] = &[
    ("DJANKISERV_GUNICORN_WORKERS", "one process serves many requests at a time"),
    ("DJANKISERV_GUNICORN_TIMEOUT", "requests are not killed after a fixed time"),
    ("DJANKISERV_DOCKER_REPO", "it was for building the original's image"),
    ("DJANKISERV_BUILD_TAG", "it was for building the original's image"),
    ("DJANKISERV_SYNC_URLBASE", "the addresses are fixed: /sync/ and /djs/sync/"),
    ("DJANKISERV_SYNC_MEDIA_URLBASE", "the addresses are fixed: /msync/ and /djs/msync/"),
    ("DJANKISERV_API_URLBASE", "the addresses are fixed"),
    ("DJANKISERV_BASE_URL", "the addresses are fixed"),
    ("DJANKISERV_BASE_MEDIA_URL", "the addresses are fixed"),
];
