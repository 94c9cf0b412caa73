# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asks a client that still has the first two schedulers what its list of decks shows with them, for `it/searching.rs` to compare with.
(The third one has changed since; `make_searches.py` asks the newest client about it.)

    PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python target/e2e/anki-2.1.49/bin/python \\
        crates/server/tests/make_deck_counts.py crates/server/tests/data/deck-counts-2.1.49.zip

The zip holds collections (`0.anki2`, …) and `cases.json`: for each of them the scheduler, the second at which it was asked, and deck,
new, learning and review of each line. The even ones are asked on the day on which cards were buried, the odd ones a day later.
"""

import argparse
import json
import os
import random
import shutil
import tempfile
import time
import zipfile

from anki.collection import Collection

DECKS = ["A", "A::B", "A::B::C", "A::D", "E", "E::F", "E::F::G::H", "I"]


def make(folder, rng, scheduler):
    path = os.path.join(folder, "collection.anki2")
    col = Collection(path)
    col.db.execute("update col set crt = crt - 400 * 86400")
    col.set_config("schedVer", scheduler)
    col.set_config("sched2021", False)
    col.close()
    col = Collection(path)
    presets = [col.decks.add_config(name) for name in ("x", "y", "z")]
    for preset in presets:
        preset["new"]["perDay"], preset["rev"]["perDay"] = rng.randrange(9), rng.randrange(9)
        col.decks.save(preset)
    decks = [col.decks.id(name) for name in DECKS]
    for deck in decks:
        found = col.decks.get(deck)
        found["conf"] = rng.choice(presets)["id"]
        day = col.sched.today - rng.randrange(2)
        found["newToday"], found["revToday"] = [day, rng.randrange(4)], [day, rng.randrange(4)]
        col.decks.save(found)
    for number in range(150):
        note = col.new_note(col.models.by_name("Basic"))
        note.fields[0] = str(number)
        col.add_note(note, rng.choice(decks))
    spread(col, rng)
    filtered = col.sched.get_or_create_filtered_deck(0)
    filtered.name = "Filtered"
    del filtered.config.search_terms[:]
    terms = filtered.config.search_terms.add()
    terms.search, terms.limit = "deck:A", 12
    col.sched.add_or_update_filtered_deck(filtered)
    return col, path


def spread(col, rng):
    now, today, cutoff = int(time.time()), col.sched.today, col.sched.dayCutoff
    for cid in col.db.list("select id from cards"):
        kind = rng.choice((0, 0, 0, 1, 2, 2, 2, 2, 3))
        queue = {0: 0, 1: rng.choice((1, 3)), 2: 2, 3: rng.choice((1, 3, 4))}[kind]
        due = {0: rng.randrange(1, 60), 2: today + rng.randrange(-3, 3), 3: today + rng.randrange(-3, 3)}.get(queue)
        if due is None:
            due = rng.choice((now, cutoff)) + rng.randrange(-60, 61) * 97
        if rng.random() < 0.25:
            queue = rng.choice((-1, -2, -3))
        left = rng.choice((0, 1001, 2002, 3002))
        col.db.execute("update cards set type = ?, queue = ?, due = ?, left = ?, ivl = 5 where id = ?", kind, queue, due, left, cid)


def shown(col):
    lines = []

    def walk(node):
        for child in node.children:
            lines.append([child.deck_id, child.new_count, child.learn_count, child.review_count])
            walk(child)

    walk(col.sched.deck_due_tree())
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--count", type=int, default=8)
    args = parser.parse_args()
    cases = []
    with zipfile.ZipFile(args.out, "w", zipfile.ZIP_DEFLATED) as out:
        for number in range(args.count):
            folder = tempfile.mkdtemp()
            scheduler = 1 + number // 2 % 2
            col, path = make(folder, random.Random(number), scheduler)
            day = col.sched.today - number % 2
            col.set_config("lastUnburied", day)
            col.close()
            kept = os.path.join(folder, "kept")
            shutil.copy(path, kept)
            col = Collection(path)
            # The client brings buried cards back at this moment if that is due; the copy is from before.
            cases.append({"scheduler": scheduler, "now": int(time.time()), "decks": shown(col)})
            col.close()
            out.write(kept, f"{number}.anki2")
            shutil.rmtree(folder)
        out.writestr("cases.json", json.dumps(cases))


if __name__ == "__main__":
    main()
