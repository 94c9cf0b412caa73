# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lets a client answer cards, for answers.rs to compare with: writes answers.json.

    target/e2e/anki-26.9.3/bin/python crates/anki/tests/make_answers.py
"""

import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "e2e"))
os.environ["TZ"] = "UTC"

from anki.collection import Collection  # noqa: E402
from anki.scheduler.v3 import CardAnswer  # noqa: E402

import make_studied  # noqa: E402

CARD = "id,nid,did,type,queue,due,ivl,factor,reps,lapses,left,odue,odid,data"
REVIEW = "id,cid,ease,ivl,lastIvl,factor,time,type"
NAMES = ["again", "hard", "good", "easy"]
CASES = 50


def tidy(objects):
    """Without what is of no use here, to keep the file small."""
    unused = ("desc", "terms", "weightSearch")
    for preset in objects:
        # It has 2.008, of which this JSON form loses something.
        if preset.get("new", {}).get("initialFactor") == 2007:
            preset["new"]["initialFactor"] = 2008
    return {str(o["id"]): {key: value for key, value in o.items() if key not in unused} | {"terms": []} for o in objects}


def answer(col, cid, rng):
    before = col.db.first(f"select {CARD} from cards where id = ?", cid)
    reviews = col.db.all(f"select {REVIEW} from revlog where cid = ? order by id", cid)
    rating, milliseconds = rng.randint(1, 4), rng.choice([0, 4321, 100_000])
    case = {"card": before, "reviews": reviews, "rating": rating, "milliseconds": milliseconds}
    while time.time() % 1 > 0.9:
        time.sleep(0.01)
    case["now"] = int(time.time())
    try:
        states = col._backend.get_scheduling_states(cid)
        case["labels"] = list(col._backend.describe_next_states(states))
        col.sched.answer_card(
            CardAnswer(
                card_id=cid,
                current_state=states.current,
                new_state=getattr(states, NAMES[rating - 1]),
                rating=rating - 1,
                answered_at_millis=case["now"] * 1000 + rng.randint(0, 999),
                milliseconds_taken=milliseconds,
            )
        )
    except Exception as error:
        return case | {"error": str(error)[:80]}
    assert int(time.time()) == case["now"], "the machine is too slow"
    case["after"] = col.db.first(f"select {CARD} from cards where id = ?", cid)
    case["review"] = col.db.first(f"select {REVIEW} from revlog where cid = ? and id >= ? order by id desc", cid, case["now"] * 1000)
    case["leech"] = col._backend.state_is_leech(getattr(states, NAMES[rating - 1]))
    return case


def collection(folder, seed, settings):
    col = Collection(os.path.join(folder, f"{seed}.anki2"))
    device = SimpleNamespace(col=col, save=lambda: None)
    cards = make_studied.make_studied(device, seed, int(time.time()), **settings)
    preset = col.decks.all_config()[1]
    if settings["fsrs"]:
        # Parameters that nothing can be done with.
        col.decks.save(preset | {"fsrsParams6": [], "fsrsParams5": [], "fsrsWeights": [1, 2, 3]})
    rng = random.Random(seed)
    result = {
        "fsrs": settings["fsrs"],
        "shortTermAfterSteps": settings.get("fsrsShortTermWithStepsEnabled", False),
        "today": col.sched.today,
        "nextDay": col.sched.day_cutoff,
        "presets": tidy(col.decks.all_config()),
        "decks": tidy(col.decks.all()),
        "cases": [answer(col, cid, rng) for cid in rng.sample(cards, CASES)],
    }
    col.close()
    return result


def main():
    with tempfile.TemporaryDirectory() as folder:
        settings = [{"fsrs": False}, {"fsrs": True}, {"fsrs": True, "fsrsShortTermWithStepsEnabled": True}]
        made = [collection(folder, 1000 + n, s | {"loadBalancerEnabled": False}) for n, s in enumerate(settings)]
    (HERE / "answers.json").write_text(json.dumps(made, separators=(",", ":"), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
