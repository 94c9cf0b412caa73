# SPDX-License-Identifier: AGPL-3.0-or-later
"""Random cases for the twins: which devices there are, and what is done on them.
A case is plain JSON and says everything; the same seed makes the same case."""

import random

from paths import LEGACY, NEWEST

# Monday noon; a time of day at which no day begins during a case unless a step says so.
START = 1_773_057_600_000
METHODS = ("meta", "start", "applyGraves", "applyChanges", "chunk", "applyChunk", "sanityCheck2", "finish")
BREAKS = ("cut", "lose", "503", "409")


def make_case(seed, length=80):
    rng = random.Random(seed)
    devices = pick_devices(rng)
    # Some clocks are wrong, by less than what makes a client refuse to sync.
    skews = [rng.choice((0, 0, 0, -40_000, 90_000, 270_000, -270_000)) for _ in devices]
    steps = begin(rng, devices)
    while len(steps) < length:
        steps += episode(rng, devices)
    return {"seed": seed, "start": START, "devices": devices, "skews": skews, "steps": steps}


def pick_devices(rng):
    # Versions in between get schema 11 from us where the official server gives them schema 18, in which they
    # lose what they do not know (see ARCHITECTURE.md); from then on the two worlds rightly differ.
    pool = rng.choice(([NEWEST], [NEWEST, *LEGACY], [NEWEST, *LEGACY, *LEGACY]))
    return [NEWEST] + [rng.choice(pool) for _ in range(rng.choice((1, 1, 2)))]


def begin(rng, devices):
    """The first device fills the account, the others mostly join in."""
    steps = [act(rng, 0, devices) for _ in range(rng.randrange(1, 8))]
    for number in range(len(devices)):
        if number == 0 or rng.random() < 0.8:
            steps.append(sync(rng, number, broken=False))
    return steps


def episode(rng, devices):
    """Some edits on some devices without a sync in between (which makes the
    conflicts), then a sync or another of the rarer things."""
    steps = [act(rng, rng.randrange(len(devices)), devices) for _ in range(rng.choice((1, 2, 3, 6, 10)))]
    number = rng.randrange(len(devices))
    rare = rng.random()
    if rare < 0.03:
        steps.append(do(rng, number, "replace", version=rng.choice((NEWEST, *LEGACY))))
    elif rare < 0.06:
        steps.append(do(rng, number, "tomorrow", days=rng.choice((1, 3, 40))))
    elif rare < 0.14:
        steps.append(do(rng, number, "settle", choice=rng.choice(("download", "upload"))))
    elif rare < 0.22:
        broken = [rng.choice(("begin", "mediaChanges", "uploadChanges", "downloadFiles")), rng.choice(BREAKS)]
        steps.append(do(rng, number, "sync_media", broken=broken if rng.random() < 0.2 else None))
    for each in rng.sample(range(len(devices)), rng.randint(1, len(devices))):
        steps.append(sync(rng, each))
    return steps


def sync(rng, number, broken=True):
    args = {"choice": rng.choice(("download", "upload"))}
    if broken and rng.random() < 0.12:
        method = rng.choice((*METHODS, "finish", "applyChunk", "upload", "download"))
        args["broken"] = [method, rng.choice(BREAKS)]
    return do(rng, number, "sync", **args)


def do(rng, number, what, **args):
    return {"on": number, "after": pause(rng), "do": what, "args": args}


def pause(rng):
    """Often within the same second, in which Anki's stamps of rows count."""
    return rng.choice((20, 20, 300, 1_000, 5_000, 60_000))


def act(rng, number, devices):
    name = rng.choices(list(ACTS), [weight for weight, _ in ACTS.values()])[0]
    args = ACTS[name][1](rng)
    step = {"on": number, "after": pause(rng), "act": name, "args": args}
    if name == "add_many":
        step["after"] += 1000
    return step


def some(rng, most=4):
    return [index(rng) for _ in range(rng.randint(1, most))]


def index(rng):
    return rng.randrange(1000)


def guid(rng):
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyzABC!#", k=10))


def deck_changes(rng):
    return rng.choice(
        (
            {"desc": rng.choice(("", "a deck", "ü <b>x</b>")), "md": rng.random() < 0.5},
            {"collapsed": rng.random() < 0.5, "browserCollapsed": rng.random() < 0.5},
            {"extendNew": rng.randrange(20), "extendRev": rng.randrange(20)},
            {"newLimit": rng.randrange(30), "reviewLimit": rng.randrange(30)},
            {"newLimitToday": {"limit": rng.randrange(9), "today": rng.randrange(3)}},
            {"desiredRetention": rng.randint(70, 99)},
            {"addonDeck": {"n": 2**60, "x": [1, None, "ß"]}},
        )
    )


def preset_changes(rng):
    return rng.choice(
        (
            {"new": {"perDay": rng.randrange(100), "delays": [1.0, rng.choice((10.0, 2.5))]}},
            {"new": {"initialFactor": rng.randrange(1310, 4999), "bury": True}},
            {"rev": {"perDay": rng.randrange(500), "ivlFct": rng.choice((1.0, 0.85, 1.3)), "maxIvl": 365}},
            {"lapse": {"leechFails": rng.randrange(2, 20), "leechAction": rng.randrange(2), "mult": 0.5}},
            {"desiredRetention": rng.randint(70, 97) / 100},
            {"maxTaken": rng.randrange(10, 300), "timer": rng.randrange(2), "autoplay": rng.random() < 0.5},
            {"addonPreset": [1, {"a": None}], "buryInterdayLearning": rng.random() < 0.5},
            {"newSortOrder": rng.randrange(5), "reviewOrder": rng.randrange(9)},
            {"easyDaysPercentages": [1.0, 0.5, 0.0, 1.0, 1.0, 1.0, 1.0]},
        )
    )


def notetype_changes(rng):
    return rng.choice(
        ({"css": f".card {{ color: #{rng.randrange(999):03} }}"}, {"addonKey": rng.randrange(9)}, {"latexsvg": True})
    )


def field_changes(rng):
    return rng.choice(
        ({"sticky": True}, {"rtl": True, "font": "Ünï"}, {"size": rng.randrange(8, 40)}, {"description": "what to type"})
    )


def template_changes(rng):
    return rng.choice(({"afmt": f"v{rng.randrange(99)} {{{{FrontSide}}}}"}, {"bqfmt": "x", "bfont": "Arial", "bsize": 12}))


# name -> how often, and how its arguments are chosen
ACTS = {
    "add_note": (
        30,
        lambda r: {
            "notetype": index(r),
            "texts": index(r),
            "deck": index(r),
            "tags": some(r, 3) if r.random() < 0.6 else [],
            "guid": guid(r),
        },
    ),
    "add_many": (0.6, lambda r: {"count": r.choice((130, 260, 300)), "guid": guid(r)}),
    "edit_note": (24, lambda r: {"note": index(r), "field": r.randrange(3), "text": index(r)}),
    "tag_note": (8, lambda r: {"note": index(r), "tags": some(r)}),
    "edit_many": (1, lambda r: {"text": index(r)}),
    "delete_notes": (6, lambda r: {"notes": some(r)}),
    "delete_cards": (3, lambda r: {"cards": some(r)}),
    "find_and_delete_empty": (1, lambda r: {}),
    "add_deck": (6, lambda r: {"name": index(r)}),
    "rename_deck": (4, lambda r: {"deck": index(r), "name": index(r)}),
    "remove_deck": (2, lambda r: {"deck": index(r)}),
    "change_deck": (6, lambda r: {"deck": index(r), "changes": deck_changes(r)}),
    "move_cards": (6, lambda r: {"cards": some(r, 8), "deck": index(r)}),
    "add_preset": (2, lambda r: {"name": index(r)}),
    "change_preset": (6, lambda r: {"preset": index(r), "changes": preset_changes(r)}),
    "choose_preset": (3, lambda r: {"deck": index(r), "preset": index(r)}),
    "remove_preset": (0.3, lambda r: {"preset": index(r)}),
    "add_notetype": (2, lambda r: {"name": index(r), "fields": r.randint(1, 4), "templates": r.randint(1, 3)}),
    "change_notetype": (3, lambda r: {"notetype": index(r), "changes": notetype_changes(r)}),
    "rename_notetype": (2, lambda r: {"notetype": index(r), "name": index(r)}),
    "change_template": (
        3,
        lambda r: {"notetype": index(r), "template": index(r), "changes": template_changes(r)},
    ),
    "rename_field": (2, lambda r: {"notetype": index(r), "field": index(r), "name": index(r)}),
    "change_field": (2, lambda r: {"notetype": index(r), "field": index(r), "changes": field_changes(r)}),
    "add_field": (0.5, lambda r: {"notetype": index(r), "name": index(r)}),
    "remove_field": (0.4, lambda r: {"notetype": index(r), "field": index(r)}),
    "add_template": (0.5, lambda r: {"notetype": index(r), "name": index(r)}),
    "remove_template": (0.3, lambda r: {"notetype": index(r), "template": index(r)}),
    "sort_by_field": (0.3, lambda r: {"notetype": index(r), "field": index(r)}),
    "swap_fields": (0.2, lambda r: {"notetype": index(r)}),
    "remove_notetype": (0.3, lambda r: {"notetype": index(r)}),
    "other_notetype": (0.4, lambda r: {"note": index(r), "notetype": index(r)}),
    "add_tag": (4, lambda r: {"notes": some(r), "tag": index(r)}),
    "rename_tag": (2, lambda r: {"tag": index(r), "name": index(r)}),
    "remove_tag": (1, lambda r: {"tag": index(r)}),
    "clear_unused_tags": (1, lambda r: {}),
    "set_config": (6, lambda r: {"key": index(r), "value": r.randrange(1, 9)}),
    "set_fsrs": (2, lambda r: {"value": r.random() < 0.7}),
    "remove_config": (1, lambda r: {"key": index(r)}),
    "answer": (40, lambda r: {"deck": index(r), "ease": r.randint(1, 4)}),
    "undo": (2, lambda r: {}),
    "look": (2, lambda r: {"touch": False}),
    "suspend": (4, lambda r: {"cards": some(r)}),
    "unsuspend": (3, lambda r: {"cards": some(r)}),
    "bury": (3, lambda r: {"cards": some(r), "manual": r.random() < 0.5}),
    "unbury_all": (1, lambda r: {}),
    "flag": (4, lambda r: {"cards": some(r), "colour": r.randrange(8)}),
    "set_due": (4, lambda r: {"cards": some(r, 8), "days": r.choice(("0", "5", "-3", "7!"))}),
    "forget": (2, lambda r: {"cards": some(r)}),
    "reposition": (2, lambda r: {"cards": some(r), "start": r.randrange(500)}),
    "custom_data": (3, lambda r: {"cards": some(r), "data": r.choice(("", '{"a":1}', '{"k":"ß","n":1.5}'))}),
    "add_filtered": (
        3,
        lambda r: {
            "name": index(r),
            "search": r.choice(("", "is:new", "deck:A", "tag:t1")),
            "limit": r.choice((3, 20)),
            "order": r.choice((0, 2, 3, 4, 5, 6, 7)),  # 1 is random
            "resched": r.random() < 0.7,
        },
    ),
    "rebuild_filtered": (2, lambda r: {"deck": index(r)}),
    "empty_filtered": (2, lambda r: {"deck": index(r)}),
    "check_database": (0.5, lambda r: {}),
    "one_way": (0.3, lambda r: {}),
    "write_media": (6, lambda r: {"name": index(r), "text": index(r)}),
    "delete_media": (2, lambda r: {"name": index(r)}),
}
