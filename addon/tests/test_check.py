# SPDX-License-Identifier: AGPL-3.0-or-later
"""What people type, and what the check says of a real server and of other
things. Needs no Anki."""

import http.server
import importlib.util
import json
import socket
import threading
import zipfile

import pytest
from conftest import ADDON


def load(name):
    """A module of the add-on alone: its package needs a running Anki."""
    spec = importlib.util.spec_from_file_location(name, ADDON / f"djankiserv_connect/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


address = load("address")
check = load("check")


@pytest.mark.parametrize(
    ("typed", "wanted", "notes"),
    [
        ("https://anki.example.com/", "https://anki.example.com/", 0),
        ("https://anki.example.com", "https://anki.example.com/", 0),
        ("  http://192.0.2.7:8002 ", "http://192.0.2.7:8002/", 0),
        ("anki.example.com", "https://anki.example.com/", 1),
        ("localhost:8002", "https://localhost:8002/", 1),
        ("http://[2001:db8::1]:8002", "http://[2001:db8::1]:8002/", 0),
        ("https://example.com/anki", "https://example.com/anki/", 0),
        ("https://example.com/sync/", "https://example.com/", 1),
        ("https://example.com/anki/msync", "https://example.com/anki/", 1),
        ("https://example.com/djs/", "https://example.com/djs/", 0),
        ("https://example.com/?a=b#c", "https://example.com/", 1),
    ],
)
def test_addresses(typed, wanted, notes):
    base, said = address.base_address(typed)
    assert base == wanted
    assert len(said) == notes, said
    assert address.base_address(base) == (base, []), "once is enough"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Type the address"),
        ("ftp://example.com/", "https:// or http://"),
        ("https:///sync", "host name"),
        ("https://exa mple.com/", "host name"),
        ("https://ann:secret@example.com/", "password"),
        ("https://example.com:99999/", "port"),
        ("https://example.com:port/", "port"),
        ("https://sync.ankiweb.net/", "AnkiWeb"),
    ],
)
def test_bad_addresses(typed, says):
    with pytest.raises(address.BadAddress) as error:
        address.base_address(typed)
    assert says in str(error.value)


def kinds(findings):
    return [kind for kind, _ in findings]


def test_a_server_of_ours(server, account):
    findings = check.check(server.base, account.user, account.password)
    assert kinds(findings) == ["good", "good"], findings
    findings = check.check(server.base)
    assert kinds(findings) == ["good", "good"] and "Fill in" in findings[1][1], findings
    findings = check.check(server.base, account.user, "wrong")
    assert kinds(findings) == ["good", "bad"] and "password" in findings[1][1], findings
    assert kinds(check.check(server.base + "djs/")), "the old path"


def test_wrong_places(server):
    findings = check.check(server.base + "sync/")
    assert kinds(findings)[-1] == "bad" and "no sync server" in findings[-1][1], findings
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert "Nobody listens" in check.check(f"http://127.0.0.1:{port}/")[-1][1]
    assert "does not speak TLS" in check.check(server.base.replace("http:", "https:"))[-1][1]
    assert "Nobody knows the name" in check.check("https://no-such-name.invalid/")[-1][1]


class Pretender(http.server.BaseHTTPRequestHandler):
    answers = {}
    ahead = 0

    def do_GET(self):
        path = self.path.lstrip("/")
        status, headers, body = self.answers.get(path, (200, {}, b"ok"))
        self.send_response_only(status)
        self.send_header("Date", self.date_time_string(self.ahead + __import__("time").time()))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"health": (301, {"Location": "https://elsewhere.example/health"}, b"")}, "https://elsewhere.example/"),
        ({"health": (421, {}, b"")}, "DJANKISERV_ALLOWED_HOSTS"),
        ({"health": (502, {}, b"")}, "the server does not"),
        ({"health": (500, {}, b"")}, "status 500"),
        ({"health/ready": (503, {}, b"main database: not reachable\n")}, "main database"),
        ({"sync/hostKey": (200, {}, b"<html>")}, "no sync server"),
        ({"sync/hostKey": (413, {}, b"")}, "client_max_body_size"),
        ({"sync/hostKey": (426, {}, b"")}, "https://"),
        ({"sync/hostKey": (308, {"Location": "https://x/"}, b"")}, "https://"),
        ({"sync/hostKey": (429, {}, b"")}, "Wait"),
        ({"sync/hostKey": (405, {}, b"")}, "405"),
        ({"health": (404, {}, b""), "sync/hostKey": (404, {}, b"")}, "no sync server at this address"),
    ],
)
def test_what_is_wrong_is_said(answers, says):
    assert says in pretend(answers)[-1][1]


def test_another_clock():
    findings = pretend({}, ahead=3600)
    assert "60 minutes" in findings[-1][1] or "59 minutes" in findings[-1][1], findings


def pretend(answers, ahead=0):
    handler = type("Handler", (Pretender,), {"answers": answers, "ahead": ahead})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        findings = check.check(f"http://127.0.0.1:{httpd.server_address[1]}/", "ann", "secret")
        httpd.shutdown()
    assert kinds(findings)[-1] == "bad", findings
    return findings


def test_the_package(tmp_path):
    spec = importlib.util.spec_from_file_location("build", ADDON / "build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    with zipfile.ZipFile(build.build(tmp_path)) as archive:
        names = archive.namelist()
        assert "__init__.py" in names and not any("/" in name for name in names)
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["package"] == "djankiserv_connect"
        json.loads(archive.read("config.json"))
