//! What health checks are told, with TLS and without.

use crate::support::{Finished, Folder};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server on this port, killed in the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        crate::support::signal(self.0.id().try_into().unwrap(), "TERM");
        let _ = self.0.wait();
    }
}

fn command(folder: &Folder, arguments: &[&str], settings: &[(&str, String)]) -> Command {
    let mut command = folder.command(arguments);
    command.envs(settings.iter().map(|(name, value)| (*name, value)));
    command
}

fn look(folder: &Folder, settings: &[(&str, String)]) {
    let ask = |more: &[&str]| -> Finished { command(folder, &[&["health"], more].concat(), settings).output().unwrap().into() };
    ask(&[]).expect_failure(1, "nobody listens");
    let server = command(folder, &["serve"], settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _server = Running(server);
    let until = Instant::now() + Duration::from_secs(60);
    while ask(&[]).code != Some(0) {
        assert!(Instant::now() < until, "{:?}", ask(&[]));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(ask(&[]).expect_success().stdout, "ready\n");
    assert!(ask(&["--alive"]).expect_success().stdout.contains("It's great"));
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

#[test]
fn a_server_is_found_by_its_settings() {
    let folder = Folder::new("health");
    let mut settings = vec![("DJANKISERV_LISTEN_PORT", free_port()), ("DJANKISERV_LISTEN_ADDRESS", "0.0.0.0".to_owned())];
    look(&folder, &settings);
    // The certificate is for a name that nobody can ask for from here.
    let made = rcgen::generate_simple_self_signed(["anki.example.com".to_owned()]).unwrap();
    for (name, setting, pem) in
        [("cert.pem", "DJANKISERV_TLS_CERT", made.cert.pem()), ("key.pem", "DJANKISERV_TLS_KEY", made.signing_key.serialize_pem())]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        settings.push((setting, path.to_str().unwrap().to_owned()));
    }
    look(&folder, &settings);
}

#[test]
fn a_port_that_nobody_knows_is_told() {
    let folder = Folder::new("unknown-port");
    folder.run(&["health"]).expect_failure(1, "DJANKISERV_LISTEN_PORT is 0");
}
