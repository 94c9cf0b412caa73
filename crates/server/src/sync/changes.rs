//! `applyChanges`: notetypes, decks, presets, tags and config of the client are staged, ours are the answer.

use super::context::{Context, Running};
use super::error::{SyncError, SyncResult};
use super::shapes::Shapes;
use super::{graves, staging};
use anki::merge;
use anki::wire::changes::Changes;
use store::collection::Collection;
use store::user_db::staging::PieceKind;

pub async fn apply_changes(cx: &Context, body: Vec<u8>) -> SyncResult<Vec<u8>> {
    let Running { mut session, schema } = cx.running().await?;
    let (changes, body) = parse(body).await?;
    let db = cx.app.user.db();
    let stored = Collection::new(db, &schema);

    if !changes.notetypes.is_empty() {
        let ids: Vec<i64> = changes.notetypes.iter().map(|n| n.id).collect();
        let layouts = stored.notetype_layouts(&ids).await?;
        let layouts = layouts.into_iter().map(|(id, (modified, fields, templates))| (id, (modified, merge::Shape { fields, templates })));
        let mut decide = merge::Notetypes::new(layouts.collect());
        let mut shapes = Shapes::from_session(&session)?;
        for notetype in &changes.notetypes {
            let shape = merge::Shape { fields: notetype.field_count, templates: notetype.template_count };
            if decide.take(notetype.id, notetype.mtime, shape).map_err(|e| SyncError::bad_request(e.to_string()))? {
                shapes.put(notetype);
            }
        }
        session.notetype_shapes = shapes.to_json();
    }

    let answer = ours(cx, &session, &schema).await?;
    staging::stage(cx, &session, PieceKind::Changes, pieces(&changes, body)).await?;
    Ok(answer)
}

/// Large bodies are parsed where they do not hold up other requests.
async fn parse(body: Vec<u8>) -> SyncResult<(Changes, Vec<u8>)> {
    let parse = move || match Changes::parse(&body) {
        Ok(changes) => Ok((changes, body)),
        Err(e) => Err(SyncError::bad_request(e.to_string())),
    };
    tokio::task::spawn_blocking(parse).await?
}

/// What changed here since the client's last sync, apart from what the client has deleted by now.
async fn ours(cx: &Context, session: &store::user_db::sessions::Session, schema: &str) -> SyncResult<Vec<u8>> {
    let deleted = graves::staged(cx, session).await?;
    // The state comes on the same connection: whoever waits for a second one while holding one can wait for himself.
    let (tx, state) = cx.app.user.snapshot(session.account).await?;
    let stored = Collection::within(&tx, schema);
    let since = session.client_usn;
    let (notetypes, decks, presets, tags) =
        tokio::join!(stored.notetypes_since(since), stored.decks_since(since), stored.presets_since(since), stored.tags_since(since));
    let mut changes = Changes {
        notetypes: notetypes?.into_iter().map(|(id, json)| anki::model::Notetype { id, json, ..Default::default() }).collect(),
        decks: decks?.into_iter().map(|(id, json)| anki::model::Deck { id, json, ..Default::default() }).collect(),
        presets: presets?.into_iter().map(|(id, json)| anki::model::Preset { id, json, ..Default::default() }).collect(),
        tags: tags?,
        config: None,
        created: None,
    };
    changes.decks.retain(|deck| !deleted.decks.contains(&deck.id));
    if !session.client_is_newer {
        changes.config = Some(stored.config().await?.into_iter().map(|entry| (entry.key, entry.json)).collect());
        changes.created = state.and_then(|s| s.current).map(|c| c.stamps.created);
    }
    tx.rollback().await?;
    Ok(changes.to_json())
}

/// The body as it came, or cut into several when it is large.
fn pieces(changes: &Changes, body: Vec<u8>) -> Vec<Vec<u8>> {
    if body.len() <= staging::PIECE {
        return vec![body];
    }
    let mut pieces = Vec::new();
    let mut part = Changes::default();
    let mut size = 0;
    let mut add = |part: &mut Changes, size: &mut usize, bytes: usize| {
        *size += bytes;
        if *size > staging::PIECE {
            pieces.push(wrap(&std::mem::take(part)));
            *size = 0;
        }
    };
    for notetype in &changes.notetypes {
        part.notetypes.push(notetype.clone());
        add(&mut part, &mut size, notetype.json.len());
    }
    for deck in &changes.decks {
        part.decks.push(deck.clone());
        add(&mut part, &mut size, deck.json.len());
    }
    for preset in &changes.presets {
        part.presets.push(preset.clone());
        add(&mut part, &mut size, preset.json.len());
    }
    for tag in &changes.tags {
        part.tags.push(tag.clone());
        add(&mut part, &mut size, tag.len() + 3);
    }
    // The config replaces the whole of ours, so it must stay in one piece.
    part.config.clone_from(&changes.config);
    part.created = changes.created;
    pieces.push(wrap(&part));
    pieces
}

fn wrap(changes: &Changes) -> Vec<u8> {
    let mut piece = b"{\"changes\":".to_vec();
    piece.extend(changes.to_json());
    piece.push(b'}');
    piece
}
