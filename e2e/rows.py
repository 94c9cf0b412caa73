# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows and whole syncs by hand, for tests that speak the protocol themselves."""


def note_row(device, nid=1_500_000_000_000, text="by hand\x1fback", usn=None, **changes):
    row = {
        "id": nid,
        "guid": f"guid{nid}",
        "mid": device.get_notetype("Basic")["id"],
        "mod": 1_600_000_000,
        "usn": device.stamps()["usn"] if usn is None else usn,
        "tags": "",
        "flds": text,
        "sfld": "",
        "csum": "",
        "flags": 0,
        "data": "",
    } | changes
    return list(row.values())


def card_row(nid=1_500_000_000_000, usn=1, **changes):
    row = {
        "id": nid + 1,
        "nid": nid,
        "did": 1,
        "ord": 0,
        "mod": 1_600_000_000,
        "usn": usn,
        "type": 0,
        "queue": 0,
        "due": 5,
        "ivl": 0,
        "factor": 0,
        "reps": 0,
        "lapses": 0,
        "left": 0,
        "odue": 0,
        "odid": 0,
        "flags": 0,
        "data": "{}",
    } | changes
    return list(row.values())


def counts(device, notes=0, cards=0, revlog=0):
    have = device.counts()
    other = [device.select(f"select count() from {t}")[0][0] for t in ("notetypes", "decks", "deck_config")]
    return [[0, 0, 0], have["cards"] + cards, have["notes"] + notes, have["revlog"] + revlog, 0, *other]


def begin(wire):
    """start … chunk, as a client that has nothing new."""
    wire.start(wire.meta()["usn"])
    wire.apply_changes()
    wire.all_chunks()


def complete(wire, device, **rows):
    """A whole sync that sends the given rows."""
    begin(wire)
    wire.apply_chunk(**rows)
    extra = {kind: len(items) for kind, items in rows.items()}
    assert wire.sanity_check(counts(device, **extra))["status"] == "ok"
    return wire.finish()
