//! `/account/tokens/`: tokens with which programs reach the API, instead of the password.

use crate::actions::api_tokens::{self, Scope, TokenError};
use crate::web::error::{WebError, WebResult};
use crate::web::form::{Fields, Posted};
use crate::web::layout::Layout;
use crate::web::new_account::sentence;
use crate::web::show;
use crate::web::visit::SignedIn;
use askama::Template;
use axum::http::StatusCode;

const HERE: &str = "/account/tokens/";
const ADD: &str = "/account/tokens/add/";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Days until a token expires; 0 for one that does not.
const LIVES: &[(i64, &str)] = &[(30, "in 30 days"), (90, "in 90 days"), (365, "in a year"), (0, "never")];

#[derive(Template)]
#[template(path = "account_tokens.html")]
struct TokensPage {
    l: Layout,
    tokens: Vec<Token>,
}

struct Token {
    id: String,
    name: String,
    scopes: String,
    created: String,
    last_used: String,
    expires: String,
    is_expired: bool,
}

#[derive(Template)]
#[template(path = "account_token_add.html")]
struct AddPage {
    l: Layout,
    name: String,
    scopes: Vec<Choice>,
    lives: Vec<Life>,
    problem: Option<String>,
}

struct Choice {
    name: &'static str,
    about: &'static str,
    is_chosen: bool,
}

struct Life {
    days: i64,
    text: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "account_token_made.html")]
struct MadePage {
    l: Layout,
    token: String,
    name: String,
    scopes: String,
    expires: String,
    address: String,
}

pub async fn show(who: SignedIn) -> WebResult {
    let (app, now) = (&who.app, who.app.clock.now_ms());
    let tokens = api_tokens::list(&app.main, who.active.account.id).await?.into_iter().map(|token| Token {
        id: token.id,
        name: token.name,
        scopes: words(&token.scopes),
        created: show::time(token.created),
        last_used: token.last_used.map_or_else(|| "never".to_owned(), |used| show::ago(used, now)),
        expires: token.expires.map_or_else(|| "never".to_owned(), show::time),
        is_expired: token.expires.is_some_and(|expires| expires <= now),
    });
    let tokens = tokens.collect();
    who.page(&TokensPage { l: super::layout(&who, "API tokens", "tokens"), tokens })
}

pub async fn add(who: SignedIn) -> WebResult {
    who.need_password(ADD)?;
    // Reading alone for 90 days, unless somebody wants more.
    let form = Fields::parse(b"read=1&days=90");
    who.page(&AddPage::new(&who, &form, None))
}

pub async fn submit(Posted { who, form }: Posted<SignedIn>) -> WebResult {
    who.need_password(ADD)?;
    let (app, account) = (&who.app, &who.active.account);
    let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| form.ticked(scope.name())).collect();
    let days = LIVES.iter().map(|(days, _)| *days).find(|days| days.to_string() == form.get("days"));
    let Some(days) = days else { return Err(WebError::bad_request("A token expires in 30 days, 90 days or a year, or never.")) };
    let expires = (days > 0).then(|| app.clock.now_ms() + days * DAY_MS);
    match api_tokens::create(&app.main, &app.clock, account, form.text("name"), &scopes, expires).await {
        Ok((token, listed)) => {
            let detail = format!("made an API token for `{}` with the scopes {}", account.username, words(&listed.scopes));
            app.accounts.record(&who.actor(), Some(account.id), "token.create", detail).await;
            who.page(&MadePage {
                l: super::layout(&who, "Your new token", "tokens"),
                token,
                name: listed.name,
                scopes: words(&listed.scopes),
                expires: listed.expires.map_or_else(|| "never".to_owned(), show::time),
                address: who.public_link("/"),
            })
        }
        Err(TokenError::Store(error)) => Err(error.into()),
        Err(TokenError::Io(error)) => Err(error.into()),
        Err(refused) => {
            let page = AddPage::new(&who, &form, Some(sentence(&refused.to_string())));
            who.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

pub async fn revoke(Posted { who, form }: Posted<SignedIn>) -> WebResult {
    let (app, account) = (&who.app, &who.active.account);
    let found = api_tokens::revoke(&app.main, account.id, form.get("token")).await?;
    if found {
        app.accounts
            .record(&who.actor(), Some(account.id), "token.revoke", format!("revoked an API token of `{}`", account.username))
            .await;
    }
    who.go_and_tell(HERE, if found { "The token is revoked." } else { "There is no such token any more." }).await
}

impl AddPage {
    fn new(who: &SignedIn, form: &Fields, problem: Option<String>) -> Self {
        let account = &who.active.account;
        let may_have = |scope: &Scope| *scope != Scope::Admin || account.is_staff || account.is_superuser;
        let scopes = Scope::ALL.into_iter().filter(may_have);
        Self {
            l: super::layout(who, "A new API token", "tokens"),
            name: form.text("name").to_owned(),
            scopes: scopes.map(|scope| Choice { name: scope.name(), about: about(scope), is_chosen: form.ticked(scope.name()) }).collect(),
            lives: LIVES.iter().map(|(days, text)| Life { days: *days, text, is_chosen: days.to_string() == form.get("days") }).collect(),
            problem,
        }
    }
}

fn about(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "Read your collection",
        Scope::Write => "Change your collection",
        Scope::Media => "Read and change your media files",
        Scope::Admin => "Manage users",
    }
}

fn words(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", ")
}
