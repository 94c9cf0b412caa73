# SPDX-License-Identifier: AGPL-3.0-or-later
"""Are two collections the same? Dumps are compared whole; what may differ
between devices that are in sync is removed here, each with its reason. The
same list, in prose, is in README.md."""

import copy
import json

# Columns of the row dumps, see client_dump.py.
USN = {"notes": 4, "cards": 5, "revlog": 2}
NOTE_SFLD, NOTE_CSUM = 7, 8
CARD_DATA = 17

# Keys that old clients leave out of a preset, with what new ones then assume.
PRESET_DEFAULTS = {"desiredRetention": 0.9, "sm2Retention": 0.9, "waitForAudio": True}


def canonical(dump, *, age=None):
    """age: None if both sides are the newest client, "old" if they are one older
    version, "mixed" if they are of different versions."""
    dump = copy.deepcopy(dump)

    # mod, scm and usn of the collection: every finished sync of any device
    # moves mod and usn on, so two devices never show the same pair for long.
    # scm must be equal, or the next sync would be one-way.
    for key in ("mod", "usn"):
        del dump["col"][key]

    # Graves are the sender's record of what to tell; receivers keep another
    # usn, and a fresh download may have none.
    del dump["graves"]
    del dump["usns"]

    # usn: says when a row was last sent, not what it is. check_usns() below
    # looks at it on its own.
    for table, column in USN.items():
        for row in dump[table]:
            row[column] = 0
    for kind in ("notetypes", "decks", "presets"):
        for item in dump[kind].values():
            item["usn"] = 0
    for notetype in dump["notetypes"].values():
        # Templates and fields carry stamps of their own in some versions.
        for part in notetype["tmpls"]:
            part.pop("usn", None), part.pop("mod", None)
        # The rendering requirements are a cache that each client computes.
        notetype.pop("req", None)
    # Whether a tag is folded in the sidebar is not synced.
    dump["tags"] = sorted(tag for tag, _usn, _collapsed in dump["tags"])
    for deck in dump["decks"].values():
        # A filtered deck's description has no place in the exchanged JSON.
        if deck["dyn"]:
            deck["desc"] = ""

    # Written by a client for itself when a day begins or a collection opens,
    # without marking the collection as changed.
    for key in ("localOffset", "lastUnburied"):
        dump["config"].pop(key, None)
    # The default hour, which an answer writes and its undoing does not remove.
    if dump["config"].get("rollover") == 4:
        del dump["config"]["rollover"]

    for row in dump["cards"]:
        # 2.1.49 writes "" where later ones write "{}". The official server
        # turns one into the other; ours keeps what it was sent.
        row[CARD_DATA] = row[CARD_DATA] or "{}"

    if age:
        _forget_age(dump)
    if age == "mixed":
        _forget_news(dump)
    return dump


def _forget_age(dump):
    """An old client's JSON lacks keys that it does not know and that hold the
    default; a new client shows them as null, false, 0 or empty."""
    for kind in ("notetypes", "decks", "presets"):
        for item in dump[kind].values():
            _drop_empty(item)
    for preset in dump["presets"].values():
        for key, value in PRESET_DEFAULTS.items():
            preset.setdefault(key, value)


def _forget_news(dump):
    """What a client of another version lost by itself: it reads a schema 18
    file with fields that it does not know, or rewrites a card's data with the
    keys that it knows. The server keeps them, as newer devices prove."""
    for notetype in dump["notetypes"].values():
        for part in notetype["flds"] + notetype["tmpls"]:
            for key in ("id", "tag", "preventDeletion"):
                part.pop(key, None)
        notetype.pop("originalId", None)
    for preset in dump["presets"].values():
        if preset.get("easyDaysPercentages") == [1.0] * 7:  # no easy days
            del preset["easyDaysPercentages"]
    for row in dump["cards"]:
        row[CARD_DATA] = json.loads(row[CARD_DATA]).get("cd")


def _drop_empty(value):
    if isinstance(value, dict):
        for key in list(value):
            _drop_empty(value[key])
            if value[key] in (None, False, 0, "", [], {}):
                del value[key]
    elif isinstance(value, list):
        for item in value:
            _drop_empty(item)


def differences(left, right, path=""):
    """Human-readable list of what differs."""
    if type(left) is not type(right):
        return [f"{path}: {_short(left)} != {_short(right)}"]
    if isinstance(left, dict):
        found = []
        for key in sorted(left.keys() | right.keys(), key=str):
            here = f"{path}.{key}" if path else str(key)
            if key not in left:
                found.append(f"{here}: missing != {_short(right[key])}")
            elif key not in right:
                found.append(f"{here}: {_short(left[key])} != missing")
            else:
                found += differences(left[key], right[key], here)
        return found
    if isinstance(left, list) and _is_table(left) and _is_table(right):
        return differences({r[0]: r[1:] for r in left}, {r[0]: r[1:] for r in right}, path)
    if isinstance(left, list) and len(left) == len(right):
        found = []
        for index, (a, b) in enumerate(zip(left, right)):
            found += differences(a, b, f"{path}[{index}]")
        return found
    return [] if left == right else [f"{path}: {_short(left)} != {_short(right)}"]


def _is_table(rows):
    return bool(rows) and all(isinstance(r, list) and r and isinstance(r[0], int) for r in rows)


def _short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 300 else text[:300] + "…"


def assert_same(left, right, names=("left", "right"), age=None, ignore=()):
    left, right = (canonical(dump, age=age) for dump in (left, right))
    for part in ignore:
        del left[part], right[part]
    found = differences(left, right)
    assert not found, f"{names[0]} and {names[1]} differ:\n" + "\n".join(found[:40])


def check_usns(dump, who=""):
    """After a sync nothing may be left pending (-1), and nothing may carry a
    usn that the next sync would hand out: others would miss or re-get it."""
    limit = dump["col"]["usn"]
    for table, usns in dump["usns"].items():
        bad = [usn for usn in usns if not 0 <= usn < max(limit, 1)]
        assert not bad, f"{who}: {table} has usn {bad}, collection usn is {limit}"
