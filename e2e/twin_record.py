# SPDX-License-Identifier: AGPL-3.0-or-later
"""A proxy that reads along: what a sync said, as plain JSON in an order that
does not depend on how a server cuts its answers into pieces."""

import email.parser
import gzip
import hashlib
import io
import json
import urllib.parse
import zipfile

import zstandard

from proxy import Proxy

# Answers that come in pieces, of a size that is the server's choice.
IN_PIECES = ("applyGraves", "chunk", "applyChunk", "mediaChanges", "uploadChanges", "downloadFiles")


class Recorder(Proxy):
    def __init__(self, port):
        super().__init__(port)
        self.exchanges = []
        # Called with the host key before a download is passed on.
        self.before_download = lambda key: None

    def forward(self, method, path, headers, body):
        name = path.strip("/").split("?")[0].split("/", 1)[-1]
        request, key = read_request(name, path, headers, body)
        if name == "download":
            self.before_download(key)
        status, answer_headers, answer = super().forward(method, path, headers, body)
        plain = decompress(answer) if "anki-original-size" in answer_headers else answer
        self.exchanges.append([name, request, status, read_answer(name, status, plain)])
        return status, answer_headers, answer

    def take(self):
        """What was said since the last call."""
        said, self.exchanges = self.exchanges, []
        return merge(said)


def decompress(body):
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)


def read_request(name, path, headers, body):
    """The request's content, and its host key."""
    if "anki-sync" in headers:
        key, plain = json.loads(headers["anki-sync"])["k"], decompress(body)
    elif headers.get("content-type", "").startswith("multipart/form-data"):
        parts = form(headers["content-type"], body)
        key = (parts.get("k") or parts.get("sk") or b"").decode()
        plain = parts.get("data", b"")
        if parts.get("c", b"0") != b"0":
            plain = gzip.decompress(plain)
    else:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
        key, plain = query.get("k", [""])[0], b""
    if name == "upload":
        return "a collection", key
    if name == "uploadChanges":
        return read_zip(plain, "upload"), key
    request = json.loads(plain) if plain else {}
    if request is None or list(request) == ["_pad"] or name == "begin":
        request = {}
    return request, key


def form(content_type, body):
    message = email.parser.BytesParser().parsebytes(b"content-type: " + content_type.encode() + b"\r\n\r\n" + body)
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in message.get_payload()
    }


def read_answer(name, status, plain):
    if status != 200:
        return None
    if name == "download":
        return "a collection"
    if name == "downloadFiles":
        return read_zip(plain, "download")
    if name == "upload":
        return plain.decode()
    return json.loads(plain) if plain else None


def read_zip(data, direction):
    """[name, hash of the content or None] of every file."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    meta = json.loads(archive.read("_meta"))
    names = meta if direction == "upload" else [(name, member) for member, name in meta.items()]
    digest = lambda member: hashlib.sha1(archive.read(member)).hexdigest() if member else None  # noqa: E731
    return [[name, digest(member)] for name, member in names]


def merge(exchanges):
    """Joins what came in pieces, and sorts what has no order."""
    result = []
    for name, request, status, answer in exchanges:
        if name in IN_PIECES and result and result[-1][0] == name and status == result[-1][2] == 200:
            _, earlier_request, _, earlier_answer = result[-1]
            result[-1] = [name, join(earlier_request, request), status, join(earlier_answer, answer)]
        else:
            result.append([name, request, status, answer])
    for exchange in result:
        for side in (exchange[1], exchange[3]):
            sort(exchange[0], side)
    return result


def join(left, right):
    if isinstance(left, list) and isinstance(right, list):
        return left + right
    if isinstance(left, dict) and isinstance(right, dict):
        return left | {key: join(left.get(key), value) for key, value in right.items()}
    return left if right is None else right


def sort(name, content):
    """Sorts, in place, the lists of a message whose order means nothing."""
    if isinstance(content, list):
        content.sort(key=str)
    if not isinstance(content, dict):
        return
    if name == "mediaChanges" and "data" in content:
        content["data"].sort()
    if name in ("start", "applyGraves"):
        for graves in (content.get("graves"), content.get("chunk"), content):
            for kind in ("cards", "notes", "decks"):
                if graves and kind in graves:
                    graves[kind].sort(key=str)
    if name in ("chunk", "applyChunk"):
        chunk = content.get("chunk", content)
        for kind in ("revlog", "cards", "notes"):
            # That a list is empty need not be said.
            chunk[kind] = sorted(chunk.get(kind) or [], key=lambda row: row[0])
    if name == "applyChanges":
        changes = content.get("changes", content)
        for objects in (changes["models"], *changes["decks"]):
            objects.sort(key=lambda item: int(item["id"]))
        changes["tags"].sort()
