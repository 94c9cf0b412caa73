# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sync protocol by hand, for what no well-behaved client does."""

import http.client
import io
import json
import secrets
import socket
import urllib.parse
import zipfile

import zstandard

from paths import NEWEST

CLIENT = f"{NEWEST},00000000,linux"


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body[:200]!r}")
        self.status = status
        self.body = body


def post(base, path, body, headers, method="POST", timeout=60):
    """One request on a connection of its own; returns (status, headers, body)."""
    url = urllib.parse.urlsplit(urllib.parse.urljoin(base, path))
    target = url.path + (f"?{url.query}" if url.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {url.netloc}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if not any(name.lower() == "transfer-encoding" for name in headers):
        lines.append(f"Content-Length: {len(body)}")
    with socket.create_connection((url.hostname, url.port), timeout) as sock:
        try:
            sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a server may answer and hang up before it has read everything
        response = http.client.HTTPResponse(sock, method=method)
        response.begin()
        return response.status, response.headers, response.read()


def chunked(data, size=64 * 1024):
    """The transfer encoding that real clients use."""
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


class Wire:
    """One client session in protocol 11."""

    def __init__(self, base, account=None, key=None):
        self.base = base
        self.session = secrets.token_hex(3)
        self.key = key or ""
        if account is not None:
            self.account = account
            self.key = self.json("sync/hostKey", {"u": account.user, "p": account.password})["key"]

    def another_session(self):
        """The same login, a new session: a second device, or a later sync."""
        return Wire(self.base, key=self.key)

    def headers(self, **overrides):
        head = {"v": 11, "k": self.key, "c": CLIENT, "s": self.session} | overrides
        return {
            "anki-sync": json.dumps({k: v for k, v in head.items() if v is not None}),
            "content-type": "application/octet-stream",
        }

    def raw(self, path, payload: bytes, **overrides):
        """Sends `payload` compressed; returns the plain answer or raises Refused."""
        return self.packed(path, zstandard.compress(payload), **overrides)

    def packed(self, path, body: bytes, **overrides):
        headers = self.headers(**overrides) | {"transfer-encoding": "chunked"}
        status, headers, answer = post(self.base, path, chunked(body), headers)
        if status != 200:
            raise Refused(status, answer)
        size = headers["anki-original-size"]
        plain = zstandard.ZstdDecompressor().decompressobj().decompress(answer)
        assert size is not None and int(size) == len(plain), f"anki-original-size {size}, body {len(plain)}"
        return plain

    def json(self, path, value, **overrides):
        return json.loads(self.raw(path, json.dumps(value).encode(), **overrides))

    # -- the requests of a normal sync

    def meta(self):
        return self.json("sync/meta", {"v": 11, "cv": f"anki,{NEWEST} (00000000),linux"})

    def start(self, min_usn, newer=False):
        return self.json("sync/start", {"minUsn": min_usn, "lnewer": newer, "graves": None})

    def apply_graves(self, cards=(), notes=(), decks=()):
        graves = {"cards": list(cards), "notes": list(notes), "decks": list(decks)}
        return self.json("sync/applyGraves", {"chunk": graves})

    def apply_changes(self, models=(), decks=(), presets=(), tags=(), **rest):
        changes = {"models": list(models), "decks": [list(decks), list(presets)], "tags": list(tags)} | rest
        return self.json("sync/applyChanges", {"changes": changes})

    def chunk(self):
        return self.json("sync/chunk", {"_pad": None})

    def all_chunks(self):
        rows = {"revlog": [], "cards": [], "notes": []}
        while True:
            chunk = self.chunk()
            for kind in rows:
                rows[kind] += chunk.get(kind, [])
            if chunk.get("done"):
                return rows

    def apply_chunk(self, done=True, **rows):
        return self.json("sync/applyChunk", {"chunk": {"done": done} | rows})

    def sanity_check(self, counts):
        return self.json("sync/sanityCheck2", {"client": counts})

    def finish(self):
        return self.json("sync/finish", {"_pad": None})

    def abort(self):
        return self.json("sync/abort", {"_pad": None})

    def upload(self, data: bytes):
        return self.raw("sync/upload", data).decode()

    def download(self):
        return self.raw("sync/download", b'{"_pad":null}')

    # -- media

    def media(self, method, value):
        """Unwraps {"data", "err"}."""
        answer = self.json(f"msync/{method}", value)
        assert answer["err"] == "", answer
        return answer["data"]

    def upload_media(self, files):
        """files: list of (name, bytes or None for a deletion)."""
        return json.loads(self.raw("msync/uploadChanges", media_zip(files)))["data"]

    def download_media(self, names):
        archive = zipfile.ZipFile(io.BytesIO(self.raw("msync/downloadFiles", json.dumps({"files": names}).encode())))
        meta = json.loads(archive.read("_meta"))
        return {name: archive.read(member) for member, name in meta.items()}


def media_zip(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        meta = []
        for index, (name, data) in enumerate(files):
            meta.append([name, None if data is None else str(index)])
            if data is not None:
                archive.writestr(str(index), data)
        archive.writestr("_meta", json.dumps(meta))
    return buffer.getvalue()
