//! What all requests share, and the one place where the surfaces are mounted.

use crate::actions::accounts::Accounts;
use crate::actions::one_time_links::OneTimeLinks;
use crate::actions::web_sessions::WebSessions;
use crate::api;
use crate::api::state::ApiState;
use crate::clock::Clock;
use crate::config::Config;
use crate::http;
use crate::media_store::MediaStore;
use crate::recent::Recent;
use crate::sync;
use crate::sync::before_key::BeforeKey;
use crate::sync::download_cache::DownloadCache;
use crate::web;
use axum::Router;
use axum::routing::get;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::main_db::MainDb;
use store::turns::Turns;
use store::user_db::UserDb;
use tokio::sync::Semaphore;

/// Half of what a client waits for an answer.
const ANSWER_IMPORT_AFTER: Duration = Duration::from_secs(15);

/// The running server. It keeps no state of its own that another process would miss.
pub struct App {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub main: MainDb,
    pub user: UserDb,
    pub accounts: Accounts,
    pub web_sessions: WebSessions,
    pub links: OneTimeLinks,
    pub media: MediaStore,
    /// Collection files on their way in; each of them is removed with the request that made it.
    pub temporary: PathBuf,
    pub downloads: DownloadCache,
    /// Uploaded files whose import is not over.
    pub imports: PathBuf,
    /// When an import takes longer than this, it is made safe and the client gets its answer.
    pub answer_import_after: Duration,
    /// Imports and exports of whole collections use several connections and a lot of CPU, so only some run at a time.
    pub transfers: Arc<Semaphore>,
    /// Requests of one account's devices at the same time.
    pub turns: Arc<Turns>,
    /// Large requests of which it is not known yet whose they are.
    pub before_key: BeforeKey,
    pub api: ApiState,
    /// The latest warnings and errors, for the page about the server.
    pub recent: Recent,
}

impl App {
    /// Puts the parts together and makes the folders that they need.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn new(config: Arc<Config>, clock: Clock, main: MainDb, user: UserDb, accounts: Accounts) -> std::io::Result<Self> {
        let temporary = config.data_root.temporary();
        std::fs::create_dir_all(&temporary)?;
        let media = accounts.media().clone();
        let downloads = DownloadCache::open(config.data_root.downloads())?;
        let imports = config.data_root.imports();
        std::fs::create_dir_all(&imports)?;
        let transfers = Arc::new(Semaphore::new(most_transfers(&config)));
        let turns = Turns::new(config.limits.account_requests);
        let api = ApiState::new(&config)?;
        Ok(Self {
            turns,
            before_key: BeforeKey::new(temporary.clone()),
            api,
            recent: Recent::default(),
            config,
            links: OneTimeLinks::new(main.clone(), clock.clone()),
            web_sessions: WebSessions::new(main.clone(), clock.clone()),
            clock,
            main,
            user,
            accounts,
            media,
            temporary,
            downloads,
            imports,
            answer_import_after: ANSWER_IMPORT_AFTER,
            transfers,
        })
    }
}

impl App {
    /// How many whole collections are imported or exported at a time.
    pub fn most_transfers(&self) -> usize {
        most_transfers(&self.config)
    }
}

fn most_transfers(config: &Config) -> usize {
    (config.limits.db_connections / 6).max(1)
}

/// All routes. The old djankiserv served below `/djs`, so everything is there too.
pub fn router(app: Arc<App>) -> Router {
    let surfaces = Router::new().merge(sync::routes::routes()).merge(api::original()).merge(api::ankiconnect::routes());
    Router::new()
        .route("/health", get(http::health::alive))
        .route("/health/ready", get(http::health::ready))
        .route("/health/probe", axum::routing::post(http::probe::probe))
        .merge(api::routes(&app))
        .merge(surfaces.clone())
        .nest("/djs", surfaces)
        .merge(web::routes::routes(&app))
        .fallback(web::lost::lost)
        // Last, so that they stand before all of the above.
        .layer(axum::middleware::from_fn_with_state(app.clone(), http::hosts::check))
        .layer(axum::middleware::from_fn_with_state(app.clone(), http::track::track))
        .with_state(app)
}
