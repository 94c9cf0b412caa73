# SPDX-License-Identifier: AGPL-3.0-or-later
"""How long searches take: in the library of a real client, and in ours.

    scripts/private-databases.sh target/e2e/anki-26.9.3/bin/python bench/search.py

Makes a collection of 100,000 notes and a million reviews, asks the client's library for all results of each search (it knows no pages),
and has `cargo test --test it search_speed` ask the server's code for a page of 100 and for all. Both answer ids. Prints a table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

SEARCHES = [
    "deck:Languages", "is:due", "tag:noun", "tag:lang", "heart", "garçon -liver", "deck:Medicine is:review prop:ivl>=21", "rated:30:1", "added:30",
    "note:Cloze card:1", "Front:*Haus*", "re:\\bna.ve\\b", "w:water", "nc:cafe", "prop:s>20", "flag:1", "is:suspended or is:buried", "zzz",
]  # fmt: skip
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def milliseconds(act, times):
    took = []
    for _ in range(times):
        start = time.perf_counter()
        found = act()
        took.append((time.perf_counter() - start) * 1000)
    return sorted(took)[times // 2], found


def of_client(path, times):
    from anki.collection import Collection

    col = Collection(path)
    answers = {}
    for search in SEARCHES:
        answers[search] = milliseconds(lambda: len(col.find_cards(search)), times)
    col.close()
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=100_000)
    parser.add_argument("--reviews", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--collection", help="use this file instead of making one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = args.collection or os.path.join(folder, "collection.anki2")
        if not args.collection:
            make = [sys.executable, os.path.join(ROOT, "e2e", "make_collection.py"), path]
            subprocess.run([*make, "--notes", str(args.notes), "--reviews", str(args.reviews), "--media", "0"], check=True)
        client = of_client(path, args.times)
        into = os.path.join(folder, "ours.json")
        environment = {
            **os.environ,
            "DJANKISERV_SEARCH_FILE": path,
            "DJANKISERV_SEARCHES": json.dumps(SEARCHES),
            "DJANKISERV_SEARCH_TIMES": str(args.times),
            "DJANKISERV_SEARCH_INTO": into,
        }
        command = ["cargo", "test", "--release", "--quiet", "-p", "djankiserv", "--test", "it", "search_speed", "--", "--ignored", "--nocapture"]
        subprocess.run(command, check=True, env=environment, stdout=sys.stderr, cwd=ROOT)
        with open(into) as file:
            ours = json.load(file)
    print("| search | cards | client, all (ms) | ours, a page (ms) | ours, all (ms) |\n| --- | ---: | ---: | ---: | ---: |")
    for search in SEARCHES:
        took, found = client[search]
        page, whole, count = ours[search]
        same = "" if count == found else f" (ours {count})"
        print(f"| `{search}` | {found}{same} | {took:.1f} | {page:.1f} | {whole:.1f} |")


if __name__ == "__main__":
    main()
