//! The page that Prometheus fetches: what was counted, and what is asked for at that moment.

use super::kinds::Page;
use super::process;
use crate::app::App;
use std::time::{Duration, Instant};
use store::engine::PoolUse;
use store::user_db::Totals;
use tokio::sync::Mutex;

/// Sums over the whole installation are asked for this often at most, and waited for this long.
const TOTALS_EVERY: Duration = Duration::from_secs(30);
const TOTALS_PATIENCE: Duration = Duration::from_secs(2);

/// The sums of the last time, so that a scraper that asks often costs the database nothing.
#[derive(Default)]
pub(super) struct Remembered(Mutex<Option<(Instant, Totals)>>);

/// The whole page.
pub(super) async fn page(app: &App, remembered: &Remembered) -> String {
    let mut page = Page::default();
    page.family("djankiserv_build_info", "gauge", "1, with the version as a label.");
    page.sample("djankiserv_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    process::write(&mut page);
    super::REQUESTS.write(&mut page);
    super::ACTIVE_REQUESTS.write(&mut page);
    super::STAGES.write(&mut page);
    super::REQUEST_SECONDS.write(&mut page);
    super::RECEIVED.write(&mut page);
    super::SENT.write(&mut page);
    super::LOGINS.write(&mut page);
    super::IMPORTS.write(&mut page);
    super::HOUSEKEEPING.write(&mut page);
    super::HOUSEKEEPING_DONE.write(&mut page);
    super::REMOVED.write(&mut page);
    super::BACKUPS.write(&mut page);
    super::BACKUP_DONE.write(&mut page);
    super::TLS_EXPIRY.write(&mut page);
    super::ACME_ORDERS.write(&mut page);
    super::ACME_FAILED.write(&mut page);
    transfers(app, &mut page);
    pools(&[("main", app.main.pool_use()), ("user", app.user.pool_use())], &mut page);
    totals(remembered.get(app).await, &mut page);
    page.finish()
}

impl Remembered {
    async fn get(&self, app: &App) -> Option<Totals> {
        let mut last = self.0.lock().await;
        if let Some((at, totals)) = &*last
            && at.elapsed() < TOTALS_EVERY
        {
            return Some(*totals);
        }
        match tokio::time::timeout(TOTALS_PATIENCE, app.user.totals()).await {
            Ok(Ok(totals)) => {
                *last = Some((Instant::now(), totals));
                Some(totals)
            }
            // Better nothing than something old: a gap in the graph is the truth.
            Ok(Err(error)) => {
                tracing::debug!(%error, "cannot ask for the sums of the installation");
                None
            }
            Err(_) => None,
        }
    }
}

fn transfers(app: &App, page: &mut Page) {
    let free = app.transfers.available_permits();
    let most = app.most_transfers();
    let help = "Whole collections that are being imported or made into files at this moment.";
    page.single("djankiserv_transfers_active", "gauge", help, most.saturating_sub(free));
    page.single("djankiserv_transfers_max", "gauge", "How many of them there may be at a time.", most);
}

fn pools(pools: &[(&str, PoolUse)], page: &mut Page) {
    let mut family = |name: &str, kind: &str, help: &str, value: fn(&PoolUse) -> f64| {
        page.family(name, kind, help);
        for (database, pool) in pools {
            page.sample(name, &[("database", *database)], value(pool));
        }
    };
    family("djankiserv_db_connections_used", "gauge", "Connections in use.", |pool| pool.used as f64);
    family("djankiserv_db_connections_open", "gauge", "Connections that are open.", |pool| pool.open as f64);
    family("djankiserv_db_connections_max", "gauge", "Connections that there may be (DB_CONNECTIONS).", |pool| pool.most as f64);
    family("djankiserv_db_waiting", "gauge", "Tasks that wait for a connection.", |pool| pool.waiting as f64);
    let help = "How often a connection was taken from the pool.";
    family("djankiserv_db_takes_total", "counter", help, |pool| pool.taken as f64);
    let help = "Time spent with taking connections from the pool, making and checking them included.";
    family("djankiserv_db_wait_seconds_total", "counter", help, |pool| pool.waited.as_secs_f64());
    let help = "How often no connection could be had.";
    family("djankiserv_db_take_failures_total", "counter", help, |pool| pool.failed as f64);
}

/// Of all processes together. Absent when the database does not tell.
fn totals(totals: Option<Totals>, page: &mut Page) {
    let mut family = |name: &str, help: &str, value: fn(Totals) -> i64| {
        page.family(name, "gauge", help);
        if let Some(totals) = totals {
            page.sample(name, &[], value(totals));
        }
    };
    family("djankiserv_syncs_active", "Syncs that have begun and not ended, of the whole installation.", |t| t.syncs);
    family("djankiserv_collections", "Collections, of the whole installation.", |t| t.collections);
    family("djankiserv_importing", "Uploads whose rows are still being loaded, of the whole installation.", |t| t.importing);
    family("djankiserv_media_files", "Media files, of the whole installation.", |t| t.media_files);
    family("djankiserv_media_bytes", "Bytes of media files, of the whole installation.", |t| t.media_bytes);
}
