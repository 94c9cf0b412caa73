# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages of administrators: everything that can be done there, and that it is true for real clients too."""

import hashlib
import re
import secrets
import subprocess

import pytest

from browser import look, tab_to
from device import ClientError
from flows import sync, upload_first
from paths import NEWEST
from server import Account
from web_flows import PASSWORD, facts, fill_new_account, fill_new_password, get, id_of, log_in, post, rows, says, superuser
from wire import Wire

pytestmark = pytest.mark.ours("pages for people")


@pytest.fixture(scope="module")
def superuser_account(server):
    return superuser(server)


@pytest.fixture
def boss(server, superuser_account, new_page):
    """A page of a superuser who has just logged in."""
    page = new_page(server.base)
    page.boss = superuser_account
    return log_in(page, superuser_account)


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def open_user(page, account):
    """By searching, as people do. Answers the path of the page."""
    page.goto("/admin/")
    page.get_by_label("Search").fill(account.user)
    press(page, "Show")
    page.get_by_role("link", name=account.user, exact=True).click()
    page.wait_for_url(re.compile(r"/admin/users/\d+/$"))
    return f"/admin/users/{id_of(page)}/"


def edit(page, path, **fields):
    page.goto(f"{path}edit/")
    for name, text in fields.items():
        page.locator(f"#{name}").fill(text)
    press(page, "Change")
    page.wait_for_url(f"**{path}")


def disable(page):
    """With the page that says what will happen."""
    page.get_by_role("link", name="Disable…").click()
    says(page, "Nothing is deleted.")
    press(page, "Disable")
    says(page, "can neither log in nor sync")


def must_log_in(device):
    with pytest.raises(ClientError) as error:
        device.sync()
    return error.value.kind == "AUTH"


def test_the_list(boss):
    """Search, order and paging, over more users than fit on a page."""
    mark = secrets.token_hex(3)
    for n in range(53):
        fields = {"username": f"{mark}-{n:02}", "password": PASSWORD, "again": PASSWORD}
        assert post(boss, "/admin/users/add/", **fields).status == 303
    path = open_user(boss, Account(f"{mark}-07", ""))
    edit(boss, path, email=f"seven@{mark}.example")
    disable(boss)

    def listed():
        return [row["User"].split("\n")[0] for row in rows(boss, "List of users")]

    names = [f"{mark}-{n:02}" for n in range(53)]
    boss.goto("/admin/")
    boss.get_by_label("Search").fill(mark.upper())
    press(boss, "Show")
    says(boss, "1–50 of 53")
    assert listed() == names[:50]
    look(boss, "admin-users")
    boss.get_by_role("link", name="Next page").click()
    says(boss, "51–53 of 53")
    assert listed() == names[50:]
    assert boss.get_by_role("link", name="Next page").count() == 0
    boss.get_by_role("link", name="Previous page").click()
    says(boss, "1–50 of 53")
    boss.get_by_label("Sorted by").select_option("Username, backwards")
    press(boss, "Show")
    boss.wait_for_url("**sort=-username*")
    assert listed() == names[:2:-1]
    boss.get_by_role("link", name="Next page").click()
    says(boss, "51–53 of 53")
    assert listed() == names[2::-1]
    for state, want in (("Disabled", [names[7]]), ("Active", [n for n in names if n != names[7]][:50]), ("All", names[:50])):
        boss.goto(f"/admin/?q={mark}")
        boss.get_by_label("State").select_option(state)
        press(boss, "Show")
        boss.wait_for_url("**state=*")
        assert listed() == want, state
    # Part of an e-mail address; what stands for anything in SQL stands for itself.
    boss.goto(f"/admin/?q=SEVEN@{mark}")
    assert listed() == [names[7]]
    for q in ("%25", f"{mark}_", f"{mark}-9"):
        boss.goto(f"/admin/?q={q}")
        says(boss, "No user fits.")
    look(boss, "admin-users-none")
    boss.goto(f"/admin/?q={mark}&page=1000000&sort=nonsense&state=nonsense")
    says(boss, "No user fits.")


def test_life_of_a_user(boss, server, new_page, new_device):
    """Adding, editing, renaming, setting the password, disabling, enabling, deleting."""
    ann = Account(f"Ann {secrets.token_hex(3)}", "gelbe Ente im Nebel")
    boss.goto("/admin/")
    boss.get_by_role("link", name="Add a user").click()
    look(boss, "admin-add")
    fill_new_account(boss, Account(boss.boss.user.upper(), ann.password), "ann@example.com")
    press(boss, "Add the user")
    says(boss, "There is a user with that name already.")
    fill_new_account(boss, ann, "not an address")
    boss.evaluate("document.querySelector('main form').noValidate = true")
    press(boss, "Add the user")
    says(boss, "That is not an e-mail address.")
    fill_new_account(boss, ann, "ann@example.com")
    press(boss, "Add the user")
    boss.wait_for_url(re.compile(r"/connect/$"))
    path = f"/admin/users/{id_of(boss)}/"
    boss.goto(path)
    look(boss, "admin-user-empty")

    device = new_device(NEWEST, account=ann)
    device.add_notes(3)
    device.answer([3, 1])
    device.write_media("a.txt", text="12345")
    upload_first(device)
    device.sync_media()
    boss.reload()
    tiles = facts(boss)
    assert (tiles["E-mail"], tiles["Notes"], tiles["Cards"], tiles["Reviews"]) == ("ann@example.com", "3", "3", "2")
    assert tiles["Media"] == "5 bytes, 1 file" and re.search(r"[1-9]\d* kB", tiles["Collection"]), tiles
    (shown,) = rows(boss, "Devices")
    assert shown["Device"].lower().startswith("anki") and shown["Address"] == "127.0.0.1" and shown["Last seen"] == "just now"

    # A new name is a new name for clients too, and devices stay logged in.
    boss.goto(f"{path}edit/")
    look(boss, "admin-edit")
    boss.get_by_label("Username").fill(boss.boss.user)
    press(boss, "Change")
    says(boss, "There is a user with that name already.")
    beata = Account(f"Beata {secrets.token_hex(3)}", ann.password)
    edit(boss, path, username=beata.user, email="beata@example.com")
    assert boss.get_by_role("heading", level=1).inner_text() == beata.user
    assert facts(boss)["E-mail"] == "beata@example.com"
    device.add_note(["after the new name", ""])
    assert sync(device) == "normal"
    with pytest.raises(ClientError):
        new_device(NEWEST, account=ann)
    new_device(NEWEST, account=beata)

    # A new password: first with devices that stay, then without.
    boss.goto(f"{path}password/")
    look(boss, "admin-password")
    fill_new_password(boss, "12345678")
    press(boss, "Set the password")
    says(boss, "guessed first")
    for password, keep in (("rote Ente im Nebel", True), ("blaue Ente im Nebel", False)):
        boss.goto(f"{path}password/")
        fill_new_password(boss, password)
        boss.get_by_label("Devices stay logged in").set_checked(keep)
        press(boss, "Set the password")
        says(boss, "The password is changed.")
        with pytest.raises(ClientError):
            new_device(NEWEST, account=beata)
        beata.password = password
        if keep:
            assert sync(device) == "nothing"
        else:
            assert must_log_in(device)
    device.login(beata)
    assert sync(device) == "nothing"

    # Disabled: neither clients nor browsers, not even those that are logged in.
    page = log_in(new_page(server.base), beata)
    assert page.goto("/account/").status == 200
    boss.goto(path)
    boss.get_by_role("link", name="Disable…").click()
    look(boss, "admin-disable")
    boss.get_by_role("link", name="Cancel").click()
    disable(boss)
    look(boss, "admin-user-disabled")
    page.goto("/account/")
    assert "/login/" in page.url
    page.get_by_label("Username").fill(beata.user)
    page.get_by_label("Password", exact=True).fill(beata.password)
    press(page, "Log in")
    says(page, "The username or the password is not right.")
    look(page, "login-refused")
    assert must_log_in(device)
    press(boss, "Enable")
    says(boss, "can log in and sync again")
    device.login(beata)
    assert sync(device) == "nothing"

    # Deleted, after saying what will be lost and typing the name.
    boss.goto(path)
    boss.get_by_role("link", name="Delete…").click()
    says(boss, "4 notes, 4 cards and 2 reviews")
    says(boss, "1 media file, 5 bytes")
    look(boss, "admin-delete")
    boss.locator("#username").fill(ann.user)
    press(boss, "Delete for good")
    says(boss, "so nothing was deleted")
    assert sync(device) == "nothing"
    boss.locator("#username").fill(beata.user)
    press(boss, "Delete for good")
    says(boss, f"{beata.user} is deleted.")
    assert boss.goto(path).status == 404
    assert must_log_in(device)
    with pytest.raises(ClientError):
        device.login(beata)

    # All of it is in the audit log of the server, with who and from where.
    boss.goto("/admin/server/")
    entries = [row for row in rows(boss, "Audit log") if beata.user in row["What"]]
    assert len(entries) >= 6 and all((row["Who"], row["From"]) == (boss.boss.user, "127.0.0.1") for row in entries), entries


def test_quotas_refuse_what_real_clients_send(boss, account, new_device):
    device = new_device(NEWEST)
    device.add_notes(1)
    path = open_user(boss, account)
    boss.goto(f"{path}edit/")
    boss.locator("#quota_media").fill("1.5")
    boss.evaluate("document.querySelector('main form').noValidate = true")
    press(boss, "Change")
    says(boss, "A quota is a whole number of megabytes")
    # Collections.
    edit(boss, path, quota_collection="0")
    assert device.sync()["did"] == "full_upload"
    with pytest.raises(ClientError, match="may take 0 MB"):
        device.full_upload()
    edit(boss, path, quota_collection="100")
    assert " of 100 MB" in facts(boss)["Collection"]
    device.full_upload()
    edit(boss, path, quota_collection="0")
    device.add_note(["does not fit", ""])
    with pytest.raises(ClientError, match="413"):
        device.sync()
    edit(boss, path, quota_collection="")
    assert sync(device) == "normal"
    # Media.
    edit(boss, path, quota_media="1")
    device.write_media("big.bin", size=1_500_000)
    with pytest.raises(ClientError):
        device.sync_media()
    boss.reload()
    assert facts(boss)["Media"] == "0 bytes of 1.0 MB, 0 files"
    edit(boss, path, quota_media="")
    device.sync_media()
    boss.reload()
    assert facts(boss)["Media"] == "1.5 MB, 1 file"


def test_devices_are_logged_out(boss, server, account, new_device, new_page):
    first, second = new_device(NEWEST), None
    first.add_notes(1)
    upload_first(first)
    second = new_device(NEWEST)
    assert second.sync()["did"] == "full_download"
    second.full_download()
    page = log_in(new_page(server.base), account)
    path = open_user(boss, account)
    says(boss, "One browser is logged in")
    assert len(rows(boss, "Devices")) == 2
    look(boss, "admin-user")
    # One of them: the key of the first device, of which pages know the digest only.
    digest = hashlib.sha256(first.login(account).encode()).hexdigest()
    boss.reload()
    row = boss.get_by_role("region", name="Devices").locator("tr", has=boss.locator(f'input[value="{digest}"]'))
    row.get_by_role("button").click()
    says(boss, "The device is logged out.")
    assert must_log_in(first)
    assert sync(second) == "nothing"
    # All of them, and browsers.
    boss.get_by_role("link", name="Log out everywhere…").click()
    look(boss, "admin-logout")
    press(boss, "Log out everywhere")
    says(boss, "Logged out everywhere")
    says(boss, "No device is logged in.")
    assert must_log_in(second)
    page.goto("/account/")
    assert "/login/" in page.url
    for device in (first, second):
        device.login(account)
        assert sync(device) == "nothing"
    entries = [row["What"] for row in rows(boss, "Audit log") if row["Who"] == boss.boss.user]
    assert len(entries) == 2, entries


def test_a_running_sync_is_shown(boss, account, wire, filled):
    path = open_user(boss, account)
    assert boss.get_by_text("A sync is running").count() == 0
    wire.start(wire.meta()["usn"])
    boss.reload()
    says(boss, "A sync is running")
    look(boss, "admin-user-syncing")
    boss.get_by_role("link", name="Server").click()
    assert account.user in [row["User"] for row in rows(boss, "Running syncs")]
    look(boss, "admin-server")
    tiles = facts(boss)
    assert re.match(r"\d+\.\d+", tiles["Version"]) and "free of" in tiles["Disk"] and int(tiles["Users"].split(",")[0]) > 1
    for row in rows(boss, "Databases"):
        done, newest = row["Migrations"].split(" of ")
        assert row["Server"] and done == newest and "at most" in row["Connections of this process"], row
    wire.abort()
    boss.reload()
    assert boss.get_by_role("link", name=account.user, exact=True).count() == 0
    assert boss.goto(path).status == 200


def test_a_kept_collection_is_brought_back(boss, account, new_device):
    good, bad = new_device(NEWEST), new_device(NEWEST)
    good.add_notes(3, deck="Deutsch")
    upload_first(good)
    bad.add_note(["by mistake", ""])
    assert bad.sync()["did"] == "full_sync"
    bad.full_upload()
    path = open_user(boss, account)
    before, now = sorted(rows(boss, "Versions of the collection"), key=lambda row: int(row["Version"]))
    assert (before["State"], before["Notes"], now["State"], now["Notes"]) == ("kept", "3", "in use", "1")
    look(boss, "admin-user-versions")
    boss.get_by_role("link", name="Bring back").click()
    says(boss, f"What will happen on the devices of {account.user}")
    look(boss, "admin-restore")
    boss.get_by_label("will be told to choose").check()
    press(boss, f"Bring version {before['Version']} back")
    says(boss, f"Version {before['Version']} is in use again")
    assert facts(boss)["Notes"] == "3"
    assert bad.sync()["did"] in ("full_sync", "full_download")
    bad.full_download()
    guids = [[note[1] for note in device.dump()["notes"]] for device in (good, bad)]
    assert guids[0] == guids[1] and len(guids[0]) == 3
    assert sync(bad) == "nothing"
    # What is in use or gone cannot be brought back.
    for number, status in ((before["Version"], 303), ("999", 303), ("x", 400)):
        assert post(boss, f"{path}restore/{number}/", understood="1").status == status
    boss.goto(path)
    says(boss, "There is no kept version")
    assert facts(boss)["Notes"] == "3"


def changes(path):
    """Every change that there is for a user, as (address, fields)."""
    password = {"password": PASSWORD + "!", "again": PASSWORD + "!"}
    return [
        (f"{path}edit/", {"username": f"eve{secrets.token_hex(3)}", "email": "eve@example.com", "is_superuser": "1"}),
        (f"{path}password/", password),
        (f"{path}password-link/", {}),
        (f"{path}disable/", {}),
        (f"{path}enable/", {}),
        (f"{path}logout/", {}),
        (f"{path}devices/", {"device": "0" * 64}),
        (f"{path}restore/1/", {"understood": "1"}),
        (f"{path}delete/", {"username": "whoever"}),
        ("/admin/users/add/", {"username": f"eve{secrets.token_hex(3)}"} | password),
        ("/admin/invitations/", {"days": "7"}),
        ("/admin/invitations/withdraw/", {"link": "0" * 64}),
    ]


PAGES = ["/admin/", "/admin/users/add/", "/admin/invitations/", "/admin/server/"]


def test_staff_may_not_touch_superusers(boss, server, account, new_page, new_device):
    """And nobody gives away what they are not, or locks themselves out."""
    path = open_user(boss, account)
    boss.goto(f"{path}edit/")
    boss.get_by_label("Staff").check()
    press(boss, "Change")
    says(boss, "Changed.")
    own = open_user(boss, boss.boss)
    staff = log_in(new_page(server.base), account)
    assert staff.url.endswith("/admin/")
    staff.goto(own)
    says(staff, "Only superusers can change this account.")
    assert staff.locator("main form").count() == 0 and staff.get_by_role("link", name="Delete…").count() == 0
    look(staff, "admin-user-untouchable")
    for address, fields in changes(own)[:9]:
        answer = post(staff, address, **fields)
        assert answer.status == 403 and "Only superusers" in answer.text(), address
    for page in ("edit/", "password/", "delete/"):
        assert get(staff, own + page).status == 403
    # Users they may change, but give no roles.
    user = server.new_account()
    theirs = open_user(staff, user)
    staff.goto(f"{theirs}edit/")
    assert staff.get_by_label("Superuser").count() == 0
    assert post(staff, f"{theirs}edit/", username=user.user, email="x@example.com", is_superuser="1", is_staff="1").status == 303
    made = f"made-{secrets.token_hex(3)}"
    fields = {"username": made, "password": PASSWORD, "again": PASSWORD, "is_superuser": "1", "is_staff": "1"}
    assert post(staff, "/admin/users/add/", **fields).status == 303
    for name in (user.user, made):
        boss.goto(f"/admin/?q={name}")
        assert rows(boss, "List of users")[0]["State"] == "active", name
    # Oneself: no roles taken, not disabled, not deleted; and the superuser is as before.
    for step in ("disable/", "delete/"):
        assert post(boss, own + step, username=boss.boss.user).status == 400
    assert post(boss, f"{own}edit/", username=boss.boss.user).status == 400
    boss.goto(own)
    assert boss.get_by_role("heading", level=1).inner_text().split() == [boss.boss.user, "superuser"]


def test_users_get_no_page_of_administrators(boss, server, account, filled, new_page):
    path = open_user(boss, account)
    others = open_user(boss, boss.boss)
    user = log_in(new_page(server.base), account)
    assert user.url.endswith("/account/")
    assert user.get_by_role("link", name="Users").count() == 0
    nobody = new_page(server.base)
    nobody.goto("/login/")
    for page in PAGES + [base + page for base in (path, others) for page in ("", "connect/", "edit/", "password/", "delete/")]:
        assert get(user, page).status == 403, page
        answer = get(nobody, page)
        assert answer.status == 303 and answer.headers["location"].startswith("/login/"), page
    for address, fields in changes(path) + changes(others):
        assert post(user, address, **fields).status == 403, address
        assert post(nobody, address, **fields).status == 303, address
    user.goto("/admin/")
    look(user, "admin-refused")
    assert sync(filled) == "nothing", "a change by somebody without the right has been made"
    assert get(user, "/account/").status == 200


def test_forged_requests_change_nothing(boss, server, account, filled, new_page):
    """No token, somebody else's, or one from another site."""
    path = open_user(boss, account)
    other = log_in(new_page(server.base), account)
    theirs = next(cookie["value"] for cookie in other.context.cookies() if cookie["name"] == "csrftoken")
    entries = len(rows(boss, "Audit log"))
    for address, fields in changes(path):
        for name, arguments in {
            "none": {"token": None},
            "of another session": {"token": theirs},
            "made up": {"token": "0" * 64},
            "other site": {"headers": {"origin": "https://evil.example"}},
            "says the browser": {"headers": {"sec-fetch-site": "cross-site"}},
        }.items():
            assert post(boss, address, **arguments, **fields).status == 403, (address, name)
    boss.goto(path)
    assert len(rows(boss, "Audit log")) == entries
    assert sync(filled) == "nothing"
    # Without its token a page cannot even log somebody out, or in.
    assert post(boss, "/logout/", token=None).status == 403
    stranger = new_page(server.base)
    assert post(stranger, "/login/", token=None, username=account.user, password=account.password).status == 403
    # A page that is too old is explained.
    boss.goto(f"{path}edit/")
    boss.evaluate("document.querySelectorAll('[name=csrfmiddlewaretoken]').forEach(e => e.value = 'old')")
    press(boss, "Change")
    says(boss, "This form is too old")
    look(boss, "form-too-old")


EVIL = "<script>window.pwned=1</script><img src=x onerror=window.pwned=1>"


def test_script_is_shown_as_text(boss, server, new_device):
    """In names, addresses, what a client says of itself, and decks."""
    evil = Account(f'{EVIL}"\'{secrets.token_hex(3)}', PASSWORD)
    boss.goto("/admin/users/add/")
    fill_new_account(boss, evil)
    press(boss, "Add the user")
    boss.wait_for_url(re.compile(r"/connect/$"))
    path = f"/admin/users/{id_of(boss)}/"
    assert evil.user in boss.inner_text("main")
    # Such an address is refused here, and by the command line.
    assert post(boss, f"{path}edit/", username=evil.user, email=f"{EVIL}@example.com").status == 422
    with pytest.raises(subprocess.CalledProcessError):
        server.user("add", secrets.token_hex(3), "--email", f"{EVIL}@example.com", "--password-stdin", password=PASSWORD)
    device = new_device(NEWEST, account=evil)
    device.add_note([EVIL, EVIL], deck=f"{EVIL}::{EVIL}", tags=["<b>"])
    upload_first(device)
    # A client says what it likes of itself.
    says_so = f"{EVIL}1,{EVIL}2,{EVIL}3"
    wire = Wire(server.base)
    wire.key = wire.json("sync/hostKey", {"u": evil.user, "p": evil.password}, c=says_so)["key"]
    wire.json("sync/meta", {"v": 11, "cv": f"anki,{EVIL},{EVIL}"}, c=says_so)
    wire.json("sync/start", {"minUsn": 0, "lnewer": False, "graves": None}, c=says_so)
    boss.goto(path)
    assert any("<script>" in row["Device"] for row in rows(boss, "Devices")) and EVIL in boss.inner_text("p.notice")
    for page in ("/admin/", path, f"{path}connect/", f"{path}edit/", f"{path}password/", f"{path}delete/", "/admin/server/"):
        boss.goto(page if page != "/admin/" else "/admin/?q=" + "%3Cscript%3E")
        assert evil.user in boss.inner_text("main") or boss.locator("[name=username]").first.input_value() == evil.user, page
        assert boss.evaluate("window.pwned") is None and boss.locator("main script, main img").count() == 0, page
        if page in ("/admin/", path, "/admin/server/"):
            look(boss, f"admin-evil-{page.strip('/').split('/')[-1] if page == '/admin/server/' else 'list' if page == '/admin/' else 'user'}")
    wire.abort()
    boss.goto(path)
    boss.get_by_role("link", name="Delete…").click()
    boss.locator("#username").fill(evil.user)
    press(boss, "Delete for good")
    says(boss, "is deleted")
    assert boss.evaluate("window.pwned") is None


def ready_to_type(page):
    """The browser puts the focus into the first field a moment after the page is there."""
    page.wait_for_function("document.activeElement.tagName === 'INPUT'")


def test_with_the_keyboard_alone(server, superuser_account, new_page):
    """From logging in over adding a user to disabling and deleting them, with nothing but the keyboard."""
    name = f"keys-{secrets.token_hex(3)}"
    page = new_page(server.base)
    keys = page.keyboard
    page.goto("/admin/")
    ready_to_type(page)
    keys.type(superuser_account.user)
    tab_to(page, "Password")
    keys.type(superuser_account.password)
    keys.press("Enter")
    page.wait_for_url("**/admin/")
    # The first stop of every page leads over the menu.
    keys.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0, "it is seen"
    keys.press("Enter")
    tab_to(page, "Add a user", limit=1)
    keys.press("Enter")
    page.wait_for_url("**/add/")
    ready_to_type(page)
    keys.type(name)
    for label in ("E-mail", "Password", "The same password again"):
        keys.press("Tab")
        keys.type("x@example.com" if label == "E-mail" else PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/connect/")
    tab_to(page, f"To the page of {name}")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "solid3px", "the focus is seen"
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/admin/users/\d+/$"))
    tab_to(page, "Disable…")
    keys.press("Enter")
    page.wait_for_url("**/disable/")
    tab_to(page, "Disable")
    keys.press("Enter")
    says(page, "can neither log in nor sync")
    tab_to(page, "Delete…")
    keys.press("Enter")
    page.wait_for_url("**/delete/")
    tab_to(page, f"Type {name}")
    keys.type(name)
    tab_to(page, "Delete for good")
    keys.press("Space")
    says(page, f"{name} is deleted.")
    tab_to(page, "Log out")
    keys.press("Enter")
    says(page, "You are logged out.")
