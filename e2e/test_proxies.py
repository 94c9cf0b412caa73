# SPDX-License-Identifier: AGPL-3.0-or-later
"""Real reverse proxies, configured as docs/proxies.md says, between real clients
and the server: with TLS, at the root and below a path."""

import base64
import http.client
import random
import socket
import ssl
import threading
import urllib.parse

import pytest

from device import ClientError, ClientProcess, Device
from flows import download_first, settle_and_compare, sync, upload_first
from paths import NEWEST
from reverse_proxies import NAMES, ReverseProxy, make_certificate, unpack
from server import Djankiserv
from wire import post

pytestmark = pytest.mark.ours("our recipes, and paths of our own")

OLDEST = "2.1.49"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    unpack()
    folder = tmp_path_factory.mktemp("certificate")
    make_certificate(folder)
    # Proxies that were started by root give up its rights.
    for path in (folder, *folder.parents):
        if path.stat().st_uid == 0 and "pytest" in str(path):
            path.chmod(path.stat().st_mode | 0o055 if path.is_dir() else 0o644)
    return folder


@pytest.fixture(scope="module")
def behind():
    """A server that knows of its proxy."""
    server = Djankiserv()
    server.extra_environment = {"DJANKISERV_TRUSTED_PROXIES": "127.0.0.1, ::1"}
    server.start()
    yield server
    damage = server.check()
    server.stop()
    server.remove()
    assert not damage, damage


@pytest.fixture(scope="module", params=NAMES)
def proxy(request, behind, certificate, tmp_path_factory):
    proxy = ReverseProxy(request.param, tmp_path_factory.mktemp(request.param), certificate, behind.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def device_at(certificate, tmp_path):
    """device_at(version, account, base): a client that trusts our authority."""
    processes = []

    def make(version, account, base, login=True):
        log = tmp_path / f"{len(processes)}.log"
        process = ClientProcess(version, base, log, {"SSL_CERT_FILE": str(certificate / "ca.pem")})
        processes.append(process)
        device = Device(process, tmp_path, base)
        device.account = account
        if login:
            device.login(account, base)
        return device

    yield make
    for process in processes:
        process.stop()


@pytest.mark.parametrize("where", ["base", "subpath"])
def test_collection_and_media(proxy, behind, device_at, where):
    base = getattr(proxy, where)
    account = behind.new_account()
    new = device_at(NEWEST, account, base)
    # Larger than the limits that proxies have of themselves, and hard to compress.
    for number in range(3):
        new.add_note([noise(number), f"note {number}"])
    new.write_media("large.bin", size=6_000_000)
    upload_first(new)
    new.sync_media()
    old = device_at(OLDEST, account, base)
    download_first(old)
    old.sync_media()
    assert old.media_files() == new.media_files() and len(old.media_files()) == 1
    # A normal sync with a large piece, from both.
    old.add_note([noise(10), "from the old one"])
    new.add_note([noise(11), "from the new one"])
    old.write_media("ünïcödé.txt", "x")
    assert sync(old) == "normal"
    assert sync(new) == "normal"
    old.sync_media()
    new.sync_media()
    assert set(new.media_files()) == {"large.bin", "ünïcödé.txt"}
    settle_and_compare(None, old, new, fresh=False)


def noise(seed, size=1_500_000):
    """Letters without any order."""
    return base64.b64encode(random.Random(seed).randbytes(size)).decode()


def test_plain_http(proxy, behind, device_at):
    """Browsers are sent to https. Clients get an error that they show, and keep their login."""
    status, headers, _ = post(proxy.plain, "", b"", {}, method="GET")
    assert status in (301, 308)
    assert headers["location"].startswith("https://localhost")
    for path in ("sync/meta", "djs/msync/begin"):
        status, _, body = post(proxy.plain, path, b"", {})
        assert status == (404 if proxy.name == "traefik" else 426), (path, body)
    device = device_at(NEWEST, behind.new_account(), proxy.plain, login=False)
    with pytest.raises(ClientError) as error:
        device.login(behind.new_account(), proxy.plain)
    assert error.value.kind != "AUTH"
    assert ("404" if proxy.name == "traefik" else "426") in error.value.message


class Upstream:
    """Stands where the server would, and writes down what comes in, as it comes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.received = b""
        self.news = threading.Condition()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        head = b""
        with connection:
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65536)
                if not piece:
                    return
                head += piece
            if b"/health" in head.split(b"\r\n")[0]:  # HAProxy, and who waits for a proxy, look whether we are alive
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            while True:
                with self.news:
                    self.received += head
                    self.news.notify_all()
                if b"the end" in self.received:
                    break
                head = connection.recv(65536)
                if not head:
                    return
            # The answer comes in two parts, the second only when the first has arrived.
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nanki-original-size: 42\r\nConnection: close\r\n\r\nfirst"
            )
            with self.news:
                self.news.wait_for(lambda: b"arrived" in self.received, 20)
            connection.sendall(b"second")

    def await_text(self, text):
        with self.news:
            assert self.news.wait_for(lambda: text in self.received, 20), f"{text} has not come, only {self.received}"


@pytest.fixture(params=NAMES)
def at_upstream(request, certificate, tmp_path):
    upstream = Upstream()
    # The proxy gives up root's rights and has to enter its folder.
    tmp_path.chmod(0o755)
    proxy = ReverseProxy(request.param, tmp_path, certificate, upstream.port)
    yield proxy, upstream
    proxy.stop()
    upstream.listener.close()


@pytest.mark.parametrize("where", ["base", "subpath"])
def test_bodies_are_handed_on_as_they_come(at_upstream, certificate, where):
    """In both directions; and headers are what the server has to see."""
    proxy, upstream = at_upstream
    base = getattr(proxy, where)
    port = int(base.split(":")[2].split("/")[0])
    path = base.split("/", 3)[3]
    context = ssl.create_default_context(cafile=str(certificate / "ca.pem"))
    with context.wrap_socket(socket.create_connection(("localhost", port), 20), server_hostname="localhost") as sock:
        sock.sendall(
            f"POST /{path}sync/upload HTTP/1.1\r\nHost: localhost:{port}\r\nanki-sync: {{}}\r\n"
            "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Prefix: /forged\r\nX-Forwarded-Host: forged.example\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        # Apache keeps the first 16 KiB of a body until it has them.
        sock.sendall(b"%x\r\npart 1%s\r\n" % (100_006, bytes(100_000)))
        upstream.await_text(b"part 1")
        sock.sendall(b"7\r\nthe end\r\n0\r\n\r\n")
        answer = b""
        while b"first" not in answer:
            piece = sock.recv(65536)
            assert piece, answer
            answer += piece
        with upstream.news:
            upstream.received += b" arrived"
            upstream.news.notify_all()
        while b"second" not in answer:
            piece = sock.recv(65536)
            assert piece, answer
            answer += piece
        assert b"anki-original-size: 42" in answer.lower()
    head = upstream.received.split(b"\r\n\r\n")[0].decode().lower().splitlines()
    assert head[0] == "post /sync/upload http/1.1"
    headers = dict(line.split(": ", 1) for line in head[1:])
    assert headers["anki-sync"] == "{}"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["host"] == headers["x-forwarded-host"] == f"localhost:{port}"
    assert "203.0.113.9" not in headers["x-forwarded-for"], "anybody could say who he is"
    assert headers["x-forwarded-for"] in ("127.0.0.1", "::1")
    assert headers.get("x-forwarded-prefix", "") == ("/anki" if where == "subpath" else ""), "the beginning of the pages' links"


@pytest.mark.parametrize("where", ["base", "subpath"])
def test_pages_stay_below_the_path(proxy, behind, where, certificate):
    base = getattr(proxy, where)
    below = "/" + base.split("/", 3)[3]
    context = ssl.create_default_context(cafile=str(certificate / "ca.pem"))

    def get(path):
        connection = http.client.HTTPSConnection("localhost", urllib.parse.urlsplit(base).port, timeout=20, context=context)
        connection.request("GET", below + path, headers={"X-Forwarded-Prefix": "/forged"})
        answer = connection.getresponse()
        page = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, page

    status, headers, page = get("login/")
    assert status == 200 and f'action="{below}login/"' in page, page
    assert "forged" not in page
    assert f"path={below}".lower() in headers["set-cookie"].lower(), headers
    status, headers, _ = get("account/")
    assert status == 303 and headers["location"].startswith(f"{below}login/"), (status, headers)
