//! Searches find what a real client finds, and statistics show what it shows: cases made by `make_searches.py`.

use crate::support::TestServer;
use djankiserv::actions::search::{SearchFailed, search};
use djankiserv::actions::statistics::{self, DeckCounts};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Read;
use store::collection::search::{Order, Target, Wanted};

/// Search, ids of notes, ids of cards; none where it was refused.
type Case = (String, Option<Vec<i64>>, Option<Vec<i64>>);

#[derive(Deserialize)]
struct Asked {
    /// Second at which the client was asked.
    now: i64,
    cases: Vec<Case>,
    /// All cards in an order of the client's browser; those that are equal in it are in one list.
    orders: HashMap<String, Vec<Vec<i64>>>,
    /// What the graphs show, in our words.
    graphs: Value,
    /// Deck, new, learning, review, cards in it, and with those below.
    decks: Vec<[i64; 6]>,
}

/// The collection, and what was asked. Another file than the committed one can be named, to try more.
fn asked() -> (Vec<u8>, Asked) {
    let path = std::env::var("DJANKISERV_TEST_SEARCHES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/searches-26.9.3.zip").into());
    read(&path)
}

fn read<T: serde::de::DeserializeOwned>(path: &str) -> (Vec<u8>, T) {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let (mut collection, mut json) = (Vec::new(), String::new());
    archive.by_name("collection.anki2").unwrap().read_to_end(&mut collection).unwrap();
    archive.by_name("searches.json").unwrap().read_to_string(&mut json).unwrap();
    (collection, serde_json::from_str(&json).unwrap())
}

async fn server(collection: &[u8], now: i64) -> (TestServer, i64) {
    let server = TestServer::new().await;
    let device = server.device("searcher").await;
    assert_eq!(device.upload(collection).await, "OK");
    server.clock.set(now * 1000);
    let account = server.account("searcher").await;
    (server, account)
}

fn by_id(target: Target) -> Wanted {
    Wanted { target, order: Order::Id, descending: false, after: None, limit: 100_000 }
}

/// Where we differ on purpose. The client joins what these two stand for to its neighbours without brackets around it.
fn is_known_to_differ(text: &str) -> bool {
    let alone = text.trim_matches('"');
    let is_alone = !alone.contains([' ', '(', '"']) && !alone.starts_with('-');
    (text.contains("did:") || text.contains("sc:")) && !is_alone
}

#[tokio::test]
async fn searches_find_what_a_client_finds() {
    let (collection, asked) = asked();
    let (server, account) = server(&collection, asked.now).await;
    let mut wrong = Vec::new();
    let mut found = 0;
    for (text, notes, cards) in &asked.cases {
        if is_known_to_differ(text) {
            continue;
        }
        for (target, wanted) in [(Target::Notes, notes), (Target::Cards, cards)] {
            let ours = match search(&server.app.user, &server.clock, account, text, by_id(target)).await {
                Ok(page) => Some(page.ids),
                Err(SearchFailed::Search(_)) => None,
                Err(error) => panic!("{text}: {error}"),
            };
            found += ours.as_ref().map_or(0, Vec::len);
            if ours != *wanted {
                wrong.push((text, target, ours.as_ref().map(Vec::len), wanted.as_ref().map(Vec::len)));
            }
        }
    }
    for (text, target, ours, wanted) in wrong.iter().take(40) {
        eprintln!("{text:?} {target:?}: we {ours:?}, the client {wanted:?}");
    }
    assert!(wrong.is_empty(), "{} of {} searches differ", wrong.len(), asked.cases.len() * 2);
    assert!(found > 10 * asked.cases.len(), "the searches find hardly anything");
}

#[tokio::test]
async fn results_come_in_the_clients_orders() {
    let (collection, asked) = asked();
    let (server, account) = server(&collection, asked.now).await;
    for (name, groups) in &asked.orders {
        let order = Order::from_name(name).unwrap();
        for (descending, limit) in [(false, 100_000), (true, 7), (false, 50)] {
            let wanted = Wanted { order, descending, limit, ..by_id(Target::Cards) };
            let mut ours = pages(&server, account, "", wanted).await;
            if descending {
                ours.reverse();
            }
            let mut rest = ours.as_slice();
            for group in groups {
                let (part, after) = rest.split_at(group.len());
                let mut part = part.to_vec();
                part.sort_unstable();
                assert_eq!(part, *group, "{name}");
                rest = after;
            }
            assert!(rest.is_empty(), "{name}");
        }
    }
}

#[tokio::test]
async fn pages_are_the_whole_cut_into_pieces() {
    let (collection, asked) = asked();
    let (server, account) = server(&collection, asked.now).await;
    for text in ["", "foo", "deck:a*", "foo is:review", "-tag:none", "prop:s>1 or tag:foo"] {
        for target in [Target::Notes, Target::Cards] {
            let whole = search(&server.app.user, &server.clock, account, text, by_id(target)).await.unwrap();
            assert_eq!(whole.next, None);
            for (descending, limit) in [(false, 3), (true, 10)] {
                let mut pieces = pages(&server, account, text, Wanted { descending, limit, ..by_id(target) }).await;
                if descending {
                    pieces.reverse();
                }
                assert_eq!(pieces, whole.ids, "{text} {target:?}");
            }
        }
    }
}

async fn pages(server: &TestServer, account: i64, text: &str, mut wanted: Wanted) -> Vec<i64> {
    let mut all = Vec::new();
    loop {
        let page = search(&server.app.user, &server.clock, account, text, wanted).await.unwrap();
        assert!(page.ids.len() <= wanted.limit && (page.next.is_none() || page.ids.len() == wanted.limit));
        all.extend(page.ids);
        match page.next {
            Some(next) => wanted.after = Some(next),
            None => return all,
        }
    }
}

#[tokio::test]
async fn an_account_without_a_collection_has_no_results() {
    let server = TestServer::new().await;
    server.device("empty").await;
    let account = server.account("empty").await;
    let page = search(&server.app.user, &server.clock, account, "is:due or foo", by_id(Target::Cards)).await.unwrap();
    assert!(page.ids.is_empty() && page.next.is_none());
    for (text, position) in [("a (b", 2), ("ä is:x", 5), ("a re:[", 2), ("日本 \"", 3)] {
        let error = search(&server.app.user, &server.clock, account, text, by_id(Target::Cards)).await.unwrap_err();
        let SearchFailed::Search(error) = error else { panic!("{text}: {error}") };
        assert_eq!(error.position, position, "{text}: {error}");
    }
}

#[tokio::test]
async fn statistics_show_what_a_client_shows() {
    let (collection, asked) = asked();
    let (server, account) = server(&collection, asked.now).await;
    let graphs = statistics::graphs(&server.app.user, &server.clock, account, "").await.unwrap();
    assert_same("", &serde_json::to_value(graphs).unwrap(), &asked.graphs);
}

fn assert_same(search: &str, ours: &Value, theirs: &Value) {
    let parts = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(parts(ours), parts(theirs));
    let differ: Vec<_> = parts(ours).into_iter().filter(|part| sorted(&ours[part]) != sorted(&theirs[part])).collect();
    for part in &differ {
        eprintln!("{part}: ours {}\nthe client's {}", ours[part], theirs[part]);
    }
    assert!(differ.is_empty(), "{search:?}: {differ:?} differ");
}

/// Made by `make_searches.py --statistics`.
#[derive(Deserialize)]
struct Searched {
    now: i64,
    graphs: HashMap<String, Value>,
}

#[tokio::test]
async fn statistics_of_a_search_show_what_a_client_shows() {
    let (collection, asked) = read::<Searched>(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/statistics-26.9.3.zip"));
    let (server, account) = server(&collection, asked.now).await;
    let mut answers = std::collections::HashSet::new();
    for (search, theirs) in &asked.graphs {
        let ours = serde_json::to_value(statistics::graphs(&server.app.user, &server.clock, account, search).await.unwrap()).unwrap();
        assert_same(search, &ours, theirs);
        answers.insert(ours["cards"].to_string());
    }
    assert!(answers.len() > 8, "the searches hardly differ");
    let wrong = statistics::graphs(&server.app.user, &server.clock, account, "is:x").await;
    assert!(matches!(wrong, Err(SearchFailed::Search(_))));
    server.end().await;
}

/// An object of days in the order of its keys.
fn sorted(value: &Value) -> Vec<(String, Value)> {
    let mut entries: Vec<_> = value.as_object().unwrap().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries
}

#[tokio::test]
async fn decks_show_what_a_client_shows() {
    fn walk(decks: &[DeckCounts], into: &mut Vec<[i64; 6]>) {
        for deck in decks {
            into.push([deck.id, deck.new, deck.learning, deck.review, deck.total, deck.total_with_subdecks]);
            walk(&deck.children, into);
        }
    }
    let (collection, asked) = asked();
    let (server, account) = server(&collection, asked.now).await;
    let mut ours = Vec::new();
    walk(&statistics::decks(&server.app.user, &server.clock, account).await.unwrap(), &mut ours);
    assert_eq!(ours, asked.decks);
    assert!(ours.iter().any(|deck| deck[1] > 0) && ours.iter().any(|deck| deck[2] > 0) && ours.iter().any(|deck| deck[3] > 0));
}

#[derive(Deserialize)]
struct DeckCase {
    scheduler: i64,
    now: i64,
    /// Deck, new, learning, review.
    decks: Vec<[i64; 4]>,
}

/// Cases made by `make_deck_counts.py`.
#[tokio::test]
async fn decks_show_what_a_client_shows_with_earlier_schedulers() {
    fn walk(decks: &[DeckCounts], into: &mut Vec<[i64; 4]>) {
        for deck in decks {
            into.push([deck.id, deck.new, deck.learning, deck.review]);
            walk(&deck.children, into);
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/deck-counts-2.1.49.zip");
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut json = String::new();
    archive.by_name("cases.json").unwrap().read_to_string(&mut json).unwrap();
    let cases: Vec<DeckCase> = serde_json::from_str(&json).unwrap();
    let server = TestServer::new().await;
    for (number, case) in cases.iter().enumerate() {
        let mut collection = Vec::new();
        archive.by_name(&format!("{number}.anki2")).unwrap().read_to_end(&mut collection).unwrap();
        let name = format!("user{number}");
        assert_eq!(server.device(&name).await.upload(&collection).await, "OK");
        server.clock.set(case.now * 1000);
        let account = server.account(&name).await;
        let mut ours = Vec::new();
        walk(&statistics::decks(&server.app.user, &server.clock, account).await.unwrap(), &mut ours);
        assert_eq!(ours, case.decks, "case {number}, scheduler {}", case.scheduler);
    }
    server.end().await;
}
