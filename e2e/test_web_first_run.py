# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first run: from an empty folder to the first sync, as a conversation in the browser."""

import re

import pytest

from browser import look
from server import Account
from web_flows import PASSWORD, clients, fill_new_account, fill_new_password, get, own_server, post, says

pytestmark = pytest.mark.ours("pages for people")
BOSS, ANN = Account("boss", PASSWORD), Account("Ann", "gelbe Ente im Nebel")
ARRIVED = "The first sync has arrived: 3 notes and 3 cards"


@pytest.fixture
def server():
    with own_server() as server:
        yield server


@pytest.fixture
def client(server, tmp_path):
    with clients(server, tmp_path) as client:
        yield client


def set_up_link(server):
    """As it stands in the log; the last one, after several starts."""
    links = re.findall(r"http://\S+(/setup/[^/\s]+/)", server.log_tail())
    assert links, server.log_tail()
    return links[-1]


def first_sync(client):
    device = client(None)
    device.add_notes(3)
    device.login(ANN)
    return device


def upload(device):
    assert device.sync()["did"] == "full_upload"
    device.full_upload()


def test_from_nothing_to_the_first_sync(server, client, new_page):
    page = new_page(server.base)
    # Nobody sets the server up without the link, and nobody logs in yet.
    page.goto("/")
    says(page, "has no users yet")
    look(page, "first-run-1-welcome")
    for path in ("/setup/", "/setup/0/", "/setup/" + "0" * 64 + "/", "/setup/../setup/%00/"):
        assert get(page, path).status in (400, 404), path
    assert post(page, "/setup/" + "0" * 64 + "/", username="eve", password=PASSWORD, again=PASSWORD).status in (403, 404)
    for path in ("/admin/", "/admin/users/add/", "/account/"):
        assert get(page, path).status == 303, path
    assert get(page, "/join/").status == 403

    link = set_up_link(server)
    page.goto(link)
    look(page, "first-run-2-set-up")
    # What is refused costs nothing, and keeps what was typed.
    for password, again, help in (
        ("boss1234", "boss1234", "guessed first"),
        (PASSWORD, PASSWORD + "!", "not the same"),
    ):
        fill_new_account(page, Account(BOSS.user, password), "boss@example.com")
        fill_new_password(page, password, again)
        page.get_by_role("button", name="Make the administrator").click()
        says(page, help)
        assert page.get_by_label("Username").input_value() == BOSS.user
        assert page.get_by_label("E-mail address").input_value() == "boss@example.com"
        assert page.locator("#password").input_value() == ""
    look(page, "first-run-2-set-up-refused")
    fill_new_account(page, BOSS, "boss@example.com")
    page.get_by_role("button", name="Make the administrator").click()

    # The administrator is logged in, and led on to the first user.
    page.wait_for_url("**/admin/users/add/?first=1")
    says(page, "The administrator is made.")
    look(page, "first-run-3-add")
    # The link has done its work.
    stranger = new_page(server.base)
    assert stranger.goto(link).status in (403, 404)
    look(stranger, "first-run-link-used")
    fields = {"username": "eve", "password": PASSWORD, "again": PASSWORD}
    stranger.goto("/login/")
    assert post(stranger, link, **fields).status in (403, 404)
    stranger.goto("/")
    assert stranger.url.endswith("/login/")

    fill_new_account(page, ANN)
    page.get_by_role("button", name="Add the user").click()
    page.wait_for_url(re.compile(r"/admin/users/\d+/connect/$"))
    says(page, "Waiting for the first sync of Ann")
    assert page.locator("code.copy").first.inner_text() == server.base
    look(page, "first-run-4-connect")

    # The page tells what a real client does, without being loaded again.
    page.evaluate("window.stayed = true")
    device = first_sync(client)
    says(page, "has logged in as Ann")
    upload(device)
    says(page, ARRIVED)
    assert page.evaluate("window.stayed") is True
    look(page, "first-run-5-arrived")
    page.get_by_role("link", name="To the page of Ann").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Ann"

    # Another start of a server with users prints no link.
    before = server.log_size()
    server.stop()
    server.restart()
    assert "listening" in server.log_tail(before) and "/setup/" not in server.log_tail(before)
    page.reload()
    assert page.get_by_role("heading", level=1).inner_text() == "Ann", "the session outlives a restart"


def test_from_nothing_to_the_first_sync_without_javascript(server, client, new_page):
    # A new start makes a new link.
    server.stop()
    server.restart()
    page = new_page(server.base, script=False)
    page.goto(set_up_link(server))
    fill_new_account(page, BOSS)
    page.get_by_role("button", name="Make the administrator").click()
    says(page, "The administrator is made.")
    fill_new_account(page, ANN)
    page.get_by_role("button", name="Add the user").click()
    says(page, "Waiting for the first sync of Ann")
    device = first_sync(client)
    says(page, "has logged in as Ann")
    upload(device)
    says(page, ARRIVED)
