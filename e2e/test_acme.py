# SPDX-License-Identifier: AGPL-3.0-or-later
"""Certificates that the server gets by itself, from a real ACME server (Pebble):
with the authority away at first, at later times, and with two processes."""

import http.client
import json
import os
import socket
import ssl
import time

import pytest

from balancer import Balancer
from device import ClientError, ClientProcess, Device
from flows import settle, upload_first
from paths import NEWEST, VERSIONS
from pebble import Pebble
from server import Djankiserv, FreshDatabase, free_port
from test_tls import Authority

pytestmark = [
    pytest.mark.ours("ACME is a setting of djankiserv"),
    pytest.mark.slow_e2e,
]

# The server looks every ten seconds whether there is something to do.
PATIENCE = 60


class AcmeServer(Djankiserv):
    def __init__(self, plain=True):
        super().__init__()
        self.plain_port = free_port()
        # Versions up to 2.1.56 take no certificate for an address, and authorities give few.
        self.base = f"https://localhost:{self.port}/"
        self.extra_environment = {"DJANKISERV_ACME_DOMAINS": "localhost", "DJANKISERV_ACME_AGREE_TERMS": "true"}
        if plain:
            self.extra_environment["DJANKISERV_PLAIN_PORT"] = str(self.plain_port)

    def use(self, pebble):
        self.pebble = pebble
        self.extra_environment["DJANKISERV_ACME_DIRECTORY"] = pebble.directory
        self.extra_environment["DJANKISERV_ACME_CA_FILE"] = str(pebble.authority.certificate)

    def connection(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5, context=context)

    def connect(self):
        context = ssl.create_default_context(cafile=str(self.pebble.root))
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return context.wrap_socket(raw, server_hostname="localhost")

    def serial(self):
        """None while there is no certificate that the authority has given."""
        try:
            with self.connect() as connection:
                return connection.getpeercert()["serialNumber"]
        except ssl.SSLCertVerificationError:
            return None

    def wait_for_certificate(self, but_not=None):
        deadline = time.monotonic() + PATIENCE
        while (serial := self.serial()) in (None, but_not):
            assert time.monotonic() < deadline, self.log_tail() + self.pebble.log.read_text()[-3000:]
            time.sleep(0.5)
        return serial

    def doctor(self):
        done = self.run("doctor", "--json", check=False)
        return [line for line in map(json.loads, done.stdout.splitlines()) if line.get("group") == "Certificate"]

    def wait_for_log(self, text, start):
        deadline = time.monotonic() + PATIENCE
        while text not in self.log_tail(start, 1 << 20):
            assert time.monotonic() < deadline, self.log_tail(start)
            time.sleep(0.5)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def acme(authority, tmp_path_factory):
    """A server that has its certificate, after an authority that was away at first."""
    server = AcmeServer()
    pebble = Pebble(tmp_path_factory.mktemp("pebble") / "a", authority, http_port=server.plain_port)
    server.use(pebble)
    server.start()
    try:
        first_start_without_authority(server, tmp_path_factory.mktemp("early"))
        pebble.start()
        server.run("acme", "renew")
        server.wait_for_certificate()
        yield server
    finally:
        server.stop()
        pebble.stop()
        server.remove()


def client(version, server, folder):
    environment = {"SSL_CERT_FILE": str(server.pebble.root if server.pebble.root.exists() else server.pebble.authority.certificate)}
    return ClientProcess(version, server.base, folder / "client.log", environment)


def first_start_without_authority(server, folder):
    """The server runs, nobody is let believe anything, and what is wrong is told."""
    server.wait_for_log("got no certificate", 0)
    assert "DJANKISERV_ACME_CA_FILE" in server.log_tail() and server.pebble.directory in server.log_tail()
    said = {line["about"]: line for line in server.doctor()}
    assert (said["certificate"]["level"], said["acme"]["level"]) == ("warning", "problem"), said
    assert "acme renew" in said["acme"]["advice"] and server.pebble.directory in said["acme"]["found"]
    process = client(NEWEST, server, folder)
    try:
        device = Device(process, folder, server.base)
        with pytest.raises(ClientError) as refused:
            device.login(server.new_account())
        # It has not been told that its password is wrong.
        assert refused.value.kind != "AUTH", refused.value
    finally:
        process.stop()


@pytest.mark.parametrize("version", [NEWEST, VERSIONS[0]])
def test_clients_sync(acme, tmp_path, version):
    process = client(version, acme, tmp_path)
    try:
        device = Device(process, tmp_path, acme.base)
        device.login(acme.new_account())
        device.add_notes(3)
        device.write_media("a.txt", "a")
        upload_first(device)
        device.sync_media()
        device.add_notes(1)
        settle(device)
    finally:
        process.stop()


def test_doctor_and_log(acme):
    (said,) = acme.doctor()
    assert said["level"] == "ok" and "expires at" in said["found"], said
    assert "PRIVATE KEY" not in acme.log_tail(0, 1 << 22)


def test_the_plain_port(acme):
    def plain(method, path):
        connection = http.client.HTTPConnection("127.0.0.1", acme.plain_port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    assert plain("GET", "/") == 308
    assert plain("POST", "/sync/meta") == 426
    # Nothing is left of the order.
    assert plain("GET", "/.well-known/acme-challenge/" + "a" * 43) == 404
    assert plain("GET", "/.well-known/acme-challenge/..%2f..%2fsecret_key") == 404


def test_a_restart_orders_nothing(acme):
    serial, start = acme.serial(), acme.log_size()
    acme.stop()
    acme.restart()
    assert acme.serial() == serial
    time.sleep(12)
    assert acme.serial() == serial and "ordering a certificate" not in acme.log_tail(start)


def test_renewal_drops_no_connection(acme):
    before = acme.serial()
    context = ssl.create_default_context(cafile=str(acme.pebble.root))
    connection = http.client.HTTPSConnection("localhost", acme.port, timeout=10, context=context)
    connection.request("GET", "/health")
    assert connection.getresponse().read()
    acme.run("acme", "renew")
    acme.wait_for_certificate(but_not=before)
    # On the same connection, which http.client would not make anew by itself.
    sock = connection.sock
    connection.request("GET", "/health")
    assert connection.getresponse().read() and connection.sock is sock
    connection.close()


def test_an_authority_that_is_away(acme, tmp_path):
    """The old certificate goes on being served, and one that has forgotten us is told who we are again."""
    before, start = acme.serial(), acme.log_size()
    acme.pebble.stop()
    acme.run("acme", "renew")
    acme.wait_for_log("got no certificate", start)
    assert acme.serial() == before
    said = {line["about"]: line for line in acme.doctor()}
    assert (said["certificate"]["level"], said["acme"]["level"]) == ("ok", "warning"), said
    # It is not asked again at once.
    time.sleep(12)
    assert acme.log_tail(start, 1 << 20).count("got no certificate") == 1
    acme.pebble.start()
    acme.run("acme", "renew")
    acme.wait_for_certificate(but_not=before)
    assert "does not know our account" in acme.log_tail(start, 1 << 20)
    assert [line["level"] for line in acme.doctor()] == ["ok"]


def test_a_name_that_does_not_lead_here(authority, tmp_path):
    """The reason stands in the log and with the doctor, with advice."""
    server = AcmeServer()
    pebble = Pebble(tmp_path / "pebble", authority, http_port=free_port())
    server.use(pebble)
    pebble.start()
    try:
        server.start()
        server.wait_for_log("got no certificate", 0)
        assert "localhost" in server.log_tail() and "DJANKISERV_PLAIN_PORT" in server.log_tail()
        (found,) = [line["found"] for line in server.doctor() if line["about"] == "acme"]
        assert "(connection)" in found and "port 80" in found, found
    finally:
        server.stop()
        pebble.stop()
        server.remove()


def test_tls_alpn_external_account_and_short_lives(authority, tmp_path):
    """No plain port; an authority that wants to know its customers, and gives certificates for half a minute."""
    server = AcmeServer(plain=False)
    key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    binding = {"externalAccountBindingRequired": True, "externalAccountMACKeys": {"kid-1": key}}
    pebble = Pebble(tmp_path / "pebble", authority, tls_port=server.port, certificateValidityPeriod=30, **binding)
    server.use(pebble)
    pebble.start()
    try:
        server.start()
        server.wait_for_log("got no certificate", 0)
        assert "DJANKISERV_ACME_EAB_ID" in server.log_tail()
        server.stop()
        server.extra_environment |= {"DJANKISERV_ACME_EAB_ID": "kid-1", "DJANKISERV_ACME_EAB_KEY": key}
        server.run("acme", "renew")
        server.restart()
        first = server.wait_for_certificate()
        assert key not in server.log_tail(0, 1 << 20)
        # Whoever speaks the authority's protocol without being waited for gets no certificate.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["acme-tls/1"])
        with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
            context.wrap_socket(raw, server_hostname="localhost")
        second = server.wait_for_certificate(but_not=first)
        server.wait_for_certificate(but_not=second)
        assert "got no certificate" not in server.log_tail(server.log_tail(0, 1 << 22).index("serving a certificate by ACME"), 1 << 22)
    finally:
        server.stop()
        pebble.stop()
        server.remove()


@pytest.mark.skipif(not os.environ.get("E2E_DATABASE_URL"), reason="needs a database to share: E2E_PROCESSES=2 e2e/run.sh")
def test_two_processes_share_a_certificate(authority, tmp_path):
    """One orders, either answers the authority, both serve it."""
    database = FreshDatabase(os.environ["E2E_DATABASE_URL"])
    both = [AcmeServer(), AcmeServer()]
    port_80 = free_port()
    balancer = Balancer(port_80, [server.plain_port for server in both])
    pebble = Pebble(tmp_path / "pebble", authority, http_port=port_80)
    pebble.start()
    try:
        for server in both:
            server.database = database
            server.use(pebble)
            server.start()
        one, other = (server.wait_for_certificate() for server in both)
        assert one == other
        orders = [server.log_tail(0, 1 << 20).count("ordering a certificate") for server in both]
        assert sum(orders) == 1, orders
        both[0].run("acme", "renew")
        one, other = (server.wait_for_certificate(but_not=one) for server in both)
        assert one == other
        orders = [server.log_tail(0, 1 << 20).count("ordering a certificate") for server in both]
        assert sum(orders) == 2, orders
    finally:
        for server in both:
            server.stop()
        balancer.close()
        pebble.stop()
        database.drop()
        for server in both:
            server.database = None
            server.remove()
