# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages of one's own account in a real browser, with real clients on the other side."""

import datetime
import json
import re
import zipfile

import pytest

from browser import PHONE, look, tab_to
from compare import assert_same
from device import ClientError
from flows import settle, sync, two_devices, upload_first
from paths import NEWEST
from server import Account
from wire import Wire

pytestmark = pytest.mark.ours("the official server has no pages")

NEW = "vier Elche trinken Tee"


@pytest.fixture
def log_in(new_page, server, account):
    """log_in(...) -> a page that is logged in; options are those of new_page."""

    def log_in(account=account, **options):
        page = new_page(server.base, **options)
        page.goto("/login/")
        page.get_by_label("Username").fill(account.user)
        page.get_by_label("Password").fill(account.password)
        page.get_by_role("button", name="Log in").click()
        page.goto("/account/")
        assert page.get_by_role("heading", level=1).inner_text() == "Your account"
        return page

    return log_in


def section(page, name):
    page.get_by_role("navigation", name="My account").get_by_role("link", name=name).click()


def fact(page, name):
    return page.locator("dl.facts > div", has=page.locator("dt", has_text=re.compile(f"^{name}$"))).locator("dd").inner_text()


def is_refused(device):
    with pytest.raises(ClientError) as error:
        device.sync()
    return error.value.kind == "AUTH"


def test_the_overview_before_and_after_the_first_sync(log_in, new_device):
    page = log_in()
    assert "Nothing has been synced yet" in page.inner_text("main")
    assert (fact(page, "Last sync"), fact(page, "Devices")) == ("never", "0 logged in")
    look(page, "account-empty")
    device = new_device(NEWEST)
    device.generate(notes=120, reviews=1500, media=4)
    upload_first(device)
    device.sync_media()
    page.reload()
    assert "Nothing has been synced yet" not in page.inner_text("main")
    assert (fact(page, "Notes"), fact(page, "Reviews"), fact(page, "Devices")) == ("120", "1,500", "1 logged in")
    assert "just now" in fact(page, "Last sync") and "B" in fact(page, "Collection") and "4 files" in fact(page, "Media")
    look(page, "account")


@pytest.mark.parametrize("script", [True, False])
def test_a_new_password_logs_the_devices_out(log_in, filled, account, script):
    page, other = log_in(script=script), log_in()
    section(page, "Password")
    if script:
        look(page, "account-password")

    def change(old, new):
        page.get_by_label("Old password").fill(old)
        page.locator("#password").fill(new)
        page.locator("#again").fill(new)
        page.get_by_role("button", name="Change the password").click()

    change("wrong password", NEW)
    assert page.get_by_role("alert").inner_text() == "The old password is not right."
    if script:
        look(page, "account-password-refused")
    change(account.password, NEW)
    assert "Your password is changed" in page.get_by_role("status").inner_text()
    assert is_refused(filled)
    filled.login(Account(account.user, NEW))
    sync(filled)
    other.reload()
    assert "/login/" in other.url


def test_devices_are_listed_and_logged_out(log_in, new_device, account):
    one, two = two_devices(new_device, NEWEST, "25.2.7")
    page = log_in()
    section(page, "Devices")
    table = page.get_by_role("region", name="Devices")
    names = table.locator("tbody th").all_inner_texts()
    assert any("26.09.3" in name or "26.9.3" in name for name in names) and any("25.02.7" in name or "25.2.7" in name for name in names), names
    assert "127.0.0.1" in table.inner_text()
    look(page, "account-devices")
    row = table.locator("tbody tr", has_text=re.compile(r"25\.0?2\.7"))
    row.get_by_role("button").click()
    assert "The device is logged out" in page.get_by_role("status").first.inner_text()
    assert is_refused(two)
    sync(one)
    page.get_by_role("button", name="Log out all devices").click()
    assert "No device is logged in" in page.inner_text("main")
    assert is_refused(one)
    two.login(account)
    sync(two)


def test_other_browsers_are_logged_out(log_in):
    here, there, third = log_in(), log_in(), log_in()
    section(here, "Devices")
    rows = here.get_by_role("region", name="Browsers").locator("tbody tr")
    assert rows.count() == 3 and here.get_by_text("this browser").count() == 1
    rows.filter(has_not_text="this browser").first.get_by_role("button").click()
    assert rows.count() == 2
    here.get_by_role("button", name="Log out all other browsers").click()
    assert rows.count() == 1
    for other in (there, third):
        other.reload()
        assert "/login/" in other.url
    rows.get_by_role("button").click()
    assert "/login/" in here.url


@pytest.mark.parametrize("script,button", [(True, "Download the .colpkg file"), (False, "Download for Anki 2.1.49 and older")])
def test_the_collection_as_a_file_that_a_client_opens(log_in, new_device, tmp_path, script, button):
    source = new_device(NEWEST)
    source.generate(notes=50, reviews=200, media=5)
    source.write_media("ünïcödé ß 日本🎌.mp3", "sound")
    upload_first(source)
    source.sync_media()
    page = log_in(script=script)
    section(page, "Collection")
    page.get_by_role("link", name="Download…").click()
    if script:
        look(page, "account-download")
    with page.expect_download() as download:
        page.get_by_role("link", name=button).click()
    assert re.fullmatch(r"user\d+-\d{4}-\d\d-\d\d\.colpkg", download.value.suggested_filename)
    package = tmp_path / "out.colpkg"
    download.value.save_as(package)
    with zipfile.ZipFile(package) as archive:
        assert archive.testzip() is None
    target = new_device(NEWEST, login=False)
    target.import_package(str(package))
    wanted, got = source.dump(), target.dump()
    for dump in (wanted, got):
        dump["col"]["scm"] = 0
    assert_same(wanted, got, ("source", "import"))
    assert target.media_files() == source.media_files()


def test_an_upload_in_the_wrong_direction_is_undone(log_in, new_device):
    good, other = two_devices(new_device, NEWEST, notes=30)
    empty = new_device(NEWEST)
    empty.add_notes(1)
    assert empty.sync()["did"] == "full_sync"
    empty.full_upload()
    page = log_in()
    section(page, "Collection")
    assert fact(page, "Notes") == "1"
    look(page, "account-collection")
    page.get_by_role("link", name="Bring back").click()
    assert "Only the device that made the last upload" in page.inner_text("main")
    look(page, "account-restore")
    page.get_by_label("I will choose").check()
    page.get_by_role("button", name="Bring version").click()
    assert "is your collection again" in page.get_by_role("status").inner_text()
    assert fact(page, "Notes") == "30"
    # As the page has promised: the others go on, the culprit is asked.
    sync(good)
    sync(other)
    assert empty.sync()["did"] in ("full_sync", "full_download")
    empty.full_download()
    settle(good, other, empty)
    assert len(empty.dump()["notes"]) == 30
    # The other way round it is not an undoing of the last upload: everybody is asked.
    page.get_by_role("link", name="Bring back").first.click()
    assert "Each device will ask" in page.inner_text("main")


def test_tokens(log_in, server):
    page = log_in()
    section(page, "API tokens")
    page.get_by_role("link", name="Make a token…").click()
    look(page, "account-token-add")
    page.get_by_label("Read your collection").uncheck()
    page.get_by_label("Name").fill("a <script>alert(1)</script> token")
    page.get_by_role("button", name="Make the token").click()
    assert "Tick at least one thing" in page.get_by_role("alert").inner_text()
    look(page, "account-token-refused")
    page.get_by_label("Read your collection").check()
    page.get_by_label("It expires").select_option("in a year")
    page.get_by_role("button", name="Make the token").click()
    token = page.locator("#token").inner_text()
    assert token.startswith("djs_") and len(token) > 60
    look(page, "account-token-made")
    # Loading the page again shows the same one.
    page.reload()
    assert page.locator("#token").inner_text() == token
    # What it says is what works, for tools with a field for the key and for those without.
    address, whole = [text for text in page.locator("code.copy").all_inner_texts() if "/ankiconnect" in text]
    for url, body in ((address, {"action": "version", "version": 6, "key": token}), (whole, {"action": "version", "version": 6})):
        answer = page.context.request.post(url, data=body).json()
        assert answer == {"result": 6, "error": None}, (url, answer)
    page.get_by_role("link", name="Back to the tokens").click()
    assert token not in page.content() and "a <script>alert(1)</script> token" in page.inner_text("main")
    look(page, "account-tokens")
    page.get_by_role("button", name="Revoke").click()
    assert "You have no tokens" in page.inner_text("main")


def test_connecting(log_in, new_device):
    page = log_in()
    section(page, "Connect Anki")
    # The server of the tests is reached from its own machine only, so there is nothing for phones.
    assert page.get_by_role("img", name="QR code").count() == 0 and "AnkiDroid" not in page.inner_text("main")
    assert "Ask your administrator for the right one" in page.inner_text("main")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_text("Copied").first.wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("code.copy").first.inner_text()
    look(page, "account-connect")
    for summary in page.locator("summary").all():
        summary.click()
    look(page, "account-connect-old")
    page.set_viewport_size({"width": PHONE, "height": 800})
    # What it says is what works.
    address = page.locator(".copy").first.inner_text()
    device = new_device(NEWEST, login=False)
    device.login(device.account, address)
    device.add_notes(3)
    upload_first(device)
    page.get_by_text("The first sync has arrived").wait_for()


def test_ones_own_address_and_leaving(log_in, server, new_device):
    account = server.new_account()
    device = new_device(NEWEST, account=account)
    device.add_notes(2)
    upload_first(device)
    page = log_in(account)
    page.get_by_role("link", name="Change your e-mail address").click()
    look(page, "account-email")
    page.get_by_label("E-mail address").fill("ann@example.com")
    page.get_by_role("button", name="Change").click()
    assert "Your e-mail address is changed." in page.get_by_role("status").first.inner_text()
    assert fact(page, "E-mail").startswith("ann@example.com")
    page.get_by_role("link", name="delete your account").click()
    assert "2 notes, 2 cards" in page.inner_text("main")
    look(page, "account-leave")
    page.get_by_label("Type").fill(account.user)
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_text("Your account is deleted.").wait_for()
    assert is_refused(device)


@pytest.mark.parametrize("script", [True, False])
def test_times_are_those_of_the_place(log_in, script):
    """A browser in Kathmandu, a quarter of an hour off every other place, shows its own time, and UTC without a script."""
    page = log_in(script=script, timezone_id="Asia/Kathmandu")
    section(page, "Devices")
    time = page.locator("tbody time").first
    at, text = time.get_attribute("datetime"), time.inner_text()
    utc = datetime.datetime.fromisoformat(at)
    if script:
        assert text == (utc + datetime.timedelta(hours=5, minutes=45)).strftime("%Y-%m-%d %H:%M")
    else:
        assert text == utc.strftime("%Y-%m-%d %H:%M UTC")


def test_with_the_keyboard_alone(new_page, server, account):
    page = new_page(server.base)
    page.goto("/account/")
    keys = page.keyboard
    # The first field has the focus already.
    keys.type(account.user)
    tab_to(page, "Password")
    keys.type(account.password)
    keys.press("Enter")
    page.wait_for_url("**/account/")
    tab_to(page, "Password")
    keys.press("Enter")
    page.wait_for_url("**/account/password/")
    for label, text in (("Old password", account.password), ("New password", NEW), ("again", NEW)):
        tab_to(page, label)
        keys.type(text)
    tab_to(page, "All devices")
    keys.press("Space")
    assert not page.get_by_label("All devices").is_checked()
    tab_to(page, "Change the password")
    keys.press("Enter")
    page.get_by_text("Your password is changed.").wait_for()
    tab_to(page, "API tokens")
    keys.press("Enter")
    page.wait_for_url("**/account/tokens/")
    tab_to(page, "Make a token")
    keys.press("Enter")
    page.wait_for_url("**/account/tokens/add/")
    keys.type("by keyboard")
    keys.press("Enter")
    page.get_by_text("shown only this once").wait_for()
    tab_to(page, "Log out")
    keys.press("Enter")
    page.get_by_text("You are logged out.").wait_for()


def test_hostile_names_are_only_text(log_in, server):
    evil = Account('<img src=x onerror="document.title=1">', "correct horse battery")
    server.user("add", evil.user, "--password-stdin", password=evil.password)
    device = Wire(server.base)
    client = "9<script>document.title='owned'</script>,\"><b>,</td>"
    answer = device.raw("sync/hostKey", json.dumps({"u": evil.user, "p": evil.password}).encode(), c=client)
    assert b"key" in answer
    page = log_in(evil)
    for name in ("Overview", "Devices", "Password", "Collection", "Connect Anki", "API tokens"):
        section(page, name)
        assert page.locator("main script, main img, main b").count() == 0
        assert page.title() not in ("1", "owned")
    section(page, "Devices")
    look(page, "account-hostile")


def test_a_disabled_user_is_out_at_once(log_in, server, account):
    page = log_in()
    server.user("disable", account.user)
    section(page, "Devices")
    assert "/login/" in page.url
    page.get_by_label("Username").fill(account.user)
    page.get_by_label("Password").fill(account.password)
    page.get_by_role("button", name="Log in").click()
    assert "not right" in page.get_by_role("alert").inner_text()
    server.user("enable", account.user)


def test_the_password_is_asked_again(log_in, account):
    page = log_in()
    page.goto("/confirm/?next=/account/tokens/add/")
    assert "Making an API token: before this step" in page.inner_text("main")
    look(page, "account-confirm")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Go on").click()
    assert "not right" in page.get_by_role("alert").inner_text()
    page.get_by_label("Password").fill(account.password)
    page.get_by_role("button", name="Go on").click()
    assert page.url.endswith("/account/tokens/add/")


def test_a_forged_form_does_nothing(log_in, new_page, server, filled):
    page = log_in()
    section(page, "Devices")
    page.evaluate("document.querySelectorAll('input[name=csrfmiddlewaretoken]').forEach(field => field.remove())")
    page.get_by_role("button", name="Log out all devices").click()
    assert "nothing was done" in page.inner_text("main")
    look(page, "account-forged")
    sync(filled)
