//! The first collection of an account that no device has synced with: what a fresh client would have made.
//!
//! It keeps usn 0 and its origin until a device has synced. The first upload is then merged with it instead of replacing it, see
//! `sync::import`.

use super::Result;
use crate::app::App;
use crate::random;
use anki::model::Stamps;
use anki::schema11::stock;
use bytes::Bytes;
use futures_util::stream;
use store::StoreError;
use store::collection::{Load, LoadRows};
use store::user_db::generations::Switched;
use store::user_db::{Counts, Current, GenerationState, MADE_HERE};

const LEASE_MS: i64 = 120_000;
const DAY: i64 = 86_400;
/// Days begin at four o'clock; of the owner's time zone nothing is known.
const DAY_STARTS: i64 = 4 * 3600;

/// Makes it, unless somebody else was faster.
pub(super) async fn make(app: &App, account: i64) -> Result<()> {
    let now = app.clock.now_ms();
    let new = app.user.begin_generation(account, MADE_HERE, now, now + LEASE_MS).await?;
    let outcome = async {
        let current = load(app, new.number, &new.schema, now).await?;
        Ok(app.user.switch(&new, &current, now).await?)
    }
    .await;
    match outcome {
        Ok(Switched::Done) => {
            tracing::info!(account, "made the first collection of an account, as something was written to it before any device synced");
            return Ok(());
        }
        // Another request or an upload was faster, which is as good.
        Ok(Switched::ChangedMeanwhile | Switched::LeaseLost) => app.user.abandon(&new).await?,
        Err(error) => {
            if let Err(error) = app.user.abandon(&new).await {
                tracing::warn!(account, %error, "could not remove a given-up collection at once; housekeeping will");
            }
            return Err(error);
        }
    }
    Ok(())
}

async fn load(app: &App, number: i32, schema: &str, now: i64) -> Result<Current> {
    let mut part_ids = [0_i64; 64];
    for id in &mut part_ids {
        *id = i64::from_le_bytes(random::bytes()?);
    }
    let mut part_ids = part_ids.into_iter();
    let notetypes = stock::notetypes(now, &mut || part_ids.next().unwrap_or_default());
    let load = Load::new(app.user.db(), schema);
    let mut rows = LoadRows::new();
    load.reviews(one(&mut rows)).await?;
    load.notes(one(&mut rows)).await?;
    load.cards(one(&mut rows)).await?;
    load.graves(one(&mut rows)).await?;
    load.tags(one(&mut rows)).await?;
    notetypes.iter().for_each(|notetype| rows.notetype(notetype));
    let notetype_count = load.notetypes(one(&mut rows)).await?.cast_signed();
    rows.deck(&stock::default_deck());
    load.decks(one(&mut rows)).await?;
    rows.preset(&stock::default_preset());
    load.presets(one(&mut rows)).await?;
    stock::config(now, 0).iter().for_each(|entry| rows.config(entry));
    load.config(one(&mut rows)).await?;
    let created = (now.div_euclid(1000) - DAY_STARTS).div_euclid(DAY) * DAY + DAY_STARTS;
    Ok(Current {
        number,
        schema: schema.to_owned(),
        state: GenerationState::Current,
        stamps: Stamps { created, modified: now, schema_modified: now, usn: 0, last_sync: 0 },
        scheduler_version: 2,
        creation_offset: true,
        counts: Counts { notetypes: notetype_count, decks: 1, presets: 1, ..Counts::default() },
    })
}

fn one(rows: &mut LoadRows) -> impl futures_util::Stream<Item = Result<Bytes, StoreError>> + use<> {
    stream::iter([Ok(rows.take())])
}
