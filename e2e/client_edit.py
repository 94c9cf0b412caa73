# SPDX-License-Identifier: AGPL-3.0-or-later
"""Editing verbs of client.py. Each is what a user can do, except where said."""

import base64
import os
import time


def add_note(self, fields, notetype="Basic", deck="Default", tags=()):
    notetype = self.col.models.by_name(notetype)
    note = self.col.new_note(notetype)
    for index, text in enumerate(fields):
        note.fields[index] = text
    note.tags = list(tags)
    self.col.add_note(note, self.col.decks.id(deck))
    self.save()
    return note.id


def add_notes(self, count, prefix="note", notetype="Basic", deck="Default", tags=()):
    nids = []
    for index in range(count):
        nids.append(add_note(self, [f"{prefix} {index}", f"back {index}"], notetype, deck, tags))
    return nids


def edit_note(self, nid, fields=None, tags=None):
    note = self.col.get_note(nid)
    for index, text in enumerate(fields or ()):
        note.fields[index] = text
    if tags is not None:
        note.tags = list(tags)
    self.col.update_note(note)
    self.save()


def edit_all_notes(self, prefix):
    notes = [self.col.get_note(nid) for nid in self.col.find_notes("")]
    for note in notes:
        note.fields[0] = f"{prefix} {note.id}"
    self.col.update_notes(notes)
    self.save()


def delete_notes(self, nids):
    self.col.remove_notes(nids)
    self.save()


def cards_of(self, nid):
    return self.col.db.list("select id from cards where nid = ? order by ord", nid)


def set_deck(self, cids, deck):
    self.col.set_deck(cids, self.col.decks.id(deck))
    self.save()


# -- decks and presets


def add_deck(self, name):
    did = self.col.decks.id(name)
    self.save()
    return did


def rename_deck(self, did, name):
    self.col.decks.rename(did, name)
    self.save()


def remove_decks(self, dids):
    self.col.decks.remove(dids)
    self.save()


def get_deck(self, did):
    return self.col.decks.get(did)


def update_deck(self, did, changes):
    deck = self.col.decks.get(did, default=False)
    deck.update(changes)
    self.col.decks.update_dict(deck)
    self.save()


def select_deck(self, did):
    self.col.decks.select(did)
    self.save()


def add_preset(self, name, changes=None):
    preset = self.col.decks.add_config(name)
    if changes:
        return update_preset(self, preset["id"], changes)
    self.save()
    return preset["id"]


def _merge(target, changes):
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value


def update_preset(self, pid, changes):
    preset = self.col.decks.get_config(pid)
    _merge(preset, changes)
    self.col.decks.update_config(preset)
    self.save()
    return pid


def set_preset(self, did, pid):
    update_deck(self, did, {"conf": pid})


def remove_preset(self, pid):
    self.col.decks.remove_config(pid)
    self.save()


# -- notetypes


def add_notetype(self, name, fields, templates, changes=None):
    """templates: list of [name, question, answer]."""
    models = self.col.models
    notetype = models.new(name)
    for field in fields:
        models.add_field(notetype, models.new_field(field))
    for template_name, question, answer in templates:
        template = models.new_template(template_name)
        template["qfmt"], template["afmt"] = question, answer
        models.add_template(notetype, template)
    notetype.update(changes or {})
    mid = models.add_dict(notetype).id
    self.save()
    return mid


def get_notetype(self, name):
    self.col._clear_caches()
    return self.col.models.by_name(name)


def update_notetype(self, name, changes):
    """Top-level keys only: name, css, add-on keys."""
    self.col._clear_caches()
    notetype = self.col.models.by_name(name)
    notetype.update(changes)
    self.col.models.update_dict(notetype)
    self.save()


def edit_template(self, name, index, changes):
    self.col._clear_caches()
    notetype = self.col.models.by_name(name)
    notetype["tmpls"][index].update(changes)
    self.col.models.update_dict(notetype)
    self.save()


def edit_field(self, name, index, changes):
    self.col._clear_caches()
    notetype = self.col.models.by_name(name)
    notetype["flds"][index].update(changes)
    self.col.models.update_dict(notetype)
    self.save()


def add_field(self, name, field):
    """A schema change: the next sync must be one-way."""
    self.col._clear_caches()
    models = self.col.models
    notetype = models.by_name(name)
    models.add_field(notetype, models.new_field(field))
    models.update_dict(notetype)
    self.save()


def remove_notetype(self, name):
    self.col._clear_caches()
    self.col.models.remove(self.col.models.by_name(name)["id"])
    self.save()


# -- tags and config


def add_tags(self, nids, tags):
    self.col.tags.bulk_add(nids, tags)
    self.save()


def rename_tag(self, old, new):
    self.col.tags.rename(old, new)
    self.save()


def set_config(self, key, value):
    self.col.set_config(key, value)
    self.save()


def get_config(self, key):
    return self.col.get_config(key)


def remove_config(self, key):
    self.col.remove_config(key)
    self.save()


def add_image_occlusion(self, header, occlusions):
    """Uses a one-pixel image, which the client copies into its media folder."""
    png = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    path = self.path + ".occluded.png"
    with open(path, "wb") as file:
        file.write(png)
    self.col.add_image_occlusion_notetype()
    self.col._clear_caches()
    # 6: the stock kind of image occlusion, whatever its translated name.
    mid = next(n["id"] for n in self.col.models.all() if n.get("originalStockKind") == 6)
    self.col.add_image_occlusion_note(
        notetype_id=mid, image_path=path, occlusions=occlusions, header=header, back_extra="", tags=["io"]
    )
    self.save()
    return self.col.db.scalar("select max(id) from notes")


# -- the rest


def check_database(self):
    text, ok = self.col.fix_integrity()
    return [text, ok]


def execute(self, sql, args=()):
    """Direct SQL, for states that take too long to click together. Marks the
    collection as changed, as every edit of a user does."""
    self.col.db.execute(sql, *args)
    touch(self)


def touch(self):
    self.col.db.execute("update col set mod = max(mod + 1, ?)", int(time.time() * 1000))
    self.save()


def set_stamp(self, column, value):
    assert column in ("mod", "scm", "usn", "ls", "crt")
    self.col.db.execute(f"update col set {column} = ?", value)
    self.save()


# -- media


def write_media(self, name, text=None, size=None, seed=0):
    """Adds or replaces a file. Clients notice a change by the whole second of
    its time stamp, so every write gets a stamp of its own."""
    data = text.encode() if size is None else _noise(size, seed)
    folder = self.col.media.dir()
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    self.media_clock = getattr(self, "media_clock", int(time.time()) - 100_000) + 10
    os.utime(path, (self.media_clock, self.media_clock))
    os.utime(folder, (self.media_clock, self.media_clock))


def write_many_media(self, count, prefix="file", size=200):
    for index in range(count):
        write_media(self, f"{prefix}{index:04}.bin", size=size, seed=index)


def _noise(size, seed):
    """Bytes that do not compress, the same for the same arguments."""
    import random

    return random.Random(seed).randbytes(size)


def delete_media(self, names):
    self.col.media.trash_files(names)
    folder = self.col.media.dir()
    self.media_clock = getattr(self, "media_clock", int(time.time()) - 100_000) + 10
    os.utime(folder, (self.media_clock, self.media_clock))
