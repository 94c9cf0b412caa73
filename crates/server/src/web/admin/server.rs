//! `/admin/server/`: the server itself.

use super::user::Entry;
use crate::recent;
use crate::web::error::WebResult;
use crate::web::layout::Layout;
use crate::web::show;
use crate::web::visit::Staff;
use askama::Template;
use std::path::Path;
use store::about::About;

const SYNCS: i64 = 100;
const AUDIT_ENTRIES: i64 = 50;

#[derive(Template)]
#[template(path = "server.html")]
struct ServerPage {
    l: Layout,
    facts: Vec<(&'static str, String)>,
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
    at: String,
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
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("Users", format!("{}, {} of them active", show::number(totals.accounts), show::number(totals.active))),
        ("Devices", show::number(totals.devices)),
        ("Disk", disk(app.config.data_root.path()).unwrap_or_else(|| "unknown".into())),
        ("Time", show::time(now)),
    ];
    let sync = |sync: store::user_db::overview::RunningSync| Sync {
        account: sync.account,
        username: usernames.get(&sync.account).cloned().unwrap_or_default(),
        client: sync.client,
        started: show::ago(sync.started, now),
        last_seen: show::ago(sync.last_seen, now),
        staged: show::size(sync.staged_bytes),
    };
    let problem = |event: recent::Event| Problem { at: show::time(event.at), level: event.level, text: event.text };
    who.page(&ServerPage {
        l: who.layout("Server"),
        facts,
        databases: vec![("Main", main.into()), ("User", user.into())],
        syncs: running.into_iter().map(sync).collect(),
        problems: recent::events().into_iter().map(problem).collect(),
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

/// Free space where the data folder is.
fn disk(folder: &Path) -> Option<String> {
    let stat = nix::sys::statvfs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(stat.fragment_size())).unwrap_or(i64::MAX);
    Some(format!("{} free of {}", show::size(bytes(stat.blocks_available())), show::size(bytes(stat.blocks()))))
}
