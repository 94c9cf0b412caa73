# SPDX-License-Identifier: AGPL-3.0-or-later
"""Steps that the tests of the web pages share. `server` is one of ours; pages come from `new_page` of browser.py."""

import contextlib
import re
import secrets

from device import ClientProcess, Device
from paths import NEWEST
from server import Account, Djankiserv

PASSWORD = "Vier Elche trinken Tee"


@contextlib.contextmanager
def own_server(**settings):
    """A server of a test's own, with these settings (without DJANKISERV_), or variables of its environment."""
    server = Djankiserv()
    server.extra_environment = {name if name.isupper() else f"DJANKISERV_{name.upper()}": text for name, text in settings.items()}
    server.start()
    try:
        yield server
        assert not (damage := server.check()), damage
    finally:
        server.stop()
        server.remove()


@contextlib.contextmanager
def clients(server, folder):
    """-> client(account) -> a logged-in device of the newest version; with None, one that is not logged in."""
    process = ClientProcess(NEWEST, server.base, folder / "client.log")

    def make(account):
        device = Device(process, folder, server.base)
        device.account = account
        if account is not None:
            device.login(account)
        return device

    yield make
    process.stop()


# -- people


def superuser(server, name="boss"):
    account = Account(f"{name}-{secrets.token_hex(3)}", PASSWORD)
    server.run("createsuperuser", "--username", account.user, "--password-stdin", stdin=f"{PASSWORD}\n")
    return account


def log_in(page, account, beginning="/login/"):
    """Types name and password into the page for that, to which `beginning` leads."""
    page.goto(beginning)
    page.get_by_label("Username").fill(account.user)
    page.get_by_label("Password", exact=True).fill(account.password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login/" not in url)
    return page


def fill_new_account(page, account, email=""):
    """The fields of a new account, wherever one is made."""
    page.get_by_label("Username").fill(account.user)
    page.get_by_label("E-mail address").fill(email)
    fill_new_password(page, account.password)


def fill_new_password(page, password, again=None):
    page.locator("#password").fill(password)
    page.locator("#again").fill(password if again is None else again)


# -- requests by hand, with the cookies of a page


def token(page):
    """What this browser's forms carry against forged requests."""
    return next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")


def post(page, path, token=token, headers=None, **fields):
    """Sends a form as no page of ours would; redirects are not followed. `token` is a text, None for none, or a function of the page."""
    if callable(token):
        token = token(page)
    form = fields | ({"csrfmiddlewaretoken": token} if token else {})
    return page.context.request.post(path, form=form, headers=headers or {}, max_redirects=0)


def get(page, path):
    return page.context.request.get(path, max_redirects=0)


# -- what a page says


def says(page, text):
    """The text is on the page, at once or within the usual patience."""
    page.get_by_text(text).first.wait_for()


def facts(page):
    """The tiles at the top of some pages, by their names."""
    return {tile.locator("dt").inner_text(): tile.locator("dd").inner_text() for tile in page.locator(".facts > div").all()}


def rows(page, label):
    """The rows of the table with this label, as dicts by column; rows are found in the desktop's form."""
    table = page.get_by_role("region", name=label)
    names = [cell.inner_text().strip() for cell in table.locator("thead th").all()]
    return [dict(zip(names, [cell.inner_text().strip() for cell in row.locator("th, td").all()])) for row in table.locator("tbody tr").all()]


def id_of(page):
    """The id in the address of a user's page."""
    return int(re.search(r"/admin/users/(\d+)/", page.url)[1])
