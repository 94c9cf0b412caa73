//! A process of the server, as an operator starts it.

use crate::cluster::signal;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What all processes and commands of an installation are told.
#[derive(Clone)]
pub struct Installation {
    /// The data folder.
    pub root: PathBuf,
    pub database: String,
    /// Where processes log to, outside of the data folder, which may be full.
    pub log: PathBuf,
}

impl Installation {
    /// A command line, with nothing of this process's configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_djankiserv"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("DJANKISERV_DATA_ROOT", &self.root).env("DJANKISERV_MAINDB_URL", &self.database).env("DJANKISERV_LISTEN_PORT", "0");
        let log = File::options().append(true).create(true).open(&self.log).unwrap();
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        command
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) {
        let ran = self.command(arguments).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {:?}\n{}", ran.status, self.last_words());
    }

    /// The end of the log, for a failed test.
    pub fn last_words(&self) -> String {
        last_lines(&self.log)
    }
}

fn last_lines(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// A running `djankiserv serve`, killed when dropped.
pub struct Process {
    child: Child,
    pub port: u16,
}

impl Process {
    /// Starts one and waits until it listens.
    pub fn start(installation: &Installation, arguments: &[&str]) -> Self {
        let mut child = installation.command(&[&["serve"], arguments].concat()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = |line: std::io::Result<String>| line.ok()?.trim().strip_prefix("http://127.0.0.1:")?.strip_suffix('/')?.parse().ok();
        let port = lines.find_map(address);
        // Goes on reading, so that the server never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port: port.unwrap_or_else(|| panic!("the server does not start:\n{}", installation.last_words())) }
    }

    /// SIGKILL: no warning, no clean-up.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and back at once.
    pub fn tell_to_stop(&self) {
        signal(i32::try_from(self.child.id()).unwrap(), "TERM");
    }

    /// Waits for the end, and answers whether it was an orderly one.
    pub fn has_stopped(mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
