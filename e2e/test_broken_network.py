# SPDX-License-Identifier: AGPL-3.0-or-later
"""The connection breaks at any point of a sync; the next sync repairs it."""

import time

import pytest

from device import ClientError
from flows import settle, settle_and_compare, sync, two_devices
from paths import MODERN, NEWEST
from proxy import CUT, LOSE

# What the newest client sends in a normal sync, in this order.
SEQUENCE = [
    "sync/meta",
    "sync/start",
    "sync/applyGraves",
    "sync/applyChanges",
    "sync/chunk",
    "sync/applyChunk",
    "sync/sanityCheck2",
    "sync/finish",
]


def prepared(new_device, proxy, version=NEWEST):
    """Two devices; both have something to say."""
    a, b = two_devices(new_device, version, notes=4)
    b.add_note(["from b", ""])
    settle(b)
    a.add_note(["from a", ""], tags=["new"])
    a.delete_notes(a.find_notes("")[:1])
    a.update_notetype("Basic", {"css": "/* new */"})
    a.set_endpoint(proxy.base)
    proxy.reset()
    return a, b


@pytest.mark.parametrize("version", MODERN)
def test_requests_of_a_normal_sync(new_device, proxy, version):
    a, b = prepared(new_device, proxy, version)
    assert sync(a) == "normal"
    assert proxy.seen == SEQUENCE
    proxy.reset()
    assert sync(a) == "nothing"
    assert proxy.seen == ["sync/meta"], "having nothing to do takes one request"


@pytest.mark.parametrize("how", [CUT, LOSE])
@pytest.mark.parametrize("number", range(len(SEQUENCE)), ids=[path.split("/")[1] for path in SEQUENCE])
def test_break_at_every_request(new_device, proxy, number, how):
    a, b = prepared(new_device, proxy)
    # The abort that the client sends afterwards is lost as well.
    proxy.reset(lambda n, path: how if n == number else CUT if n > number else None)
    with pytest.raises(ClientError):
        a.sync()
    assert proxy.seen[number] == SEQUENCE[number]
    a.set_endpoint(a.base)
    assert a.counts()["notes"] == 4, "the client took its half-done sync back"
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 5


@pytest.mark.parametrize("number", range(1, len(SEQUENCE)), ids=[path.split("/")[1] for path in SEQUENCE[1:]])
def test_other_device_is_not_held_up_by_a_broken_sync(new_device, proxy, number):
    """No wait, no conflict: the broken session is simply taken over."""
    a, b = prepared(new_device, proxy)
    proxy.reset(lambda n, path: CUT if n >= number else None)
    with pytest.raises(ClientError):
        a.sync()
    started = time.monotonic()
    b.add_note(["again from b", ""])
    assert sync(b) == "normal"
    assert time.monotonic() - started < 5
    a.set_endpoint(a.base)
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 6


@pytest.mark.parametrize("status", [500, 502, 503, 504, 409])
def test_server_trouble_is_no_reason_for_a_one_way_sync(new_device, proxy, status):
    a, b = prepared(new_device, proxy)
    proxy.reset(lambda n, path: ("status", status) if path == "sync/sanityCheck2" else None)
    with pytest.raises(ClientError) as error:
        a.sync()
    assert error.value.kind != "AUTH"
    a.set_endpoint(a.base)
    settle_and_compare(new_device, a, b)


@pytest.mark.parametrize("path", ["sync/upload", "sync/download"])
@pytest.mark.parametrize("how", [CUT, LOSE])
def test_break_in_a_full_transfer(new_device, proxy, path, how):
    a, b = two_devices(new_device, NEWEST)
    a.add_field("Basic", "Extra")
    a.add_note(["unsent", ""])
    a.set_endpoint(proxy.base)
    proxy.reset(lambda n, seen: how if seen == path else None)
    assert a.sync()["did"] == "full_sync"
    with pytest.raises(ClientError):
        a.full_upload() if path == "sync/upload" else a.full_download()
    assert a.counts()["notes"] == 2, "the local collection survives"
    a.set_endpoint(a.base)
    assert a.sync()["did"] in ("full_sync", "nothing")  # nothing: the upload got through
    a.full_upload()
    assert b.sync()["did"] == "full_sync"
    b.full_download()
    settle_and_compare(new_device, a, b)


@pytest.mark.parametrize("version", MODERN)
@pytest.mark.parametrize("where", ["sync/chunk", "sync/applyChunk", "sync/finish"])
def test_user_aborts(new_device, proxy, version, where):
    a, b = prepared(new_device, proxy, version)
    proxy.reset(lambda n, path: 1.0 if path == where else None)
    with pytest.raises(ClientError) as error:
        a.sync_with_abort(0.4)
    assert error.value.type == "Interrupted"
    a.set_endpoint(a.base)
    assert a.counts()["notes"] == 4
    time.sleep(0.7)  # the delayed request still arrives at the server, late
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 5


def test_media_sync_goes_on_where_it_broke(new_device, proxy):
    a, b = two_devices(new_device, NEWEST)
    a.write_many_media(60)
    a.set_endpoint(proxy.base)
    proxy.reset(lambda n, path: LOSE if path == "msync/uploadChanges" and n == 3 else None)
    with pytest.raises(ClientError):
        a.sync_media()
    a.set_endpoint(a.base)
    a.sync_media()
    b.sync_media()
    assert b.media_files() == a.media_files()
    assert len(b.media_files()) == 60
