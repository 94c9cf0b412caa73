//! Many clients at once, in raw protocol, with as little work of their own as possible: what is measured is the server.
//!
//! Reads a plan from standard input, one connection and thread for each user, and prints what each step took:
//! `{"address": "127.0.0.1:8002", "seconds": 5, "most": 1000, "users": [{"key": …, "does": "meta" | "sync", …}]}`.
//! `bench/load.py` makes plans.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::disallowed_methods, reason = "it plays real clients, which live in real time")]

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Deserialize)]
struct Plan {
    address: String,
    /// How long to go on.
    seconds: f64,
    /// How often, at most, per user.
    most: usize,
    users: Vec<User>,
}

#[derive(Deserialize, Clone)]
struct User {
    /// The host key.
    key: String,
    does: Does,
    /// The rows of cards to review in each sync, as they are.
    #[serde(default)]
    cards: Vec<Vec<Value>>,
    /// The counts for the sanity check: cards, notes, reviews, notetypes, decks, presets.
    #[serde(default)]
    counts: [i64; 6],
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Does {
    /// Asks for `meta`, over and over.
    Meta,
    /// Sends reviewed cards.
    Sync,
    /// Sends reviewed cards, and gets them as another device.
    Both,
}

/// Milliseconds by step.
type Times = BTreeMap<&'static str, Vec<f64>>;

fn main() -> Outcome<()> {
    let plan: Plan = serde_json::from_reader(std::io::stdin())?;
    let begin = Arc::new(Barrier::new(plan.users.len() + 1));
    let threads: Vec<_> = plan
        .users
        .iter()
        .enumerate()
        .map(|(index, user)| {
            let (address, user, begin) = (plan.address.clone(), user.clone(), begin.clone());
            let (seconds, most) = (plan.seconds, plan.most);
            std::thread::spawn(move || {
                let ready = Client::new(&address, user, index);
                begin.wait();
                ready?.work(Instant::now() + Duration::from_secs_f64(seconds), most)
            })
        })
        .collect();
    begin.wait();
    let started = Instant::now();
    let (mut times, mut counts) = (Times::new(), Vec::new());
    for thread in threads {
        let (taken, has) = thread.join().map_err(|_| "a thread died")??;
        for (step, mut taken) in taken {
            times.entry(step).or_default().append(&mut taken);
        }
        counts.push(has);
    }
    println!("{}", json!({"elapsed": started.elapsed().as_secs_f64(), "ms": times, "counts": counts}));
    Ok(())
}

struct Client {
    user: User,
    address: String,
    reader: BufReader<TcpStream>,
    session: String,
    /// What a client that is newer sends along: the whole config, and the creation stamp.
    config: Option<(Value, Value)>,
    /// The id of the next review.
    review: i64,
    syncs: usize,
}

impl Client {
    fn new(address: &str, user: User, index: usize) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        // Finer than Anki's milliseconds: ids must not meet those of a run before.
        let review = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() / 10)?;
        let mut client = Self {
            user,
            address: address.to_owned(),
            reader: BufReader::with_capacity(128 << 10, stream),
            session: String::new(),
            config: None,
            review,
            syncs: index << 32,
        };
        if client.user.does != Does::Meta {
            client.begin_session();
            let usn = client.meta()?;
            client.start(usn, false)?;
            let mut theirs = client.post("applyChanges", &json!({"changes": {"models": [], "decks": [[], []], "tags": []}}))?;
            client.config = Some((theirs["conf"].take(), theirs["crt"].take()));
            client.post("abort", &pad())?;
        }
        Ok(client)
    }

    /// Answers what each step took, and the counts of rows afterwards.
    fn work(mut self, until: Instant, most: usize) -> Outcome<(Times, [i64; 6])> {
        let mut times = Times::new();
        for _ in 0..most {
            if Instant::now() >= until {
                break;
            }
            let started = Instant::now();
            let mut took = |step| times.entry(step).or_default().push(started.elapsed().as_secs_f64() * 1000.0);
            if self.user.does == Does::Meta {
                self.meta()?;
                took("meta");
                continue;
            }
            let usn = self.sync(None)?;
            took("send");
            if self.user.does == Does::Both {
                let started = Instant::now();
                self.sync(Some(usn))?;
                times.entry("receive").or_default().push(started.elapsed().as_secs_f64() * 1000.0);
            }
        }
        Ok((times, self.user.counts))
    }

    /// One sync, from `meta` to `finish`. With `since`, of a device that has nothing to say and gets what came after.
    fn sync(&mut self, since: Option<i64>) -> Outcome<i64> {
        self.begin_session();
        let usn = self.meta()?;
        let newer = since.is_none();
        self.start(since.unwrap_or(usn), newer)?;
        let mut changes = json!({"models": [], "decks": [[], []], "tags": []});
        if let (true, Some((config, created))) = (newer, &self.config) {
            changes["conf"] = config.clone();
            changes["crt"] = created.clone();
        }
        self.post("applyChanges", &json!({"changes": changes}))?;
        let mut received = 0;
        loop {
            let chunk = self.post("chunk", &pad())?;
            received += chunk["cards"].as_array().map_or(0, Vec::len);
            if chunk["done"] == true {
                break;
            }
        }
        if since.is_some() {
            if received != self.user.cards.len() {
                return Err(format!("got {received} cards, not {}", self.user.cards.len()).into());
            }
            self.post("applyChunk", &json!({"chunk": {"done": true}}))?;
        } else {
            self.send_rows(usn)?;
        }
        let [cards, notes, reviews, notetypes, decks, presets] = self.user.counts;
        let answer = self.post("sanityCheck2", &json!({"client": [[0, 0, 0], cards, notes, reviews, 0, notetypes, decks, presets]}))?;
        if answer["status"] != "ok" {
            return Err(format!("sanity check: {answer}").into());
        }
        self.post("finish", &pad())?;
        Ok(usn)
    }

    /// As clients do: a review and its card by turns, 250 rows at a time.
    fn send_rows(&mut self, usn: i64) -> Outcome<()> {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
        let cards = std::mem::take(&mut self.user.cards);
        for (index, lot) in cards.chunks(125).enumerate() {
            let mut rows = (Vec::new(), Vec::new());
            for card in lot {
                let mut card = card.clone();
                card[4] = now.into();
                card[5] = usn.into();
                self.review += 1;
                rows.0.push(json!([self.review, card[0], usn, 3, 20, 10, 2500, 7000, 1]));
                rows.1.push(Value::from(card));
            }
            let done = (index + 1) * 125 >= cards.len();
            self.post("applyChunk", &json!({"chunk": {"done": done, "revlog": rows.0, "cards": rows.1}}))?;
        }
        self.user.counts[2] += i64::try_from(cards.len())?;
        self.user.cards = cards;
        Ok(())
    }

    fn begin_session(&mut self) {
        self.syncs += 1;
        self.session = format!("{:x}", self.syncs);
    }

    fn meta(&mut self) -> Outcome<i64> {
        let answer = self.post("meta", &json!({"v": 11, "cv": "anki,26.9.3 (00000000),linux"}))?;
        answer["usn"].as_i64().ok_or_else(|| format!("meta answered {answer}").into())
    }

    fn start(&mut self, min_usn: i64, newer: bool) -> Outcome<Value> {
        self.post("start", &json!({"minUsn": min_usn, "lnewer": newer, "graves": null}))
    }

    /// One request, in the framing of protocol 11, on a connection that is kept.
    fn post(&mut self, method: &str, body: &Value) -> Outcome<Value> {
        let body = zstd::bulk::compress(&serde_json::to_vec(body)?, 3)?;
        let head = json!({"v": 11, "k": self.user.key, "c": "26.9.3,00000000,linux", "s": self.session});
        let mut request = format!(
            "POST /sync/{method} HTTP/1.1\r\nhost: {}\r\nanki-sync: {head}\r\ncontent-type: application/octet-stream\r\n\
             transfer-encoding: chunked\r\n\r\n{:x}\r\n",
            self.address,
            body.len()
        )
        .into_bytes();
        request.extend(body);
        request.extend(b"\r\n0\r\n\r\n");
        self.reader.get_mut().write_all(&request)?;
        let (status, size, answer) = read_answer(&mut self.reader)?;
        if status != 200 {
            return Err(format!("{method}: {status} {}", String::from_utf8_lossy(&answer)).into());
        }
        Ok(serde_json::from_slice(&zstd::bulk::decompress(&answer, size)?)?)
    }
}

/// What clients send where a method has no arguments.
fn pad() -> Value {
    json!({"_pad": null})
}

/// Status, size before compression, body.
fn read_answer(reader: &mut BufReader<TcpStream>) -> Outcome<(u16, usize, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("no answer")?.parse()?;
    let (mut length, mut size) = (None, 0);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.trim().parse()?),
            "anki-original-size" => size = value.trim().parse()?,
            _ => {}
        }
    }
    let mut body = Vec::new();
    if let Some(length) = length {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        return Ok((status, size, body));
    }
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16)?;
        let start = body.len();
        body.resize(start + length, 0);
        reader.read_exact(&mut body[start..])?;
        line.clear();
        reader.read_line(&mut line)?;
        if length == 0 {
            return Ok((status, size, body));
        }
    }
}
