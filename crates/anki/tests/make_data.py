# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes the collection files in data/ with real clients, and what those clients say is in them.

Run by hand, once for each client version, with the interpreter of a virtualenv that has that version of `anki`:

    python make_data.py data

The result is NAME.anki2.gz, a collection as it is on disk after closing, and NAME.json, the same as told by the client:
notetypes, decks, presets, tags, config and the rows of the big tables; VERSION-fresh.json tells of an untouched collection. Versions up to 2.1.56 need
PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python in the environment.
"""

import copy
import gzip
import json
import os
import sqlite3
import sys
import tempfile

from anki.buildinfo import version
from anki.collection import Collection

MODERN = not version.startswith("2.1.")
NOW = 1_700_000_000

ODD_TEXTS = [
    ("plain", "back"),
    ("<b>bold</b>&nbsp;text", "<img src=\"a b.jpg\">"),
    ("007", "a number"),
    ("1.50", "a fraction"),
    ("日本語 🎴", "ünïcödé"),
    ("{{c1::cloze}} &lt;i&gt;", "second\nline"),
]

# Type, queue and due of cards: new, learning, review, relearning over days, suspended, buried in both ways.
STATES = [(0, 0, 7), (1, 1, NOW), (2, 2, -5), (3, 3, 12), (2, -1, 3000), (2, -2, 1), (0, -3, 8)]


def add_notetypes(col):
    """A notetype with every option set to something, and keys that add-ons left behind."""
    models = col.models
    notetype = copy.deepcopy(models.by_name("Basic"))
    notetype["id"] = 0
    notetype["name"] = "Räich"
    notetype["css"] += "\n.night { color: white }"
    notetype["latexPre"] += "% pre"
    notetype["latexPost"] += "% post"
    notetype["latexsvg"] = True
    notetype["sortf"] = 1
    notetype["vers"] = []
    notetype["addon"] = {"big": 12345678901234567890, "list": [1, 2.5, None, "ü"], "deep": {"a": {"b": True}}}
    models.add_field(notetype, models.new_field("Third"))
    field = notetype["flds"][1]
    field.update(sticky=True, rtl=True, font="Noto Sans", size=33, media=["a.jpg"], fieldAddon="x")
    field.update(description="what to write here", plainText=True, collapsed=True, excludeFromSearch=True)
    template = notetype["tmpls"][0]
    template.update(qfmt="{{Front}} {{hint:Third}}", bqfmt="{{Front}}", bafmt="{{Back}}", bfont="Arial", bsize=14)
    template.update(did=1, templateAddon={"x": 1})
    models.add_dict(notetype)
    return models.by_name("Räich")["id"]


def add_preset(col):
    preset = col.decks.add_config("Hárd")
    preset["new"].update(delays=[0.5, 1, 60.25], perDay=9999, initialFactor=2350, order=0, bury=True, addonNew=[1])
    preset["new"]["ints"] = [2, 7, 0]
    preset["rev"].update(ease4=1.35, ivlFct=0.87, maxIvl=400, perDay=123, hardFactor=1.15, bury=True, addonRev=None)
    preset["lapse"].update(delays=[], leechAction=0, leechFails=3, minInt=2, mult=0.1, addonLapse={"k": "v"})
    preset.update(maxTaken=120, autoplay=False, timer=1, replayq=False, addonTop={"id": 9007199254740993})
    preset.update(newMix=1, interdayLearningMix=2, reviewOrder=7, newSortOrder=3, newGatherPriority=5)
    preset.update(buryInterdayLearning=True)
    if MODERN:
        preset.update(
            fsrsWeights=[0.4 + index / 7 for index in range(17)],
            fsrsParams5=[0.1 + index / 3 for index in range(19)],
            fsrsParams6=[0.2 + index / 9 for index in range(21)],
            desiredRetention=0.83,
            sm2Retention=0.85,
            easyDaysPercentages=[1.0, 0.5, 0.0, 1.0, 1.0, 0.25, 1.0],
            stopTimerOnAnswer=True,
            secondsToShowQuestion=1.5,
            secondsToShowAnswer=2.25,
            questionAction=1,
            answerAction=3,
            waitForAudio=False,
            weightSearch="deck:x",
            ignoreRevlogsBeforeDate="2020-02-29",
        )
    col.decks.update_config(preset)
    return preset["id"]


def add_decks(col, preset):
    child = col.decks.get(col.decks.id("Élan::Kind 漢字::STRASSE"))
    child.update(conf=preset, extendNew=4, extendRev=5, desc="# <b>title</b>", newToday=[17, 4], revToday=[17, 2])
    child.update(lrnToday=[17, 1], timeToday=[17, 12345], collapsed=False, browserCollapsed=True, mid=77, addonDeck={"n": -1})
    if version != "2.1.49":
        child.update(md=True, reviewLimit=7, newLimit=0)
        child.update(reviewLimitToday={"limit": 9, "today": 17}, newLimitToday={"limit": 3, "today": 2})
    if MODERN:
        child.update(desiredRetention=87)
    col.decks.save(child)
    filtered = col.decks.get(col.decks.new_filtered("Filtered ß"))
    filtered["terms"] = [["is:new", 4, 6], ["tag:x", 5, 1]]
    filtered.update(resched=False, previewDelay=12, addonFiltered=True)
    if MODERN:
        filtered.update(previewAgainSecs=61, previewHardSecs=601, previewGoodSecs=1)
    col.decks.save(filtered)
    return child["id"], filtered["id"]


def add_notes(col, rich, deck):
    for index, (front, back) in enumerate(ODD_TEXTS):
        for notetype in (col.models.by_name("Basic"), col.models.by_name("Cloze"), col.models.get(rich)):
            note = col.new_note(notetype)
            note.fields[0] = ("{{c1::x}}" if notetype["name"] == "Cloze" else "") + front
            note.fields[1] = back
            note.tags = ["x", f"Tag::Ü{index}", "leech"]
            col.add_note(note, deck if index % 2 else 1)


def study(col, filtered):
    """Reviews and scheduling states, written as rows: the schedulers differ too much between versions."""
    col.sched.rebuild_filtered_deck(filtered)
    cards = col.db.list("select id from cards where odid = 0 order by id")
    data = ["", "{}", '{"pos":3,"cd":"{\\"k\\":1}"}']
    if MODERN:
        data.append('{"pos":647,"s":12.3456,"d":5.678,"dr":0.87,"decay":0.154,"lrt":1700000000,"cd":"{\\"x\\":\\"y\\"}"}')
    for index, card in enumerate(cards):
        values = (*STATES[index % len(STATES)], index, 1300 + index, index, 1, 2002)
        col.db.execute(
            "update cards set type=?, queue=?, due=?, ivl=?, factor=?, reps=?, lapses=?, left=?, flags=?, data=?, usn=? where id=?",
            *values,
            index % 8,
            data[index % len(data)],
            index % 3,
            card,
        )
        for step in range(3):
            row = (NOW * 1000 + index * 10 + step, card, index % 2, step + 1, -60 if step else 4, 3, 2500, 1234, step)
            col.db.execute("insert into revlog values (?,?,?,?,?,?,?,?,?)", *row)
    col.db.execute("update notes set usn = 1 where id % 2")


def tell(col):
    """What the client says is in the collection."""
    backend = col._backend
    rows = {
        "notes": "select id, guid, mid, mod, usn, tags, flds, cast(sfld as text), csum, flags, data from notes order by id",
        "cards": "select * from cards order by id",
        "revlog": "select * from revlog order by id",
    }
    told = {
        "notetypes": [col.models.get(entry.id) for entry in col.models.all_names_and_ids()],
        "decks": json.loads(as_bytes(backend.get_all_decks_legacy())),
        "presets": json.loads(as_bytes(backend.all_deck_config_legacy())),
        "config": json.loads(as_bytes(backend.get_all_config())),
        "tags": col.db.all("select tag, usn, collapsed from tags order by tag"),
        "rows": {table: col.db.all(query) for table, query in rows.items()},
    }
    for notetype in told["notetypes"]:
        notetype.pop("__type", None)
    return told


def as_bytes(answer):
    return getattr(answer, "json", answer)


def make(folder, name, downgrade):
    path = os.path.join(tempfile.mkdtemp(), "collection.anki2")
    col = Collection(path)
    rich = add_notetypes(col)
    child, filtered = add_decks(col, add_preset(col))
    add_notes(col, rich, child)
    study(col, filtered)
    for key, value in {"addon": {"big": 9007199254740993, "ü": [0.1, None]}, "text": "ä\n", "off": False}.items():
        col.set_config(key, value)
    if MODERN:
        col.tags.set_collapsed("Tag", False)
        col.fix_integrity()
    told = tell(col)
    col.close(downgrade=downgrade)
    # Closing may change the stamps, so they come from the file itself.
    told["stamps"] = sqlite3.connect(path).execute("select crt, mod, scm, usn, ls from col").fetchone()
    with open(path, "rb") as file, gzip.GzipFile(os.path.join(folder, name + ".anki2.gz"), "wb", 9, mtime=0) as packed:
        packed.write(file.read())
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as file:
        json.dump(told, file, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def make_fresh(folder):
    """What a collection has before anybody touched it."""
    col = Collection(os.path.join(tempfile.mkdtemp(), "collection.anki2"))
    told = {key: value for key, value in tell(col).items() if key in ("notetypes", "decks", "presets", "config")}
    told["notetypes"].sort(key=lambda notetype: notetype["id"])
    col.close()
    with open(os.path.join(folder, f"{version}-fresh.json"), "w", encoding="utf-8") as file:
        json.dump(told, file, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def main():
    folder = sys.argv[1]
    if MODERN:
        make_fresh(folder)
    make(folder, f"{version}-schema11", downgrade=True)
    if MODERN:
        make(folder, f"{version}-schema18", downgrade=False)


main()
