# SPDX-License-Identifier: AGPL-3.0-or-later
"""Logging in to the pages at a real provider of OpenID Connect (node-oidc-provider, which is a certified one)."""

import json
import subprocess
import time
import urllib.request

import pytest

from browser import look
from device import ClientError
from flows import upload_first
from paths import NEWEST, TEST_DIR
from server import Account, Djankiserv, free_port

pytestmark = [
    pytest.mark.ours("the official server has no pages"),
    # The browser asks another host, the provider, and is meant to.
    pytest.mark.allows_complaints,
]

PASSWORD = "correct horse battery"
NEW = "vier Elche trinken Tee"
PEOPLE = {
    "ann": {"email": "ann@example.com", "email_verified": True, "preferred_username": "annie"},
    "liar": {"email": "ann@example.com", "email_verified": False, "preferred_username": "ann"},
    "boss": {"email": "boss@example.com", "email_verified": True, "preferred_username": "theboss"},
    "new": {"email": "new@example.com", "email_verified": True, "preferred_username": "newcomer"},
    "off": {"email": "off@example.com", "email_verified": True, "preferred_username": "off"},
}


@pytest.fixture(scope="module")
def provider():
    """provider(redirect) starts it and answers its address."""
    port = free_port()
    started = []

    def start(redirect):
        command = ["node", "provider.js", str(port), redirect, json.dumps(PEOPLE)]
        started.append(subprocess.Popen(command, cwd=TEST_DIR / "oidc", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        base = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{base}/.well-known/openid-configuration", timeout=5).close()
                return base
            except OSError:
                assert started[0].poll() is None, "the provider has ended"
                time.sleep(0.1)
        raise RuntimeError("the provider does not answer")

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def server(provider):
    server = Djankiserv()
    server.extra_environment = {
        "DJANKISERV_OIDC_ISSUER": provider(f"{server.base}login/oidc/callback/"),
        "DJANKISERV_OIDC_CLIENT_ID": "djankiserv",
        "DJANKISERV_OIDC_CLIENT_SECRET": "a secret for tests only",
        "DJANKISERV_OIDC_NAME": "the office",
        "DJANKISERV_OIDC_LINK": "email",
        "DJANKISERV_OIDC_CREATE_USERS": "true",
    }
    server.start()
    for name in ("ann", "off"):
        server.run("user", "add", name, "--email", f"{name}@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    server.user("disable", "off")
    server.run("createsuperuser", "--username", "boss", "--email", "boss@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    yield server
    server.stop()
    server.remove()


@pytest.fixture(scope="module")
def client_processes(server, tmp_path_factory):
    from device import ClientProcess

    processes = {}

    def get(version):
        if version not in processes:
            processes[version] = ClientProcess(version, server.base, tmp_path_factory.mktemp("oidc") / f"{version}.log")
        return processes[version]

    yield get
    for process in processes.values():
        process.stop()


@pytest.fixture
def account():
    return Account("ann", PASSWORD)


def at_provider(page, name):
    assert page.get_by_role("heading", level=1).inner_text() == "A provider", page.url
    page.get_by_label("Who are you?").fill(name)
    page.get_by_role("button", name="Go on").click()


def come(page, name, path="/account/"):
    page.goto(path)
    page.get_by_role("link", name="Log in with the office").click()
    at_provider(page, name)


def username(page):
    return page.locator("dl.facts > div", has_text="Username").locator("dd").inner_text()


@pytest.mark.parametrize("script", [True, False])
def test_a_verified_address_links_an_account(new_page, server, script):
    page = new_page(server.base, script=script)
    page.goto("/account/devices/")
    if script:
        look(page, "oidc-login")
    come(page, "ann", "/account/devices/")
    assert page.url == f"{server.base}account/devices/"
    page.goto("/account/")
    assert username(page) == "ann"
    # The session at the provider is not the session here.
    page.get_by_role("button", name="Log out").click()
    page.goto("/account/")
    assert "/login/" in page.url


def test_an_address_that_is_not_verified_does_not(new_page, server):
    page = new_page(server.base)
    come(page, "liar")
    assert "The name ann is taken here" in page.inner_text("main")
    look(page, "oidc-refused")
    page.goto("/account/")
    assert "/login/" in page.url


def test_a_newcomer_gets_an_account_and_a_password_for_anki(new_page, server, new_device):
    page = new_page(server.base)
    come(page, "new")
    assert username(page) == "newcomer"
    look(page, "oidc-newcomer")
    page.get_by_role("link", name="Choose a password").click()
    # First the provider has to ask again who it is.
    look(page, "oidc-confirm")
    page.get_by_role("link", name="Confirm with the office").click()
    at_provider(page, "ann")
    assert "somebody else" in page.inner_text("main")
    page.goto("/account/password/")
    page.get_by_role("link", name="Confirm with the office").click()
    at_provider(page, "new")
    page.locator("#password").fill(NEW)
    page.locator("#again").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    assert "Your password is changed" in page.get_by_role("status").inner_text()
    look(page, "oidc-password")
    device = new_device(NEWEST, login=False)
    with pytest.raises(ClientError):
        device.login(Account("newcomer", "!"))
    device.login(Account("newcomer", NEW))
    device.add_notes(1)
    upload_first(device)
    # Now that there is another way in, the link may go.
    page.get_by_role("button", name="Unlink").click()
    assert "not linked any more" in page.get_by_role("status").inner_text()
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Username").fill("newcomer")
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Log in").click()
    page.goto("/account/")
    assert username(page) == "newcomer"


def test_an_administrator_links_the_account_with_the_password(new_page, server):
    page = new_page(server.base)
    come(page, "boss")
    # Not the administrator's account, in spite of the address.
    assert username(page) == "theboss"
    page.get_by_role("button", name="Log out").click()
    server.run("user", "delete", "theboss", "--yes")
    page.goto("/login/")
    page.get_by_label("Username").fill("boss")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto("/account/password/")
    page.get_by_role("link", name="Link login with the office").click()
    at_provider(page, "boss")
    assert "You can log in to these pages with the office now" in page.get_by_role("status").inner_text()
    look(page, "oidc-linked")
    page.get_by_role("button", name="Log out").click()
    # The provider still knows who it is, and does not ask.
    page.goto("/account/")
    page.get_by_role("link", name="Log in with the office").click()
    assert username(page) == "boss"


def test_who_is_disabled_stays_out(new_page, server):
    page = new_page(server.base)
    come(page, "off")
    assert "disabled" in page.inner_text("main") or "taken" in page.inner_text("main")
    page.goto("/account/")
    assert "/login/" in page.url


def test_what_does_not_come_from_this_browsers_login(new_page, server):
    page = new_page(server.base)
    page.goto("/login/")
    page.get_by_role("link", name="Log in with the office").click()
    page.get_by_role("button", name="Cancel").click()
    assert "was not finished" in page.inner_text("main")
    # An answer for another browser, such as an attacker's own, logs nobody in.
    other = new_page(server.base)
    other.goto("/login/")
    other.get_by_role("link", name="Log in with the office").click()
    cookies = other.context.cookies()
    other.context.clear_cookies(name="oidc")
    at_provider(other, "ann")
    assert "begun in another browser" in other.inner_text("main")
    answer = other.url
    page.get_by_role("link", name="To the beginning").click()
    page.get_by_role("link", name="Log in with the office").click()
    page.goto(answer)
    assert "begun in another browser" in page.inner_text("main")
    page.goto("/account/")
    assert "/login/" in page.url
    # The right one may have it, once.
    other.context.add_cookies([cookie for cookie in cookies if cookie["name"] == "oidc"])
    other.goto(answer)
    other.goto("/account/")
    assert username(other) == "ann"
    other.goto(answer)
    assert "Begin again" in other.inner_text("main")
