//! `/account/devices/`: which clients and browsers are logged in, and logging them out.

use crate::web::error::WebResult;
use crate::web::form::Posted;
use crate::web::layout::Layout;
use crate::web::show::{self, Html};
use crate::web::visit::SignedIn;
use askama::Template;

const HERE: &str = "/account/devices/";

#[derive(Template)]
#[template(path = "account_devices.html")]
struct DevicesPage {
    l: Layout,
    devices: Vec<Device>,
    browsers: Vec<Browser>,
}

struct Device {
    digest: String,
    client: String,
    address: String,
    created: Html,
    last_seen: String,
}

struct Browser {
    digest: String,
    is_this: bool,
    address: String,
    created: Html,
    last_seen: String,
}

pub async fn show(who: SignedIn) -> WebResult {
    let (main, now, id) = (&who.app.main, who.app.clock.now_ms(), who.active.account.id);
    let (keys, sessions) = tokio::try_join!(main.host_keys(id), main.web_sessions(id, now))?;
    let devices = keys.into_iter().map(|key| Device {
        client: show::client(&key.client),
        digest: key.digest,
        address: key.last_address,
        created: show::time(key.created),
        last_seen: show::ago(key.last_seen, now),
    });
    let browsers = sessions.into_iter().map(|session| Browser {
        is_this: session.digest == who.active.session.digest,
        digest: session.digest,
        address: session.last_address,
        created: show::time(session.created),
        last_seen: show::ago(session.last_seen, now),
    });
    let (devices, browsers) = (devices.collect(), browsers.collect());
    who.page(&DevicesPage { l: super::layout(&who, "Devices and browsers", "devices"), devices, browsers })
}

pub async fn revoke(Posted { who, form }: Posted<SignedIn>) -> WebResult {
    let found = who.app.accounts.revoke_device(&who.active.account, form.get("device"), who.actor()).await?;
    let notice = if found { "The device is logged out. Its next sync asks for the password." } else { "There is no such device any more." };
    who.go_and_tell(HERE, notice).await
}

pub async fn revoke_all(Posted { who, .. }: Posted<SignedIn>) -> WebResult {
    who.need_password(HERE)?;
    let notice = match who.app.accounts.revoke_devices(&who.active.account, who.actor()).await? {
        1 => "The device is logged out. Its next sync asks for the password.".to_owned(),
        n => format!("{n} devices are logged out. Their next sync asks for the password."),
    };
    who.go_and_tell(HERE, notice).await
}

pub async fn end_browser(Posted { who, form }: Posted<SignedIn>) -> WebResult {
    let found = who.app.accounts.end_browser(&who.active.account, form.get("browser"), who.actor()).await?;
    if form.get("browser") == who.active.session.digest {
        return Ok(who.go("/login/"));
    }
    who.go_and_tell(HERE, if found { "The browser is logged out." } else { "There is no such browser any more." }).await
}

pub async fn end_other_browsers(Posted { who, .. }: Posted<SignedIn>) -> WebResult {
    who.need_password(HERE)?;
    who.app.accounts.end_other_browsers(&who.active.account, &who.active.session, who.actor()).await?;
    who.go_and_tell(HERE, "All other browsers are logged out.").await
}
