# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is measured. A case prepares what it needs on one side, and then does one thing, as often as it is asked to."""

import json
import resource
import shutil
import subprocess
import time

import zstandard
from paths import REPO

LOAD = REPO / "target" / "release" / "examples" / "load"


class Collection:
    """One account with a collection of a given size, a device that made it and a second one; raw protocol has the same login."""

    def __init__(self, side, file, folder):
        self.side = side
        self.account = side.new_account()
        self.file = file
        name = f"{folder}-a"
        target = side.folder / name
        target.mkdir()
        shutil.copy(file, target / "collection.anki2")
        self.a = side.device(self.account, name)
        self.b = side.device(self.account, f"{folder}-b")
        self.key = side.wire(self.account).key
        self.reviews = 0
        self.packed = None

    # -- whole collections

    def upload(self):
        with self.side.costs() as cost:
            self.a.full_upload(timeout=600)
        return cost[0]

    def keep_file(self):
        """What A uploaded, compressed as clients do."""
        self.a.close()
        data = open(self.a.path, "rb").read()
        self.a.open()
        self.packed = zstandard.compress(data)

    def raw_upload(self):
        with self.side.costs() as cost:
            answer, _ = self.side.post(self.key, "/sync/upload", self.packed)
        assert zstandard.decompress(answer, max_output_size=10_000) == b"OK", zstandard.decompress(answer, max_output_size=10_000)
        return cost[0]

    def touch(self):
        """A sync without contents, after which a file made before is out of date."""
        self.a.touch()
        assert self.a.sync()["did"] == "normal"

    def download(self):
        with self.side.costs() as cost:
            self.b.full_download(timeout=600)
        return cost[0]

    def cold_download(self):
        self.touch()
        return self.download()

    def raw_download(self):
        with self.side.costs() as cost:
            self.side.post(self.key, "/sync/download", zstandard.compress(b'{"_pad":null}'))
        return cost[0]

    def cold_raw_download(self):
        self.touch()
        return self.raw_download()

    # -- normal syncs

    def login(self):
        with self.side.costs() as cost:
            self.b.login(self.account)
        return cost[0]

    def nothing(self):
        with self.side.costs() as cost:
            answer = self.a.sync()
            cost.append(answer["seconds"])
        assert answer["did"] == "nothing", answer
        return cost[0]

    def review(self, count):
        """As if A had just answered so many cards."""
        now = int(time.time())
        first = int(self.a.select("select max(id) from revlog")[0][0]) + 1
        cards = f"(select id from cards where type = 2 order by id limit {count} offset {self.reviews % 900})"
        self.reviews += count
        self.a.execute(
            "insert into revlog select ? + row_number() over (), id, -1, 3, 20, 10, 2500, 7000, 1 from cards where id in " + cards, [first]
        )
        self.a.execute("update cards set mod = ?, usn = -1, reps = reps + 1 where id in " + cards, [now])
        self.a.touch()

    def send(self, count):
        self.review(count)
        with self.side.costs() as cost:
            answer = self.a.sync()
            cost.append(answer["seconds"])
        assert answer["did"] == "normal", answer
        return cost[0]

    def receive(self):
        """B gets what A has sent."""
        with self.side.costs() as cost:
            answer = self.b.sync()
            cost.append(answer["seconds"])
        assert answer["did"] == "normal", answer
        return cost[0]

    def settle(self):
        for device in (self.a, self.b, self.a):
            assert device.sync()["did"] in ("nothing", "normal")

    # -- raw protocol

    def user(self, does, count):
        """For `load`: reviews the same cards in each sync."""
        rows = self.a.select(f"select * from cards where type = 2 order by id desc limit {count}")
        counts = [self.a.select(f"select count() from {t}")[0][0] for t in ("cards", "notes", "revlog", "notetypes", "decks", "deck_config")]
        return {"key": self.key, "does": does, "cards": rows, "counts": counts}


class Media:
    """500 files of one account."""

    def __init__(self, side, folder, name):
        account = side.new_account()
        self.side = side
        self.a = side.device(account, f"{name}-a")
        self.b = side.device(account, f"{name}-b")
        target = side.folder / f"{name}-a" / "collection.media"
        shutil.copytree(folder, target, dirs_exist_ok=True)

    def sync(self, device):
        with self.side.costs() as cost:
            device.sync_media(timeout=600)
        return cost[0]

    def up(self):
        return self.sync(self.a)

    def down(self):
        cost = self.sync(self.b)
        assert len(self.b.media_files()) == 500
        return cost


def load(side, users, seconds, most=1_000_000):
    """Runs `load` with these users; the cost is of all that they did."""
    plan = {"address": f"127.0.0.1:{side.server.port}", "seconds": seconds, "most": most, "users": users}

    def load_cpu():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    with side.costs(load_cpu) as cost:
        done = subprocess.run([str(LOAD)], input=json.dumps(plan), text=True, capture_output=True, timeout=seconds + 300)
        if done.returncode:
            raise RuntimeError(f"{side.name}: {done.stderr}\n{side.server.log_tail()}")
        out = json.loads(done.stdout)
        cost.append(out["elapsed"])
    cost[0].parts = out["ms"]
    for user, counts in zip(users, out["counts"]):
        user["counts"] = counts
    return cost[0]
