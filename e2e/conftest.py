# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fixtures: one server and one client process per version and test session;
every test gets an account and collections of its own."""

import os

import pytest

from browser import browser, new_page  # noqa: F401 - fixtures
from device import ClientProcess, Device
from flows import upload_first
from paths import NEWEST, VERSIONS
from proxy import Proxy
from server import make_server
from wire import Wire


def pytest_configure(config):
    config.addinivalue_line("markers", "ours(why): promised by djankiserv only, skipped for the official server")
    config.addinivalue_line("markers", "allows_complaints: the browser is expected to complain in this test")
    config.addinivalue_line("markers", "slow_e2e: takes more than some seconds; part of the default run")


def pytest_collection_modifyitems(items):
    if os.environ.get("E2E_SERVER", "djankiserv") == "djankiserv":
        return
    for item in items:
        if marker := item.get_closest_marker("ours"):
            item.add_marker(pytest.mark.skip(reason=f"only djankiserv promises: {marker.args[0]}"))


@pytest.fixture(scope="session")
def server(request):
    server = make_server()
    # The official server makes a collection per account when it starts, so
    # only as many accounts as tests, and some for tests that need more.
    server.pool = len(request.session.items) + 30
    server.start()
    yield server
    # Whatever real clients have done, nothing is damaged.
    damage = server.check() if server.is_ready() else "the server has ended"
    server.stop()
    if request.session.testsfailed or damage:
        print(f"\nkept for a look: {server.folder}")
    else:
        server.remove()
    assert not damage, damage


@pytest.fixture(scope="session")
def client_processes(server, tmp_path_factory):
    """version -> process, started on first use."""
    folder = tmp_path_factory.mktemp("clients")
    processes = {}

    def get(version):
        if version not in processes or not processes[version].alive():
            processes[version] = ClientProcess(version, server.base, folder / f"{version}.log")
        return processes[version]

    yield get
    for process in processes.values():
        process.stop()


@pytest.fixture
def account(server):
    return server.new_account()


@pytest.fixture
def new_device(client_processes, server, account, tmp_path):
    """new_device(version) -> a logged-in device with an empty collection."""
    devices = []

    def make(version, login=True, account=account, endpoint=None):
        assert version in VERSIONS
        device = Device(client_processes(version), tmp_path, server.base)
        device.account = account
        devices.append(device)
        if login:
            device.login(account, endpoint)
        return device

    yield make
    for device in devices:
        if device.process.alive():
            device.forget()


@pytest.fixture
def new_server():
    """A server of the test's own, without accounts."""
    server = make_server()
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture
def start_client(tmp_path):
    """start_client(server, version) -> a process of the test's own; clients of some age are told the address when they start."""
    processes = []

    def start(server, version=NEWEST):
        processes.append(ClientProcess(version, server.base, tmp_path / f"{len(processes)}.log"))
        return processes[-1]

    yield start
    for process in processes:
        process.stop()


@pytest.fixture
def open_device(start_client, tmp_path):
    """open_device(server, account, version) -> a device in a process of its own, which is logged in there."""

    def open_device(server, account, version=NEWEST):
        device = Device(start_client(server, version), tmp_path, server.base)
        device.account = account
        device.key = device.login(account)
        return device

    return open_device


@pytest.fixture
def wire(server, account):
    """The protocol by hand, already logged in."""
    return Wire(server.base, account)


@pytest.fixture
def filled(new_device):
    """A device whose collection (one note) is on the server."""
    device = new_device(NEWEST)
    device.add_notes(1)
    upload_first(device)
    return device


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the server logged meanwhile."""
    outcome = yield
    server = item.funcargs.get("server") if hasattr(item, "funcargs") else None
    if server is None:
        return
    if call.when == "setup":
        item.server_log_start = server.log_size()
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        report.sections.append(("server log", server.log_tail(getattr(item, "server_log_start", 0))))


@pytest.fixture
def proxy(server):
    proxy = Proxy(server.port)
    yield proxy
    proxy.close()
