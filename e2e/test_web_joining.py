# SPDX-License-Identifier: AGPL-3.0-or-later
"""Joining by invitation or openly, forgotten passwords, and what time does to links and sessions: the server's clock is turned by the tests."""

import contextlib
import email
import queue
import re
import socketserver
import threading
import time

import pytest

from browser import look
from device import ClientError
from flows import upload_first
from server import Account
from twin_clock import TestClock
from web_flows import (
    PASSWORD,
    clients,
    fill_new_account,
    fill_new_password,
    get,
    log_in,
    own_server,
    post,
    says,
    superuser,
)

pytestmark = pytest.mark.ours("pages for people")
MINUTE, DAY = 60_000, 24 * 60 * 60_000


class Clock:
    """Shows the real time when it begins, so that clients agree with it, and only goes on when told to."""

    def __init__(self, path):
        self.now = int(time.time() * 1000)
        self.turned = TestClock(path, self.now)

    def forward(self, ms):
        self.now += ms
        self.turned.set(self.now)


class Mails(socketserver.ThreadingTCPServer):
    """A mail server that delivers to the test."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Conversation)
        self.taken = queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def next(self):
        return self.taken.get(timeout=15)


class Conversation(socketserver.StreamRequestHandler):
    def answer(self, text):
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self):
        self.answer("220 test")
        while line := self.rfile.readline().decode().strip():
            verb = line.upper().split(" ")[0]
            if verb == "DATA":
                self.answer("354 go on")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.taken.put(email.message_from_bytes(text))
            self.answer("221 bye" if verb == "QUIT" else "250 fine")
            if verb == "QUIT":
                return


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return Clock(tmp_path_factory.mktemp("clock") / "clock")


@pytest.fixture(scope="module")
def mails():
    with Mails() as mails:
        yield mails
        mails.shutdown()


@pytest.fixture(scope="module")
def server(clock):
    with own_server(**clock.turned.environment("djankiserv")) as server:
        server.boss = superuser(server)
        yield server


@pytest.fixture
def boss(server, new_page):
    return log_in(new_page(server.base), server.boss)


@contextlib.contextmanager
def settings(server, **changed):
    """The same server with other settings, for a while."""
    before = server.extra_environment
    server.stop()
    server.extra_environment = before | {f"DJANKISERV_{name.upper()}": value for name, value in changed.items()}
    try:
        server.restart()
        yield
    finally:
        server.stop()
        server.extra_environment = before
        server.restart()


def invite(boss, days="7 days"):
    """Answers the address of the invitation."""
    boss.goto("/admin/invitations/")
    boss.get_by_label("Good for").select_option(days)
    boss.get_by_role("button", name="Make an invitation").click()
    says(boss, "shown only now")
    return boss.locator("code.copy").inner_text()


def is_gone(page, link):
    return page.goto(link).status in (403, 404) and page.locator("main form").count() == 0


def test_an_invitation_is_good_for_one_account(server, boss, new_page, tmp_path):
    guest = Account("Gäst", "gelbe Ente im Nebel")
    link = invite(boss)
    assert link.startswith(server.base)
    look(boss, "invitation-made")
    boss.goto("/admin/invitations/")
    look(boss, "invitations")
    page = new_page(server.base)
    page.goto(link)
    look(page, "join")
    # What is refused says how to do better, and costs nothing.
    for account, help in (
        (Account(server.boss.user, PASSWORD), "There is a user with that name already."),
        (Account("Gäst", "password1"), "Several words that do not belong together are better"),
        (Account("Gäst-Gäst", "Gäst-Gäst"), "guessed first"),
        (Account("Gäst", "guest@example.com"), "guessed first"),
    ):
        fill_new_account(page, account, "guest@example.com")
        page.get_by_role("button", name="Make my account").click()
        says(page, help)
        assert page.get_by_label("Username").input_value() == account.user
    look(page, "join-refused")
    # The browser itself says that it is too short; so does the server, to those who do not listen.
    fill_new_account(page, Account("Gäst", "kurz"))
    page.get_by_role("button", name="Make my account").click()
    assert page.evaluate("document.querySelector('#password').validity.tooShort") and page.url == link
    answer = post(page, link, username="Gäst", password="kurz", again="kurz")
    assert answer.status == 422 and "The password needs at least 8 characters." in answer.text()
    # Roles are not to be had this way.
    fill_new_account(page, guest)
    page.evaluate(
        """() => { for (const name of ['is_staff', 'is_superuser']) {
            const e = Object.assign(document.createElement('input'), {type: 'hidden', name, value: '1'});
            document.querySelector('main form').append(e); } }"""
    )
    page.get_by_role("button", name="Make my account").click()
    page.wait_for_url("**/account/connect/")
    says(page, "Waiting for the first sync of Gäst")
    assert get(page, "/admin/").status == 403
    look(page, "join-connect")
    # It is used up: for a visitor, for the guest, and for a form that was open before.
    other = new_page(server.base)
    assert is_gone(other, link) and is_gone(page, link)
    other.goto("/login/")
    assert post(other, link, username="second", password=PASSWORD, again=PASSWORD).status in (403, 404)
    look(other, "join-gone")
    # And the account is a real one.
    with clients(server, tmp_path) as client:
        device = client(guest)
        device.add_notes(1)
        upload_first(device)
        with pytest.raises(ClientError):
            client(Account("second", PASSWORD))
    page.goto("/account/connect/")
    says(page, "The first sync has arrived")
    boss.goto(f"/admin/?q={guest.user}")
    boss.get_by_role("link", name=guest.user).click()
    says(boss, f"invitation of {server.boss.user}")


def test_invitations_are_withdrawn_and_grow_old(server, clock, boss, new_page):
    boss.goto("/admin/invitations/")
    says(boss, "None.")
    look(boss, "invitations-none")
    withdrawn, short, long = invite(boss), invite(boss, "1 day"), invite(boss, "30 days")
    page = new_page(server.base)
    boss.goto("/admin/invitations/")
    assert boss.get_by_role("button", name="Withdraw").count() == 3
    # Which of them is which only the page's text tells: 7 days.
    until = time.strftime("%Y-%m-%d %H:%M", time.gmtime((clock.now + 7 * DAY) / 1000))
    boss.locator("tbody tr", has_text=until).get_by_role("button").click()
    says(boss, "The invitation is withdrawn.")
    assert is_gone(page, withdrawn)
    for link in (short, long):
        assert page.goto(link).status == 200
    # A page that was opened in time does not help afterwards.
    page.goto(short)
    clock.forward(DAY)
    fill_new_account(page, Account("late", PASSWORD))
    page.get_by_role("button", name="Make my account").click()
    says(page, "This invitation has been used, withdrawn, or is too old.")
    assert is_gone(page, short) and page.goto(long).status == 200
    clock.forward(29 * DAY)
    assert is_gone(page, long)


def test_sign_up_is_closed_unless_it_is_opened(server, clock, new_page):
    page = new_page(server.base)
    page.goto("/login/")
    look(page, "login")
    assert page.get_by_role("link", name="Make an account").count() == 0
    assert page.goto("/join/").status == 403
    says(page, "Ask an administrator for an invitation")
    look(page, "join-closed")
    page.goto("/login/")
    assert post(page, "/join/", username="eve", password=PASSWORD, again=PASSWORD).status == 403
    for made_up in ("/join/0/", f"/join/{'0' * 64}/"):
        assert is_gone(page, made_up)
    with settings(server, signup="open"):
        page.goto("/login/")
        page.get_by_role("link", name="Make an account").click()
        look(page, "join-open")
        fill_new_account(page, Account("open", PASSWORD))
        page.get_by_role("button", name="Make my account").click()
        says(page, "Waiting for the first sync of open")
        assert get(page, "/admin/").status == 403
        # That page asks again and again, and the server is about to go.
        page.goto("/account/")
        # One address cannot make many.
        many = new_page(server.base)
        many.goto("/join/")
        made = [post(many, "/join/", username=f"many{n}", password=PASSWORD, again=PASSWORD).status for n in range(11)]
        assert made.count(303) <= 10 and made[-1] == 429
        many.goto("/join/")
        fill_new_account(many, Account("many-more", PASSWORD))
        many.get_by_role("button", name="Make my account").click()
        says(many, "Too many attempts")
        look(many, "too-many-attempts")
    assert page.goto("/join/").status == 403


def test_a_password_is_reset_with_an_administrators_link(server, clock, boss, new_page, tmp_path):
    account = server.new_account()
    with clients(server, tmp_path) as client:
        boss.goto(f"/admin/?q={account.user}")
        boss.get_by_role("link", name=account.user, exact=True).click()
        boss.get_by_role("link", name="Set a password").click()

        def link():
            boss.get_by_role("button", name="Make a link").click()
            says(boss, "and to nobody else")
            made = boss.locator("code.copy").inner_text()
            assert made.startswith(server.base)
            return made

        first = link()
        look(boss, "password-link")
        boss.goto(f"{boss.url.removesuffix('password-link/')}password/")
        second = link()
        boss.goto(f"{boss.url.removesuffix('password-link/')}password/")
        page = new_page(server.base)
        assert is_gone(page, first), "a new link takes the place of older ones"
        look(page, "password-link-gone")
        assert page.goto(second).status == 200
        look(page, "password-reset")
        says(page, account.user)
        for password, again, help in (("password1", None, "guessed first"), (PASSWORD, PASSWORD + "!", "not the same")):
            fill_new_password(page, password, again)
            page.get_by_role("button", name="Change the password").click()
            says(page, help)
        fill_new_password(page, PASSWORD)
        page.get_by_role("button", name="Change the password").click()
        page.wait_for_url("**/account/")
        assert is_gone(new_page(server.base), second), "it works once"
        with pytest.raises(ClientError):
            client(account)
        account.password = PASSWORD
        client(account)
        # The next one grows old after a day, and is of no use for somebody who is disabled.
        third = link()
        boss.get_by_role("link", name="Back").click()
        boss.get_by_role("link", name="Disable…").click()
        boss.get_by_role("button", name="Disable").click()
        says(boss, "can neither log in nor sync")
        assert is_gone(page, third)
        boss.get_by_role("button", name="Enable").click()
        says(boss, "can log in and sync again")
        assert page.goto(third).status == 200
        clock.forward(DAY)
        assert is_gone(page, third)


def test_a_password_is_reset_by_mail(server, clock, mails, boss, new_page, tmp_path):
    ann = server.new_account()
    boss.goto(f"/admin/?q={ann.user}")
    boss.get_by_role("link", name=ann.user, exact=True).click()
    boss.get_by_role("link", name="Change name").click()
    boss.get_by_label("E-mail").fill("ann@example.com")
    boss.get_by_role("button", name="Change", exact=True).click()
    says(boss, "Changed.")
    silent = server.new_account()
    page = new_page(server.base)
    # Without a mail server it is said who can help.
    page.goto("/login/")
    says(page, "an administrator can give you a link")
    assert page.goto("/forgot/").status == 403
    mail_server = f"smtp://127.0.0.1:{mails.server_address[1]}"
    with settings(server, smtp_url=mail_server, smtp_from="Anki <anki@example.com>", public_url=server.base.rstrip("/")):
        answers = []
        for name in ("nobody", silent.user, "nobody@example.com", ann.user.upper(), "ann@example.com"):
            page.goto("/login/")
            page.get_by_role("link", name="Forgotten your password?").click()
            if not answers:
                look(page, "forgot")
            page.get_by_label("Username or e-mail address").fill(name)
            page.get_by_role("button", name="Send the mail").click()
            says(page, "If there is such an account")
            answers.append(page.inner_text("main"))
        assert len(set(answers)) == 1, "the page tells whether somebody exists"
        look(page, "forgot-sent")
        links = []
        for mail in (mails.next(), mails.next()):
            assert (mail["To"], mail["From"]) == ("ann@example.com", "Anki <anki@example.com>")
            text = mail.get_payload(decode=True).decode()
            assert ann.user in text
            links.append(re.search(r"http\S+/password/\S+", text)[0])
            assert links[-1].startswith(server.base)
        assert mails.taken.empty(), "somebody else got a mail"
        assert is_gone(page, links[0]), "only the newest is good"
        with clients(server, tmp_path) as client:
            device = client(ann)
            page.goto(links[1])
            fill_new_password(page, PASSWORD)
            page.get_by_role("button", name="Change the password").click()
            page.wait_for_url("**/account/")
            with pytest.raises(ClientError) as error:
                device.sync()
            assert error.value.kind == "AUTH", "devices are logged out"
            device.login(Account(ann.user, PASSWORD))
        assert is_gone(page, links[1])
        # A mail is good for an hour.
        page.goto("/forgot/")
        page.get_by_label("Username or e-mail address").fill("ann@example.com")
        page.get_by_role("button", name="Send the mail").click()
        link = re.search(r"http\S+/password/\S+", mails.next().get_payload(decode=True).decode())[0]
        assert page.goto(link).status == 200
        clock.forward(60 * MINUTE)
        assert is_gone(page, link)
        # No flood of mails to anybody.
        page.goto("/forgot/")
        assert [post(page, "/forgot/", name="nobody").status for _ in range(11)][-1] == 429


def test_sessions_and_confirmations_end(server, clock, boss, new_page):
    account = server.new_account()
    boss.goto(f"/admin/?q={account.user}")
    boss.get_by_role("link", name=account.user, exact=True).click()
    user = boss.url
    # Dangerous steps ask for the password again, a quarter of an hour after it was typed.
    boss.get_by_role("link", name="Delete…").click()
    says(boss, "This will be lost")
    clock.forward(16 * MINUTE)
    boss.locator("#username").fill(account.user)
    boss.get_by_role("button", name="Delete for good").click()
    boss.wait_for_url("**/confirm/?next=*")
    look(boss, "confirm")
    boss.get_by_label("Password").fill("wrong")
    boss.get_by_role("button", name="Go on").click()
    says(boss, "The password is not right.")
    assert boss.request.get(user).status == 200
    boss.get_by_label("Password").fill(server.boss.password)
    boss.get_by_role("button", name="Go on").click()
    boss.wait_for_url("**/delete/")
    says(boss, "This will be lost")
    clock.forward(16 * MINUTE)
    assert get(boss, user + "delete/").headers["location"].startswith("/confirm/?next=")
    # Forms where something is typed ask for it themselves, so that nothing is lost.
    boss.goto(user + "password/")
    look(boss, "admin-password-asked")
    fill_new_password(boss, PASSWORD)
    boss.locator("#own_password").fill("wrong")
    boss.get_by_role("button", name="Set the password").click()
    says(boss, "Your password is not right.")
    look(boss, "admin-password-refused")
    for step, fields in (
        ("delete/", {"username": account.user}),
        ("restore/1/", {"understood": "1"}),
    ):
        answer = post(boss, user + step, **fields)
        assert answer.status == 303 and answer.headers["location"].startswith("/confirm/"), step
    for step, fields in (
        ("password/", {"password": PASSWORD, "again": PASSWORD}),
        ("password-link/", {}),
        ("disable/", {}),
        ("logout/", {}),
        ("edit/", {"username": account.user, "is_superuser": "1"}),
        ("edit/", {"username": account.user, "email": "eve@example.com"}),
    ):
        answer = post(boss, user + step, **fields)
        assert answer.status == 422 and "type it once more" in answer.text(), step
    # No way to another site from there, or from the login.
    for next in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = post(boss, "/confirm/", next=next, password=server.boss.password)
        assert (answer.status, answer.headers["location"]) == (303, "/"), next
    # A session ends two weeks after it was last used, and its cookie is worth nothing then.
    clock.forward(13 * DAY)
    assert get(boss, user).status == 200
    clock.forward(14 * DAY)
    answer = get(boss, user)
    assert answer.status == 303 and answer.headers["location"].startswith("/login/?next=")
    assert post(boss, "/admin/users/add/", username="late", password=PASSWORD, again=PASSWORD).status == 303
    boss.goto(user)
    log_in(boss, server.boss, beginning=user)
    assert boss.url == user, "the login leads back to where one was"
    says(boss, account.user)
    boss.goto("/admin/?q=late")
    says(boss, "No user fits.")
    # And ninety days after it began in any case.
    ended = False
    for _ in range(9):
        clock.forward(11 * DAY)
        ended = get(boss, user).status == 303
    assert ended
