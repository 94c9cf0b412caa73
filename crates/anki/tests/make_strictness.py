# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asks a real client which schema-11 objects its parser takes, and what it makes of them.

Run by hand with an interpreter that has `anki`:

    python make_strictness.py data/26.09.3-strictness.json

Each value of a sound deck, filtered deck, preset and notetype is removed, or replaced by values of other types. The table says,
for each place, what the client then tells for it: `false` if it refuses the object, else the whole object if it differs from the
sound one in more than the replaced value, or `true`.
"""

import copy
import json
import os
import sys
import tempfile

from anki.collection import Collection

VALUES = [None, True, 0, 1, 2, 5, -1, 1.5, 300, 70000, 5000000000, "5", "x", [], {}, [1, 2], [7], ["a", 1.5]]


def as_bytes(answer):
    return getattr(answer, "json", answer)


class Sort:
    def __init__(self, sound, put, get):
        self.put = put
        self.get = get
        self.sound = self.told(sound)

    def told(self, wanted):
        """The object as the client tells it after taking it, or False."""
        try:
            self.put(json.dumps(wanted).encode())
        except Exception as error:
            if "JsonError" not in repr(error) and "decoding" not in repr(error).lower():
                print("other error:", repr(error)[:200], file=sys.stderr)
            return False
        return json.loads(as_bytes(self.get()))


def places(value, path=()):
    """The paths to all keys of an object, and to those in the first element of its lists of objects."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from places(inner, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from places(value[0], (*path, 0))


def changed(sound, path, value):
    result = copy.deepcopy(sound)
    inner = result
    for step in path[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return result


def main():
    col = Collection(os.path.join(tempfile.mkdtemp(), "collection.anki2"))
    backend = col._backend
    deck = col.decks.get(col.decks.id("D"))
    filtered = col.decks.get(col.decks.new_filtered("F"))
    filtered["terms"] = [["is:new", 5, 6]]
    notetype = copy.deepcopy(col.models.by_name("Cloze"))
    notetype["originalId"] = 3
    preset = col.decks.add_config("P")
    put_deck = lambda text: backend.add_or_update_deck_legacy(deck=text, preserve_usn_and_mtime=True)
    put_notetype = lambda text: backend.add_or_update_notetype(json=text, preserve_usn_and_mtime=True, skip_checks=True)
    sorts = {
        "deck": Sort(deck, put_deck, lambda: backend.get_deck_legacy(deck["id"])),
        "filtered": Sort(filtered, put_deck, lambda: backend.get_deck_legacy(filtered["id"])),
        "preset": Sort(preset, backend.add_or_update_deck_config_legacy, lambda: backend.get_deck_config_legacy(preset["id"])),
        "notetype": Sort(notetype, put_notetype, lambda: backend.get_notetype_legacy(notetype["id"])),
    }
    table = {}
    for name, sort in sorts.items():
        told = {}
        for path in places(sort.sound):
            # Other identities would make other objects, and stamps are set anew.
            if path in (("id",), ("name",)):
                continue
            row = []
            for value in [..., *VALUES]:
                wanted = changed(sort.sound, path, value)
                answer = sort.told(wanted)
                for key in ("mod", "usn"):
                    if answer and path != (key,) and key in answer:
                        answer[key] = wanted[key]
                same = json.dumps(answer, sort_keys=True) == json.dumps(wanted, sort_keys=True)
                row.append(True if same else answer and difference(sort.sound, answer))
            told["/".join(map(str, path))] = row
        table[name] = {"sound": sort.sound, "told": told}
    col.close()
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"values": VALUES, **table}, file, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def difference(sound, answer):
    """The keys of an answer that are not as in the sound object; null for those that are gone."""
    result = {key: value for key, value in answer.items() if key not in sound or value != sound[key]}
    result.update({key: None for key in sound if key not in answer})
    return {"differs": result}


main()
