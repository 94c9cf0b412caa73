//! SIGTERM under load: whoever has connected is answered.

use crate::process::Process;
use crate::say;
use crate::world::World;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 16;
const STOPS: usize = 6;

/// How a client ended, which goes on until it is refused.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Nobody listens any more. Nothing was sent, so whoever asks can ask somewhere else.
    Refused,
    /// Connected, sent, and got no answer.
    Lost(String),
}

/// Asks again and again, on a connection for each request or on one for as long as the server keeps it.
fn ask_until_refused(port: u16, keep: bool, pause: Duration, answered: &AtomicUsize) -> End {
    let connection = if keep { "keep-alive" } else { "close" };
    let request = format!("GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: {connection}\r\n\r\n");
    loop {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return End::Refused };
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        loop {
            if let Err(error) = stream.write_all(request.as_bytes()) {
                return End::Lost(format!("sending: {error}"));
            }
            let mut answer = String::new();
            let mut block = [0; 4096];
            while !answer.contains("\r\n\r\nready\n") {
                match stream.read(&mut block) {
                    Ok(0) => return End::Lost(format!("closed without an answer: {answer:?}")),
                    Ok(n) => answer.push_str(&String::from_utf8_lossy(&block[..n])),
                    Err(error) => return End::Lost(format!("receiving: {error}")),
                }
            }
            answered.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(pause);
            if !keep || answer.to_ascii_lowercase().contains("connection: close") {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_stop_loses_no_request() {
    let world = World::new(&[]).await;
    let (answered, mut longest, mut lost) = (AtomicUsize::new(0), Duration::ZERO, Vec::new());
    for stop in 0..STOPS {
        let process = Process::start(&world.installation, &[]);
        let port = process.port;
        let ends: Vec<End> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|n| {
                    let (answered, pause) = (&answered, Duration::from_millis([2, 0, 7, 150][n % 4]));
                    scope.spawn(move || ask_until_refused(port, n % 8 < 4, pause, answered))
                })
                .collect();
            std::thread::sleep(Duration::from_millis(200 + 37 * stop as u64));
            process.tell_to_stop();
            let told = Instant::now();
            assert!(process.has_stopped(), "an orderly end");
            longest = longest.max(told.elapsed());
            clients.into_iter().map(|client| client.join().unwrap()).collect()
        });
        lost.extend(ends.into_iter().filter(|end| *end != End::Refused));
    }
    let answered = answered.into_inner();
    say(&format!("{STOPS} stops, {answered} answers, the longest stop took {longest:?}"));
    assert!(lost.is_empty(), "{lost:?}");
    assert!(answered > STOPS * CLIENTS, "there was load");
    assert!(longest < Duration::from_secs(15), "{longest:?}");
}
