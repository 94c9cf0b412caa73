//! Changes that no sync makes, and the devices that hear of them.

use crate::support::{BASIC, NOW, TestServer, collection, read_all};
use anki::file::Schema;
use djankiserv::actions::edit_collection::cards::{CardChange, ChangeCards};
use djankiserv::actions::edit_collection::decks::{CreateDeck, DeleteDecks, RenameDeck};
use djankiserv::actions::edit_collection::notes::{
    AddNotes, DeleteNotes, DuplicateScope, Duplicates, Fields, NewNote, NoteUpdate, TagChange, UpdateNotes, WhichNotes,
};
use djankiserv::actions::edit_collection::notetypes::{NewTemplate, StructuralEdit, TemplateEdit, UpdateNotetype};
use djankiserv::actions::edit_collection::tags::{DeleteTags, RenameTag};
use djankiserv::actions::edit_collection::{DeckRef, EditError, NotetypeRef, Problem, edit};
use serde_json::{Value, json};
use std::time::Duration;

fn note(deck: &str, fields: &[&str], tags: &[&str]) -> NewNote {
    NewNote {
        deck: DeckRef::Name(deck.into()),
        notetype: NotetypeRef::Name("basic".into()),
        fields: Fields::InOrder(fields.iter().map(|text| (*text).to_owned()).collect()),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        guid: None,
        duplicates: Duplicates::Allow,
        needs_first_field: false,
    }
}

fn add(notes: Vec<NewNote>) -> AddNotes {
    AddNotes { notes, all_or_nothing: true, dry_run: false }
}

#[tokio::test]
async fn notes_reach_a_device_by_a_normal_sync() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    assert_eq!(device.upload(&collection(Schema::V18, 2, NOW)).await, "OK");
    let account = server.account("ann").await;
    let before = device.meta().await;
    let request = add(vec![note("Lang::Ja", &["e\u{301}\u{1}", "b"], &["a::b", "A x"]), note("lang::ja", &["", ""], &[])]);
    let added = edit(&server.app, account, &request).await.unwrap();
    let after = device.meta().await;
    assert_eq!(after["mod"].as_i64().unwrap(), before["mod"].as_i64().unwrap() + 1, "a device with newer changes stays the newer side");
    assert_eq!((&after["scm"], &after["usn"]), (&before["scm"], &before["usn"]));
    let first = &added[0].as_ref().unwrap().note;
    assert_eq!((first.fields.as_str(), first.tags.as_str(), first.usn), ("\u{e9}\u{1f}b", " A a::b x ", 1));
    assert_eq!(first.checksum, anki::text::checksum("\u{e9}"));

    device.start(1).await;
    let changes = json!({"changes": {"models": [], "decks": [[], []], "tags": []}});
    let answer = device.json("sync/applyChanges", changes).await;
    let decks: Vec<&str> = answer["decks"][0].as_array().unwrap().iter().map(|deck| deck["name"].as_str().unwrap()).collect();
    assert_eq!(decks, ["Lang", "Lang::Ja"]);
    assert_eq!(answer["tags"].as_array().unwrap().len(), 3);
    let chunk = device.json("sync/chunk", json!({})).await;
    let cards = chunk["cards"].as_array().unwrap();
    assert_eq!((chunk["notes"].as_array().unwrap().len(), cards.len()), (2, 2));
    let dues: Vec<i64> = cards.iter().map(|card| card[8].as_i64().unwrap()).collect();
    assert_eq!(dues, [1, 2], "from nextPos of the file");
    device.json("sync/applyChunk", json!({"chunk": {"done": true}})).await;
    let sanity = device.json("sync/sanityCheck2", json!({"client": [[0, 0, 0], 4, 4, 0, 0, 6, 3, 1]})).await;
    assert_eq!(sanity["status"], "ok");
    device.json("sync/finish", json!({})).await;
    let (findings, _) = server.check(false).await;
    assert!(findings.is_empty(), "{findings:?}");
    server.end().await;
}

#[tokio::test]
async fn an_account_without_a_collection_gets_one() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    let account = server.account("ann").await;
    let one = add(vec![note("Default", &["f", "b"], &[])]);
    let other = add(vec![note("Other", &["g", "b"], &[])]);
    // At the same time: one of them makes it.
    let (a, b) = tokio::join!(edit(&server.app, account, &one), edit(&server.app, account, &other));
    assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
    let (status, file) = device.raw("sync/download", b"{}").await;
    assert_eq!(status, 200);
    let (_, notes, cards, _) = read_all(&file);
    assert_eq!((notes.len(), cards.len()), (2, 2));
    let (findings, _) = server.check(false).await;
    assert!(findings.is_empty(), "{findings:?}");
    server.end().await;
}

#[tokio::test]
async fn a_change_waits_for_a_running_sync() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&collection(Schema::V18, 1, NOW)).await;
    let account = server.account("ann").await;
    device.start(1).await;
    let request = add(vec![note("Default", &["f", "b"], &[])]);
    let mut waiting = Box::pin(edit(&server.app, account, &request));
    assert!(tokio::time::timeout(Duration::from_millis(700), &mut waiting).await.is_err(), "it waits");
    device.json("sync/finish", json!({})).await;
    waiting.await.unwrap();
    assert_eq!(device.meta().await["usn"], 2);

    // Longer than ten seconds it does not.
    device.start(2).await;
    let refused = edit(&server.app, account, &request).await;
    assert!(matches!(refused, Err(EditError::InProgress(_))), "{refused:?}");
    // A sync that nobody goes on with is not waited for, and cannot be finished after the change.
    server.clock.set(NOW + 61_000);
    edit(&server.app, account, &request).await.unwrap();
    assert_eq!(device.status("sync/finish", json!({})).await, 409);
    server.end().await;
}

#[tokio::test]
async fn refusals_change_nothing() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&collection(Schema::V18, 1, NOW)).await;
    let account = server.account("ann").await;
    let before = (server.rows("ann").await, device.meta().await["mod"].clone());
    let mut wrong = note("Default", &["only one"], &[]);
    let problem = |outcome: Result<_, EditError>| match outcome {
        Err(EditError::Problem(problem)) => problem,
        other => panic!("{:?}", other.map(|_: Vec<_>| ())),
    };
    let refused = problem(edit(&server.app, account, &add(vec![note("New", &["a", "b"], &["new"]), wrong.clone()])).await);
    assert!(matches!(&refused, Problem::Invalid { field, .. } if field == "notes[1].fields"), "{refused:?}");
    wrong.notetype = NotetypeRef::Name("nosuch".into());
    assert!(matches!(problem(edit(&server.app, account, &add(vec![wrong])).await), Problem::NotFound { what: "notetype", .. }));
    let mut twice = note("Default", &["front <b>1</b>", "x"], &[]);
    twice.duplicates = Duplicates::Refuse(DuplicateScope::default());
    let refused = problem(edit(&server.app, account, &add(vec![twice.clone()])).await);
    assert!(matches!(refused, Problem::Duplicate { note: Some(1), .. }), "{refused:?}");
    twice.duplicates = Duplicates::Refuse(DuplicateScope { deck: Some(DeckRef::Name("Elsewhere".into())), ..DuplicateScope::default() });
    let only_look = AddNotes { notes: vec![twice], all_or_nothing: true, dry_run: true };
    assert!(edit(&server.app, account, &only_look).await.is_ok(), "no duplicate in that deck, and nothing is written");
    assert_eq!((server.rows("ann").await, device.meta().await["mod"].clone()), before);
    server.end().await;
}

#[tokio::test]
async fn notes_are_changed_and_deleted_with_their_cards() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&collection(Schema::V18, 3, NOW)).await;
    let account = server.account("ann").await;
    let update = |id, fields, tags| NoteUpdate { id, fields, tags, version: None };
    let by_name = Fields::ByName(vec![("back".into(), "new back".into())]);
    let changed = UpdateNotes { notes: vec![update(1, Some(by_name), vec![TagChange::Add(vec!["Top::a".into()])])], skip_missing: false };
    let note = edit(&server.app, account, &changed).await.unwrap().remove(0);
    assert_eq!((note.fields.as_str(), note.tags.as_str()), ("front 1\u{1f}new back", " Top::a "));
    let mut stale = changed.clone();
    stale.notes[0].version = Some("0000".into());
    assert!(matches!(edit(&server.app, account, &stale).await, Err(EditError::Problem(Problem::Changed { .. }))));

    // A second template makes the cards that are missing; the notes whose back is not empty get them.
    let structural = vec![StructuralEdit::AddTemplate(NewTemplate { name: "Two".into(), question: "{{Back}}".into(), answer: "a".into() })];
    let before = device.meta().await;
    let mut notetype = UpdateNotetype {
        css: Some(".x {}".into()),
        templates: vec![TemplateEdit { template: "card 1".into(), answer: Some("{{Back}}!".into()), ..TemplateEdit::default() }],
        rename_fields: vec![("Front".into(), "Vorn".into())],
        structural,
        ..UpdateNotetype::of(NotetypeRef::Id(BASIC))
    };
    let stored = edit(&server.app, account, &notetype).await.unwrap();
    assert!(stored.json.contains("{{Vorn}}"));
    assert_ne!(device.meta().await["scm"], before["scm"], "structural");
    notetype.structural = vec![
        StructuralEdit::AddField { name: "Extra".into(), at: Some(0) },
        StructuralEdit::MoveField { name: "Extra".into(), to: 2 },
        StructuralEdit::RemoveField { name: "Back".into() },
        StructuralEdit::RemoveTemplate { name: "Two".into() },
    ];
    notetype.rename_fields.clear();
    notetype.templates.clear();
    edit(&server.app, account, &notetype).await.unwrap();
    let (_, notes, cards, _) = read_all(&device.raw("sync/download", b"{}").await.1);
    assert_eq!(notes[0].fields, "front 1\u{1f}");
    assert_eq!(cards.len(), 3);

    assert_eq!(edit(&server.app, account, &RenameTag { old: "top".into(), new: "Up".into() }).await.unwrap(), 1);
    let (_, notes, _, _) = read_all(&device.raw("sync/download", b"{}").await.1);
    assert_eq!(notes[0].tags, " Up::a ");
    assert_eq!(edit(&server.app, account, &DeleteTags(vec!["up".into()])).await.unwrap(), 1);

    let moving = ChangeCards { cards: vec![1_000_001], change: CardChange::Move(DeckRef::Name("A::B".into())), skip_missing: false };
    edit(&server.app, account, &moving).await.unwrap();
    for change in [
        CardChange::Suspend,
        CardChange::Restore,
        CardChange::Bury,
        CardChange::Flag(3),
        CardChange::SetDue { today: 10, from: 2, to: 4, set_interval: false },
        CardChange::Forget { forget_counts: true },
        CardChange::Position(77),
    ] {
        edit(&server.app, account, &ChangeCards { cards: vec![1_000_001, 1_000_001], change, skip_missing: false }).await.unwrap();
    }
    let (_, _, cards, reviews) = read_all(&device.raw("sync/download", b"{}").await.1);
    let card = &cards[0];
    assert_eq!((card.kind, card.queue, card.due, card.flags, card.interval, reviews.len()), (0, 0, 77, 3, 0, 2));

    edit(&server.app, account, &RenameDeck { deck: DeckRef::Name("a".into()), name: "Z::Y".into() }).await.unwrap();
    edit(&server.app, account, &CreateDeck { name: "Z::Y::B::C".into(), must_be_new: true }).await.unwrap();
    let below_itself = RenameDeck { deck: DeckRef::Name("Z".into()), name: "Z::Y::Q".into() };
    assert!(matches!(edit(&server.app, account, &below_itself).await, Err(EditError::Problem(Problem::Invalid { .. }))));
    let gone = DeleteDecks { decks: vec![DeckRef::Name("Z::y".into())], skip_missing: false };
    let deleted = edit(&server.app, account, &gone).await.unwrap();
    assert_eq!((deleted.notes, deleted.cards), (1, 1));
    let deleted = edit(&server.app, account, &DeleteNotes(WhichNotes::Ids(vec![1, 2, 2, 99]))).await.unwrap();
    assert_eq!((deleted.notes, deleted.cards), (1, 1));
    let graves = device.start(1).await;
    // Those of the removed template too.
    assert_eq!((graves["notes"].as_array().unwrap().len(), graves["cards"].as_array().unwrap().len()), (2, 5));
    assert_eq!(graves["decks"].as_array().unwrap().len(), 3);
    device.json("sync/abort", json!({})).await;
    let (findings, _) = server.check(false).await;
    assert!(findings.is_empty(), "{findings:?}");
    server.end().await;
}

#[tokio::test]
async fn the_first_device_joins_what_was_made_before() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    let account = server.account("ann").await;
    let mut cloze = note("Lang", &["{{c2::x}}", ""], &[]);
    cloze.notetype = NotetypeRef::Name("Cloze".into());
    let added = edit(&server.app, account, &add(vec![note("Lang::Ja", &["here", "b"], &["made"]), cloze])).await.unwrap();
    assert_eq!(added.len(), 2);
    assert_eq!(server.app.user.renew_stamps(NOW + 3).await.unwrap(), 0, "no device has it, so none can be ahead of it");
    let meta = device.meta().await;
    assert_eq!((&meta["empty"], &meta["usn"]), (&json!(true), &json!(0)), "a device with cards may upload without asking");
    assert_eq!(device.upload(&collection(Schema::V18, 2, NOW + 5)).await, "OK");
    let meta = device.meta().await;
    assert_eq!((&meta["mod"], &meta["scm"], &meta["usn"]), (&json!(NOW + 6), &json!(NOW + 5), &json!(1)), "so a normal sync follows");
    device.start(1).await;
    let changes = device.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": []}})).await;
    assert_eq!((&changes["models"], &changes["tags"]), (&json!([]), &json!(["made"])), "the stock notetypes are the same");
    let chunk = device.json("sync/chunk", json!({})).await;
    let ords: Vec<i64> = chunk["cards"].as_array().unwrap().iter().map(|card| card[3].as_i64().unwrap()).collect();
    assert_eq!((chunk["notes"].as_array().unwrap().len(), ords), (2, vec![0, 1]));
    device.json("sync/applyChunk", json!({"chunk": {"done": true}})).await;
    let sanity = device.json("sync/sanityCheck2", json!({"client": [[0, 0, 0], 4, 4, 0, 0, 6, 3, 1]})).await;
    assert_eq!(sanity["status"], "ok");
    device.json("sync/finish", json!({})).await;
    let (findings, _) = server.check(false).await;
    assert!(findings.is_empty(), "{findings:?}");
    server.end().await;
}

/// A device whose clock is ahead has changed a deck. Clients ignore what is older than theirs, so an edit here must not be.
#[tokio::test]
async fn an_edit_is_never_older_than_what_it_changes() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let ahead = NOW / 1000 + 200;
    let mut deck: Value = serde_json::from_str(&anki::schema11::stock::default_deck().json).unwrap();
    (deck["id"], deck["name"], deck["mod"]) = (json!(70), json!("theirs"), json!(ahead));
    a.start(1).await;
    a.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[deck], []], "tags": []}})).await;
    a.json("sync/finish", json!({})).await;
    let account = server.account("a").await;
    edit(&server.app, account, &RenameDeck { deck: DeckRef::Id(70), name: "ours".into() }).await.unwrap();
    a.start(2).await;
    let told = a.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": []}})).await;
    let deck = &told["decks"][0][0];
    assert_eq!((&deck["name"], &deck["mod"]), (&json!("ours"), &json!(ahead)));
    server.end().await;
}
