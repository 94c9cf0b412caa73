//! `/admin/`: the list of users.

use crate::web::error::WebResult;
use crate::web::form::Fields;
use crate::web::layout::Layout;
use crate::web::show;
use crate::web::visit::Staff;
use askama::Template;
use store::main_db::{Account, AccountFilter, AccountOrder, AccountQuery};
use unicode_normalization::UnicodeNormalization;

const PER_PAGE: i64 = 50;

const FILTERS: &[(&str, &str, AccountFilter)] = &[
    ("", "All", AccountFilter::All),
    ("active", "Active", AccountFilter::Active),
    ("disabled", "Disabled", AccountFilter::Disabled),
    ("staff", "Administrators", AccountFilter::Staff),
];
const ORDERS: &[(&str, &str, AccountOrder, bool)] = &[
    ("", "Username", AccountOrder::Username, false),
    ("-username", "Username, backwards", AccountOrder::Username, true),
    ("email", "E-mail", AccountOrder::Email, false),
    ("-created", "Newest first", AccountOrder::Created, true),
    ("created", "Oldest first", AccountOrder::Created, false),
    ("-login", "Latest login first", AccountOrder::LastLogin, true),
    ("login", "Longest without login first", AccountOrder::LastLogin, false),
];

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    l: Layout,
    q: String,
    filters: Vec<Choice>,
    orders: Vec<Choice>,
    lines: Vec<Line>,
    count: String,
    from: String,
    to: String,
    previous: Option<String>,
    next: Option<String>,
}

/// An option of a select.
pub struct Choice {
    pub value: &'static str,
    pub text: &'static str,
    pub is_chosen: bool,
}

struct Line {
    id: i64,
    username: String,
    email: String,
    tags: Vec<&'static str>,
    is_active: bool,
    notes: String,
    cards: String,
    reviews: String,
    size: String,
    media: String,
    last_sync: String,
    client: String,
}

pub async fn show(who: Staff, fields: Fields) -> WebResult {
    let q = fields.text("q").to_owned();
    let filter = FILTERS.iter().find(|(value, ..)| *value == fields.get("state")).unwrap_or(&FILTERS[0]);
    let order = ORDERS.iter().find(|(value, ..)| *value == fields.get("sort")).unwrap_or(&ORDERS[0]);
    let page = fields.get("page").parse().unwrap_or(1_i64).clamp(1, 1_000_000);
    let query = AccountQuery {
        username_part: q.nfkc().collect::<String>().to_lowercase(),
        email_part: q.clone(),
        filter: filter.2,
        order: order.2,
        descending: order.3,
        limit: PER_PAGE,
        offset: (page - 1) * PER_PAGE,
    };
    let (accounts, count) = who.app.main.account_page(&query).await?;
    let lines = lines(&who, accounts).await?;
    let to_page = |page: i64| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("q", q.as_str()), ("state", filter.0), ("sort", order.0)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("{}/admin/?{}", who.site.base, query.append_pair("page", &page.to_string()).finish())
    };
    let shown = lines.len() as i64;
    who.page(&UsersPage {
        l: who.admin_layout("Users", "users"),
        filters: FILTERS.iter().map(|(value, text, _)| Choice { value, text, is_chosen: *value == filter.0 }).collect(),
        orders: ORDERS.iter().map(|(value, text, ..)| Choice { value, text, is_chosen: *value == order.0 }).collect(),
        count: show::number(count),
        from: show::number(if shown == 0 { 0 } else { query.offset + 1 }),
        to: show::number(query.offset + shown),
        previous: (page > 1).then(|| to_page(page - 1)),
        next: (query.offset + shown < count).then(|| to_page(page + 1)),
        lines,
        q,
    })
}

/// What the databases know about these accounts: a query or two for all of them.
async fn lines(who: &Staff, accounts: Vec<Account>) -> WebResult<Vec<Line>> {
    let ids: Vec<i64> = accounts.iter().map(|account| account.id).collect();
    let (overviews, clients) = tokio::try_join!(who.app.user.overviews(&ids), who.app.main.last_clients(&ids))?;
    let schemas: Vec<String> = overviews.values().map(|o| o.schema.clone()).filter(|schema| !schema.is_empty()).collect();
    let sizes = who.app.user.schema_sizes(&schemas).await?;
    let now = who.app.clock.now_ms();
    let line = |account: Account| {
        let overview = overviews.get(&account.id).cloned().unwrap_or_default();
        Line {
            id: account.id,
            tags: tags(&account),
            is_active: account.is_active,
            notes: show::number(overview.counts.notes),
            cards: show::number(overview.counts.cards),
            reviews: show::number(overview.counts.revlog),
            size: show::size(sizes.get(&overview.schema).copied().unwrap_or(0)),
            media: show::size(overview.media_bytes),
            last_sync: if overview.last_sync > 0 { show::ago(overview.last_sync, now) } else { "never".into() },
            client: clients.get(&account.id).map(|(client, _)| show::client(client)).unwrap_or_default(),
            username: account.username,
            email: account.email,
        }
    };
    Ok(accounts.into_iter().map(line).collect())
}

/// The roles of an account, and whether it is disabled, in a word each.
pub fn tags(account: &Account) -> Vec<&'static str> {
    let mut tags = Vec::new();
    if !account.is_active {
        tags.push("disabled");
    }
    if account.is_superuser {
        tags.push("superuser");
    } else if account.is_staff {
        tags.push("staff");
    }
    tags
}
