//! A client's requests over the network, and the moments at which something breaks.

use crate::it::PASSWORD;
use crate::world::{Blow, World};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer is waited for. A client waits 30 seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// When somebody dies: before a request is sent, after this part of the time that it takes, or when its answer has arrived.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    Before,
    During(f64),
    After,
}

/// How a request breaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Break {
    /// Somebody dies, and may be back before the client says another word.
    Killed { moment: Moment, blow: Blow, back_at_once: bool },
    /// Somebody dies while the request is being sent.
    KilledInBody(Blow),
    /// The connection ends in the middle of the request.
    CutBody,
    /// The connection ends this part of the usual time after the request was sent.
    CutAnswer(f64),
    /// All goes well, but the client does not hear of it.
    Unheard,
}

/// What is to happen to the next request of this path.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub path: &'static str,
    pub how: Break,
}

/// A logged-in client. Clones share what is planned for it.
#[derive(Clone)]
pub struct Device {
    pub world: Arc<World>,
    pub key: String,
    pub session: String,
    pub plan: Arc<Mutex<Option<Plan>>>,
    /// How long the last request of each path took.
    pub took: Arc<Mutex<HashMap<String, Duration>>>,
}

impl Device {
    /// A new device of an account.
    pub async fn log_in(world: &Arc<World>, name: &str) -> Self {
        let session = "login".into();
        let mut device = Self { world: world.clone(), key: String::new(), session, plan: Arc::default(), took: Arc::default() };
        let answer = device.json("sync/hostKey", json!({"u": name, "p": PASSWORD})).await;
        answer["key"].as_str().unwrap().clone_into(&mut device.key);
        device
    }

    /// One request; 503 stands for a connection that broke, too.
    pub async fn raw(&self, path: &str, payload: &[u8]) -> (StatusCode, Vec<u8>) {
        let broken = (StatusCode::SERVICE_UNAVAILABLE, Vec::new());
        match self.ask(path, payload).await {
            Ok((status, body)) => (StatusCode::from_u16(status).unwrap(), body),
            Err(_) => broken,
        }
    }

    /// One request, to which happens what is planned for it.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn ask(&self, path: &str, payload: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let begun = Instant::now();
        let usual = self.took.lock().unwrap().get(path).copied().unwrap_or(Duration::from_millis(20));
        let planned = self.plan.lock().unwrap().take_if(|plan| plan.path == path);
        let body = zstd::encode_all(payload, 1)?;
        match planned.map(|plan| plan.how) {
            None => {
                let answer = self.send(path, &body, body.len()).await?.answer().await;
                self.took.lock().unwrap().insert(path.to_owned(), begun.elapsed());
                answer
            }
            Some(Break::KilledInBody(blow)) => {
                let mut open = self.send(path, &body, body.len() / 2).await?;
                // So that it is not the sending alone that is cut, but the receiving too.
                tokio::time::sleep(usual.mul_f64(0.1)).await;
                self.world.strike(blow);
                open.send_rest(&body[body.len() / 2..]).await;
                open.answer().await
            }
            Some(Break::CutBody) => {
                drop(self.send(path, &body, body.len() / 2).await?);
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Some(Break::CutAnswer(part)) => {
                let open = self.send(path, &body, body.len()).await?;
                tokio::time::sleep(usual.mul_f64(part)).await;
                drop(open);
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Some(Break::Unheard) => {
                self.send(path, &body, body.len()).await?.answer().await?;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Some(Break::Killed { moment, blow, back_at_once }) => {
                let strike = async || {
                    self.world.strike(blow);
                    if back_at_once {
                        self.world.revive().await;
                    }
                };
                match moment {
                    Moment::Before => {
                        strike().await;
                        self.send(path, &body, body.len()).await?.answer().await
                    }
                    Moment::During(part) => {
                        let open = self.send(path, &body, body.len()).await?;
                        tokio::time::sleep(usual.mul_f64(part)).await;
                        strike().await;
                        open.answer().await
                    }
                    Moment::After => {
                        let answer = self.send(path, &body, body.len()).await?.answer().await;
                        strike().await;
                        answer
                    }
                }
            }
        }
    }

    /// Connects and sends the first `part` bytes of a packed body.
    ///
    /// # Errors
    /// When there is nobody to connect to.
    pub async fn send(&self, path: &str, body: &[u8], part: usize) -> io::Result<Open> {
        let port = self.world.port().ok_or(io::ErrorKind::ConnectionRefused)?;
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let header = json!({"v": 11, "k": self.key, "c": "26.09.3,0,linux", "s": self.session});
        let length = body.len();
        let head = format!(
            "POST /{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nanki-sync: {header}\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        // A server may answer and hang up before it has read everything.
        let _ = stream.write_all(&body[..part]).await;
        Ok(Open(stream))
    }

    /// A request that must succeed.
    pub async fn json(&self, path: &str, message: Value) -> Value {
        let (status, body) = self.ask(path, message.to_string().as_bytes()).await.unwrap();
        assert_eq!(status, 200, "{path} {message}");
        serde_json::from_slice(&body).unwrap()
    }

    /// The same with a payload that is not JSON.
    pub async fn json_of(&self, path: &str, payload: &[u8]) -> Value {
        let (status, body) = self.ask(path, payload).await.unwrap();
        assert_eq!(status, 200, "{path}");
        serde_json::from_slice(&body).unwrap()
    }

    pub async fn status(&self, path: &str, message: Value) -> u16 {
        self.raw(path, message.to_string().as_bytes()).await.0.as_u16()
    }

    pub async fn meta(&self) -> Value {
        self.json("sync/meta", json!({"v": 11, "cv": "anki,26.09.3 (0),linux"})).await
    }

    pub async fn upload(&self, file: &[u8]) {
        let (status, body) = self.ask("sync/upload", file).await.unwrap();
        assert_eq!((status, String::from_utf8_lossy(&body).as_ref()), (200, "OK"));
    }
}

/// A request that was sent, and not answered yet.
pub struct Open(TcpStream);

impl Open {
    /// Sends more of the body, as far as there is anybody to take it.
    pub async fn send_rest(&mut self, rest: &[u8]) {
        let _ = self.0.write_all(rest).await;
    }

    /// The status and the unpacked body.
    ///
    /// # Errors
    /// When the answer does not come, or not to its end.
    pub async fn answer(mut self) -> io::Result<(u16, Vec<u8>)> {
        let mut all = Vec::new();
        tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut all)).await??;
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
        let head = String::from_utf8_lossy(&all[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
        let mut body = all.split_off(end + 4);
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
        if header("transfer-encoding").is_some() {
            body = unchunk(&body).ok_or_else(cut)?;
        } else if header("content-length").and_then(|length| length.parse().ok()) != Some(body.len()) {
            return Err(cut());
        }
        let body = if status == 200 && header("anki-original-size").is_some() { zstd::decode_all(&body[..])? } else { body };
        Ok((status, body))
    }
}

fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).ok()?, 16).ok()?;
        body = &body[end + 2..];
        if size == 0 {
            return Some(out);
        }
        out.extend(body.get(..size)?);
        body = body.get(size + 2..)?;
    }
}

/// Whether the server on this port says that it can be used.
pub fn is_ready(port: u16) -> bool {
    use std::io::{Read, Write};
    let ask = || {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, io::Error>(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
