//! `sanityCheck2`: both sides count what they have, before anything is committed.

use serde::{Deserialize, Serialize};

use super::{WireError, from_json, to_json};

/// Numbers of rows. On the wire: `[[new, learn, review], cards, notes, revlog, graves, notetypes, decks, presets]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub cards: u32,
    pub notes: u32,
    pub reviews: u32,
    pub notetypes: u32,
    pub decks: u32,
    pub presets: u32,
}

/// The wire form. Due counts and graves are parsed and then forgotten: new clients send zeros, old ones count graves twice.
#[derive(Serialize, Deserialize)]
struct Message([u32; 3], u32, u32, u32, u32, u32, u32, u32);

impl Counts {
    /// Reads the body of `sanityCheck2`: the client's counts.
    ///
    /// # Errors
    /// When `client` is not a list of eight elements, of which the first is a list of three, with counts below 2³².
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        #[derive(Deserialize)]
        struct Request {
            client: Message,
        }
        let Message(_, cards, notes, reviews, _, notetypes, decks, presets) = from_json::<Request>("sanityCheck2", body)?.client;
        Ok(Self { cards, notes, reviews, notetypes, decks, presets })
    }

    fn message(self) -> Message {
        Message([0; 3], self.cards, self.notes, self.reviews, 0, self.notetypes, self.decks, self.presets)
    }
}

/// The verdict: `ok` if the client counts as we do. On `bad` both sides forget the sync, and the next one is one-way.
///
/// `server` is nothing if the collection is in no state to be counted, which is `bad` too.
pub fn sanity_answer(client: Counts, server: Option<Counts>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Answer {
        status: &'static str,
        c: Message,
        s: Option<Message>,
    }
    let status = if server == Some(client) { "ok" } else { "bad" };
    to_json(&Answer { status, c: client.message(), s: server.map(Counts::message) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: Counts = Counts { cards: 1, notes: 2, reviews: 3, notetypes: 5, decks: 6, presets: 7 };

    #[test]
    fn due_counts_and_graves_are_ignored() {
        for body in [r#"{"client":[[0,0,0],1,2,3,0,5,6,7]}"#, r#"{"client":[[2,0,9],1,2,3,44,5,6,7],"full":1}"#] {
            assert_eq!(Counts::parse(body.as_bytes()), Ok(COUNTS), "{body}");
        }
    }

    #[test]
    fn refused_counts() {
        for body in [
            r#"{"client":[[0,0,0],1,2,3,0,5,6]}"#,
            r#"{"client":[[0,0,0],1,2,3,0,5,6,7,8]}"#,
            r#"{"client":[[0,0],1,2,3,0,5,6,7]}"#,
            r#"{"client":[[0,0,0],-1,2,3,0,5,6,7]}"#,
            r#"{"client":[[0,0,0],1.0,2,3,0,5,6,7]}"#,
            r#"{"client":["0",1,2,3,0,5,6,7]}"#,
            "{}",
        ] {
            Counts::parse(body.as_bytes()).expect_err(body);
        }
    }

    #[test]
    fn each_of_the_six_counts() {
        let answer = |server| String::from_utf8(sanity_answer(COUNTS, server)).expect("UTF-8");
        let ours = "[[0,0,0],1,2,3,0,5,6,7]";
        assert_eq!(answer(Some(COUNTS)), format!(r#"{{"status":"ok","c":{ours},"s":{ours}}}"#));
        assert_eq!(answer(None), format!(r#"{{"status":"bad","c":{ours},"s":null}}"#));
        for other in [
            Counts { cards: 0, ..COUNTS },
            Counts { notes: 0, ..COUNTS },
            Counts { reviews: 0, ..COUNTS },
            Counts { notetypes: 0, ..COUNTS },
            Counts { decks: 0, ..COUNTS },
            Counts { presets: 0, ..COUNTS },
        ] {
            assert!(answer(Some(other)).starts_with(r#"{"status":"bad","#), "{other:?}");
        }
    }
}
