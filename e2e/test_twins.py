# SPDX-License-Identifier: AGPL-3.0-or-later
"""The same operations with our server and with the official one come to the
same, see twins.py. Many more seeds are tried by scripts/test-long.sh."""

import copy
import json
import os

import pytest

from paths import HERE, NEWEST
from twin_compare import compare
from twin_steps import make_case
from twins import Twins, report

CASES = sorted((HERE / "cases").glob("*.json"))
pytestmark = pytest.mark.skipif(
    os.environ.get("E2E_SERVER", "djankiserv") != "djankiserv", reason="always runs both servers; once is enough"
)


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    twins = Twins(tmp_path_factory.mktemp("twins"))
    yield twins
    twins.close()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_cases_that_failed_once(twins, path):
    case = json.loads(path.read_text())
    found = twins.differences(case)
    assert not found, report(case, found)


@pytest.mark.slow_e2e
@pytest.mark.parametrize("seed", range(8))
def test_random_operations(twins, seed):
    case = make_case(seed)
    found = twins.differences(case)
    assert not found, report(case, found)


def test_a_case_is_decided_by_its_seed():
    assert make_case(5) == make_case(5) != make_case(6)
    assert make_case(5) == json.loads(json.dumps(make_case(5)))


def test_every_step_counts(twins):
    """One digit of one card, one stamp, one answer: the comparison notices."""
    case = make_case(3, length=20)
    results = twins.worlds[0].run(case)
    assert compare(case, results, copy.deepcopy(results)) == []
    for change in (
        lambda end: end["dumps"][-1]["dump"]["notes"][0].__setitem__(4, 99),
        lambda end: end["dumps"][0]["dump"]["col"].__setitem__("mod", 1),
        lambda end: end["settled"]["syncs"][0]["results"][0].__setitem__("did", "other"),
        lambda end: end["settled"]["syncs"][-1]["said"][0][3].__setitem__("usn", -5),
        lambda end: end["dumps"][1]["dump"]["decks"]["1"].pop("name"),
    ):
        other = copy.deepcopy(results)
        change(other[-1])
        assert compare(case, results, other) != []


def test_shrinking_leaves_what_is_needed():
    case = {"steps": [{"number": number} for number in range(40)], "devices": ["a", "b"], "skews": [5, 0]}

    class Pretended(Twins):
        def __init__(self):
            pass

        def differences(self, case):
            return ["differs"] if {"number": 7} in case["steps"] and {"number": 31} in case["steps"] else []

    assert Pretended().shrink(case) == case | {"steps": [{"number": 7}, {"number": 31}], "skews": [0, 0]}


# -- what the twins' steps avoid, as the servers differ in it on purpose: it does differ, and in no other way


def steps(*steps):
    case = {"start": make_case(0)["start"], "devices": [NEWEST, NEWEST], "skews": [0, 200_000]}
    return case | {"steps": [{"on": on, "after": after} | what for on, after, what in steps]}


SYNC = {"do": "sync", "args": {"choice": "upload"}}
DOWNLOAD = {"do": "sync", "args": {"choice": "download"}}


def run(twins, case):
    ours, official = twins.pool.map(lambda world: world.run(case), twins.worlds)
    return ours, official, compare(case, ours, official)


def test_only_the_official_server_unburies_over_night(twins):
    bury = {"act": "bury", "args": {"cards": [0], "manual": True}}
    ours, official, found = run(twins, steps((0, 1000, bury), (0, 1000, SYNC), (1, 86_400_000, DOWNLOAD)))
    queues = [results[-1]["dumps"][-1]["dump"]["cards"][0][7] for results in (ours, official)]
    assert queues == [-3, 0]
    assert found


def test_only_the_official_server_raises_the_usn_for_a_download(twins, monkeypatch):
    monkeypatch.setattr(twins.worlds[0].recorder, "before_download", lambda key: None)
    ours, official, found = run(twins, steps((1, 1000, DOWNLOAD), (0, 1000, DOWNLOAD)))
    assert [results[1]["results"][0]["did"] for results in (ours, official)] == ["nothing", "normal"]
    assert found


def test_only_the_official_server_turns_the_stamp_back(twins, monkeypatch):
    monkeypatch.setattr("twin_world.MOST_SKEW", 0)
    case = steps(
        (1, 1000, {"act": "one_way", "args": {}}),
        (1, 1000, SYNC),
        (0, 1000, DOWNLOAD),
        (0, 1000, {"act": "set_config", "args": {"key": 0, "value": 1}}),
        (0, 1000, DOWNLOAD),
    )
    ours, official, found = run(twins, case)
    finish = [results[-2]["said"][-1][3] for results in (ours, official)]
    assert finish[0] > finish[1]
    assert found
