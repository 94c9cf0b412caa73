# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pebble, the ACME server that Let's Encrypt tests with. It keeps everything in
memory: after a restart it knows no account, and its certificates come from
another root."""

import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request

from server import free_port


class Pebble:
    """`http_port` and `tls_port` are where it looks whose a name is."""

    def __init__(self, folder, authority, http_port=1, tls_port=1, **config):
        self.folder, self.authority = folder, authority
        self.folder.mkdir()
        self.port, management = free_port(), free_port()
        self.management = f"https://localhost:{management}"
        self.directory = f"https://localhost:{self.port}/dir"
        self.root = folder / "root.pem"
        self.log = folder / "pebble.log"
        certificate, key = folder / "cert.pem", folder / "key.pem"
        authority.issue(certificate, key)
        self.config = folder / "config.json"
        settings = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(certificate),
            "privateKey": str(key),
            "httpPort": http_port,
            "tlsPort": tls_port,
        }
        self.config.write_text(json.dumps({"pebble": settings | config}))
        self.process = None

    def start(self):
        # Some nonces are refused, which clients have to bear.
        env = os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "20", "PEBBLE_AUTHZREUSE": "50"}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [shutil.which("pebble"), "-config", str(self.config), "-strict"], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 20
        while True:
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            try:
                self.root.write_bytes(self.ask("/roots/0"))
                return
            except OSError:
                time.sleep(0.1)

    def ask(self, path):
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        with urllib.request.urlopen(self.management + path, context=context, timeout=10) as answer:
            return answer.read()

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None
