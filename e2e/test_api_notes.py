# SPDX-License-Identifier: AGPL-3.0-or-later
"""Notes that programs add reach real devices, and nobody needs a one-way sync."""

import base64
import json
import urllib.error
import urllib.request

import pytest

from flows import download_first, upload_first
from paths import LEGACY, NEWEST

OLD = LEGACY[-1]


class Api:
    """The server's API, as the owner of an account."""

    def __init__(self, server, account):
        self.base = server.base.rstrip("/")
        login = base64.b64encode(f"{account.user}:{account.password}".encode()).decode()
        self.headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}

    def __call__(self, method, path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {**self.headers, **headers}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error
        return json.loads(text) if text else None

    def add(self, deck, notes, model="Basic"):
        notes = [{"model": model, "fields": fields, "tags": ["api"]} for fields in notes]
        return self("POST", "/djs/dapi/addNotes", {"deck": deck, "notes": notes})["note_ids"]


@pytest.fixture
def api(server, account):
    return Api(server, account)


def cards(device):
    return device.select("select nid, ord from cards order by nid, ord")


def check_database(device):
    """The client's own check finds nothing to repair."""
    text, ok = device.check_database()
    assert ok, f"{device}: {text}"


@pytest.mark.parametrize("version", [NEWEST, OLD])
def test_added_notes_reach_devices(api, filled, new_device, version):
    other = new_device(version)
    download_first(other)
    plain = api.add("Api::Basic", [["front", "back"], ["<b>x</b> &amp; y", "z"]])
    cloze = api.add("Api", [["{{c1::one}} {{c3::two {{c2::in}}}}", ""]], "Cloze")
    reverse = api.add("Api", [["f", "b", "yes"], ["f2", "b2", ""]], "Basic (optional reversed card)")
    for device in (filled, other):
        assert device.sync()["did"] == "normal", device
        found = {}
        for nid, ord in cards(device):
            found.setdefault(nid, []).append(ord)
        assert [found[nid] for nid in plain + cloze + reverse] == [[0], [0], [0, 1, 2], [0, 1], [0]]
        check_database(device)
    assert cards(filled) == cards(other)


def test_first_device_with_cards_of_its_own(api, new_device):
    made = api.add("Api", [["made here", "b"]])
    device = new_device(NEWEST)
    own = device.add_notes(1)
    assert device.sync()["did"] == "full_upload", "it is not asked to choose"
    device.full_upload()
    assert device.sync()["did"] == "normal"
    assert {nid for nid, _ in cards(device)} == {*made, *own}
    check_database(device)
    other = new_device(OLD)
    download_first(other)
    assert cards(other) == cards(device)


def test_first_device_without_cards(api, new_device):
    made = api.add("Api", [["made here", "b"]])
    device = new_device(NEWEST)
    device.sync()
    device.full_download()
    assert {nid for nid, _ in cards(device)} == {*made}
    device.add_notes(1)
    assert device.sync()["did"] == "normal"
    check_database(device)
