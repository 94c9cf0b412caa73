# SPDX-License-Identifier: AGPL-3.0-or-later
"""Many at once: users do not hold each other up, and devices of one user that
race for the same collection leave it whole."""

import threading

from flows import settle, settle_and_compare, upload_first
from paths import NEWEST
from rows import card_row, counts, note_row
from wire import Refused, Wire


def in_parallel(count, work):
    errors = []

    def run(index):
        try:
            work(index)
        except Exception as error:  # re-raised below, in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_users_at_the_same_time(new_device, server):
    devices = [new_device(NEWEST, account=server.new_account()) for _ in range(6)]
    for device in devices:
        device.add_notes(1)
        upload_first(device)
    wires = [Wire(server.base, device.account) for device in devices]
    templates = [(note_row(device), counts(device)) for device in devices]

    def work(index):
        row, have = templates[index]
        for step in range(1, 6):
            wire = wires[index].another_session()
            usn = wire.meta()["usn"]
            wire.start(usn)
            wire.apply_changes(tags=[f"t{step}"])
            wire.all_chunks()
            nid = 1_500_000_000_000 + step
            note = [nid, f"guid{nid}", *row[2:4], usn, *row[5:]]
            wire.apply_chunk(notes=[note], cards=[card_row(nid, usn)])
            expected = [have[0], have[1] + step, have[2] + step, *have[3:]]
            assert wire.sanity_check(expected)["status"] == "ok"
            wire.finish()
            assert wire.upload_media([(f"{step}.txt", b"%d %d" % (index, step))]) == [1, step]

    in_parallel(len(devices), work)
    for device in devices:
        settle(device)
        assert device.counts()["notes"] == 6
    settle_and_compare(new_device, devices[0])


def test_devices_of_one_user_race(new_device, wire):
    """Sessions that lose hear 409; exactly those that finished are stored."""
    device = new_device(NEWEST)
    device.add_notes(1)
    upload_first(device)
    row = note_row(device)
    finished, lock = [], threading.Lock()

    def work(index):
        for step in range(8):
            nid = 1_500_000_000_000 + index * 1000 + step * 10
            session = wire.another_session()
            usn = session.meta()["usn"]
            try:
                session.start(usn)
                session.apply_changes()
                session.all_chunks()
                session.apply_chunk(notes=[[nid, f"guid{nid}", *row[2:4], usn, *row[5:]]], cards=[card_row(nid, usn)])
                session.finish()
            except Refused as refused:
                assert refused.status == 409, refused
                continue
            with lock:
                finished.append(nid)

    in_parallel(4, work)
    settle(device)
    stored = {nid for (nid,) in device.select("select id from notes where id < 1600000000000")}
    assert stored == set(finished)
    device.add_note(["afterwards", ""])
    settle_and_compare(new_device, device)


def test_media_of_one_user_race(new_device, wire):
    """Every change gets a counter of its own, none is lost."""

    def work(index):
        for step in range(5):
            wire.upload_media([(f"{index}-{step}-{n}.txt", b"%d" % n) for n in range(3)])

    in_parallel(4, work)
    changes = wire.media("mediaChanges", {"lastUsn": 0})
    assert [row[1] for row in changes] == list(range(1, 61))
    device = new_device(NEWEST)
    device.sync_media()
    assert len(device.media_files()) == 60
