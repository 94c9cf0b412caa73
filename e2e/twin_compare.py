# SPDX-License-Identifier: AGPL-3.0-or-later
"""Did the same happen in both worlds? Everything is compared to the last digit,
stamps and usns included, but for the few things in which our server differs on
purpose. docs/reliability.md says why."""

import copy
import struct

from compare import differences


def compare(case, ours, official):
    """[] or a list of what differs at the first step at which anything does."""
    steps = [*case["steps"], {"do": "end"}]
    for number, (step, left, right) in enumerate(zip(steps, ours, official, strict=True)):
        found = differences(neutral(left), neutral(right))
        if found:
            return [f"step {number} {step}", *found]
    return []


def neutral(result):
    """Without what differs on purpose."""
    result = copy.deepcopy(result)
    for part in _dictionaries(result):
        for name, request, status, answer in part.get("said", ()):
            if name in MESSAGES:
                for side in (request, answer):
                    if side is not None:
                        MESSAGES[name](side)
        if "dump" in part:
            _dump(part["dump"])
    return result


def _dictionaries(value):
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _dictionaries(item)


def _meta(message):
    # We tell old and new names of the same, and who is logged in.
    message.pop("musn", None)
    message.pop("uname", None)


def _begin(message):
    # The key for a media sync is the login's own, different for each login.
    message.get("data", {}).pop("sk", None)


def _changes(message):
    changes = message.get("changes", message)
    for notetype in changes["models"]:
        _notetype(notetype)
    for deck in changes["decks"][0]:
        _deck(deck)
    for preset in changes["decks"][1]:
        _preset(preset)


def _chunk(message):
    for row in message.get("chunk", message)["cards"]:
        _card(row)


MESSAGES = {"meta": _meta, "begin": _begin, "applyChanges": _changes, "chunk": _chunk, "applyChunk": _chunk}


def _dump(dump):
    for notetype in dump["notetypes"].values():
        _notetype(notetype)
    for deck in dump["decks"].values():
        _deck(deck)
    for preset in dump["presets"].values():
        _preset(preset)
    for row in dump["cards"]:
        _card(row)
    # Whether a tag is folded in the sidebar is not exchanged; the official server's own
    # state of it is lost whenever it writes a file for a legacy client.
    dump["tags"] = [row[:2] for row in dump["tags"]]


# What a client leaves out, because it is too old to know it. The official server
# answers with the default; ours with what the client wrote.
DECK_DEFAULTS = {
    "newLimit": None,
    "reviewLimit": None,
    "newLimitToday": None,
    "reviewLimitToday": None,
    "desiredRetention": None,
}
FILTERED_DEFAULTS = {"previewAgainSecs": 0, "previewHardSecs": 0, "previewGoodSecs": 0}
PRESET_DEFAULTS = {
    "answerAction": 0,
    "buryInterdayLearning": False,
    "desiredRetention": 0.9,
    "easyDaysPercentages": [],
    "fsrsParams5": [],
    "fsrsParams6": [],
    "fsrsWeights": [],
    "ignoreRevlogsBeforeDate": "",
    "questionAction": 0,
    "secondsToShowAnswer": 0.0,
    "secondsToShowQuestion": 0.0,
    "sm2Retention": 0.9,
    "stopTimerOnAnswer": False,
    "waitForAudio": True,
    "weightSearch": "",
}
FIELD_DEFAULTS = {
    "id": None,
    "tag": None,
    "preventDeletion": False,
    "collapsed": False,
    "description": "",
    "excludeFromSearch": False,
    "plainText": False,
}
TEMPLATE_DEFAULTS = {"id": None}


def _fill(target, defaults):
    for key, value in defaults.items():
        target.setdefault(key, value)


def _cut(value, *factors):
    """What becomes of a whole number that is kept as a 32-bit float (of 1000, or of
    100), and is cut off, not rounded, when it is written as a whole number again."""
    single = lambda number: struct.unpack("f", struct.pack("f", number))[0]  # noqa: E731
    shorter = float(value)
    for factor in factors:
        shorter = single(shorter * factor if factor > 1 else shorter / (1 / factor))
    return int(shorter)


def _cut_until_stable(value, *ways):
    while (shorter := min(_cut(value, *way) for way in ways)) != value:
        value = shorter
    return value


def _deck(deck):
    # Clients and the official server truncate; ours rounds.
    if deck.get("desiredRetention"):
        deck["desiredRetention"] = _cut_until_stable(deck["desiredRetention"], (1 / 100, 100))
    _fill(deck, FILTERED_DEFAULTS if deck["dyn"] else DECK_DEFAULTS)


def _preset(preset):
    _fill(preset, PRESET_DEFAULTS)
    # Between files of schema 11 and 18 there is a detour by percents.
    ways = ((1 / 1000, 1000), (1 / 1000, 100, 1 / 100, 1000))
    preset["new"]["initialFactor"] = _cut_until_stable(preset["new"]["initialFactor"], *ways)
    # Nothing at all, in a file, is 0. Clients and the official server read that as the default; ours keeps it.
    for key in ("desiredRetention", "sm2Retention"):
        preset[key] = preset[key] or PRESET_DEFAULTS[key]


def _notetype(notetype):
    for field in notetype["flds"]:
        _fill(field, FIELD_DEFAULTS)
    for template in notetype["tmpls"]:
        _fill(template, TEMPLATE_DEFAULTS)


def _card(row):
    # 2.1.49 writes nothing where others write an empty object; ours keeps it.
    if row[17] == "":
        row[17] = "{}"

