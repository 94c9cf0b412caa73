# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading verbs of client.py: everything that a collection holds, as JSON."""

import hashlib
import json
import os

_COLUMNS = {
    "notes": "id,guid,mid,mod,usn,tags,flds,sfld,csum,flags,data",
    "cards": "id,nid,did,ord,mod,usn,type,queue,due,ivl,factor,reps,lapses,left,odue,odid,flags,data",
    "revlog": "id,cid,usn,ease,ivl,lastIvl,factor,time,type",
}


def _rows(self, table):
    return self.col.db.all(f"select {_COLUMNS[table]} from {table} order by id")


def dump(self):
    """All tables. Decks, presets and notetypes in the JSON form that clients
    exchange, because only that is the same for every client version."""
    self.col._clear_caches()
    crt, mod, scm, usn = self.col.db.first("select crt, mod, scm, usn from col")
    result = {
        "col": {"crt": crt, "mod": mod, "scm": scm, "usn": usn},
        "notetypes": {str(n["id"]): n for n in self.col.models.all()},
        "decks": {str(d["id"]): d for d in self.col.decks.all()},
        "presets": {str(c["id"]): c for c in self.col.decks.all_config()},
        "tags": self.col.db.all("select tag, usn, collapsed from tags order by tag"),
        "config": self.col.all_config(),
        "graves": self.col.db.all("select oid, type, usn from graves order by type, oid"),
        "usns": {
            table: self.col.db.list(f"select distinct usn from {table}")
            for table in ("notes", "cards", "revlog", "graves", "decks", "deck_config", "notetypes", "tags")
        },
    }
    for table in _COLUMNS:
        result[table] = _rows(self, table)
    return result


def digest(self):
    """Row counts and a hash per big table (without usn), for collections that
    are too large to be sent as text."""
    result = {}
    for table, columns in _COLUMNS.items():
        usn = columns.split(",").index("usn")
        hasher = hashlib.sha256()
        rows = _rows(self, table)
        for row in rows:
            row = list(row)
            row[usn] = 0
            hasher.update(json.dumps(row).encode())
        result[table] = [len(rows), hasher.hexdigest()]
    return result


def select(self, sql, args=()):
    return self.col.db.all(sql, *args)


def counts(self):
    return {t: self.col.db.scalar(f"select count() from {t}") for t in _COLUMNS}


def empty_cards(self):
    return self.col.db.scalar("select count() from cards") == 0


def note(self, nid):
    note = self.col.get_note(nid)
    return {"fields": note.fields, "tags": note.tags, "mid": note.mid, "mod": note.mod}


def find_notes(self, query):
    return list(self.col.find_notes(query))


def find_cards(self, query):
    return list(self.col.find_cards(query))


def deck_names(self):
    return sorted(d["name"] for d in self.col.decks.all())


def notetype_names(self):
    self.col._clear_caches()
    return sorted(n["name"] for n in self.col.models.all())


def tag_names(self):
    return sorted(self.col.tags.all())


def quick_check(self):
    return self.col.db.scalar("pragma integrity_check")


def media_files(self):
    """name -> sha1 of every file in the media folder."""
    folder = self.col.media.dir()
    result = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            result[name] = hashlib.sha1(file.read()).hexdigest()
    return result
