# SPDX-License-Identifier: AGPL-3.0-or-later
"""The test's side of client.py: processes, and devices inside them."""

import itertools
import json
import os
import select
import subprocess

from paths import HERE, age, client_python


class ClientError(Exception):
    """An exception inside a client. `kind` is AUTH or OTHER for sync errors."""

    def __init__(self, error):
        super().__init__(f"{error['type']}({error['kind']}): {error['message']}")
        self.type = error["type"]
        self.kind = error["kind"]
        self.message = error["message"]
        self.trace = error["trace"]


class ClientProcess:
    """One interpreter with one version of the client library."""

    def __init__(self, version, base, log, environment=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("SYNC_", "PYTHON"))}
        env["PYTHONPATH"] = str(HERE)
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        if age(version) < age("2.1.57"):
            env["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
            # The method name is appended as it is, hence the final slashes.
            env["SYNC_ENDPOINT"] = base + "sync/"
            env["SYNC_ENDPOINT_MEDIA"] = base + "msync/"
        env.update(environment or {})
        self.version = version
        self.log = log
        with open(log, "ab") as stderr:
            self.process = subprocess.Popen(
                [str(client_python(version)), str(HERE / "client.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=env,
            )

    def call(self, dev, verb, args, timeout=120):
        self.send(dev, verb, args)
        return self.receive(timeout)

    def send(self, dev, verb, args):
        line = json.dumps({"dev": dev, "verb": verb, "args": args}) + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()

    def receive(self, timeout=120):
        ready, _, _ = select.select([self.process.stdout], [], [], timeout)
        if not ready:
            # The answer would come when the next caller waits for its own.
            self.stop()
            raise TimeoutError(f"client {self.version} gave no answer in {timeout} s")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"client {self.version} died, see {self.log}")
        answer = json.loads(line)
        if "error" in answer:
            raise ClientError(answer["error"])
        return answer["ok"]

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.alive():
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Device:
    """A collection on a client. Every verb of client.py is a method."""

    _ids = itertools.count(1)

    def __init__(self, process, folder, base, name=None):
        self.id = name or f"dev{next(self._ids)}"
        self.process = process
        self.version = process.version
        self.base = base
        self.path = str(folder / self.id / "collection.anki2")
        process.call(self.id, "new", {"path": self.path})
        self.open()

    def __repr__(self):
        return f"<{self.id} {self.version}>"

    def __getattr__(self, verb):
        if verb.startswith("_"):
            raise AttributeError(verb)

        def call(*args, timeout=120, **kwargs):
            # The verbs are few and their arguments plain; positional ones are
            # matched to names by the client.
            kwargs.update(self._names(verb, args))
            return self.process.call(self.id, verb, kwargs, timeout)

        return call

    def _names(self, verb, args):
        names = POSITIONAL[verb]
        assert len(args) <= len(names), f"{verb} takes {names}"
        return dict(zip(names, args))

    def login(self, account, endpoint=None):
        return self.process.call(
            self.id,
            "login",
            {"user": account.user, "password": account.password, "endpoint": endpoint or self.base},
        )

    def forget(self):
        self.process.call(self.id, "forget", {})


def _positional():
    """Parameter names of each verb, read from the sources: client.py itself
    cannot be imported here, as it needs the client library."""
    import ast

    names = {}
    modules = ("client", "client_edit", "client_package", "client_study", "client_dump", "client_acts", "make_collection", "make_studied")
    for module in (f"{name}.py" for name in modules):
        for node in ast.walk(ast.parse((HERE / module).read_text())):
            if isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].arg == "self":
                # The acts of client_acts.py are no verbs themselves, but some are called like one.
                names.setdefault(node.name, [a.arg for a in node.args.args[1:]])
    return names


POSITIONAL = _positional()
