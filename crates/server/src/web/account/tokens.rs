//! `/account/tokens/`: tokens with which programs reach the API, instead of the password.

use crate::actions::api_tokens::{self, Scope, TokenError};
use crate::web::error::{WebError, WebResult};
use crate::web::form::{Fields, Posted};
use crate::web::layout::Layout;
use crate::web::new_account::sentence;
use crate::web::own_password;
use crate::web::problem::Problem;
use crate::web::show::{self, Html};
use crate::web::shown;
use crate::web::visit::SignedIn;
use askama::Template;
use axum::http::{HeaderMap, StatusCode};

const HERE: &str = "/account/tokens/";
const ADD: &str = "/account/tokens/add/";
const MADE: &str = "/account/tokens/made/";
/// What the secret that is shown there was made for.
const SHOWN: &str = "token";
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
    created: Html,
    last_used: String,
    expires: Html,
    is_expired: bool,
}

#[derive(Template)]
#[template(path = "account_token_add.html")]
struct AddPage {
    l: Layout,
    name: String,
    scopes: Vec<Choice>,
    lives: Vec<Life>,
    /// Which kind of program the ticks are for, if any.
    purpose: &'static str,
    asks_password: bool,
    problem: Problem,
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
    expires: Html,
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
        expires: show::time_or_never(token.expires.unwrap_or(0)),
        is_expired: token.expires.is_some_and(|expires| expires <= now),
    });
    let tokens = tokens.collect();
    who.page(&TokensPage { l: super::layout(&who, "API tokens", "tokens"), tokens })
}

/// `?for=ankiconnect` is what the programs need that know AnkiConnect, such as Yomitan.
pub async fn add(who: SignedIn, query: Fields) -> WebResult {
    let asks = own_password::is_asked(&who, ADD).await?;
    let form = match query.get("for") {
        "ankiconnect" => "purpose=ankiconnect&name=Yomitan&read=1&write=1&media=1&days=365",
        // Reading alone for 90 days, unless somebody wants more.
        _ => "purpose=script&read=1&days=90",
    };
    who.page(&AddPage::new(&who, &Fields::parse(form.as_bytes()), asks, Problem::none()))
}

pub async fn submit(Posted { mut who, form }: Posted<SignedIn>) -> WebResult {
    let days = LIVES.iter().map(|(days, _)| *days).find(|days| days.to_string() == form.get("days"));
    let Some(days) = days else { return Err(WebError::bad_request("A token expires in 30 days, 90 days or a year, or never.")) };
    if let Err((status, problem)) = own_password::check(&mut who, &form, ADD).await? {
        return who.page_with(status, &AddPage::new(&who, &form, true, problem));
    }
    let again = |problem| who.page_with(StatusCode::UNPROCESSABLE_ENTITY, &AddPage::new(&who, &form, false, problem));
    let (app, account) = (&who.app, &who.active.account);
    let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| form.ticked(scope.name())).collect();
    let expires = (days > 0).then(|| app.clock.now_ms() + days * DAY_MS);
    let (token, listed) = match api_tokens::create(&app.main, &app.clock, account, form.text("name"), &scopes, expires).await {
        Ok(made) => made,
        Err(TokenError::Store(error)) => return Err(error.into()),
        Err(TokenError::Io(error)) => return Err(error.into()),
        Err(TokenError::Scopes) => return again(Problem::new("scopes", "Tick at least one thing that the token may do.")),
        Err(refused @ TokenError::Name) => return again(Problem::new("name", sentence(&refused.to_string()))),
        Err(refused) => return again(Problem::new("", sentence(&refused.to_string()))),
    };
    let detail = format!("made an API token for `{}` with the scopes {}", account.username, words(&listed.scopes));
    app.accounts.record(&who.actor(), Some(account.id), "token.create", detail).await;
    let mut answer = who.go(MADE);
    shown::keep(&who, &mut answer, SHOWN, token.trim_start_matches(api_tokens::PREFIX))?;
    Ok(answer)
}

/// The token that was just made. Loading the page again shows the same one, for some minutes.
pub async fn made(who: SignedIn, headers: HeaderMap) -> WebResult {
    let kept = shown::kept(&who, &headers, SHOWN)?.map(|secret| format!("{}{secret}", api_tokens::PREFIX));
    if let Some(token) = kept
        && let Some(listed) = api_tokens::listed_as(&who.app.main, who.active.account.id, &token).await?
    {
        return who.page(&MadePage {
            l: super::layout(&who, "Your new token", "tokens"),
            token,
            name: listed.name,
            scopes: words(&listed.scopes),
            expires: show::time_or_never(listed.expires.unwrap_or(0)),
            address: who.public_link("/"),
        });
    }
    who.go_and_tell(
        HERE,
        "A token is shown only for some minutes after it was made. If you have not copied it, revoke it and make another.",
    )
    .await
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
    fn new(who: &SignedIn, form: &Fields, asks_password: bool, problem: Problem) -> Self {
        let account = &who.active.account;
        let may_have = |scope: &Scope| *scope != Scope::Admin || account.is_staff || account.is_superuser;
        let scopes = Scope::ALL.into_iter().filter(may_have);
        Self {
            l: super::layout(who, "A new API token", "tokens"),
            name: form.text("name").to_owned(),
            scopes: scopes.map(|scope| Choice { name: scope.name(), about: about(scope), is_chosen: form.ticked(scope.name()) }).collect(),
            lives: LIVES.iter().map(|(days, text)| Life { days: *days, text, is_chosen: days.to_string() == form.get("days") }).collect(),
            purpose: if form.get("purpose") == "ankiconnect" { "ankiconnect" } else { "script" },
            asks_password,
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
