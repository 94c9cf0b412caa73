# SPDX-License-Identifier: AGPL-3.0-or-later
"""TLS of our own: real clients over https, certificates that are replaced, and the plain port beside it."""

import http.client
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from device import ClientError, ClientProcess, Device
from flows import settle, upload_first
from paths import NEWEST, VERSIONS
from server import Djankiserv, free_port

pytestmark = pytest.mark.ours("TLS is a setting of djankiserv")


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class Authority:
    """Makes certificates for 127.0.0.1 and localhost."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0
        self.certificate = folder / "ca.pem"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=an authority of the tests", "-days", "2",
            "-keyout", str(folder / "ca.key"), "-out", str(self.certificate))  # fmt: skip

    def issue(self, certificate, key):
        self.count += 1
        name = self.folder / f"{self.count}"
        extensions = self.folder / "extensions"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN=server {self.count}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", str(self.certificate), "-CAkey", str(self.folder / "ca.key"),
            "-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", f"{name}.pem")  # fmt: skip
        shutil.move(f"{name}.key", key)
        shutil.move(f"{name}.pem", certificate)


class TlsServer(Djankiserv):
    def __init__(self, authority):
        super().__init__()
        self.authority = authority
        self.certificate, self.key = self.folder / "cert.pem", self.folder / "key.pem"
        authority.issue(self.certificate, self.key)
        self.plain_port = free_port()
        self.base = f"https://127.0.0.1:{self.port}/"
        self.extra_environment = {
            "DJANKISERV_TLS_CERT": str(self.certificate),
            "DJANKISERV_TLS_KEY": str(self.key),
            "DJANKISERV_PLAIN_PORT": str(self.plain_port),
        }

    def context(self, **versions):
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        for name, value in versions.items():
            setattr(context, name, value)
        return context

    def connection(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5, context=self.context())

    def connect(self, **versions):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return self.context(**versions).wrap_socket(raw, server_hostname="localhost")

    def serial(self):
        with self.connect() as connection:
            return connection.getpeercert()["serialNumber"]

    def plain(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.plain_port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, answer.getheader("location"), body


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    server = TlsServer(Authority(tmp_path_factory.mktemp("authority")))
    server.start()
    yield server
    server.stop()
    server.remove()


def client(server, version, tmp_path, base, trusting=True):
    environment = {"SSL_CERT_FILE": str(server.authority.certificate)} if trusting else {}
    return ClientProcess(version, base, tmp_path / "client.log", environment)


@pytest.mark.parametrize("version", VERSIONS)
def test_clients_sync_over_https(tls_server, tmp_path, version):
    # Versions up to 2.1.56 take no certificate for an address.
    base = f"https://localhost:{tls_server.port}/"
    process = client(tls_server, version, tmp_path, base)
    try:
        device = Device(process, tmp_path, base)
        device.login(tls_server.new_account())
        device.add_notes(3)
        device.write_media("a.txt", "a")
        upload_first(device)
        device.sync_media()
        device.add_notes(1)
        settle(device)
    finally:
        process.stop()


def test_an_unknown_authority_is_refused(tls_server, tmp_path):
    """Or the tests above would show nothing."""
    process = client(tls_server, NEWEST, tmp_path, tls_server.base, trusting=False)
    try:
        device = Device(process, tmp_path, tls_server.base)
        with pytest.raises(ClientError):
            device.login(tls_server.new_account())
    finally:
        process.stop()


def test_versions_of_tls(tls_server):
    for wanted, name in [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]:
        with tls_server.connect(minimum_version=wanted, maximum_version=wanted) as connection:
            assert connection.version() == name
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tls_server.connect(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)


def test_pages_say_to_stay(tls_server):
    connection = http.client.HTTPSConnection("127.0.0.1", tls_server.port, context=tls_server.context())
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    while answer.status in (302, 303):
        connection.request("GET", answer.getheader("location"))
        answer = connection.getresponse()
        answer.read()
    assert answer.status == 200 and answer.getheader("strict-transport-security") == "max-age=31536000"


def test_a_new_certificate_is_taken_up(tls_server):
    before = tls_server.serial()
    # A broken one in between changes nothing.
    good = tls_server.certificate.read_bytes()
    tls_server.certificate.write_text("junk")
    time.sleep(12)
    assert tls_server.serial() == before
    tls_server.certificate.write_bytes(good)
    tls_server.authority.issue(tls_server.certificate, tls_server.key)
    deadline = time.monotonic() + 30
    while tls_server.serial() == before:
        assert time.monotonic() < deadline, tls_server.log_tail()
        time.sleep(1)


def test_the_plain_port(tls_server, tmp_path):
    assert tls_server.plain("GET", "/")[:2] == (308, f"https://127.0.0.1:{tls_server.port}/")
    assert tls_server.plain("GET", "/health")[0] == 200
    for method, path in [("POST", "/sync/meta"), ("POST", "/sync/hostKey"), ("GET", "/msync/begin?k=a&v=b"), ("POST", "/djs/sync/meta")]:
        status, location, body = tls_server.plain(method, path)
        assert (status, location) == (426, None) and "https://" in body
    base = f"http://127.0.0.1:{tls_server.plain_port}/"
    process = client(tls_server, NEWEST, tmp_path, base)
    try:
        device = Device(process, tmp_path, base)
        with pytest.raises(ClientError, match="426"):
            device.login(tls_server.new_account())
    finally:
        process.stop()
