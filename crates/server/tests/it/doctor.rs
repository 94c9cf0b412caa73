//! `djankiserv doctor`, on installations that really are broken.

use crate::databases::Admin;
use crate::program::program;
use crate::support::{TestServer, admin};
use djankiserv::app::router;
use djankiserv::config::TrustedProxies;
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use store::engine::Engine;
use tempfile::TempDir;

/// What it found.
struct Found {
    code: Option<i32>,
    lines: Vec<Value>,
    text: String,
}

impl Found {
    /// The levels of all findings about something.
    fn levels(&self, about: &str) -> Vec<&str> {
        self.lines.iter().filter(|line| line["about"] == about).map(|line| line["level"].as_str().unwrap()).collect()
    }

    #[track_caller]
    fn expect(&self, about: &str, level: &str, part: &str) {
        let fits = |line: &&Value| line["about"] == about && line["level"] == level && line["found"].as_str().unwrap().contains(part);
        let found = self.lines.iter().find(fits).unwrap_or_else(|| panic!("no {level} about {about} with {part:?} in\n{}", self.text));
        assert!(level == "ok" || !found["advice"].as_str().unwrap().is_empty(), "{found}");
    }

    #[track_caller]
    fn expect_only_good(&self, about: &str) {
        let levels = self.levels(about);
        assert!(!levels.is_empty() && levels.iter().all(|level| *level == "ok"), "{about}: {levels:?} in\n{}", self.text);
    }
}

/// Runs it beside the server, which goes on answering.
async fn doctor(server: &TestServer, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Found {
    let mut command = program(server, &[&["doctor", "--json"], arguments].concat());
    change(&mut command);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("a long password"), "{text}");
    let lines = String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Found { code: output.status.code(), lines, text }
}

fn engines(server: &TestServer) -> [Engine; 2] {
    [server.main_database.engine, server.user_database.engine]
}

/// The test's own servers do not wait for the disk, and take small packets: what an operator should be told.
#[tokio::test]
async fn settings_of_the_databases_are_judged_and_nothing_is_left_behind() {
    let server = TestServer::new().await;
    server.device("a").await;
    let before = server.schemas().await;
    let found = doctor(&server, &[], |_| {}).await;
    assert_eq!(found.code, Some(1), "{}", found.text);
    for about in ["version", "setting", "rights", "clock", "tables"] {
        found.expect_only_good(about);
    }
    let (has_postgres, has_mysql) = (engines(&server).contains(&Engine::Postgres), engines(&server).contains(&Engine::Mysql));
    if has_postgres {
        found.expect("fsync", "problem", "fsync is off");
        found.expect("synchronous_commit", "warning", "synchronous_commit is off");
        found.expect("version", "ok", "PostgreSQL");
    }
    if has_mysql {
        found.expect("max_allowed_packet", "warning", "16 MiB");
        found.expect("innodb_flush_log_at_trx_commit", "warning", "is 0");
        found.expect("innodb_doublewrite", "problem", "is off");
        found.expect("version", "ok", "MariaDB");
        found.expect("session", "ok", "sql_mode");
    }
    let last = found.lines.last().unwrap();
    assert!(last["problems"].as_u64().unwrap() > 0 && last["warnings"].as_u64().unwrap() > 0, "{last}");
    assert_eq!(server.schemas().await, before, "what was made to try is gone");

    let found = doctor(&server, &[], |command| {
        command.env("DJANKISERV_DB_CONNECTIONS", "900");
    });
    let found = found.await;
    found.expect("connections", "problem", "may be wanted");
    found.expect_only_good("media");
    server.app.media.claim("another-installation").unwrap();
    doctor(&server, &[], |_| {}).await.expect("media", "problem", "another-installation");
    doctor(&server, &["--processes", "3"], |_| {}).await.expect_only_good("rights");
    let readable = program(&server, &["doctor"]).output().unwrap();
    let readable = String::from_utf8(readable.stdout).unwrap();
    assert!(readable.contains("  problem  ") && readable.contains("           → ") && readable.contains(" problems, "), "{readable}");
    server.end().await;
}

#[tokio::test]
async fn missing_rights_are_named() {
    let server = TestServer::new().await;
    let admin: Admin = admin().await;
    let url = admin.url_without_rights(&server.user_database).await;
    let found = doctor(&server, &[], |command| {
        command.env("DJANKISERV_USERDB_URL", &url);
    });
    let found = found.await;
    found.expect("rights", "problem", "cannot make");
    assert_eq!(found.code, Some(1));
    if server.user_database.engine == Engine::Postgres {
        found.expect("owner", "problem", "belong to another role");
        found.expect("look", "problem", "permission denied");
    }
    admin.end_without_rights(&server.user_database).await;
    server.end().await;
}

#[tokio::test]
async fn a_database_that_is_away_is_told_and_the_rest_is_looked_at() {
    let server = TestServer::new().await;
    let found = doctor(&server, &[], |command| {
        command.env("DJANKISERV_USERDB_URL", "postgresql://somebody:a%20long%20password@127.0.0.1:1/nothing");
    });
    let found = found.await;
    found.expect("reachable", "problem", "database unavailable");
    found.expect("version", "ok", "djankiserv");
    found.expect_only_good("rights");
    assert_eq!(found.code, Some(1));
    server.end().await;
}

#[tokio::test]
async fn settings_and_files_are_judged() {
    let server = TestServer::new().await;
    let root = server.app.config.data_root.path().to_owned();
    let secret = root.join("key-for-everybody");
    fs::write(&secret, "70e4b1c29d3f8a56e1b07c4d92fa8365").unwrap();
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o644)).unwrap();
    fs::set_permissions(&root, PermissionsExt::from_mode(0o755)).unwrap();
    let temporary = server.app.config.data_root.temporary().join("cut-off");
    fs::write(&temporary, "x").unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&temporary).unwrap().set_modified(long_ago).unwrap();
    let found = doctor(&server, &[], |command| {
        command.env("DJANKISERV_SECRET_KEY_FILE", &secret).env("DJANKISERV_LISTENPORT", "1").env("DJANKISERV_LISTEN_ADDRESS", "0.0.0.0");
    });
    let found = found.await;
    found.expect("setting", "warning", "did you mean DJANKISERV_LISTEN_PORT?");
    found.expect("listen_address", "note", "trusts no proxy");
    found.expect("permissions", "warning", "mode 755");
    found.expect("secrets", "problem", "key-for-everybody");
    found.expect("leftovers", "note", "1 files");
    assert!(!found.text.contains("70e4b1c29d3f8a56"), "{}", found.text);

    fs::set_permissions(&root, PermissionsExt::from_mode(0o700)).unwrap();
    fs::remove_file(&temporary).unwrap();
    let found = doctor(&server, &[], |_| {}).await;
    for about in ["setting", "permissions", "secrets", "leftovers", "folder"] {
        found.expect_only_good(about);
    }
    assert!(!found.levels("disk_space").is_empty() && !found.levels("open_files").is_empty());
    let wrong = doctor(&server, &[], |command| {
        command.env("DJANKISERV_LISTEN_PORT", "x");
    });
    assert_eq!(wrong.await.code, Some(2));
    server.end().await;
}

/// A real nginx before the server, killed when dropped.
struct Nginx {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Nginx {
    /// Starts one whose `server` contains `server` and whose `location /` contains `location`. `upstream` is the server's port.
    fn start(upstream: u16, listen: &str, server: &str, location: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().display();
        let openssl = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(folder.path().join("key.pem"))
            .arg("-out")
            .arg(folder.path().join("cert.pem"))
            .output()
            .unwrap();
        assert!(openssl.status.success(), "{openssl:?}");
        // Free at this moment.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = format!(
            "daemon off; pid {path}/pid; error_log {path}/error.log; worker_processes 1; events {{}}
             http {{ access_log off; client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/f;
             uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;
             server {{ listen 127.0.0.1:{port} {listen}; ssl_certificate {path}/cert.pem; ssl_certificate_key {path}/key.pem; {server}
             location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_set_header Host $http_host;
             proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; {location} }} }} }}"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        // As root, its worker is somebody else and has to write bodies there.
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let process = Command::new("nginx").arg("-p").arg(folder.path()).arg("-c").arg(&file).stderr(Stdio::null()).spawn();
        let process = process.unwrap_or_else(|e| panic!("nginx: {e}; scripts/install-deps.sh test installs it"));
        let nginx = Self { process, folder, port };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return nginx;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("nginx does not start: {}", fs::read_to_string(nginx.folder.path().join("error.log")).unwrap_or_default());
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // In order, so that its workers end too.
        let pid = nix::unistd::Pid::from_raw(self.process.id().try_into().unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.process.wait();
    }
}

/// The server on a port of its own.
async fn listen(server: &TestServer) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = router(server.app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    port
}

async fn visit(server: &TestServer, url: &str, ca: Option<&Path>) -> Found {
    let ca: Vec<&str> = ca.iter().flat_map(|ca| ["--ca", ca.to_str().unwrap()]).collect();
    doctor(server, &[&["--url", url, "--body-mb", "3"], &ca[..]].concat(), |_| {}).await
}

const UNLIMITED: &str = "client_max_body_size 0;";

#[tokio::test]
async fn a_good_way_to_the_server_is_found_good() {
    let trust = |app: &mut djankiserv::app::App| {
        let mut config = (*app.config).clone();
        config.trusted_proxies = TrustedProxies::parse("127.0.0.1").unwrap();
        app.config = Arc::new(config);
    };
    let server = TestServer::with(trust).await;
    let port = listen(&server).await;
    let direct = visit(&server, &format!("http://127.0.0.1:{port}/"), None).await;
    for about in ["health", "body", "headers", "sync"] {
        direct.expect_only_good(about);
    }
    direct.expect("body", "ok", "as it comes");
    direct.expect("proxy", "warning", "does not say who asks");

    let nginx = Nginx::start(port, "ssl", "client_max_body_size 0; ssl_protocols TLSv1.3;", "");
    let found = visit(&server, &format!("https://localhost:{}/", nginx.port), Some(&nginx.certificate())).await;
    for about in ["tls", "health", "body", "headers", "sync", "proxy"] {
        found.expect_only_good(about);
    }
    found.expect("tls", "ok", "TLS 1.3");
    found.expect("body", "ok", "collects it first");
    let old = Nginx::start(port, "ssl", "client_max_body_size 0; ssl_protocols TLSv1.2;", "proxy_request_buffering off;");
    let found = visit(&server, &format!("https://localhost:{}/djs/", old.port), Some(&old.certificate())).await;
    found.expect("tls", "ok", "TLS 1.2");
    found.expect("body", "ok", "as it comes");
    found.expect_only_good("sync");
    server.end().await;
}

#[tokio::test]
async fn what_a_proxy_does_wrong_is_named() {
    let server = TestServer::new().await;
    let port = listen(&server).await;
    for (listen, in_server, in_location, about, level, part) in [
        // The default of nginx.
        ("", "", "", "body", "problem", "3 MiB"),
        ("", UNLIMITED, "proxy_set_header anki-sync '';", "headers", "problem", "anki-sync of the request"),
        ("", UNLIMITED, "proxy_hide_header anki-original-size;", "headers", "problem", "anki-original-size of the answer"),
        ("", UNLIMITED, "", "proxy", "warning", "does not trust it"),
        ("", "return 301 https://$http_host$request_uri;", "", "redirect", "problem", "to https://"),
        ("", UNLIMITED, "proxy_pass http://127.0.0.1:1;", "health", "problem", "502"),
        ("", UNLIMITED, "rewrite ^ /elsewhere break;", "health", "problem", "404"),
    ] {
        // Of two lines in a location, nginx would complain.
        let nginx = if in_location.starts_with("proxy_pass") {
            Nginx::start(1, listen, in_server, "")
        } else {
            Nginx::start(port, listen, in_server, in_location)
        };
        let found = visit(&server, &format!("http://localhost:{}/", nginx.port), None).await;
        found.expect(about, level, part);
    }
    let nginx = Nginx::start(port, "ssl", UNLIMITED, "");
    let found = visit(&server, &format!("https://localhost:{}/", nginx.port), None).await;
    found.expect("tls", "problem", "no TLS connection");
    let found = visit(&server, &format!("https://127.0.0.1:{}/", nginx.port), Some(&nginx.certificate())).await;
    found.expect("tls", "problem", "no TLS connection");
    visit(&server, "http://127.0.0.1:1/", None).await.expect("reachable", "problem", "127.0.0.1 port 1");
    visit(&server, "anki.example.com", None).await.expect("url", "problem", "no address");
    server.end().await;
}
