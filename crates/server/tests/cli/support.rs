//! Runs the program in a data folder of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A data folder, removed with all that runs in it.
pub struct Folder(PathBuf);

impl Folder {
    /// `name` tells the folders of one test run apart.
    pub fn new(name: &str) -> Self {
        // Another account may have to enter: as root, the database runs as somebody else.
        let path = Path::new("/tmp").join(format!("djankiserv-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The process of the database that runs here, according to its lock file.
    pub fn postmaster(&self) -> Option<i32> {
        let text = std::fs::read_to_string(self.0.join("postgres/data/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok()
    }

    /// A command line, with nothing of this process's configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_djankiserv"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("DJANKISERV_DATA_ROOT", &self.0).env("DJANKISERV_LISTEN_PORT", "0").args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs a command that reads a password, and expects it to succeed.
    pub fn run_with_password(&self, arguments: &[&str], password: &str) -> Finished {
        let mut child = self.command(arguments).arg("--password-stdin").stdin(Stdio::piped()).spawn().unwrap();
        // Who has ended already says why.
        let _ = child.stdin.take().unwrap().write_all(password.as_bytes());
        Finished::from(child.wait_with_output().unwrap()).expect_success()
    }

    /// Starts the server and waits until it listens.
    pub fn serve(&self) -> Server {
        let mut child = self.command(&["serve"]).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| line.unwrap().trim().strip_prefix("http://127.0.0.1:")?.strip_suffix('/')?.parse().ok());
        // Goes on reading, so that the server never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, port: port.expect("the server prints its address") }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(pid) = self.postmaster() {
            signal(pid, "QUIT");
            wait_until("the database has stopped", || !Path::new(&format!("/proc/{pid}/cwd")).exists());
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Finished {
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Expects this exit code, and this text on standard error.
    #[track_caller]
    pub fn expect_failure(self, code: i32, part: &str) {
        assert!(self.code == Some(code) && self.stderr.contains(part), "wanted {code} and {part:?}: {self:?}");
    }
}

/// A running server. Killed when dropped.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    pub fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    /// The status of a GET request.
    pub fn status(&self, path: &str) -> u16 {
        self.status_with(path, "")
    }

    /// The same, with a header `Authorization`.
    pub fn status_with(&self, path: &str, login: &str) -> u16 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let login = if login.is_empty() { String::new() } else { format!("Authorization: {login}\r\n") };
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{login}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Sends a signal and waits for the end. Answers the exit code.
    pub fn stop(mut self, name: &str) -> Option<i32> {
        signal(self.pid(), name);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn signal(pid: i32, name: &str) {
    let name: nix::sys::signal::Signal = format!("SIG{name}").parse().unwrap();
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), name);
}

/// Waits for something that takes a moment.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < until, "not so after a minute: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
