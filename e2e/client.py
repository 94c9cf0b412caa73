# SPDX-License-Identifier: AGPL-3.0-or-later
"""One real Anki client, driven over JSON lines.

Runs inside the virtualenv of one client version. Each input line is
{"dev": name, "verb": name, "args": {...}}; each output line is {"ok": result}
or {"error": {...}}. One process holds any number of devices (collections), so
that the import of a client library is paid once per version and test session.

The API of the library changed over the years. What differs lives here and in
client_edit.py, so that the tests do not know versions apart.
"""

import json
import os
import sys
import threading
import time
import traceback
from types import SimpleNamespace

# Libraries print warnings to stdout; the protocol needs it for itself.
OUT = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

import anki.buildinfo  # noqa: E402
import anki.lang  # noqa: E402
from anki.collection import Collection  # noqa: E402

import client_acts  # noqa: E402
import client_dump  # noqa: E402
import client_edit  # noqa: E402
import client_package  # noqa: E402
import client_study  # noqa: E402
import make_collection  # noqa: E402
import make_studied  # noqa: E402

VERSION = anki.buildinfo.version
try:  # old libraries do not name a language by themselves
    anki.lang.set_lang("en_US")
except AttributeError:
    anki.lang.set_lang("en")


def has_field(message, name):
    return name in message.DESCRIPTOR.fields_by_name


class Device:
    """A collection file, its media folder and its login."""

    def __init__(self, path):
        self.path = path
        self.col = None
        self.auth = None
        self.endpoint = None

    # -- opening and closing

    def open(self):
        assert self.col is None, "already open"
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.col = Collection(self.path)
        return VERSION

    def close(self):
        self.col.close()
        self.col = None

    def downgrade_and_close(self):
        """Close as schema 11, as an old client or an export would leave it."""
        self.col.close(downgrade=True)
        self.col = None

    # Clients up to 2.1.66 keep a transaction open in Python between calls;
    # a sync in the backend needs it closed, as their own GUI does.
    def _holds_transaction(self):
        return hasattr(self.col, "rollback")

    def _before_sync(self):
        if self._holds_transaction():
            self._commit(trx=False)

    def _commit(self, trx):
        # These clients compare millisecond stamps to see whether there is
        # anything to commit, and roll back if they see nothing. Tests are fast
        # enough to fool them, so tell them.
        self.col.db.modified_in_python = True
        self.col.save(trx=trx)

    def _after_sync(self):
        self.col._clear_caches()
        if self._holds_transaction():
            self.col.db.begin()
        # The scheduler version may have come with the other side's config.
        self.col._load_scheduler()

    def save(self):
        if self._holds_transaction():
            self._commit(trx=True)

    # -- login and sync

    def login(self, user, password, endpoint):
        """endpoint: base URL. Clients up to 2.1.56 take it from the environment
        of the process instead (SYNC_ENDPOINT, SYNC_ENDPOINT_MEDIA)."""
        self.endpoint = endpoint
        if "SYNC_ENDPOINT" in os.environ:
            self.auth = self.col.sync_login(user, password)
        else:
            self.auth = self.col.sync_login(user, password, endpoint)
            # Some versions leave the address out of the answer.
            self.auth.endpoint = endpoint
        return self.auth.hkey

    def set_endpoint(self, endpoint):
        self.auth.endpoint = endpoint

    def set_key(self, hkey):
        self.auth.hkey = hkey

    def set_timeout(self, secs):
        self.auth.io_timeout_secs = secs

    def _stamps(self):
        row = self.col.db.first("select mod, scm, usn, ls from col")
        return dict(zip(("mod", "scm", "usn", "ls"), row))

    def stamps(self):
        return self._stamps()

    def _sync_collection(self):
        if VERSION.startswith("2.1."):
            return self.col.sync_collection(self.auth)
        return self.col.sync_collection(self.auth, False)

    def sync(self):
        """What the sync button does, up to the question of direction.

        A client answers NO_CHANGES both when there was nothing to do and when
        a normal sync went through; its own usn, which every finished sync
        raises, tells the two apart.
        """
        before = self._stamps()
        started = time.monotonic()
        self._before_sync()
        try:
            out = self._sync_collection()
        finally:
            self._after_sync()
        required = type(out).ChangesRequired.Name(out.required)
        after = self._stamps()
        if required == "NO_CHANGES":
            did = "nothing" if before["usn"] == after["usn"] else "normal"
        else:
            did = required.lower()
        return {
            "did": did,
            "required": required,
            "message": out.server_message,
            "new_endpoint": getattr(out, "new_endpoint", ""),
            "media_usn": getattr(out, "server_media_usn", None),
            "seconds": time.monotonic() - started,
        }

    def sync_with_abort(self, after):
        """Press "abort" some seconds into a sync."""
        timer = threading.Timer(after, self.col.abort_sync)
        timer.start()
        try:
            return self.sync()
        finally:
            timer.join()

    def _full(self, upload):
        self.col.close_for_full_sync()
        try:
            if hasattr(self.col, "full_upload_or_download"):
                # No server_usn: media is synced by its own verb, not behind our back.
                self.col.full_upload_or_download(auth=self.auth, server_usn=None, upload=upload)
            elif upload:
                self.col.full_upload(self.auth)
            else:
                self.col.full_download(self.auth)
        finally:
            self.col.reopen(after_full_sync=True)

    def full_upload(self):
        self._full(True)

    def full_download(self):
        self._full(False)

    # -- media sync

    def sync_media(self, timeout=120):
        """Runs a media sync to its end and returns nothing, or raises."""
        if not hasattr(self.col, "media_sync_status"):
            self.col.sync_media(self.auth)  # blocks in clients up to 2.1.66
            return
        self.col.sync_media(self.auth)  # runs in the background
        deadline = time.monotonic() + timeout
        while self.col.media_sync_status().active:
            if time.monotonic() > deadline:
                raise TimeoutError("media sync is still running")
            time.sleep(0.02)


for module in (client_edit, client_package, client_study, client_dump):
    for name, function in vars(module).items():
        if callable(function) and not name.startswith("_") and function.__module__ == module.__name__:
            setattr(Device, name, function)
Device.generate = make_collection.generate
Device.make_studied = make_studied.make_studied
for function in (client_acts.act, client_acts.adopt, client_acts.study_with_v3):
    setattr(Device, function.__name__, function)


def describe(error):
    kind = getattr(error, "kind", None)
    return {
        "type": type(error).__name__,
        "kind": getattr(kind, "name", None),
        "message": str(error),
        "trace": traceback.format_exc(),
    }


def main():
    devices = {}
    for line in sys.stdin:
        call = SimpleNamespace(**json.loads(line))
        try:
            if call.verb == "new":
                devices[call.dev] = Device(**call.args)
                result = None
            elif call.verb == "forget":
                device = devices.pop(call.dev)
                if device.col is not None:
                    device.close()
                result = None
            else:
                assert not call.verb.startswith("_")
                result = getattr(devices[call.dev], call.verb)(**call.args)
            answer = {"ok": result}
        except BaseException as error:  # incl. Rust panics; the caller decides
            answer = {"error": describe(error)}
        # Ids and stamps are milliseconds. Nobody clicks twice in one, but tests
        # would, on two devices even, and then find two notes with one id.
        # (Where a test turns the clock, it is the test's affair.)
        if "TEST_CLOCK" not in os.environ:
            time.sleep(0.002)
        OUT.write(json.dumps(answer) + "\n")
        OUT.flush()


if __name__ == "__main__":
    main()
