//! `/admin/server/`: the server itself.

use super::user::Entry;
use crate::actions::backup::schedule::DUTY;
use crate::actions::doctor::data_folder;
use crate::config::{Config, Databases};
use crate::recent::Event;
use crate::web::error::WebResult;
use crate::web::layout::Layout;
use crate::web::show::{self, Html};
use crate::web::visit::Staff;
use askama::Template;
use std::path::Path;
use store::about::About;
use store::main_db::Duty;

const SYNCS: i64 = 100;
const AUDIT_ENTRIES: i64 = 50;

#[derive(Template)]
#[template(path = "server.html")]
struct ServerPage {
    l: Layout,
    facts: Vec<(&'static str, Html)>,
    databases: Vec<(&'static str, Database)>,
    syncs: Vec<Sync>,
    problems: Vec<Problem>,
    audit: Vec<Entry>,
}

struct Database {
    version: String,
    migration: String,
    connections: String,
}

struct Sync {
    account: i64,
    username: String,
    client: String,
    started: String,
    last_seen: String,
    staged: String,
}

struct Problem {
    at: Html,
    level: &'static str,
    text: String,
}

pub async fn show(who: Staff) -> WebResult {
    let app = &who.app;
    let now = app.clock.now_ms();
    let (main, totals, audit) = tokio::try_join!(app.main.about(), app.main.totals(), app.main.audit(None, AUDIT_ENTRIES))?;
    let (user, running) = tokio::try_join!(app.user.about(), app.user.running_syncs(SYNCS))?;
    let ids: Vec<i64> = running.iter().map(|sync| sync.account).collect();
    let usernames = app.main.usernames(&ids).await?;
    let facts = vec![
        ("Version", Html::text(env!("CARGO_PKG_VERSION"))),
        ("Users", format!("{}, {} of them active", show::number(totals.accounts), show::number(totals.active)).into()),
        ("Devices", show::number(totals.devices).into()),
        ("Disk", disk(app.config.data_root.path()).unwrap_or_else(|| "unknown".into()).into()),
        ("Time", show::time(now)),
        ("Last dump", last_dump(&app.config)),
        ("Last backup", last_backup(&app.config, app.main.duty(DUTY).await?.as_ref())),
    ];
    let sync = |sync: store::user_db::overview::RunningSync| Sync {
        account: sync.account,
        username: usernames.get(&sync.account).cloned().unwrap_or_default(),
        client: sync.client,
        started: show::ago(sync.started, now),
        last_seen: show::ago(sync.last_seen, now),
        staged: show::size(sync.staged_bytes),
    };
    let problem = |event: Event| Problem { at: show::time(event.at), level: event.level, text: event.text };
    who.page(&ServerPage {
        l: who.admin_layout("Server", "server"),
        facts,
        databases: vec![("Main", main.into()), ("User", user.into())],
        syncs: running.into_iter().map(sync).collect(),
        problems: app.recent.events().into_iter().map(problem).collect(),
        audit: audit.into_iter().map(Entry::from).collect(),
    })
}

impl From<About> for Database {
    fn from(about: About) -> Self {
        let (used, most) = (about.connections.used, about.connections.most);
        Self {
            // PostgreSQL says with which compiler it was made; that is too much.
            version: about.version.split(" on ").next().unwrap_or_default().to_owned(),
            migration: format!("{} of {}", about.migration, about.newest_migration),
            connections: format!("{used} of at most {most}"),
        }
    }
}

/// The newest dump of the embedded database, on this machine.
fn last_dump(config: &Config) -> Html {
    match (&config.databases, data_folder::newest_dump(&config.data_root)) {
        (Databases::External { .. }, _) => Html::text("by the tools of the database"),
        (Databases::Embedded, Some(at)) => show::time(at),
        (Databases::Embedded, None) if config.dumps_kept == 0 => Html::text("switched off"),
        (Databases::Embedded, None) => Html::text("none yet"),
    }
}

/// The newest backup that the server has made by itself.
fn last_backup(config: &Config, duty: Option<&Duty>) -> Html {
    match (&config.backups.plan, duty) {
        (None, _) => Html::text("never by itself: set DJANKISERV_BACKUP_TO, or run `djankiserv backup`"),
        (Some(_), Some(Duty { failed: Some(_), .. })) => Html::text("failed: the log says why"),
        (Some(_), Some(Duty { succeeded: Some(at), .. })) => show::time(*at),
        (Some(_), _) => Html::text("none yet"),
    }
}

/// Free space where the data folder is.
fn disk(folder: &Path) -> Option<String> {
    let stat = nix::sys::statvfs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(stat.fragment_size())).unwrap_or(i64::MAX);
    Some(format!("{} free of {}", show::size(bytes(stat.blocks_available())), show::size(bytes(stat.blocks()))))
}
