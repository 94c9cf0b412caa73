//! `/admin/users/add/`: a new user.

use crate::web::error::WebResult;
use crate::web::form::{Fields, Posted};
use crate::web::layout::Layout;
use crate::web::new_account::NewAccountForm;
use crate::web::visit::Staff;
use askama::Template;
use axum::http::StatusCode;

#[derive(Template)]
#[template(path = "user_add.html")]
struct AddPage {
    l: Layout,
    f: NewAccountForm,
    is_first: bool,
}

pub async fn show(who: Staff, query: Fields) -> WebResult {
    who.page(&AddPage { l: who.admin_layout("Add a user", "user"), f: NewAccountForm::default(), is_first: query.ticked("first") })
}

pub async fn submit(Posted { who, form }: Posted<Staff>) -> WebResult {
    let is_first = form.ticked("first");
    match NewAccountForm::submit(&who, &form, (false, false), &who.actor()).await? {
        Ok(account) => {
            let path = format!("/admin/users/{}/connect/", account.id);
            who.go_and_tell(&path, format!("Made the user {}.", account.username)).await
        }
        Err(f) => who.page_with(StatusCode::UNPROCESSABLE_ENTITY, &AddPage { l: who.admin_layout("Add a user", "user"), f, is_first }),
    }
}
