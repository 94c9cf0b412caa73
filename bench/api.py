# SPDX-License-Identifier: AGPL-3.0-or-later
"""How long the API takes on a large collection, beside the library of a real client on the same file.

    scripts/bench.sh --api [--write]

Searches: pages of 100 from /api/v2/search/cards over http, and all results, which only AnkiConnect's findCards answers at once; the
client's library knows no pages. Then notes are added, 1,000 with one request, and by the client's library one by one, as it knows
no other way. Ours is the release build as for `run.py`, everything over http with a token.
"""

import argparse
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import zipfile
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import machine  # noqa: E402
import report  # noqa: E402
from paths import NEWEST, REPO, client_python  # noqa: E402
from run import collection_file  # noqa: E402
from sides import OurSide  # noqa: E402

SEARCHES = [
    "deck:Languages", "is:due", "tag:noun", "tag:lang", "heart", "garçon -liver", "deck:Medicine is:review prop:ivl>=21", "rated:30:1", "added:30",
    "note:Cloze card:1", "Front:*Haus*", "re:\\bna.ve\\b", "w:water", "nc:cafe", "prop:s>20", "flag:1", "is:suspended or is:buried",
    "front-77777", "zzz", "zzz or zzy", "re:zzz", "tag:zzz", "zzz deck:Medicine",
]  # fmt: skip
# Runs in the client's virtualenv.
CLIENT = """
import json, sys, time
from anki.collection import Collection
path, searches, times, notes = json.loads(sys.argv[1])
col = Collection(path)
def once(act):
    start = time.perf_counter()
    result = act()
    return (time.perf_counter() - start) * 1000, result
found = {s: [once(lambda: len(col.find_cards(s))) for _ in range(times)] for s in searches}
basic, deck = col.models.by_name("Basic"), col.decks.id("Added")
def add(round):
    for n in range(notes):
        note = col.new_note(basic)
        note.fields = [f"client {round} {n}", "back of it"]
        col.add_note(note, deck)
added = [once(lambda: add(r))[0] for r in range(3)]
col.close()
print(json.dumps([found, added]))
"""
NOTES = 1000


class Api:
    def __init__(self, server, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method, path, body=None):
        """Milliseconds and the answer."""
        data = None if body is None else json.dumps(body)
        start = time.perf_counter()
        self.connection.request(method, path, data, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        took = (time.perf_counter() - start) * 1000
        if answer.status not in (200, 201):
            raise RuntimeError(f"{method} {path} answered {answer.status}: {text[:300]!r}")
        return took, json.loads(text)

    def page(self, search):
        took, answer = self.call("GET", "/api/v2/search/cards?" + urllib.parse.urlencode({"query": search, "limit": 100}))
        return took, len(answer["items"])

    def all(self, search):
        took, answer = self.call("POST", "/ankiconnect", {"action": "findCards", "version": 6, "params": {"query": search}})
        if answer["error"]:
            raise RuntimeError(f"{search}: {answer['error']}")
        return took, len(answer["result"])

    def add(self, round):
        fields = [{"Front": f"api {round} {n}", "Back": "back of it"} for n in range(NOTES)]
        notes = [{"deck": "Added", "notetype": "Basic", "fields": each} for each in fields]
        took, answer = self.call("POST", "/api/v2/notes/batch", {"notes": notes})
        assert len(answer["notes"]) == NOTES, answer
        return took


def of_client(file, times, folder):
    copy = folder / "client.anki2"
    shutil.copy(file, copy)
    done = subprocess.run(
        [str(client_python(NEWEST)), "-c", CLIENT, json.dumps([str(copy), SEARCHES, times, NOTES])], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def of_ours(file, times, folder):
    server = OurSide()
    server.start()
    try:
        account = server.new_account()
        server.run("import", "colpkg", str(package(file, folder)), account.user, timeout=600)
        token = server.run("user", "token", "add", account.user, "bench", "--scope", "read,write").stdout.split()[-1]
        api = Api(server, token)
        found = {search: ([api.page(search) for _ in range(times)], [api.all(search) for _ in range(times)]) for search in SEARCHES}
        return found, [api.add(round) for round in range(3)]
    finally:
        server.stop()
        server.remove()


def package(file, folder):
    """The file as a package without media, in the form of older clients."""
    path = folder / "collection.colpkg"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as zipped:
        zipped.write(file, "collection.anki2")
        zipped.writestr("media", "{}")
    return path


def table(client, ours):
    yield "| search | cards | client, all (ms) | ours, a page of 100 (ms) | ours, all (ms) |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for search in SEARCHES:
        (theirs, count), (pages, whole) = zip(*client[0][search]), ours[0][search]
        assert whole[0][1] == count[0], f"{search}: ours {whole[0][1]}, the client's {count[0]}"
        assert pages[0][1] == min(100, count[0]), search
        numbers = (median(theirs), median(took for took, _ in pages), median(took for took, _ in whole))
        yield f"| `{search}` | {count[0]} | " + " | ".join(f"{number:.1f}" for number in numbers) + " |"
    yield ""
    yield f"Adding {NOTES} notes: client {median(client[1]):.0f} ms, ours {median(ours[1]):.0f} ms (medians of three)."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--size", default="large", choices=["tiny", "small", "large"])
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    args = parser.parse_args()
    file = collection_file(args.size)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        client = of_client(file, args.times, folder)
        ours = of_ours(file, args.times, folder)
    about = machine.describe()
    text = "\n".join([f"{about['date']}, commit `{about['commit']}`, {about['machine']}", "", *table(client, ours), ""])
    print(text)
    if args.write:
        report.write(REPO / "docs" / "benchmarks.md", "api", text)


if __name__ == "__main__":
    main()
