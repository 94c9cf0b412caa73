# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asks a real client what searches find and statistics show, for `it/searching.rs` to compare with.

    target/e2e/anki-26.9.3/bin/python crates/server/tests/make_searches.py \\
        --seed 1 --random 1500 crates/server/tests/data/searches-26.9.3.zip

The collection is made of everything that searches ask about: decks and tags of odd names, filtered decks, all states of cards, FSRS
data, reviews, letters beyond ASCII. The zip holds it (`collection.anki2`) and `searches.json`: the second at which it was asked, and
for each search the ids of its notes and cards, or null where the client refuses it, all cards in the orders of the browser, and the
statistics.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import tempfile
import time
import zipfile

from anki.collection import Collection

WORDS = [
    "the", "Haus", "haus", "Straße", "STRASSE", "über", "Über", "u\u0308ber", "naïve", "café", "CAFÉ", "日本", "漢字", "Привет", "привет",
    "100%", "a_b", "a*b", "back\\slash", "quo\"te", "co:lon", "(paren)", "-dash", "&amp;", "&nbsp;", "<b>bold</b>", "x", "1234", "007",
    "ß", "ſ", "\u212a", "İ", "ﬃ", "emoji🎉", "and", "or", "[sound:a.mp3]", "<img src=\"p i.jpg\">", "{{c1::hidden}}", "{{c2::more::hint}}",
    "foo", "bar", "foobar", "Foo bar", "e\u0301te\u0301", "été", "\u3000", "line\nbreak", "K", "k", "S", "!bang!",
]  # fmt: skip
TAGS = [
    "noun", "Verb", "lang::de", "lang::ja::n5", "LANG::fr", "marked", "leech", "ärztlich", "Ärzte", "日本", "a.b", "a+b", "a_b", "a*b",
    "axb", "c::d::e", "foo", "foobar", "None", "re", "x::noun", "tag:colon", "ﬃ", "straße", "100%",
]  # fmt: skip
DECKS = ["Default", "A", "A::B", "A::B::C", "AB", "a.b", "Ünï::Ç", "Sp ace", "100%", "x_y", "xzy", "current", "日本::漢字", "(br)", "A::x-y"]
FIELDS = ["Front", "Back", "front side", "f_x", "fax", "Fröm", "Ünï", "a.b", "re", "Extra"]


def make(folder, rng):
    path = os.path.join(folder, "collection.anki2")
    col = Collection(path)
    # So that there are days before today.
    col.db.execute("update col set crt = crt - 400 * 86400")
    col.close()
    col = Collection(path)
    models = col.models
    for name, fields, excluded in (("Odd [x]", ["Word", "f_x", "fax", "Fröm", "front side"], None), ("Hidden", ["Front", "a.b", "Extra", "re"], "a.b")):
        notetype = models.new(name)
        for field in fields:
            made = models.new_field(field)
            made["excludeFromSearch"] = field == excluded
            models.add_field(notetype, made)
        for asked, template in enumerate(("Card 1", "Karte Zwei")):
            made = models.new_template(template)
            made["qfmt"] = "{{%s}}" % fields[asked]
            made["afmt"] = "{{%s}}" % fields[2]
            models.add_template(notetype, made)
        models.add_dict(notetype)
    presets = [col.decks.add_config(name) for name in ("Hard", "hard ones", "Ünï")]
    decks = [col.decks.id(name) for name in DECKS]
    for preset in presets[:2]:
        preset["new"]["perDay"], preset["rev"]["perDay"] = rng.randrange(1, 8), rng.randrange(1, 12)
        col.decks.save(preset)
    for index, deck in enumerate(decks):
        found = col.decks.get(deck)
        if index % 3 == 2:
            found["conf"] = rng.choice(presets)["id"]
        if index % 4 == 1:
            found["newLimit"] = rng.randrange(5)
        if index % 5 == 1:
            found["reviewLimitToday"] = {"limit": rng.randrange(6), "today": col.sched.today - index % 2}
        if index % 6 == 1:
            found["newToday"] = found["revToday"] = found["lrnToday"] = found["timeToday"] = [col.sched.today, 2]
        col.decks.save(found)
    notetypes = [n for n in models.all() if n["name"] != "Image Occlusion"]
    for _ in range(300):
        notetype = rng.choice(notetypes)
        note = col.new_note(notetype)
        for index in range(len(note.fields)):
            note.fields[index] = " ".join(rng.choice(WORDS) for _ in range(rng.choice((0, 1, 1, 2, 4))))
        if not note.fields[0]:
            note.fields[0] = rng.choice(WORDS)
        if notetype["type"] == 1:
            note.fields[0] += " {{c1::%s}} {{c3::x}}" % rng.choice(WORDS)
        note.tags = [rng.choice(TAGS) for _ in range(rng.choice((0, 0, 1, 2, 3)))]
        col.add_note(note, rng.choice(decks))
    spread(col, rng)
    for index, name in enumerate(("Filtered", "A::cram")):
        filtered = col.sched.get_or_create_filtered_deck(0)
        filtered.name = name
        del filtered.config.search_terms[:]
        filtered.config.search_terms.add(search=("flag:1", "deck:A is:review")[index], limit=15, order=0)
        filtered.config.reschedule = index == 0
        col.sched.add_or_update_filtered_deck(filtered)
    col.decks.select(decks[2])
    return col


def spread(col, rng):
    """Puts cards into all states, by hand."""
    now, today, cutoff = int(time.time()), col.sched.today, col.sched.day_cutoff
    note_ids = col.db.list("select id from notes")
    for nid in note_ids:
        moved = nid - rng.choice((0, 0, 1, 2, 5, 30)) * 86_400_000
        col.db.execute("update notes set mod = ? where id = ?", now - rng.randrange(0, 20) * 43_200 - 100, nid)
        if moved != nid and not col.db.scalar("select count() from notes where id = ?", moved):
            col.db.execute("update notes set id = ? where id = ?", moved, nid)
            col.db.execute("update cards set nid = ? where nid = ?", moved, nid)
    for cid in col.db.list("select id from cards"):
        kind = rng.choice((0, 0, 1, 2, 2, 2, 3))
        queue = {0: 0, 1: rng.choice((1, 3)), 2: 2, 3: rng.choice((1, 3, 4))}[kind]
        due = {0: rng.randrange(1, 60), 2: today + rng.randrange(-30, 40), 3: today + rng.randrange(-3, 4)}.get(queue)
        if due is None:
            due = rng.choice((now, cutoff)) + rng.randrange(-60, 61) * 3607 + 1801
        if rng.random() < 0.25:
            queue = rng.choice((-1, -2, -3))
        ivl = rng.choice((0, 1, 3, 10, 21, 100, 400)) if kind >= 2 else 0
        factor = rng.choice((1300, 1850, 2500, 2510, 3000)) if kind else 0
        reps, lapses = (rng.randrange(1, 30), rng.randrange(0, 9)) if kind else (0, 0)
        data = {}
        if rng.random() < 0.6 and kind:
            data.update(s=rng.choice((0.5, 1.25, 5.1, 30.0, 365.5)), d=rng.choice((1.0, 3.7, 5.5, 8.25, 10.0)), dr=0.9)
            if rng.random() < 0.5:
                data["lrt"] = now - rng.randrange(1, 90) * 43_200
            if rng.random() < 0.3:
                data["decay"] = rng.choice((0.2, 0.154))
        if rng.random() < 0.2:
            data["cd"] = json.dumps({"k": rng.choice((1, 2.5, "v", "10", "w x")), "b": True})
        if rng.random() < 0.3:
            data["pos"] = rng.randrange(100)
        col.db.execute(
            "update cards set type=?, queue=?, due=?, ivl=?, factor=?, reps=?, lapses=?, flags=?, data=?, mod=? where id=?",
            kind, queue, due, ivl, factor, reps, lapses, rng.randrange(8), json.dumps(data), now - rng.randrange(90_000), cid,
        )  # fmt: skip
        moved = cid - rng.choice((0, 0, 1, 2, 5, 30)) * 86_400_000
        if moved != cid and not col.db.scalar("select count() from cards where id = ?", moved):
            col.db.execute("update cards set id = ? where id = ?", moved, cid)
            cid = moved
        for _ in range(rng.choice((0, 0, 1, 2, 6)) if kind else rng.choice((0, 0, 0, 1))):
            at = (cutoff - rng.choice((0, 1, 2, 3, 7, 31, 100)) * 86_400 - rng.randrange(86_400)) * 1000 + rng.randrange(1000)
            ease = rng.choice((0, 1, 2, 3, 3, 3, 4))
            col.db.execute(
                "insert or ignore into revlog values (?, ?, 0, ?, ?, ?, ?, ?, ?)",
                at, cid, ease, rng.choice((-600, 1, 5, 40)), rng.choice((-90_000, -60, 0, 1, 3, 30)), rng.choice((0, 2500)), rng.randrange(60_000), rng.randrange(6) if ease else 4,
            )  # fmt: skip


class Grammar:
    """Random searches, most of them right."""

    def __init__(self, col, rng):
        self.rng, self.col = rng, col
        self.cards = col.db.list("select id from cards order by id")
        self.notes = col.db.list("select id from notes order by id")

    def mutated(self, text):
        rng = self.rng
        text = "".join("\\" + c if c in '\\"*_:()' or (c == "-" and rng.random() < 0.5) else c for c in text)
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            if text and rng.random() < 0.7:
                at = rng.randrange(len(text) + 1)
                if text[at - 1 : at] == "\\":
                    continue
                what = rng.random()
                if what < 0.4:
                    text = text[:at] + "*" + text[at:]
                elif what < 0.6 and at < len(text) and text[at] != "\\":
                    text = text[:at] + "_" + text[at + 1 :]
                elif what < 0.8:
                    text = text.swapcase()
                elif text[: at - 1].count("\\") == 0 and text[at:].count("\\") == 0:
                    text = text[:at]
        return text or "*"

    def quoted(self, term):
        if any(c in term for c in " \u3000\n()") or self.rng.random() < 0.1:
            key, colon, value = term.partition(":")
            if colon and self.rng.random() < 0.5 and "\\" not in key and not any(c in key for c in " \u3000()") and value:
                return f'{key}:"{value}"'
            return f'"{term}"'
        return term

    def atom(self):
        rng = self.rng
        op = rng.choice(("=", "!=", "<", "<=", ">", ">="))
        makers = [
            lambda: self.mutated(rng.choice(WORDS)),
            lambda: self.mutated(rng.choice(WORDS)),
            lambda: self.mutated(rng.choice(WORDS)),
            lambda: "deck:" + self.mutated(rng.choice(DECKS)).replace("\\:", ":"),
            lambda: "deck:" + rng.choice(("current", "filtered", "*", "A::*", "*b", "_", "A::cram")),
            lambda: "tag:" + self.mutated(rng.choice(TAGS)).replace("\\:", ":"),
            lambda: "tag:" + rng.choice(("none", "*", "lang", "lang::*", "re:^a", "re:n$", "re:a.b", "nc:arztlich", "nc:a*", "*::*", "_erb")),
            lambda: "is:" + rng.choice(("due", "new", "learn", "review", "suspended", "buried", "buried-manually", "buried-sibling")),
            lambda: f"flag:{rng.randrange(8)}",
            lambda: f"prop:ivl{op}{rng.choice((0, 1, 10, 21))}",
            lambda: f"prop:reps{op}{rng.randrange(20)}",
            lambda: f"prop:lapses{op}{rng.randrange(8)}",
            lambda: f"prop:ease{op}{rng.choice((1.3, 2.5, 2.51, 1.85, 0))}",
            lambda: f"prop:due{op}{rng.randrange(-4, 5)}",
            lambda: f"prop:pos{op}{rng.randrange(60)}",
            lambda: f"prop:rated{op}{rng.choice((0, -1, -2, -7, '-3:3', '-1:1'))}",
            lambda: f"prop:resched{op}{rng.choice((0, -1, -2, -7))}",
            lambda: f"prop:s{op}{rng.choice((0.5, 1.25, 5.1, 30, 100))}",
            lambda: f"prop:d{op}{rng.choice((0, 0.3, 0.5, 0.75, 1))}",
            lambda: f"prop:r{op}{rng.choice((0.3, 0.62, 0.8, 0.9, 0.953))}",
            lambda: f"prop:cdn:k{op}{rng.choice((1, 2, 2.5, 10))}",
            lambda: f"prop:cds:k{op}{rng.choice(('v', '1', 'w x', '2.5'))}",
            lambda: "has-cd:" + rng.choice("kbz"),
            lambda: f"rated:{rng.choice((0, 1, 2, 7, '3:1', '31:3'))}",
            lambda: f"resched:{rng.choice((0, 1, 2, 7, 40))}",
            lambda: f"introduced:{rng.choice((0, 1, 3, 8, 40))}",
            lambda: f"added:{rng.choice((0, 1, 2, 3, 6, 31))}",
            lambda: f"edited:{rng.choice((0, 1, 2, 5, 9))}",
            lambda: "note:" + rng.choice(("Basic", "basic", "cloze", "Odd*", "odd [x]", "*reversed*", "_asic", "nothing", "Hidden")),
            lambda: "card:" + rng.choice(("1", "2", "3", "Card 1", "card 1", "Karte*", "Cloze", "*2", "karte zwei", "0")),
            lambda: "preset:" + rng.choice(("Default", "hard", "HARD ONES", "ünï", "ÜNÏ", "none", "har*")),
            lambda: "nid:" + ",".join(str(i) for i in rng.sample(self.notes, 3)),
            lambda: "cid:" + ",".join(str(i) for i in rng.sample(self.cards, 4)),
            lambda: f"mid:{rng.choice(self.col.models.all())['id']}",
            lambda: f"did:{rng.choice(list(self.col.decks.all_names_and_ids())).id}",
            lambda: rng.choice(("Front", "back", "f_x", "f\\_x", "f*", "Fröm", "fRÖM", "a.b", "Text", "*", "Extra", "front side"))
            + ":" + rng.choice(("", "*", "_*", "*foo*", self.mutated(rng.choice(WORDS)), "*" + self.mutated(rng.choice(WORDS)) + "*", "re:^f.o", "re:[[:digit:]]+", "nc:*cafe*", "nc:uber", "nc:*")),
            lambda: "re:" + rng.choice(("fo+", "^x", "\\bfoo\\b", "é", "straße", "[a-c]x", "日.", "(?-i)Foo", "\\d{3}", "k", "a|b", "ß$", ".\x1f", "(?i:UBER)")),
            lambda: "w:" + rng.choice(("foo", "fo*", "_oo", "über", "x", "日本", "the", "naïve", "k")),
            lambda: "nc:" + rng.choice(("uber", "cafe", "ete", "über", "ffi", "k", "naive", "i", "CAFE")),
            lambda: "sc:" + rng.choice(("hidden", "more", "x", "hint", "c1", "{{", "hidden*x", "foo")),
        ]  # fmt: skip
        return self.quoted(rng.choice(makers)())

    def search(self, depth=0):
        rng = self.rng
        parts = []
        for index in range(rng.choice((1, 1, 2, 2, 3)) if depth == 0 else rng.choice((1, 2, 3))):
            if index:
                parts.append(rng.choice((" ", " ", " and ", " or ", " OR ", "  ")))
            part = self.atom()
            if depth < 2 and rng.random() < 0.2:
                part = f"({self.search(depth + 1)})"
            if rng.random() < 0.25:
                part = "-" + part
            parts.append(part)
        return "".join(parts)


FIXED = [
    "", " ", "a b", '"a', '""', "(a", "a)", "()", "and", "or", "a and", "a or or b", "-", "- a", "--a", ":a", "a\\", "a\\x", '"a\\x"', "foo:", "foo:x",
    "is:foo", "is:Due", "flag:8", "flag:-1", "prop:x=1", "prop:ivl", "prop:ivl!1", "prop:ivl=x", "prop:ease=x", "prop:due=1.5", "rated:x", "rated:1:5",
    "rated:1:0", "rated:-1", "prop:rated>1", "added:-1", "nid:", "nid:1,", "nid:x", "mid:x", "re:(", "re:[", "tag:re:(", "Front:re:(", "dupe:1", "dupe:x,y",
    "DECK:a", "Is:new", "NOTE:basic", "w:a*b", "tag:a b", '"tag:a b"', "deck:A::", "deck:::A", "*", "_", "__", "\\*", "%", "\\_", "*:*", "*:", "_*:foo", "*_:re:^foo$",
    'deck:"A"', '"deck:A"', 'foo:re:"a b"', "a\"b\"(Haus)", "Haus-x", "the AND x", "the oR x", "(the or x) foo", "the or x foo", "-(the or x)", "re:", "w:", "nc:", "tag:", "deck:", "card:", "note:",
    "\u3000foo\u3000bar", "preset:", "has-cd:", "prop:cds:k=", "prop:cdn:k=", "cid:99999999999999999999", "added:4294967295", "prop:ivl=4294967295", "prop:due=2147483647",
    "sfoo or bar and the", "re:\\", '"re:a b"', "dupe:0,", "prop:ease>-1", "prop:s>inf", "prop:s=nan", "deck:\\", "tag:re:", "Front:re:", "Front:nc:", "Front:sc:x", "guid:x", "did:1,2 is:new",
    "rated:365", "rated:4000", "prop:d>1e-3", "flag:07", "flag:+1", "card:+1", "prop:due<+1", "prop:ivl=+3",
]  # fmt: skip


def ask(col, search):
    def ids(find):
        try:
            return list(find(search))
        except Exception:
            return None

    return [search, sorted_or_none(ids(col.find_notes)), sorted_or_none(ids(col.find_cards))]


def sorted_or_none(ids):
    return None if ids is None else sorted(ids)


# What the cards of an order that the client takes for equal have in common.
ORDERS = {
    "noteFld": "n.sfld collate nocase", "noteCrt": "n.id", "noteMod": "n.mod", "cardMod": "c.mod", "cardDue": "(c.type = 0) || ' ' || c.due",
    "cardIvl": "c.ivl", "cardEase": "(c.type = 0) || ' ' || c.factor", "cardReps": "c.reps", "cardLapses": "c.lapses",
}  # fmt: skip


def groups(col, name, key):
    """All cards in the client's order, as lists of those with the same key."""
    keys = dict(col.db.execute(f"select c.id, {key} from cards c join notes n on n.id = c.nid"))
    ordered = col.find_cards("", order=col.get_browser_column(name))
    return [sorted(group) for _, group in itertools.groupby(ordered, key=lambda card: fold(keys[card]))]


def fold(key):
    return "".join(c.lower() if c.isascii() else c for c in key) if isinstance(key, str) else key


def statistics(col, search=""):
    """What the client's graphs and its list of decks show, in our words."""
    graphs = col._backend.graphs(search=search, days=0)

    def answers(of):
        return {day: {"learning": n.learn, "relearning": n.relearn, "young": n.young, "mature": n.mature, "filtered": n.filtered} for day, n in of.items()}

    def states(of):
        return {"new": of.newCards, "learning": of.learn, "relearning": of.relearn, "young": of.young, "mature": of.mature, "suspended": of.suspended, "buried": of.buried}

    def periods(of, each):
        names = {"month": "one_month", "three_months": "three_months", "year": "one_year", "all_time": "all_time"}
        return {ours: each(getattr(of, theirs)) for ours, theirs in names.items()}

    def known(of):
        return {name: getattr(of, name) for name in ("young_passed", "young_failed", "mature_passed", "mature_failed")}

    today = graphs.today
    retention = graphs.true_retention
    decks = []

    def walk(node):
        for child in node.children:
            decks.append([child.deck_id, child.new_count, child.learn_count, child.review_count, child.total_in_deck, child.total_including_children])
            walk(child)

    walk(col.sched.deck_due_tree())
    return {
        "today": {
            "answers": today.answer_count, "milliseconds": today.answer_millis, "correct": today.correct_count, "mature": today.mature_count,
            "mature_correct": today.mature_correct, "learning": today.learn_count, "review": today.review_count,
            "relearning": today.relearn_count, "filtered": today.early_review_count,
        },
        "cards": states(graphs.card_counts.including_inactive),
        "active_cards": states(graphs.card_counts.excluding_inactive),
        "due": dict(graphs.future_due.future_due),
        "added": dict(graphs.added.added),
        "reviews": answers(graphs.reviews.count),
        "time": answers(graphs.reviews.time),
        "hours": periods(graphs.hours, lambda hours: [{"total": hour.total, "correct": hour.correct} for hour in hours]),
        "buttons": periods(graphs.buttons, lambda n: {"learning": list(n.learning), "young": list(n.young), "mature": list(n.mature)}),
        "retention": {name: known(getattr(retention, name)) for name in ("today", "yesterday", "week", "month", "year", "all_time")},
        "intervals": dict(graphs.intervals.intervals),
        "eases": dict(graphs.eases.eases),
    }, decks  # fmt: skip


# Of what statistics are asked with --statistics.
SEARCHED = ["", "deck:A", "is:due", "is:new or prop:ivl>20", "tag:lang", "foo", "re:b.r", "rated:30", "prop:s>1", "-is:suspended", "nothing at all", "*"]


def finish(path, col, folder, asked):
    col.close()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.write(os.path.join(folder, "collection.anki2"), "collection.anki2")
        out.writestr("searches.json", json.dumps(asked, ensure_ascii=False))
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--random", type=int, default=1000)
    parser.add_argument("--statistics", action="store_true", help="only statistics, of some searches")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    folder = tempfile.mkdtemp()
    col = make(folder, rng)
    if args.statistics:
        of_searches = {search: statistics(col, search)[0] for search in SEARCHED}
        return finish(args.out, col, folder, {"now": int(time.time()), "graphs": of_searches})
    grammar = Grammar(col, rng)
    dupes = [f'"dupe:{mid},{first}"' for mid, first in col.db.execute("select mid, substr(flds, 1, instr(flds, char(31)) - 1) from notes limit 20") if '"' not in first and "\\" not in first]
    searches = FIXED + dupes + [grammar.search() for _ in range(args.random)]
    now = int(time.time())
    cases = [ask(col, search) for search in searches]
    orders = {name: groups(col, name, key) for name, key in ORDERS.items()}
    graphs, decks = statistics(col)
    finish(args.out, col, folder, {"now": now, "cases": cases, "orders": orders, "graphs": graphs, "decks": decks})
    refused = sum(case[2] is None for case in cases)
    print(f"{len(cases)} searches, {refused} refused, {sum(case[2] == [] for case in cases)} without results")


if __name__ == "__main__":
    main()
