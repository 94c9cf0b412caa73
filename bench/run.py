# SPDX-License-Identifier: AGPL-3.0-or-later
"""Measures our server and the official one side by side: A B A B, in one run, with a real client and in raw protocol.

Called by scripts/bench.sh, which builds what is needed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import machine  # noqa: E402
import report  # noqa: E402
import zstandard  # noqa: E402
from cases import Collection, Media, load  # noqa: E402
from paths import NEWEST, REPO, client_python  # noqa: E402
from sides import OfficialSide, OurSide, Side  # noqa: E402

FOLDER = REPO / "target" / "bench"
SIZES = {"tiny": (2_000, 10_000), "small": (20_000, 200_000), "large": (100_000, 1_000_000)}
USERS = 32


def collection_file(size):
    """Made once, with media beside it."""
    notes, reviews = SIZES[size]
    path = FOLDER / size / "collection.anki2"
    if not path.exists():
        command = [str(client_python(NEWEST)), str(REPO / "e2e" / "make_collection.py"), str(path)]
        command += ["--notes", str(notes), "--reviews", str(reviews), "--media", "500"]
        subprocess.run(command, check=True)
    return path


class Bench:
    def __init__(self, sides, only):
        self.sides = sides
        self.only = only
        self.results = []

    def measure(self, size, case, rounds, work):
        """`work(side)` does the thing once and returns its cost."""
        if self.only and self.only not in f"{size} {case}":
            rounds = 1
        costs = {side.name: [] for side in self.sides}
        for turn in range(rounds):
            for side in self.sides if turn % 2 == 0 else self.sides[::-1]:
                costs[side.name].append(asdict(work(side)))
        result = {"size": size, "case": case, "costs": costs}
        self.results.append(result)
        print(report.line(result), flush=True)


def one_user(bench, size, quick):
    """Everything that one person with two devices does."""
    few, some, many = (2, 3, 10) if quick else (5, 7, 20)
    if size == "large":
        few, some = 3, 5
    file = collection_file(size)
    of = {side: Collection(side, file, size) for side in bench.sides}
    for collection in of.values():
        assert collection.a.sync()["did"] == "full_upload"
        collection.a.full_upload(timeout=600)
        assert collection.b.sync()["did"] == "full_download"
        collection.b.full_download(timeout=600)

    def case(name, rounds, work):
        bench.measure(size, name, rounds, lambda side: work(of[side]))

    case("login", many, Collection.login)
    case("upload, client", few, Collection.upload)
    for collection in of.values():
        collection.keep_file()
    case("upload, one piece", few, Collection.raw_upload)
    case("download, cold, client", few, Collection.cold_download)
    case("download, kept, client", few, Collection.download)
    case("download, cold, raw", few, Collection.cold_raw_download)
    case("download, kept, raw", few, Collection.raw_download)
    for collection in of.values():
        collection.settle()
    case("nothing to do, client", many, Collection.nothing)
    for count in (10, 1000):
        # In pairs: what the one device sends, the other gets.
        received = {side: [] for side in bench.sides}

        def send(side, count=count, received=received):
            cost = of[side].send(count)
            received[side].append(of[side].receive())
            # Empty, so that the next one finds both devices up to date.
            of[side].settle()
            return cost

        bench.measure(size, f"send {count}, client", some, send)
        bench.measure(size, f"receive {count}, client", some, lambda side, received=received: received[side].pop())
    users = {side: {count: of[side].user("both", count) for count in (10, 1000)} for side in bench.sides}
    for count in (10, 1000):
        for side in bench.sides:
            side.counts = side.counts if count == 1000 else users[side][count]["counts"]

        def both(side, count=count):
            user = users[side][count]
            user["counts"] = side.counts
            cost = load(side, [user], 60, 5)
            side.counts = user["counts"]
            return cost

        bench.measure(size, f"sync {count}, raw", some, both)
    bench.measure(size, "meta, raw", 3, lambda side: load(side, [{"key": of[side].key, "does": "meta"}], 1 if quick else 3))
    return of


def media(bench, quick):
    pairs = {side: [] for side in bench.sides}
    folder = collection_file("small").parent / "collection.media"
    rounds = 2 if quick else 5

    def up(side):
        pair = Media(side, folder, f"media{len(pairs[side])}")
        pairs[side].append(pair)
        return pair.up()

    bench.measure("500 files", "media up, client", rounds, up)
    bench.measure("500 files", "media down, client", rounds, lambda side: pairs[side].pop().down())


def many_users(bench, size, quick):
    """Several accounts that each send ten reviewed cards, over and over."""
    file = collection_file(size)
    users = {}
    for side in bench.sides:
        first = Collection(side, file, f"{size}-users")
        first.a.sync()
        first.a.full_upload(timeout=600)
        first.keep_file()
        template = first.user("sync", 10)
        users[side] = [template]
        for _ in range(USERS - 1):
            key = side.wire(side.new_account()).key
            answer, _ = side.post(key, "/sync/upload", first.packed)
            assert zstandard.decompress(answer, max_output_size=10_000) == b"OK"
            users[side].append(template | {"key": key})
    for count in (1, 8, USERS):
        bench.measure(size, f"{count} users, raw", 2 if quick else 5, lambda side, count=count: load(side, users[side][:count], 2 if quick else 5))
    for count in (1, 8, USERS):
        asking = {side: [{"key": user["key"], "does": "meta"} for user in users[side][:count]] for side in bench.sides}
        bench.measure(size, f"meta, {count} users, raw", 3, lambda side, asking=asking: load(side, asking[side], 1 if quick else 3))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--sizes", default="", help="comma-separated: tiny, small, large")
    parser.add_argument("--only", help="cases whose name does not contain this are done once only")
    parser.add_argument("--side", choices=["djankiserv", "official"], help="measure only this one")
    options = parser.parse_args()
    quick = os.environ.get("BENCH_QUICK") == "1"
    sizes = options.sizes.split(",") if options.sizes else ["small"] if quick else ["small", "large"]
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="bench-")
    sides = []
    try:
        servers = [OurSide(), OfficialSide(USERS + 30)]
        sides += [Side(server, folder) for server in servers if options.side in (None, server.name)]
        bench = Bench(sides, options.only)
        for size in sizes:
            one_user(bench, size, quick)
        media(bench, quick)
        many_users(bench, "tiny" if quick else "small", quick)
        whole = {side.name: dict(zip(("server", "database"), side.cpu())) for side in sides}
    finally:
        for side in sides:
            side.stop()
        shutil.rmtree(folder, ignore_errors=True)
    engine = os.environ.get("BENCH_ENGINE", "postgresql")
    run = machine.describe() | {"engine": engine, "quick": quick, "results": bench.results, "whole": whole}
    (FOLDER / f"results-{engine}.json").write_text(json.dumps(run))
    text = report.tables(run)
    print("\n" + text)
    if options.write:
        report.write(REPO / "docs" / "benchmarks.md", engine, text)


if __name__ == "__main__":
    main()
