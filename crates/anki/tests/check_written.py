# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lets a real client open the collection files that we write, check them, and compare them with what their makers said.

Run by hand after a change to the writer, with virtualenvs that have the versions of `anki` to try:

    WRITTEN=/some/folder cargo test -p djankiserv-anki --test file_clients -- --ignored
    python check_written.py /some/folder

Clients up to 2.1.56 are shown the schema-11 files only, and need PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python.
"""

import glob
import json
import os
import re
import shutil
import sqlite3
import sys
import tempfile

from anki.buildinfo import version
from anki.collection import Collection

OLD = version in ("2.1.49", "2.1.56")


def differences(path, ours, told):
    """What was told and is not the same in ours. -1 marks unsent changes, which the file does not keep."""
    if isinstance(told, dict) and isinstance(ours, dict):
        for key, value in told.items():
            if key in ours:
                yield from differences(f"{path}.{key}", ours[key], value)
            elif value not in (None, "", 0, False):
                yield f"{path}.{key} is missing"
    elif isinstance(told, list) and isinstance(ours, list) and len(told) == len(ours):
        for index, value in enumerate(told):
            yield from differences(f"{path}[{index}]", ours[index], value)
    elif told != ours and not (told == -1 and ours == 0):
        yield f"{path}: {ours!r} is not {told!r}"


def objects(told):
    return {str(entry["id"]): entry for entry in (told.values() if isinstance(told, dict) else told)}


def check(path, told):
    copy = os.path.join(tempfile.mkdtemp(), "collection.anki2")
    shutil.copy(path, copy)
    raw = sqlite3.connect(copy)
    assert raw.execute("pragma journal_mode").fetchone()[0] == "delete"
    raw.close()
    col = Collection(copy)
    backend = col._backend
    as_bytes = lambda answer: getattr(answer, "json", answer)
    # The client checks a downloaded file in this way before it takes it.
    assert col.db.scalar("pragma integrity_check") == "ok", "integrity_check"
    decks = json.loads(as_bytes(backend.get_all_decks_legacy()))
    found = list(differences("decks", objects(decks), objects(told["decks"])))
    presets = json.loads(as_bytes(backend.all_deck_config_legacy()))
    found += differences("presets", objects(presets), objects(told["presets"]))
    notetypes = [dict(col.models.get(entry.id)) for entry in col.models.all_names_and_ids()]
    found += differences("notetypes", objects(notetypes), objects(told["notetypes"]))
    found += differences("config", json.loads(as_bytes(backend.get_all_config())), told["config"])
    found += differences("tags", col.db.list("select tag from tags order by tag"), [row[0] for row in told["tags"]])
    rows = {
        "notes": "select id, guid, mid, mod, usn, tags, flds, cast(sfld as text), csum, flags, data from notes order by id",
        "cards": "select * from cards order by id",
        "revlog": "select * from revlog order by id",
    }
    for table, query in rows.items():
        found += differences(table, col.db.all(query), told["rows"][table])
    before = all_rows(col)
    if hasattr(col.db, "begin"):
        col.save(trx=False)
    answer = col._backend.check_database()
    found += [problem for problem in getattr(answer, "problems", answer) if "last review time" not in problem.lower()]
    if hasattr(col.db, "begin"):
        col.db.begin()
    after = all_rows(col)
    found += [f"check database turned {a} into {b}" for a, b in zip(before, after) if a != b]
    found += [] if len(before) == len(after) else ["check database changed the number of rows"]
    col.close()
    return found


def all_rows(col):
    """All rows, without the time of a card's last review: where it is missing, checking a database adds it from the reviews."""
    rows = [str(row) for table in ("notes", "cards", "revlog") for row in col.db.all(f"select * from {table}")]
    return [re.sub(r',?"lrt":\d+', "", row).replace("'{}'", "''") for row in rows]


def main():
    folder = sys.argv[1]
    for path in sorted(glob.glob(os.path.join(folder, "*.anki2"))):
        name = os.path.basename(path)
        if OLD and name.endswith("V18.anki2"):
            continue
        with open(os.path.join(folder, name.split("-as-")[0] + ".json"), encoding="utf-8") as file:
            told = json.load(file)
        problems = check(path, told)
        print(version, name, "ok" if not problems else "")
        for problem in problems:
            print("   ", problem)


main()
