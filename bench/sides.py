# SPDX-License-Identifier: AGPL-3.0-or-later
"""The two servers that are compared, each as a user would run it."""

import http.client
import json
import os
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import machine
from device import ClientProcess, Device
from paths import NEWEST, REPO
from server import Account, Djankiserv, FreshDatabase, Official
from wire import CLIENT, Wire

RELEASE = REPO / "target" / "release" / "djankiserv"


@dataclass
class Cost:
    """Of one thing done once."""

    seconds: float
    server_cpu: float
    database_cpu: float
    client_cpu: float
    peak: int
    parts: dict = field(default_factory=dict)


class OfficialSide(Official):
    """With the passwords as an administrator gives them: the server hashes them at its start, and every login costs a check."""

    start_seconds = 120

    def __init__(self, accounts):
        super().__init__()
        self.pool = accounts

    def environment(self):
        env = super().environment()
        del env["PASSWORDS_HASHED"]
        return env | {f"SYNC_USER{index}": f"user{index}:{self.password}" for index in range(1, self.pool + 1)} | {"RUST_LOG": "anki=warn"}


class OurSide(Djankiserv):
    """The release build. BENCH_ENGINE chooses the database: `postgresql` is the embedded one with its own settings. For `mysql`,
    BENCH_DATABASE_URL names a running server, on which a database is made, and BENCH_DATABASE_PID its process."""

    def __init__(self):
        super().__init__()
        self.engine = os.environ.get("BENCH_ENGINE", "postgresql")
        self.database_pid = int(os.environ.get("BENCH_DATABASE_PID", "0"))
        url = os.environ.get("BENCH_DATABASE_URL")
        if self.engine not in ("postgresql", "mysql"):
            raise SystemExit(f"BENCH_ENGINE must be postgresql or mysql, not {self.engine!r}")
        if self.engine == "mysql" and not (url and self.database_pid):
            raise SystemExit("BENCH_ENGINE=mysql needs BENCH_DATABASE_URL and BENCH_DATABASE_PID")
        if url:
            self.database = FreshDatabase(url)

    def binary(self):
        return os.environ.get("DJANKISERV_BIN") or str(RELEASE)


class Side:
    """A running server, and the client process that talks to it."""

    def __init__(self, server, folder):
        self.server = server
        self.name = server.name
        self.folder = Path(folder) / self.name
        self.folder.mkdir(parents=True)
        server.start()
        self.pid = server.process.pid
        self.database_pid = getattr(server, "database_pid", 0)
        self.clients = ClientProcess(NEWEST, server.base, self.folder / "client.log")

    def stop(self):
        self.clients.stop()
        self.server.stop()
        self.server.remove()

    def new_account(self) -> Account:
        return self.server.new_account()

    def device(self, account, name=None, login=True):
        device = Device(self.clients, self.folder, self.server.base, name or secrets.token_hex(4))
        device.account = account
        if login:
            device.login(account)
        return device

    def wire(self, account):
        return Wire(self.server.base, account)

    # -- costs

    def cpu(self):
        """(server, database)"""
        own = machine.cpu_of_process(self.pid)
        root = self.database_pid or self.pid
        database = machine.cpu_of_tree(root) - (0 if self.database_pid else own)
        return own, database

    @contextmanager
    def costs(self, load_cpu=lambda: 0.0):
        """Measures what is done inside. The yielded list gets the one `Cost`; put own `seconds` before into it, if the clock of the
        block is not the one that counts."""
        machine.reset_peak(self.pid)
        before, client = self.cpu(), machine.cpu_of_process(self.clients.process.pid) + load_cpu()
        result = []
        started = time.monotonic()
        yield result
        seconds = result.pop() if result else time.monotonic() - started
        after = self.cpu()
        client = machine.cpu_of_process(self.clients.process.pid) + load_cpu() - client
        result.append(Cost(seconds, after[0] - before[0], after[1] - before[1], client, machine.peak(self.pid)))

    # -- raw protocol

    def post(self, key, path, body: bytes):
        """One request in one piece. Returns the answer's body and its size before compression."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=300)
        head = {"v": 11, "k": key, "c": CLIENT, "s": secrets.token_hex(3)}
        connection.request("POST", path, body, {"anki-sync": json.dumps(head), "content-type": "application/octet-stream"})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{self.name}: {path} answered {answer.status}: {data[:200]!r}")
        return data, int(answer.headers["anki-original-size"])
