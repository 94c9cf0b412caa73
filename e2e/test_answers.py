# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cards answered by the API come to what they come to in a client, to the last digit.

A client makes a collection with cards in all kinds of states and uploads it. A copy of it is answered by the client, the original by the
API, at the same times by clocks that the test turns. When the first client has synced, both must hold the same.

STUDY_SEEDS=0-99 or STUDY_SEEDS=7,12 repeats it with these seeds; STUDY_ANSWERS=200 makes each longer."""

import json
import os
import random
import shutil

import pytest

from device import ClientError, ClientProcess, Device
from flows import sync, upload_first
from paths import NEWEST
from server import Djankiserv
from test_api_v2 import V2, Refused
from twin_clock import TestClock

pytestmark = pytest.mark.ours("an API")

# Wednesday, 2026-11-25 12:00 UTC.
NOON = 1_795_608_000
RATINGS = ["again", "hard", "good", "easy"]
SETTINGS = [
    {"fsrs": False, "loadBalancerEnabled": False},
    {"fsrs": True, "loadBalancerEnabled": False},
    {"fsrs": True, "loadBalancerEnabled": False, "fsrsShortTermWithStepsEnabled": True},
    {"fsrs": False, "loadBalancerEnabled": True},
    {"fsrs": True, "loadBalancerEnabled": True},
]


def seeds():
    text = os.environ.get("STUDY_SEEDS", "0-9")
    first, dash, last = text.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else [int(seed) for seed in text.split(",")]


class World:
    """A server and a client whose clocks the test turns."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = TestClock(folder / "clock", NOON * 1000)
        self.server = Djankiserv()
        limits = {"DJANKISERV_API_REQUESTS_PER_MINUTE": "1000000"}
        self.server.extra_environment = self.clock.environment("djankiserv") | limits
        self.server.start()
        self.process = ClientProcess(NEWEST, self.server.base, folder / "client.log", self.clock.environment("python"))

    def device(self, account):
        device = Device(self.process, self.folder, self.server.base)
        device.account = account
        device.login(account)
        return device

    def close(self):
        self.process.stop()
        damage = self.server.check()
        self.server.stop()
        self.server.remove()
        assert not damage, damage


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("answers"))
    yield world
    world.close()


def bare(label):
    return label.replace("\u2068", "").replace("\u2069", "")


def state(device):
    """All that an answer may change, without usns."""
    decks = device.deck_objects()
    return {
        "cards": device.select("select id,nid,did,ord,mod,type,queue,due,ivl,factor,reps,lapses,left,odue,odid,flags,data from cards"),
        "revlog": device.select("select id,cid,ease,ivl,lastIvl,factor,time,type from revlog order by id"),
        "notes": device.select("select id,mod,tags,flds from notes"),
        "tags": device.select("select tag from tags order by tag"),
        "decks": {deck["name"]: {key: value for key, value in deck.items() if key != "usn"} for deck in decks},
    }


def assert_same(ours, theirs, last):
    for part, mine in ours.items():
        yours = theirs[part]
        if isinstance(mine, dict):
            mine, yours = sorted(mine.items()), sorted(yours.items())
        wrong = [(a, b) for a, b in zip(mine, yours) if normal(a) != normal(b)]
        assert not wrong, f"{part}: {len(wrong)} differ, such as\n  by the API    {wrong[0][0]}\n  by the client {wrong[0][1]}\nafter {last}"
        assert len(mine) == len(yours), part


def normal(row):
    """Of a stability beyond 100 days, single precision has less than the four places that are kept: a device writes it a little smaller or
    larger each time that it writes the card. What the API has written is compared exactly where it answers."""
    return [forget_long(value) if isinstance(value, str) and value.startswith('{"') else "{}" if value == "" else value for value in row]


def forget_long(data):
    data = json.loads(data)
    if data.get("s", 0) > 100:
        del data["s"]
    return data


class Study:
    """The same collection twice: one to be answered by the API, one by a client."""

    def __init__(self, world, seed, settings):
        self.world = world
        self.rng = random.Random(seed)
        self.settings = settings
        self.now = NOON * 1000
        world.clock.set(self.now)
        account = world.server.new_account()
        self.api = V2(world.server, account)
        self.device = world.device(account)
        self.cards = self.device.make_studied(seed, NOON, **settings)
        upload_first(self.device)
        self.device.close()
        self.client = world.device(account)
        self.client.close()
        shutil.copy(self.device.path, self.client.path)
        self.client.open()
        self.device.open()

    def wait(self):
        seconds = self.rng.choice([1, 2, 61, 700, 4000])
        if self.rng.random() < 0.03:
            seconds = 86_400
        self.now += seconds * 1000 + self.rng.randint(0, 999)
        self.world.clock.set(self.now)

    def by_client(self, card, rating, milliseconds):
        try:
            return self.client.answer_card(card, rating, milliseconds, self.settings["loadBalancerEnabled"])
        except ClientError as error:
            return str(error)

    def answer(self, card, rating, milliseconds):
        before = self.client.select(f"select * from cards where id = {card}")
        self.last = f"the answer {rating} to {before}"
        labels = self.by_client(card, rating, milliseconds)
        if isinstance(labels, str):
            with pytest.raises(Refused) as refused:
                self.api("POST", f"/cards/{card}/answer", {"rating": RATINGS[rating - 1]})
            assert refused.value.status == 422, f"the client says {labels}"
            return False
        ours = self.api("GET", f"/cards/{card}/next")
        assert [ours[name]["label"] for name in RATINGS] == [bare(label) for label in labels], card
        answered = self.api("POST", f"/cards/{card}/answer", {"rating": RATINGS[rating - 1], "milliseconds": milliseconds})
        [[data]] = self.client.select(f"select data from cards where id = {card}")
        assert answered["data"] == json.loads(data), card
        return True

    def compare(self):
        sync(self.device)
        assert_same(state(self.device), state(self.client), self.last)

    def end(self):
        self.compare()
        text, ok = self.device.check_database()
        theirs, theirs_ok = self.client.check_database()
        assert (text, ok) == (theirs, theirs_ok)


@pytest.mark.slow_e2e
@pytest.mark.parametrize("seed", seeds())
def test_the_api_answers_as_a_client(world, seed):
    study = Study(world, seed, SETTINGS[seed % len(SETTINGS)])
    answered = 0
    for _ in range(int(os.environ.get("STUDY_ANSWERS", "60"))):
        study.wait()
        card = study.rng.choice(study.cards if study.rng.random() < 0.7 else study.cards[:5])
        answered += study.answer(card, study.rng.randint(1, 4), study.rng.choice([0, 1234, 9_000, 100_000]))
        study.compare()
    assert answered > 20
    study.end()
