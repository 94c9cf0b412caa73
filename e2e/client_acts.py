# SPDX-License-Identifier: AGPL-3.0-or-later
"""Random acts of client.py: what a user can do, on objects that are named by a
number. "The 17th note" is note 17 modulo the number of notes, so that an act
still means something after others were dropped from a list of steps.

Everything that a client would choose at random or by the clock is decided by
the arguments or by the test's clock: two runs of the same acts give the same
rows, down to ids and stamps.
"""

import copy
import os
import time

import client_edit
import client_study

DECKS = ["A", "a", "A::B", "a::b::c", "Straße", "STRASSE::x", "Ünï ✓", "日本::漢字", "Default::sub", "::B:: ", "Å", "Å"]
TAGS = ["t1", "T1", "x::y", "X::Y::z", "ß", "SS", "日本", "leech", "marked", "a,b", "é", "e\u0301"]
NOTETYPES = ["Own", "OWN", "Straße", "basic", "Cloze", "x" * 40]
TEXTS = [
    "plain",
    "",
    "<b>bold</b> &amp; <img src='a b.jpg'>",
    "007",
    "e\u0301 \u212b NFD",
    "{{c1::one}} more",
    "[sound:a.mp3]<br>\tline",
    "日本 🎉 " * 20,
    "x" * 3000,
    "<!-- c --><script>1</script>&nbsp;end ",
    "a\x08b\x1bc",
    "1e3",
    "{{c2::two::hint}}",
]
CONFIG_KEYS = ["addon.one", "addon.two", "timeLim", "nextPos", "collapseTime", "newSpread"]
MEDIA = ["a.jpg", "A.jpg", "b ü.mp3", "日本.png", "long-" + "n" * 80 + ".png", "e\u0301.gif", "_keep.css"]


class NothingThere(Exception):
    """The act needs an object of a kind that the collection has none of."""


def act(self, name, args):
    """Does one act. An error of the client is a result like any other."""
    try:
        result = ["done", ACTS[name](self, **args)]
    except NothingThere as reason:
        result = ["nothing there", str(reason)]
    except Exception as error:
        result = ["error", type(error).__name__, str(error)[:300]]
    self.save()
    return result


def _pick(ids, index, what):
    if not ids:
        raise NothingThere(what)
    return ids[index % len(ids)]


def _note(self, index):
    return _pick(self.col.db.list("select id from notes order by id"), index, "note")


def _cards(self, indexes):
    """In the order given, each once."""
    ids = self.col.db.list("select id from cards order by id")
    return list(dict.fromkeys(_pick(ids, index, "card") for index in indexes))


def _deck(self, index, filtered=None):
    decks = sorted((d for d in self.col.decks.all() if filtered in (None, bool(d["dyn"]))), key=lambda d: d["id"])
    return _pick(decks, index, "deck")


def _preset(self, index):
    return _pick(sorted(self.col.decks.all_config(), key=lambda c: c["id"]), index, "preset")


def _notetype(self, index):
    self.col._clear_caches()
    return _pick(sorted(self.col.models.all(), key=lambda n: n["id"]), index, "notetype")


def _from(pool, index):
    return pool[index % len(pool)]


def _change(target, changes):
    """An update that changes nothing is none: to some clients it is one after
    all, by chance, as they keep unknown keys in a random order."""
    before = copy.deepcopy(target)
    client_edit._merge(target, changes)
    if target == before:
        raise NothingThere("change to make")


def _own_id(part, salt):
    """New clients give fields and templates random ids."""
    if "id" in part:
        part["id"] = int(time.time() * 1000) * 1000 + salt


# -- notes


def add_note(self, notetype, texts, deck, tags, guid):
    notetype = _notetype(self, notetype)
    note = self.col.new_note(notetype)
    note.guid = guid
    # Cloze notes: not two cards at once, since clients number them in a random order.
    for index in range(1 if notetype["type"] == 1 else len(note.fields)):
        note.fields[index] = _from(TEXTS, texts + index * 5)
    if not note.fields[0]:
        note.fields[0] = guid
    note.tags = [_from(TAGS, tag) for tag in tags]
    self.col.add_note(note, _deck(self, deck, filtered=False)["id"])
    return note.id


def add_many(self, count, guid):
    """More than a chunk of the protocol holds."""
    basic = sorted(self.col.models.all(), key=lambda n: n["id"])[0]
    for index in range(count):
        note = self.col.new_note(basic)
        note.guid = f"{guid}-{index}"
        note.fields[0] = note.guid
        self.col.add_note(note, 1)


def edit_note(self, note, field, text):
    found = self.col.get_note(_note(self, note))
    index = field % len(found.fields)
    found.fields[index] = _from(TEXTS, text) or f"text {text}"
    self.col.update_note(found)
    return found.id


def tag_note(self, note, tags):
    found = self.col.get_note(_note(self, note))
    found.tags = [_from(TAGS, tag) for tag in tags]
    self.col.update_note(found)
    return found.id


def edit_many(self, text):
    notes = [self.col.get_note(nid) for nid in self.col.find_notes("")]
    for note in notes:
        note.fields[-1] = f"all {text}"
    self.col.update_notes(notes)
    return len(notes)


def delete_notes(self, notes):
    nids = list(dict.fromkeys(_note(self, note) for note in notes))
    self.col.remove_notes(nids)
    return nids


def delete_cards(self, cards):
    cids = _cards(self, cards)
    self.col.remove_cards_and_orphaned_notes(cids)
    return cids


def find_and_delete_empty(self):
    """The "empty cards" of the tools menu."""
    report = self.col.get_empty_cards()
    cids = [cid for note in report.notes for cid in note.card_ids]
    self.col.remove_cards_and_orphaned_notes(cids)
    return cids


# -- decks and presets


def add_deck(self, name):
    return self.col.decks.id(_from(DECKS, name))


def rename_deck(self, deck, name):
    found = _deck(self, deck)
    _change(dict(found), {"name": _from(DECKS, name)})
    self.col.decks.rename(found["id"], _from(DECKS, name))


def remove_deck(self, deck):
    did = _deck(self, deck)["id"]
    self.col.decks.remove([did])
    return did


def change_deck(self, deck, changes):
    found = _deck(self, deck, filtered=False)
    _change(found, changes)
    self.col.decks.update_dict(found)
    return found["id"]


def move_cards(self, cards, deck):
    self.col.set_deck(_cards(self, cards), _deck(self, deck, filtered=False)["id"])


def add_preset(self, name):
    return self.col.decks.add_config(_from(DECKS, name))["id"]


def change_preset(self, preset, changes):
    found = _preset(self, preset)
    _change(found, changes)
    self.col.decks.update_config(found)
    return found["id"]


def choose_preset(self, deck, preset):
    found = _deck(self, deck, filtered=False)
    _change(found, {"conf": _preset(self, preset)["id"]})
    self.col.decks.update_dict(found)


def remove_preset(self, preset):
    """A schema change."""
    self.col.decks.remove_config(_preset(self, preset)["id"])


# -- notetypes


def add_notetype(self, name, fields, templates):
    models = self.col.models
    notetype = models.new(_from(NOTETYPES, name))
    for index in range(fields):
        field = models.new_field(f"F{index} ü")
        _own_id(field, index)
        models.add_field(notetype, field)
    for index in range(templates):
        template = models.new_template(f"T{index}")
        template["qfmt"] = "{{F%d ü}}" % (index % fields)
        template["afmt"] = "{{FrontSide}}"
        _own_id(template, 100 + index)
        models.add_template(notetype, template)
    notetype["addonKey"] = {"big": 2**60, "text": "ß"}
    return models.add_dict(notetype).id


def change_notetype(self, notetype, changes):
    """Top-level keys: name, css, add-on keys. No schema change."""
    found = _notetype(self, notetype)
    _change(found, changes)
    self.col.models.update_dict(found)


def rename_notetype(self, notetype, name):
    change_notetype(self, notetype, {"name": _from(NOTETYPES, name)})


def change_template(self, notetype, template, changes):
    found = _notetype(self, notetype)
    part = found["tmpls"][template % len(found["tmpls"])]
    _change(part, changes)
    if "afmt" in changes:
        part["qfmt"] = "%s{{%s}}" % (changes["afmt"][:3], found["flds"][0]["name"])
        if found["type"] == 1:
            part["qfmt"] = part["afmt"] = "{{cloze:%s}}" % found["flds"][0]["name"]
    self.col.models.update_dict(found)


def rename_field(self, notetype, field, name):
    """Renaming is no schema change."""
    found = _notetype(self, notetype)
    self.col.models.rename_field(found, found["flds"][field % len(found["flds"])], f"R{name}")
    self.col.models.update_dict(found)


def change_field(self, notetype, field, changes):
    found = _notetype(self, notetype)
    _change(found["flds"][field % len(found["flds"])], changes)
    self.col.models.update_dict(found)


def add_field(self, notetype, name):
    """From here on: schema changes."""
    found = _notetype(self, notetype)
    field = self.col.models.new_field(f"N{name}")
    _own_id(field, name)
    self.col.models.add_field(found, field)
    self.col.models.update_dict(found)


def remove_field(self, notetype, field):
    found = _notetype(self, notetype)
    if len(found["flds"]) < 3:
        raise NothingThere("field to spare")
    self.col.models.remove_field(found, found["flds"][1 + field % (len(found["flds"]) - 1)])
    self.col.models.update_dict(found)


def add_template(self, notetype, name):
    found = _notetype(self, notetype)
    if found["type"] == 1:
        raise NothingThere("notetype with templates")
    template = self.col.models.new_template(f"N{name}")
    template["qfmt"] = f"{name} {{{{{found['flds'][0]['name']}}}}}"
    template["afmt"] = "x"
    _own_id(template, name)
    self.col.models.add_template(found, template)
    self.col.models.update_dict(found)


def remove_template(self, notetype, template):
    found = _notetype(self, notetype)
    if len(found["tmpls"]) < 2:
        raise NothingThere("template to spare")
    self.col.models.remove_template(found, found["tmpls"][template % len(found["tmpls"])])
    self.col.models.update_dict(found)


def sort_by_field(self, notetype, field):
    found = _notetype(self, notetype)
    self.col.models.set_sort_index(found, field % len(found["flds"]))
    self.col.models.update_dict(found)


def swap_fields(self, notetype):
    found = _notetype(self, notetype)
    self.col.models.reposition_field(found, found["flds"][0], 1)
    self.col.models.update_dict(found)


def remove_notetype(self, notetype):
    if len(self.col.models.all()) < 3:
        raise NothingThere("notetype to spare")
    self.col.models.remove(_notetype(self, notetype)["id"])


def other_notetype(self, note, notetype):
    found = self.col.get_note(_note(self, note))
    old, new = self.col.models.get(found.mid), _notetype(self, notetype)
    if old["type"] or new["type"]:
        raise NothingThere("two notetypes that are no cloze")
    self.col.models.change(old, [found.id], new, {0: 0, 1: None}, {0: 0})


# -- tags and config


def add_tag(self, notes, tag):
    self.col.tags.bulk_add(list({_note(self, note): 0 for note in notes}), _from(TAGS, tag))


def rename_tag(self, tag, name):
    self.col.tags.rename(_pick(sorted(self.col.tags.all()), tag, "tag"), _from(TAGS, name))


def remove_tag(self, tag):
    self.col.tags.remove(_pick(sorted(self.col.tags.all()), tag, "tag"))


def clear_unused_tags(self):
    self.col.tags.clear_unused_tags()


def set_config(self, key, value):
    self.col.set_config(_from(CONFIG_KEYS, key), value)


def set_fsrs(self, value):
    self.col.set_config("fsrs", value)


def remove_config(self, key):
    self.col.remove_config(_from(CONFIG_KEYS[:2], key))


# -- studying


def answer(self, deck, ease):
    self.col.decks.select(_deck(self, deck)["id"])
    if hasattr(self.col, "reset"):
        self.col.reset()
    card = self.col.sched.getCard()
    if card is None:
        raise NothingThere("card due")
    card.start_timer() if hasattr(card, "start_timer") else card.startTimer()
    self.col.sched.answerCard(card, ease)
    return card.id


def undo(self):
    self.col.undo()


def suspend(self, cards):
    self.col.sched.suspend_cards(_cards(self, cards))


def unsuspend(self, cards):
    self.col.sched.unsuspend_cards(_cards(self, cards))


def bury(self, cards, manual):
    self.col.sched.bury_cards(_cards(self, cards), manual=manual)


def unbury_all(self):
    for deck in self.col.decks.all():
        self.col.sched.unbury_deck(deck["id"])


def flag(self, cards, colour):
    self.col.set_user_flag_for_cards(colour, _cards(self, cards))


def set_due(self, cards, days):
    self.col.sched.set_due_date(_cards(self, cards), days)


def forget(self, cards):
    self.col.sched.schedule_cards_as_new(_cards(self, cards))


def reposition(self, cards, start):
    self.col.sched.reposition_new_cards(_cards(self, cards), start, 1, False, True)


def custom_data(self, cards, data):
    for cid in _cards(self, cards):
        card = self.col.get_card(cid)
        if not hasattr(card, "custom_data"):
            raise NothingThere("custom data in this version")
        card.custom_data = data
        self.col.update_card(card)


def add_filtered(self, name, search, limit, order, resched):
    deck = self.col.sched.get_or_create_filtered_deck(deck_id=0)
    deck.name = f"Filtered {name}"
    deck.config.reschedule = resched
    del deck.config.search_terms[:]
    deck.config.search_terms.add(search=search, limit=limit, order=order)
    return self.col.sched.add_or_update_filtered_deck(deck).id


def rebuild_filtered(self, deck):
    self.col.sched.rebuild_filtered_deck(_deck(self, deck, filtered=True)["id"])


def empty_filtered(self, deck):
    self.col.sched.empty_filtered_deck(_deck(self, deck, filtered=True)["id"])


def look(self, touch):
    """Shows the list of decks. On the first look of a day a client unburies, and
    notes down the day in its configuration, which does not count as a change
    that has to be synced. touch: a change that does."""
    self.col.sched.deck_due_tree()
    if touch:
        self.col.set_config("looked", int(time.time()))


# -- the rest


def check_database(self):
    return self.col.fix_integrity()[1]


def one_way(self):
    """What the preference "next sync only one way" does."""
    self.col.mod_schema(check=False) if hasattr(self.col, "mod_schema") else self.col.modSchema(check=False)


def write_media(self, name, text):
    client_edit.write_media(self, _from(MEDIA, name), text=f"content {text} " * (1 + text % 7))


def delete_media(self, name):
    files = sorted(os.listdir(self.col.media.dir()))
    client_edit.delete_media(self, [_pick(files, name, "media file")])


ACTS = {
    name: function
    for name, function in list(globals().items())
    if callable(function) and getattr(function, "__module__", "") == __name__ and not name.startswith("_")
}
for _helper in ("act", "NothingThere"):
    del ACTS[_helper]


# -- what the runs need besides acts


def adopt(self, hkey, endpoint):
    """Uses a login that somebody else made."""
    self.endpoint = endpoint
    try:
        from anki.sync import SyncAuth
    except ImportError:
        from anki.sync_pb2 import SyncAuth
    self.auth = SyncAuth(hkey=hkey)
    if "SYNC_ENDPOINT" not in os.environ:
        self.auth.endpoint = endpoint


def study_with_v3(self):
    if self.col.sched_ver() != 2 or not self.col.get_config("sched2021"):
        client_study.use_v3(self)
