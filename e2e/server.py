# SPDX-License-Identifier: AGPL-3.0-or-later
"""The server under test: ours, or the official one that ships with Anki.

E2E_SERVER=djankiserv|official chooses. Both offer the same few verbs: start,
stop, kill, new_account, log_tail. E2E_PROCESSES=3 puts three processes of ours
behind a round-robin proxy, which look like one.
"""

import base64
import hashlib
import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from balancer import Balancer
from paths import NEWEST, REPO, client_python


@dataclass
class Account:
    user: str
    password: str


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cheap_hash(password, rounds=1000):
    """The PHC string of a PBKDF2 hash, as the official server reads it."""
    salt = b"e2e-test-suite-salt"
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    b64 = lambda data: base64.b64encode(data).decode().rstrip("=")  # noqa: E731
    return f"$pbkdf2-sha256$i={rounds},l=32${b64(salt)}${b64(digest)}"


class Server:
    ready_path = "/health"
    start_seconds = 60
    extra_environment = {}

    def __init__(self):
        # Not below pytest's folder, which only its owner may enter: a server
        # that runs as root lets its database run as somebody else. And short,
        # because socket paths may only have 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="e2e-"))
        self.folder.chmod(0o755)
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}/"
        self.log_path = self.folder / "server.log"
        self.process = None
        self._counter = 0

    def command(self):
        raise NotImplementedError

    def environment(self):
        raise NotImplementedError

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), env=self.environment() | self.extra_environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + self.start_seconds
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"server ended with {self.process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"server not ready in {self.start_seconds} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def is_ready(self):
        connection = self.connection()
        try:
            connection.request("GET", self.ready_path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def connection(self):
        """How the server is asked whether it is ready."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)

    def stop(self, how=signal.SIGTERM, seconds=30):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"server ignored signal {how} for {seconds} s:\n{self.log_tail()}") from None

    def kill(self):
        """As a power cut would: no warning, no clean-up."""
        self.stop(signal.SIGKILL)

    def restart(self):
        """Start again on the same port with the same data."""
        self.start()

    def log_tail(self, start=0, limit=8000):
        if not self.log_path.exists():
            return "(no log)"
        with open(self.log_path, "rb") as log:
            log.seek(start)
            return log.read()[-limit:].decode(errors="replace")

    def log_size(self):
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def remove(self):
        """Delete everything that the server left behind."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_account(self) -> Account:
        raise NotImplementedError

    def check(self):
        """What the server itself finds damaged in all that it stores: nothing, or a text."""
        return ""


class Official(Server):
    """`python -m anki.syncserver`. Its users are fixed at the start, so tests
    take theirs from a pool."""

    name = "official"
    pool = 400  # conftest.py lowers it to what the session needs
    password = "correct horse"

    def command(self):
        return [str(client_python(NEWEST)), "-m", "anki.syncserver"]

    def environment(self):
        env = {
            "PATH": os.environ["PATH"],
            "SYNC_BASE": str(self.folder / "data"),
            "SYNC_HOST": "127.0.0.1",
            "SYNC_PORT": str(self.port),
            "RUST_LOG": "anki=info",
            "NO_COLOR": "1",
            # One cheap hash for all: honest ones take it 0.1 s per account.
            "PASSWORDS_HASHED": "1",
        }
        for index in range(1, self.pool + 1):
            env[f"SYNC_USER{index}"] = f"user{index}:{cheap_hash(self.password)}"
        return env

    def new_account(self):
        self._counter += 1
        if self._counter > self.pool:
            raise RuntimeError("account pool used up: raise Official.pool")
        return Account(f"user{self._counter}", self.password)


class Djankiserv(Server):
    name = "djankiserv"
    ready_path = "/health/ready"
    # A first start initialises a private PostgreSQL in the data root.
    start_seconds = 60
    database = None

    def start(self):
        if self.database is None and (url := os.environ.get("E2E_DATABASE_URL")):
            self.database = FreshDatabase(url)
        super().start()

    def remove(self):
        if self.database is not None:
            self.database.drop()
        super().remove()

    def binary(self):
        if chosen := os.environ.get("DJANKISERV_BIN"):
            return chosen
        for profile in ("debug", "release"):
            path = REPO / "target" / profile / "djankiserv"
            if path.exists():
                return str(path)
        raise RuntimeError("no djankiserv binary: run cargo build, or set DJANKISERV_BIN")

    def command(self):
        return [self.binary(), "serve"]

    def environment(self):
        # Settings of whoever runs the tests must not leak into the server.
        env = {k: v for k, v in os.environ.items() if not k.startswith("DJANKISERV_")}
        env["DJANKISERV_DATA_ROOT"] = str(self.folder / "data")
        env["DJANKISERV_LISTEN_ADDRESS"] = "127.0.0.1"
        env["DJANKISERV_LISTEN_PORT"] = str(self.port)
        if self.database is not None:
            env["DJANKISERV_MAINDB_URL"] = self.database.url
        # For the commands of this program too.
        return env | {name: value for name, value in self.extra_environment.items() if name.startswith("DJANKISERV_")}

    def new_account(self):
        self._counter += 1
        account = Account(f"user{self._counter}", secrets.token_urlsafe(12))
        self.user("add", account.user, "--password-stdin", password=account.password)
        return account

    def user(self, *arguments, password=""):
        """`djankiserv user …`"""
        subprocess.run(
            [self.binary(), "user", *arguments],
            input=password + "\n",
            env=self.environment(),
            text=True,
            check=True,
            capture_output=True,
            timeout=60,
        )

    def run(self, *arguments, check=True, stdin="", timeout=120):
        """Another command, such as `djankiserv export …`."""
        done = subprocess.run(
            [self.binary(), *arguments], input=stdin, env=self.environment(), text=True, capture_output=True, timeout=timeout
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def check(self):
        command = [self.binary(), "check", "--all", "--deep"]
        done = subprocess.run(command, env=self.environment(), text=True, capture_output=True, timeout=600)
        return "" if done.returncode == 0 else f"{command} ended with {done.returncode}:\n{done.stdout[-8000:]}{done.stderr[-2000:]}"


class Several(Djankiserv):
    """Some processes with one database and one data folder, behind a proxy."""

    def __init__(self, processes):
        super().__init__()
        self.members = [Member(self) for _ in range(processes)]
        self.balancer = Balancer(self.port, [member.port for member in self.members])

    def start(self):
        if self.database is None:
            if not os.environ.get("E2E_DATABASE_URL"):
                raise RuntimeError("several processes need a database that they can share: set E2E_DATABASE_URL")
            self.database = FreshDatabase(os.environ["E2E_DATABASE_URL"])
        for member in self.members:
            member.extra_environment = self.extra_environment
            if member.process is None or member.process.poll() is not None:
                member.start()
        self.process = self.members[0].process

    def stop(self, how=signal.SIGTERM, seconds=30):
        for member in self.members:
            member.stop(how, seconds)

    def remove(self):
        self.balancer.close()
        super().remove()


class Member(Server):
    """One of them. Writes to the same log as the others."""

    ready_path = "/health/ready"

    def __init__(self, group):
        self.group = group
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}/"
        self.log_path = group.log_path
        self.process = None

    def command(self):
        return self.group.command()

    def environment(self):
        return self.group.environment() | {"DJANKISERV_LISTEN_PORT": str(self.port)}


class FreshDatabase:
    """A database of our own on the server that E2E_DATABASE_URL names, made
    with the command-line client of that engine."""

    def __init__(self, url):
        self.admin = url
        self.name = f"e2e_{secrets.token_hex(4)}"
        parts = urllib.parse.urlsplit(url)
        # By hand: geturl() takes the slashes away when they are followed by no host.
        query = f"?{parts.query}" if parts.query else ""
        self.url = f"{parts.scheme}://{parts.netloc}/{self.name}{query}"
        self.run(f"create database {self.name}")

    def within(self, sql):
        """Runs a statement on the server's tables, which are in `{schema}`."""
        is_postgres = self.admin.startswith("postgres")
        self.run(sql.format(schema="djankiserv" if is_postgres else self.name), self.url if is_postgres else None)

    def run(self, sql, url=None):
        parts = urllib.parse.urlsplit(self.admin)
        env = dict(os.environ)
        if parts.scheme.startswith("postgres"):
            command = ["psql", url or self.admin, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", sql]
        else:
            command = [shutil.which("mariadb") or "mysql", "--no-defaults", f"--user={parts.username}", "--execute", sql]
            paths = urllib.parse.parse_qs(parts.query).get("socket")
            if paths:
                command.append(f"--socket={paths[0]}")
            else:
                command += ["--protocol=tcp", f"--host={parts.hostname}", f"--port={parts.port or 3306}"]
            env["MYSQL_PWD"] = urllib.parse.unquote(parts.password or "")
        # Dropping one with a schema for each of hundreds of accounts takes a minute on a busy disk.
        subprocess.run(command, env=env, check=True, timeout=300)

    def drop(self):
        self.run(f"drop database {self.name}")


def make_server() -> Server:
    kind = os.environ.get("E2E_SERVER", "djankiserv")
    kinds = {"official": Official, "djankiserv": Djankiserv}
    if kind not in kinds:
        raise RuntimeError(f"E2E_SERVER must be one of {', '.join(kinds)}, not {kind!r}")
    processes = int(os.environ.get("E2E_PROCESSES", "1"))
    if kind == "djankiserv" and processes > 1:
        return Several(processes)
    return kinds[kind]()
