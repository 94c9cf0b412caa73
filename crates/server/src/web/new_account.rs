//! The fields that make an account, wherever that is done: setting up, administration, joining.

use super::error::{WebError, WebResult};
use super::form::Fields;
use super::problem::Problem;
use super::visit::Visit;
use crate::actions::accounts::{AccountError, NewUser};
use crate::actions::actor::Actor;
use crate::actions::email;
use crate::actions::password_rules;
use crate::actions::username::Username;
use store::main_db::Account;

/// What was typed, to be shown again, and what is wrong with it.
#[derive(Debug, Default)]
pub struct NewAccountForm {
    pub username: String,
    pub email: String,
    pub problem: Problem,
}

impl NewAccountForm {
    /// Checks what was typed, without making anything. Answers what is wrong.
    pub fn check(form: &Fields) -> Result<NewUser, Self> {
        let (username, email) = (form.text("username"), form.text("email"));
        let refuse = |problem: Problem| Self { username: username.to_owned(), email: email.to_owned(), problem };
        let name = Username::new(username).map_err(|e| refuse(Problem::new("username", sentence(&e.to_string()))))?;
        if !email::is_fine(email) {
            return Err(refuse(Problem::new("email", NO_EMAIL)));
        }
        let password = new_password(form, &[username, email]).map_err(refuse)?;
        Ok(NewUser { username: name, email: email.to_owned(), password, is_staff: false, is_superuser: false })
    }

    /// Makes the account, with the roles of staff and superuser, or answers the form to be filled in again.
    ///
    /// # Errors
    /// When it fails for another reason than what was typed.
    pub async fn submit(visit: &Visit, form: &Fields, roles: (bool, bool), actor: &Actor) -> WebResult<Result<Account, Self>> {
        let new = match Self::check(form) {
            Ok(new) => NewUser { is_staff: roles.0, is_superuser: roles.1, ..new },
            Err(refused) => return Ok(Err(refused)),
        };
        let email = new.email.clone();
        match visit.app.accounts.create(new, actor.clone()).await {
            Ok(account) => Ok(Ok(account)),
            Err(AccountError::NameTaken(username)) => Ok(Err(Self { username, email, problem: Problem::new("username", TAKEN) })),
            Err(other) => Err(WebError::from(other)),
        }
    }
}

/// A new password, typed twice. `about` is what it must not be made of.
///
/// # Errors
/// What is wrong with it.
pub fn new_password(form: &Fields, about: &[&str]) -> Result<String, Problem> {
    let password = form.get("password");
    if password != form.get("again") {
        return Err(Problem::new("again", "The two passwords are not the same."));
    }
    match password_rules::problem(password, about) {
        Some(problem) => Err(Problem::new("password", problem)),
        None => Ok(password.to_owned()),
    }
}

/// What is said about a name that somebody else has.
pub const TAKEN: &str = "There is a user with that name already.";
/// What is said about an address that is none.
pub const NO_EMAIL: &str = "That is not an e-mail address. It may be left empty.";

/// With a capital and a full stop.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences() {
        assert_eq!(sentence("a username cannot be empty"), "A username cannot be empty.");
    }
}
