# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes a collection with cards in every state that a scheduler may meet, of
presets with every kind of setting, by chance: the verb "make_studied" of
client.py, for test_answers.py. What a seed gives does not change with the
machine, except ids of decks and presets."""

import json
import random

DAY = 86_400
STEPS = [[], [1], [1, 10], [0.5], [10, 1440, 4320], [1440], [1500], [20, 1380], [1, 10, 60, 600], [15.37, 42.1], [0]]
# Of FSRS 6, 5 and 4.5, and numbers of them that nothing can be done with.
PARAMS_6 = [
    [0.212, 1.2931, 2.3065, 8.2956, 6.4133, 0.8334, 3.0194, 0.001, 1.8722, 0.1666, 0.796, 1.4835, 0.0614, 0.2629, 1.6483]
    + [0.6014, 1.8729, 0.5425, 0.0912, 0.0658, 0.1542],
    [0.0512, 0.31, 1.7, 9.1, 5.9, 0.71, 2.6, 0.02, 1.51, 0.21, 0.93, 1.77, 0.09, 0.31, 1.9, 0.31, 2.9, 0.61, 0.12, 0.11, 0.35],
    [0.002, 0.01, 0.2, 3.3, 7.2, 0.5, 2.1, 0.05, 1.2, 0.0, 0.7, 1.9, 0.05, 0.2, 1.4, 0.5, 2.2, 0.0, 0.3, 0.2, 0.2],
]
PARAMS_5 = [
    [0.40255, 1.18385, 3.173, 15.69105, 7.1949, 0.5345, 1.4604, 0.0046, 1.54575, 0.1192, 1.01925, 1.9395, 0.11, 0.29605]
    + [2.2698, 0.2315, 2.9898, 0.51655, 0.6621],
    [0.4, 1.2, 3.1, 15.7, 7.2, 0.53, 1.46, 0.0046, 1.55, 0.12, 1.02, 1.94, 0.11, 0.3, 2.27, 0.23, 2.99, 0.0, 0.0],
]
PARAMS_4 = [
    [0.4872, 1.4003, 3.7145, 13.8206, 5.1618, 1.2298, 0.8975, 0.031, 1.6474, 0.1367, 1.0461, 2.1072, 0.0793, 0.3246, 1.587]
    + [0.2272, 2.8755],
]


def make_studied(self, seed, now, notes=40, **settings):
    """A collection of cards that were studied by whatever has changed them
    until `now`, in seconds. Answers with the ids of the cards."""
    rng = random.Random(seed)
    col = self.col
    crt = now - rng.randint(400, 3000) * DAY - rng.randint(0, DAY)
    rollover = rng.choice([4, 4, 0, 23])
    # As make_collection.py does: what nothing else can set.
    col.db.execute("update col set crt = ?", crt)
    for key, value in {"rollover": rollover, "creationOffset": 0, **settings}.items():
        col.set_config(key, value)
    today = col.sched.today
    presets = [_preset(col, rng, number) for number in range(6)]
    decks = []
    for name in ["A", "A::b", "A::b::C", "Ünï", "Ünï::x", "P", "Q", "R"]:
        did = col.decks.id(name)
        deck = col.decks.get(did)
        deck["conf"] = rng.choice(presets)
        deck["desiredRetention"] = rng.choice([None, None, 70, 85, 93, 99])
        for key in ("newToday", "revToday", "lrnToday", "timeToday"):
            deck[key] = [today - rng.choice([0, 0, 1, 30]), rng.randint(-3, 90)]
        col.decks.save(deck)
        decks.append(did)
    _notes(col, rng, decks, notes)
    cards = col.db.list("select id from cards order by id")
    # Ids decide about chance, so they come from the seed.
    for number, old in enumerate(cards):
        new = (crt + rng.randint(1, 300 * DAY)) * 1000 + number
        col.db.execute("update cards set id = ? where id = ?", new, old)
    cards = col.db.list("select id from cards order by id")
    for cid in cards:
        _card(col, rng, cid, now, today)
    for number in range(3):
        _filtered(col, rng, number, cards)
    for cid in rng.sample(cards, len(cards) // 10):
        col.db.execute("update cards set queue = ? where id = ? and odid = 0", rng.choice([-1, -2, -3]), cid)
    col.db.execute("update cards set mod = ?, usn = 0", now - DAY)
    self.save()
    return cards


def _preset(col, rng, number):
    preset = col.decks.add_config(f"preset {number}")
    odd = rng.random() < 0.1
    preset["maxTaken"] = rng.choice([60, 5, 600, 0])
    preset["new"].update(
        delays=rng.choice(STEPS),
        initialFactor=rng.choice([2500, 1310, 2008, 3333, 1000 if odd else 2500]),
        ints=[rng.choice([1, 2, 3, 40, 0 if odd else 1]), rng.choice([4, 5, 9, 100]), 0],
        bury=rng.random() < 0.5,
    )
    preset["rev"].update(
        ease4=rng.choice([1.3, 1.0, 2.17, 9.0 if odd else 1.5]),
        ivlFct=rng.choice([1, 0.83, 1.27, 0.5, 2]),
        maxIvl=rng.choice([36500, 36500, 365, 30, 3, 1]),
        hardFactor=rng.choice([1.2, 1.0, 0.8, 1.3]),
        bury=rng.random() < 0.5,
    )
    preset["lapse"].update(
        delays=rng.choice(STEPS),
        mult=rng.choice([0, 0.5, 1, 0.37]),
        minInt=rng.choice([1, 1, 2, 7]),
        leechFails=rng.choice([8, 1, 2, 3, 5]),
        leechAction=rng.choice([0, 1]),
    )
    preset["buryInterdayLearning"] = rng.random() < 0.5
    preset["desiredRetention"] = rng.choice([0.9, 0.8, 0.937, 0.99, 0.71, 0.2 if odd else 0.85])
    preset["sm2Retention"] = rng.choice([0.9, 0.85, 0.97])
    preset["fsrsParams6"] = rng.choice([[], *PARAMS_6])
    preset["fsrsParams5"] = rng.choice([[], *PARAMS_5])
    preset["fsrsWeights"] = rng.choice([[], *PARAMS_4, [1, 2, 3] if odd else []])
    preset["ignoreRevlogsBeforeDate"] = rng.choice(["", "", "", "2026-05-01", "2024-02-29", "soon" if odd else ""])
    preset["easyDaysPercentages"] = rng.choice([[1] * 7, [1, 0.5, 1, 0, 1, 0.5, 0], []])
    col.decks.save(preset)
    return preset["id"]


def _notes(col, rng, decks, count):
    for number in range(count):
        kind = rng.choice(["Basic", "Basic (and reversed card)", "Cloze"])
        note = col.new_note(col.models.by_name(kind))
        if kind == "Cloze":
            note["Text"] = " ".join(f"{{{{c{n}::x{number}}}}}" for n in range(1, rng.randint(2, 4)))
        else:
            note["Front"], note["Back"] = f"front {number}", "back"
        note.tags = rng.choice([[], ["b", "z::y"], ["Leech"]])
        col.add_note(note, rng.choice(decks))
        if rng.random() < 0.3:
            # A card of its own deck, and so of another preset than its siblings.
            cards = note.card_ids()
            col.db.execute("update cards set did = ? where id = ?", rng.choice(decks), cards[-1])


def _card(col, rng, cid, now, today):
    kind = rng.choice([0, 1, 1, 2, 2, 2, 2, 3, 3])
    queue, ivl, factor, left = kind, 0, 0, 0
    due = rng.randint(0, 2000)
    reps = lapses = 0
    data = {}
    if kind:
        reps, lapses = rng.randint(1, 40), rng.randint(0, 9)
        left = rng.randint(0, 4) + rng.choice([0, 1000, 2000])
        factor = rng.choice([2500, 1300, rng.randint(1300, 4000)])
        if rng.random() < 0.3:
            data["pos"] = rng.randint(0, 999)
        if rng.random() < 0.5:
            data.update(s=round(10 ** rng.uniform(-2, 3), 4), d=round(rng.uniform(1, 10), 3))
        if rng.random() < 0.5:
            data.update(dr=0.9, decay=rng.choice([0.154, 0.5]))
        if rng.random() < 0.5:
            data["lrt"] = now - rng.choice([0, rng.randint(0, DAY), rng.randint(0, 400 * DAY)])
        if rng.random() < 0.1:
            data["cd"] = '{"x":1}'
    if kind == 1 or kind == 3:
        queue = rng.choice([1, 3])
        due = now + rng.randint(-3 * DAY, 2000) if queue == 1 else today - rng.randint(-2, 5)
    if kind >= 2:
        ivl = rng.choice([1, 1, 2, rng.randint(1, 30), rng.randint(1, 1000)])
    if kind == 2:
        due = today - rng.choice([0, 0, 1, rng.randint(-20, 60)])
    # The interval of a card that was never reviewed is 0, of an odd one too.
    if rng.random() < 0.03:
        ivl = factor = 0
    col.db.execute(
        "update cards set type = ?, queue = ?, due = ?, ivl = ?, factor = ?, reps = ?, lapses = ?, left = ?, data = ? where id = ?",
        *(kind, queue, due, ivl, factor, reps, lapses, left, json.dumps(data, separators=(",", ":")) if data else "", cid),
    )
    if kind:
        _reviews(col, rng, cid, now)


def _reviews(col, rng, cid, now):
    count = rng.choice([0, 1, 2, 5, 12])
    seconds = sorted(now - rng.choice([rng.randint(60, DAY), rng.randint(60, 900 * DAY)]) for _ in range(count))
    learning = rng.random() < 0.7
    for number, second in enumerate(seconds):
        kind, ease = 1, rng.randint(1, 4)
        factor = rng.choice([2500, rng.randint(1300, 3000), rng.randint(100, 1100)])
        ivl = rng.choice([1, rng.randint(1, 300)])
        if learning and number < 2:
            kind, factor, ivl = 0, 0, rng.choice([-60, -600, -90_000, 1])
        elif rng.random() < 0.25:
            kind = rng.choice([2, 3, 4, 5, 0])
            if kind >= 4:
                ease = 0
            if kind != 5 and rng.random() < 0.5:
                factor = 0
            if kind == 2:
                ivl = -600
        row = (second * 1000 + rng.randint(0, 999), cid, ease, ivl, rng.randint(-600, 100), factor, rng.randint(0, 60_000), kind)
        col.db.execute("insert or ignore into revlog values (?, ?, 0, ?, ?, ?, ?, ?, ?)", *row)


def _filtered(col, rng, number, cards):
    wanted = ",".join(map(str, rng.sample(cards, len(cards) // 7)))
    deck = col.sched.get_or_create_filtered_deck(deck_id=0)
    deck.name = f"filtered {number}"
    deck.allow_empty = True
    del deck.config.search_terms[:]
    deck.config.search_terms.add(search=f"cid:{wanted}", limit=99, order=rng.randint(0, 5))
    deck.config.reschedule = number != 1 and rng.random() < 0.7
    deck.config.preview_again_secs = rng.choice([60, 0, 600])
    deck.config.preview_hard_secs = rng.choice([600, 0, 7777])
    deck.config.preview_good_secs = rng.choice([0, 0, 90_000])
    col.sched.add_or_update_filtered_deck(deck)
