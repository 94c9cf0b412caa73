# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes a realistic collection, fast: a real client makes the file and its
notetypes, decks and presets; the many rows are written by SQL.

    target/e2e/anki-26.9.3/bin/python e2e/make_collection.py out.anki2 \\
        --notes 20000 --reviews 200000 --media 500

Also used by the tests through the verb "generate" of client.py. Everything is
decided by --seed, except the ids of notetypes and decks.
"""

import argparse
import hashlib
import json
import os
import random
import sqlite3
import time

import anki.buildinfo

DECKS = ["Languages::Deutsch", "Languages::日本語::漢字", "Languages::Français", "Medicine::Anatomy", "Ünïcode ✓"]
TAGS = [
    "noun",
    "verb",
    "lang::de",
    "lang::ja::jlpt::n5",
    "marked",
    "leech",
    "ärztlich",
    "日本",
    "chapter::01",
    "chapter::02",
]
WORDS = (
    "the of and water Haus Straße über être garçon 日本 漢字 Привет мир عربي naïve café heart liver "
    "<b>bold</b> <i>x</i> &amp; &nbsp; {{c1::hidden}} [sound:a.mp3] emoji🎉 1234 3.14 a-b_c"
).split()
FIELDS = {"Basic": 2, "Basic (and reversed card)": 2, "Cloze": 2, "Vocabulary (generated)": 5}


def prepare(col, rng):
    """Notetypes, decks and presets, through the client's own functions."""
    models = col.models
    if not models.by_name("Vocabulary (generated)"):
        notetype = models.new("Vocabulary (generated)")
        for name in ("Word", "Meaning", "Example", "Audio", "Notes ✎"):
            models.add_field(notetype, models.new_field(name))
        for name, question, answer in (
            ("Recognise", "{{Word}}", "{{FrontSide}}<hr id=answer>{{Meaning}}<br>{{Example}}"),
            ("Recall", "{{Meaning}}", "{{Word}} {{Audio}}"),
        ):
            template = models.new_template(name)
            template["qfmt"], template["afmt"] = question, answer
            models.add_template(notetype, template)
        notetype["css"] += "\n.card { color: #123 }\n/* ✓ */"
        notetype["someAddon"] = {"version": 2**53 + 1}
        models.add_dict(notetype)
    decks = [col.decks.id(name) for name in DECKS]
    names = {preset["name"] for preset in col.decks.all_config()}
    for index, name in enumerate(("Hard ones", "Leicht")):
        if name not in names:
            preset = col.decks.add_config(name)
            preset["new"]["perDay"] = 5 + index
            preset["new"]["delays"] = [1.0, 10.0 + index]
            col.decks.update_config(preset)
            deck = col.decks.get(decks[index])
            deck["conf"] = preset["id"]
            deck["desc"] = "generated <b>deck</b>"
            col.decks.update_dict(deck)
    col.set_config("generated.by", {"seed": rng.randrange(2**60), "text": "ß"})
    notetypes = [(models.by_name(name)["id"], name, count) for name, count in FIELDS.items() if models.by_name(name)]
    return notetypes, decks


def checksum(text):
    return int(hashlib.sha1(text.encode()).hexdigest()[:8], 16)


def strip(text):
    """What clients keep of a first field for sorting and for duplicates; only
    as clever as WORDS needs it."""
    for mark in ("<b>", "</b>", "<i>", "</i>"):
        text = text.replace(mark, "")
    return text.replace("&nbsp;", " ").replace("&amp;", "&")


def note_rows(rng, count, notetypes, start, now, has_tags):
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for index in range(count):
        mid, name, fields = rng.choice(notetypes)
        values = [" ".join(rng.choices(WORDS, k=rng.randint(2, 12))) for _ in range(fields)]
        values[0] = f"{index} {values[0]}"
        if name == "Cloze":
            values[0] += " {{c1::one}} {{c2::two}}"
        tags = rng.sample(TAGS, rng.choice((0, 0, 1, 2, 3))) if has_tags else []
        sort = strip(values[0])
        guid = "".join(rng.choices(alphabet, k=10))
        yield (
            (
                start + index,
                guid,
                mid,
                now - rng.randrange(10**7),
                -1,
                f" {' '.join(sorted(tags))} " if tags else "",
                "\x1f".join(values),
                sort,
                checksum(sort),
                0,
                "",
            ),
            (1 if name == "Basic" else 2),
        )


def card_rows(rng, notes, decks, start, today, fsrs):
    card = start
    for position, (note, cards) in enumerate(notes):
        did = rng.choice(decks)
        for ord in range(cards):
            if rng.random() < 0.4:
                kind, queue, due, interval, factor, reps = 0, 0, position, 0, 0, 0
            else:
                interval = rng.randint(1, 900)
                kind, queue, due, factor, reps = (
                    2,
                    2,
                    today + rng.randint(-30, 400),
                    rng.randrange(1300, 3000, 50),
                    rng.randint(1, 40),
                )
                if rng.random() < 0.03:
                    queue = -1
            data = {}
            if fsrs and kind == 2:
                # Multiples of a power of two: clients cut other numbers by a last
                # digit each time they write them, as they compute with 32 bits.
                data = {"s": rng.randint(8, 14_400) / 16, "d": rng.randint(8, 80) / 8, "dr": 0.9, "decay": 0.5}
            if fsrs:
                data = {"pos": position} | data
            yield (
                card,
                note[0],
                did,
                ord,
                note[3],
                -1,
                kind,
                queue,
                due,
                interval,
                factor,
                reps,
                reps // 9,
                0,
                0,
                0,
                rng.choice((0, 0, 0, 0, 1, 4)),
                data,
            )
            card += 1


def review_rows(rng, cards, count, start):
    studied = [card for card in cards if card[6] == 2]
    for index in range(count):
        card = rng.choice(studied)
        interval = rng.randint(-600, 900)
        yield (
            start + index,
            card[0],
            -1,
            rng.randint(1, 4),
            interval,
            rng.randint(0, 500),
            rng.randrange(1300, 3000, 50),
            rng.randint(800, 60000),
            rng.randint(0, 3),
        )


def fill(path, notetypes, decks, notes, reviews, rng, fsrs=True, plain=False):
    """Direct SQL on a closed collection. Rows are new and unsent (usn -1)."""
    db = sqlite3.connect(path)
    (crt,) = db.execute("select crt from col").fetchone()
    now = int(time.time())
    today = (now - crt) // 86400
    # Ids in the past, below anything that was clicked together, and above what
    # an earlier call for the same file left there.
    base = 1_400_000_000_000 + rng.randrange(10**11)
    note_list = list(note_rows(rng, notes, notetypes, base, now, not plain))
    cards = list(card_rows(rng, note_list, decks, base, today, fsrs))
    review_list = list(review_rows(rng, cards, reviews, base))
    if fsrs:
        data_of = {card[0]: card[17] for card in cards}
        for review in review_list:  # oldest first, so the last one stays
            data_of[review[1]]["lrt"] = review[0] // 1000
    cards = [(*card[:17], json.dumps(card[17], separators=(",", ":"))) for card in cards]
    db.executemany("insert into notes values (?,?,?,?,?,?,?,?,?,?,?)", [note for note, _ in note_list])
    db.executemany("insert into cards values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", cards)
    db.executemany("insert into revlog values (?,?,?,?,?,?,?,?,?)", review_list)
    db.execute("update col set mod = max(mod + 1, ?)", (int(time.time() * 1000),))
    db.commit()
    db.close()


def write_media(folder, count, rng):
    os.makedirs(folder, exist_ok=True)
    for index in range(count):
        name = f"{rng.choice(('bild', '音', 'Ton ü', 'img_'))}{index:05}.{rng.choice(('jpg', 'mp3', 'png'))}"
        with open(os.path.join(folder, name), "wb") as file:
            file.write(rng.randbytes(rng.choice((500, 2_000, 20_000, 60_000))))


def generate(self, notes=1000, reviews=5000, media=0, seed=0, plain=False):
    """The verb of client.py."""
    rng = random.Random(seed)
    notetypes, decks = prepare(self.col, rng)
    if not plain:
        self.col.tags.register(TAGS) if hasattr(self.col.tags, "register") else None
    self.save()
    write_media(self.col.media.dir(), media, rng)
    self.close()
    # Older clients drop what they do not know from the data of a card.
    fsrs = not anki.buildinfo.version.startswith("2.1.")
    fill(self.path, notetypes, decks, notes, reviews, rng, fsrs, plain)
    self.open()


def main():
    from anki.collection import Collection

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("path", help="collection file to make, ending in .anki2")
    parser.add_argument("--notes", type=int, default=20_000)
    parser.add_argument("--reviews", type=int, default=200_000)
    parser.add_argument("--media", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    if os.path.exists(options.path):
        parser.error(f"{options.path} exists")
    started = time.monotonic()
    os.makedirs(os.path.dirname(os.path.abspath(options.path)), exist_ok=True)
    col = Collection(options.path)
    notetypes, decks = prepare(col, rng)
    write_media(col.media.dir(), options.media, rng)
    col.close()
    fill(options.path, notetypes, decks, options.notes, options.reviews, rng)
    col = Collection(options.path)
    problems = col.fix_integrity()[0]
    counts = {t: col.db.scalar(f"select count() from {t}") for t in ("notes", "cards", "revlog")}
    col.close()
    print(f"{options.path}: {counts} in {time.monotonic() - started:.1f} s; database check: {problems.strip()}")


if __name__ == "__main__":
    main()
