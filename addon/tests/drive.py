# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs inside a real Anki without a screen: starts it, does one step of
test_in_anki.py and writes what came of it.

    python drive.py STEP FOLDER PROFILE JSON RESULT-FILE
"""

import json
import os
import sys
import time

step, base, profile, given, result_file = sys.argv[1:]
given = json.loads(given)

import aqt  # noqa: E402
import aqt.profiles  # noqa: E402

# The first start asks for the language, in a dialog that nobody would answer.
aqt.profiles.ProfileManager.setDefaultLang = lambda self, *_: self.setLang("en_US")


def until(app, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happens"
        app.processEvents()
        time.sleep(0.01)


def install():
    done = aqt.mw.addonManager.install(given["file"])
    aqt.mw.pm.create("Second")
    return {"result": type(done).__name__}


def package():
    return sys.modules["djankiserv_connect"]


def look():
    """What is set in this profile, after a start."""
    return {
        "profile": aqt.mw.pm.name,
        "address": package().settings.address(),
        "environment": {name: os.environ.get(name) for name in ("SYNC_ENDPOINT", "SYNC_ENDPOINT_MEDIA")},
        "built_in": package().settings.has_built_in(),
        "menu": [action.text() for action in aqt.mw.form.menuTools.actions()],
    }


def dialog_with(app, address, user="", password=""):
    dialog = package().dialog.ServerDialog(aqt.mw)
    dialog.address.setText(address)
    dialog.user.setText(user)
    dialog.password.setText(password)
    return dialog


def check():
    """What the dialog says to each of the given addresses."""
    said = []
    for typed in given["typed"]:
        dialog = dialog_with(app, **typed)
        dialog.check_button.click()
        until(app, lambda: hasattr(dialog, "findings"))
        said.append(dialog.findings)
    return said


def save():
    """Types an address, saves it, and logs in and syncs as Anki itself does."""
    aqt.mw.pm.set_sync_key("of another server")
    dialog = dialog_with(app, given["address"])
    dialog.save()
    assert dialog.result, "not accepted"
    was_logged_in = aqt.mw.pm.sync_auth() is not None
    more = {}
    if hasattr(aqt.mw.pm, "sync_endpoint"):
        more["endpoint"] = aqt.mw.pm.sync_endpoint()
    auth = aqt.mw.col.sync_login(given["user"], given["password"], **more)
    aqt.mw.pm.set_sync_key(auth.hkey)
    aqt.mw.pm.set_sync_username(given["user"])
    aqt.mw.pm.save()
    try:
        out = aqt.mw.col.sync_collection(aqt.mw.pm.sync_auth(), False)
    except TypeError:
        out = aqt.mw.col.sync_collection(aqt.mw.pm.sync_auth())
    return {"was_logged_in": was_logged_in, "required": out.required, "key": bool(auth.hkey)}


app = aqt._run(["anki", "-b", base, "-l", "en"] + (["-p", profile] if profile else []), exec=False)
until(app, lambda: aqt.mw is not None and aqt.mw.col is not None)
answer = {"install": install, "look": look, "check": check, "save": save}[step]()
with open(result_file, "w") as file:
    json.dump(answer, file)
aqt.mw.pm.save()
# Its windows and threads would want to say good-bye.
aqt.mw.col.close()
os._exit(0)
