# SPDX-License-Identifier: AGPL-3.0-or-later
"""One of the twins: a server, ours or the official one, with clients and clocks
of its own. Replays cases, and returns what happened as plain JSON."""

import itertools
import shutil
import threading
from pathlib import Path

from device import ClientError, ClientProcess, Device
from paths import NEWEST
from proxy import CUT, LOSE
from server import Djankiserv, Official
from twin_clock import TestClock
from twin_record import Recorder
from wire import Refused, Wire

# When the templates of new devices are made; cases begin later.
LONG_AGO = 1_772_000_000_000
# A client refuses to sync when its clock is off by more than five minutes.
MOST_SKEW = 280_000
BREAKS = {"cut": CUT, "lose": LOSE}


class World:
    """Not for use by several threads; but several worlds may run side by side."""

    def __init__(self, kind, folder, templates):
        self.kind = kind
        self.folder = Path(folder) / kind
        self.folder.mkdir(parents=True)
        self.templates = templates
        self.server_clock = TestClock(self.folder / "server.clock", LONG_AGO)
        self.client_clock = TestClock(self.folder / "client.clock", LONG_AGO)
        self.processes = {}
        self.server = None
        self.recorder = None
        self._devices = itertools.count(1)
        self.start_server()

    # -- the server and its accounts

    def start_server(self):
        self.server = {"official": Official, "djankiserv": Djankiserv}[self.kind]()
        self.server.pool = 300
        program = "python" if self.kind == "official" else "djankiserv"
        self.server.extra_environment = self.server_clock.environment(program)
        if self.recorder is not None:
            self.server.port = self.recorder.target
        self.server.start()
        if self.recorder is None:
            self.recorder = Recorder(self.server.port)
            if self.kind == "djankiserv":
                self.recorder.before_download = self.raise_usn

    def new_account(self):
        if self.kind == "official" and self.server._counter == self.server.pool:
            # Its accounts are fixed when it starts.
            self.server.stop()
            self.server.remove()
            self.start_server()
        return self.server.new_account()

    def raise_usn(self, key):
        """The official server raises usn and mod for each download, ours does
        not. An empty sync does the same to ours, so that all that follows can
        be compared to the last digit."""
        session = Wire(f"http://127.0.0.1:{self.server.port}/", key=key)
        try:
            session.start(session.meta()["usn"])
            session.finish()
        except Refused:
            pass  # nothing has been uploaded yet

    def close(self):
        for process in self.processes.values():
            process.stop()
        self.recorder.close()
        self.server.stop()
        self.server.remove()

    # -- clients

    def process(self, version):
        process = self.processes.get(version)
        if process is None or not process.alive():
            environment = self.client_clock.environment("python")
            process = ClientProcess(version, self.recorder.base, self.folder / f"{version}.log", environment)
            self.processes[version] = process
        return process

    def new_device(self, version, key):
        """With a copy of a collection that both worlds share: what a client
        makes at random for a new collection is then the same in both."""
        name = f"dev{next(self._devices)}"
        folder = self.folder / name
        folder.mkdir()
        shutil.copy(self.templates.path(version), folder / "collection.anki2")
        device = Device(self.process(version), self.folder, self.recorder.base, name)
        device.adopt(key, self.recorder.base)
        return device

    # -- cases

    def run(self, case):
        return Run(self, case).all()


class Run:
    """One case in one world."""

    def __init__(self, world, case):
        self.world = world
        self.case = case
        self.now = case["start"]
        self.skews = list(case["skews"])
        self.set_clocks(0)
        self.account = world.new_account()
        self.key = Wire(world.recorder.base, self.account).key
        self.devices = []
        for version in case["devices"]:
            self.devices.append(self.new_device(len(self.devices), version))
        # A download from an account that never had a collection leaves one on the official server, with a usn.
        first = {"notetype": 0, "texts": 0, "deck": 0, "tags": [], "guid": "the first"}
        self.devices[0].act("add_note", first)
        self.sync(0, self.devices[0], "upload")

    def set_clocks(self, skew):
        self.world.server_clock.set(self.now)
        self.world.client_clock.set(self.now + skew)

    def turn_to(self, number, ms=7):
        """Time goes on, and the device gets to see its own view of it."""
        self.now += ms
        self.set_clocks(self.skews[number])

    def new_device(self, number, version):
        device = self.world.new_device(version, self.key)
        self.turn_to(number)
        device.act("look", {"touch": False})  # see tomorrow()
        return device

    def all(self):
        try:
            results = [self.step(step) for step in self.case["steps"]]
            return results + [self.end()]
        finally:
            self.world.recorder.reset()
            for device in self.devices:
                if device.process.alive():
                    device.forget()
                shutil.rmtree(Path(device.path).parent, ignore_errors=True)

    def step(self, step):
        number = step["on"] % len(self.devices)
        self.turn_to(number, step["after"])
        device = self.devices[number]
        if "act" in step:
            return device.act(step["act"], step["args"])
        return getattr(self, step["do"])(number, device, **step.get("args", {}))

    # -- what a step can be besides an act

    def sync(self, number, device, choice="download", broken=None):
        """The sync button, and an answer to the question of direction."""
        if broken:
            self.world.recorder.reset(break_once(*broken))
        try:
            results = [self.attempt(device.sync)]
            did = results[0]["did"] if isinstance(results[0], dict) else None
            if did in ("full_sync", "full_upload", "full_download"):
                upload = choice == "upload" if did == "full_sync" else did == "full_upload"
                results.append(self.attempt(device.full_upload if upload else device.full_download))
                if upload:
                    # The collection is now stamped by this device's clock. Ours never turns such
                    # a stamp back; the official one does. Wait until no clock is behind it.
                    self.now += 2 * MOST_SKEW
                self.turn_to(number)
                results.append(self.attempt(device.sync))
        finally:
            self.world.recorder.reset()
        for result in results:
            if isinstance(result, dict):
                del result["seconds"]
        return {"results": results, "said": self.world.recorder.take()}

    def sync_media(self, number, device, broken=None):
        if broken:
            self.world.recorder.reset(break_once(*broken))
        try:
            result = self.attempt(device.sync_media)
        finally:
            self.world.recorder.reset()
        return {"results": [result], "said": self.world.recorder.take(), "files": device.media_files()}

    def attempt(self, verb):
        try:
            return verb()
        except ClientError as error:
            # The official server's errors have texts of their own; what counts is what the client makes of it.
            return f"{error.type} {error.kind}"

    def replace(self, number, device, version):
        """The device is lost; its owner gets another one."""
        device.forget()
        self.devices[number] = self.new_device(number, version)

    def tomorrow(self, number, device, days=1):
        """Nothing may be buried over night, and the new day has to be in the
        configuration everywhere before it goes on: the official server
        unburies by itself when a sync starts, and notes down the day. Ours
        leaves both to the clients."""
        results = [self.settle(number, device)]
        for act, args in (("unbury_all", {}), ("look", {"touch": True})):
            for index, each in enumerate(self.devices):
                self.turn_to(index)
                results.append(each.act(act, args))
            results.append(self.settle(number, device))
            self.now += days * 86_400_000 if act == "unbury_all" else 0
        return results

    def settle(self, number, device, choice="download"):
        """Everybody syncs twice around; then everything is looked at."""
        results = []
        for _ in range(2):
            for index, each in enumerate(self.devices):
                self.turn_to(index)
                results.append(self.sync(index, each, choice))
        return {"syncs": results, "dumps": self.dumps()}

    def dumps(self):
        result = []
        for number, device in enumerate(self.devices):
            self.turn_to(number)
            result.append({"version": device.version, "dump": device.dump()})
        return result

    def end(self):
        """Everybody settles; a new device downloads what the server holds."""
        result = {"settled": self.settle(0, self.devices[0])}
        result["media"] = []
        for _ in range(2):
            for number, device in enumerate(self.devices):
                self.turn_to(number)
                result["media"].append(self.sync_media(number, device))
        self.skews.append(0)
        self.devices.append(self.new_device(len(self.devices), NEWEST))
        result["newcomer"] = self.sync(len(self.devices) - 1, self.devices[-1])
        result["newcomer's media"] = self.sync_media(len(self.devices) - 1, self.devices[-1])
        result["dumps"] = self.dumps()
        return result


def break_once(method, how):
    """A rule of the proxy: breaks the first request of that name."""
    left = [True]
    lock = threading.Lock()

    def rule(number, path):
        with lock:
            if left[0] and path.split("/")[-1] == method:
                left[0] = False
                return BREAKS.get(how) or ("status", int(how))
        return None

    return rule


class Templates:
    """A collection for a new device, per version, made once for both worlds."""

    def __init__(self, folder):
        self.folder = Path(folder) / "templates"
        self.folder.mkdir(parents=True)
        self.clock = TestClock(self.folder / "clock", LONG_AGO)
        self.lock = threading.Lock()

    def path(self, version):
        path = self.folder / version / "collection.anki2"
        with self.lock:
            if not path.exists():
                process = ClientProcess(version, "http://127.0.0.1:9/", self.folder / "log", self.clock.environment("python"))
                device = Device(process, self.folder, "", version)
                device.study_with_v3()
                device.close()
                process.stop()
        return path
