//! A server of the engine under test that takes connections from the network only with TLS, and an authority for its certificate. Beside it,
//! a way to reach the server of all other tests, which speaks no TLS, over the network too.

use crate::support::{administrator, by_engine};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use store::engine::{ConnectTo, Db, Host};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixStream};

pub struct TlsServer {
    folder: TempDir,
    server: Child,
    port: u16,
}

/// Whom it runs as when we are root.
type Owner = Option<(u32, u32)>;

impl TlsServer {
    /// Starts one. Its certificate is for the name localhost.
    pub async fn start() -> Self {
        // Short, because a socket's path has 107 bytes at most.
        let folder = tempfile::Builder::new().prefix("djs-tls-").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let owner = owner(by_engine("postgres", "nobody"));
        for name in ["ca", "other"] {
            let authority = authority(name);
            std::fs::write(folder.path().join(format!("{name}.pem")), authority.pem()).unwrap();
            if name == "ca" {
                certify(folder.path(), &authority, owner);
            }
        }
        let work = folder.path().join("work");
        std::fs::create_dir(&work).unwrap();
        give(&work, owner);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = by_engine(postgres as Starter, mariadb as Starter)(folder.path(), port, owner);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        server.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        let server = Self { server: server.spawn().unwrap(), folder, port };
        let until = Instant::now() + Duration::from_secs(60);
        while let Err(error) = Db::connect(&server.administrator()).await {
            let log = || std::fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "{error}\n{}", log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        server
    }

    /// By its socket, without TLS.
    pub fn administrator(&self) -> ConnectTo {
        let work = self.folder.path().join("work");
        ConnectTo { host: Host::Socket(by_engine(work.clone(), work.join("socket"))), port: self.port, password: None, ..administrator() }
    }

    /// The same account, from the network.
    pub fn by_network(&self, host: &str, to: &ConnectTo) -> ConnectTo {
        ConnectTo { host: Host::Tcp(host.into()), port: self.port, ..to.clone() }
    }

    /// The file of an authority: `ca` made the server's certificate, `other` did not.
    pub fn authority(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        // At once, and with all of its processes: a PostgreSQL that is killed leaves some for a while.
        let stopped = Command::new("kill").args([by_engine("-QUIT", "-TERM"), &self.server.id().to_string()]).status();
        if stopped.is_err() {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

type Starter = fn(&Path, u16, Owner) -> Command;

fn postgres(folder: &Path, port: u16, owner: Owner) -> Command {
    let programs = programs();
    let data = folder.join("work/data");
    let mut initdb = command(&programs.join("initdb"), folder, owner);
    run(initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=trust", "-U", "postgres", "-D"]).arg(&data));
    // One database takes nobody who is encrypted: for those who wish to be, but need not.
    let access =
        ["local all all trust", "hostnossl plain all all scram-sha-256", "host plain all all reject", "hostssl all all all scram-sha-256"];
    std::fs::write(data.join("pg_hba.conf"), access.join("\n") + "\n").unwrap();
    let mut server = command(&programs.join("postgres"), folder, owner);
    let set = |name: &str, value: String| format!("{name}={value}");
    let path = |name: &str| folder.join(name).display().to_string();
    server.arg("-D").arg(&data);
    for setting in [
        set("listen_addresses", "127.0.0.1".into()),
        set("port", port.to_string()),
        set("unix_socket_directories", path("work")),
        set("ssl", "on".into()),
        set("ssl_cert_file", path("server.pem")),
        set("ssl_key_file", path("server.key")),
        set("fsync", "off".into()),
    ] {
        server.arg("-c").arg(setting);
    }
    server
}

fn mariadb(folder: &Path, port: u16, owner: Owner) -> Command {
    let path = |name: &str| folder.join(name).display().to_string();
    let small = ["--innodb-log-file-size=32M", "--innodb-flush-method=nosync"];
    let mut install = command(&program("mariadb-install-db"), folder, owner);
    install.env("TMPDIR", path("work")).args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    run(install.args(small).arg("--skip-name-resolve").arg(format!("--datadir={}", path("work/data"))));
    let mut server = command(&program("mariadbd"), folder, owner);
    server.args(["--no-defaults", "--skip-name-resolve", "--bind-address=127.0.0.1", "--require-secure-transport=ON"]).args(small);
    server.args([
        format!("--datadir={}", path("work/data")),
        format!("--tmpdir={}", path("work")),
        format!("--socket={}", path("work/socket")),
        format!("--pid-file={}", path("work/pid")),
        format!("--port={port}"),
        format!("--ssl-cert={}", path("server.pem")),
        format!("--ssl-key={}", path("server.key")),
        format!("--ssl-ca={}", path("ca.pem")),
    ]);
    server
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, format!("an authority of the tests: {name}"));
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// The server's certificate and key.
fn certify(folder: &Path, authority: &CertifiedIssuer<'static, KeyPair>, owner: Owner) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".into()]).unwrap().signed_by(&key, authority).unwrap();
    std::fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    let file = folder.join("server.key");
    std::fs::write(&file, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    give(&file, owner);
}

fn owner(account: &str) -> Owner {
    // Neither server runs as root.
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = accounts.lines().find_map(|line| line.strip_prefix(&format!("{account}:"))).filter(|_| is_root)?;
    let mut numbers = line.split(':').skip(1).map(|number| number.parse().unwrap());
    Some((numbers.next().unwrap(), numbers.next().unwrap()))
}

fn give(path: &Path, owner: Owner) {
    if let Some((uid, gid)) = owner {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}

fn command(program: &Path, folder: &Path, owner: Owner) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if let Some((uid, gid)) = owner {
        command.uid(uid).gid(gid);
    }
    command
}

fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn programs() -> PathBuf {
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").map(|d| d.flatten().map(|e| e.path().join("bin")).collect()).unwrap_or_default();
    versions.sort();
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = versions.into_iter().rev().chain(std::env::split_paths(&in_path));
    folders.find(|folder| folder.join("initdb").exists()).expect("PostgreSQL is installed: scripts/install-deps.sh")
}

fn program(name: &str) -> PathBuf {
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&in_path).chain(["/usr/sbin".into(), "/usr/libexec".into()]);
    let folder = folders.find(|folder| folder.join(name).exists());
    folder.unwrap_or_else(|| panic!("{name} is installed: scripts/install-deps.sh test")).join(name)
}

/// The server of all other tests, which has a socket only, from the network.
pub async fn without_tls() -> u16 {
    let to = administrator();
    let Host::Socket(path) = &to.host else { panic!("the server of the tests is reached by its socket") };
    let path = by_engine(path.join(format!(".s.PGSQL.{}", to.port)), path.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let path = path.clone();
            tokio::spawn(async move {
                let mut far = UnixStream::connect(path).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    port
}
