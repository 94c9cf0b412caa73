# SPDX-License-Identifier: AGPL-3.0-or-later
"""The Debian package, the wheel, the man page and the systemd unit."""

import configparser
import importlib.util
import os
import shutil
import subprocess
import sys

import pytest
from conftest import REPO, clean_environment, run

UNIT = REPO / "packaging/systemd/djankiserv.service"


@pytest.fixture(scope="module")
def deb(binary, tmp_path_factory):
    """The package, unpacked."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("no system with Debian's packages")
    folder = tmp_path_factory.mktemp("deb")
    # Without compression, which would take most of the time.
    environment = os.environ | {"DPKG_DEB_COMPRESSOR_TYPE": "none"}
    package = run(REPO / "packaging/debian/build.sh", binary, folder, env=environment).strip()
    run("dpkg-deb", "--extract", package, folder / "root")
    run("dpkg-deb", "--control", package, folder / "control")
    return package, folder / "root", folder / "control"


def test_debian_package(deb, binary):
    package, root, control = deb
    assert run(root / "usr/bin/djankiserv", "--version") == run(binary, "--version")
    depends = run("dpkg-deb", "--field", package, "Depends")
    assert "libc6 (>=" in depends, "what it is linked against was not found out"
    assert (control / "conffiles").read_text().split() == ["/etc/djankiserv/djankiserv.env"]
    assert (root / "etc/djankiserv/djankiserv.env").stat().st_mode & 0o777 == 0o600
    assert (root / "usr/lib/systemd/system/djankiserv.service").read_text() == UNIT.read_text()
    for script in ("postinst", "prerm", "postrm"):
        run("sh", "-n", control / script)
    run("md5sum", "--check", "--quiet", control / "md5sums", cwd=root)


def test_settings_of_the_package_are_understood(deb, binary, tmp_path):
    """All lines that are commented out, taken together."""
    _, root, _ = deb
    lines = (root / "etc/djankiserv/djankiserv.env").read_text().splitlines()
    settings = tmp_path / "env"
    settings.write_text("\n".join(line[1:] if line.startswith("#DJANKISERV_") else line for line in lines) + "\n")
    said = subprocess.run(
        ["sh", "-c", 'set -a; . "$0"; exec "$1" config show --data-root "$2"', settings, binary, tmp_path],
        env=clean_environment(),
        text=True,
        capture_output=True,
    )
    assert said.returncode == 0, said.stderr
    assert "is not a setting" not in said.stderr, said.stderr
    assert "* DJANKISERV_TRUSTED_PROXIES=127.0.0.1" in said.stdout, said.stdout


def test_man_page(binary):
    page = run(REPO / "packaging/man.py", binary)
    for command in ("serve", "user add", "collection restore", "check"):
        assert f'.SS "djankiserv {command}"' in page
    if shutil.which("groff"):
        text = run("groff", "-man", "-Tutf8", "-ww", input=page)
        assert "djankiserv user add" in text


def test_unit_stays_hardened():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNIT)
    service = unit["Service"]
    assert service["User"] == "djankiserv"
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    # It would kill the embedded database together with its master.
    assert service["KillMode"] == "mixed"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_unit_in_the_eyes_of_systemd(tmp_path, binary):
    text = UNIT.read_text().replace("/usr/bin/djankiserv", str(binary)).replace("Documentation=man:", "#")
    copy = tmp_path / "djankiserv.service"
    copy.write_text(text)
    said = subprocess.run(["systemd-analyze", "verify", copy], text=True, capture_output=True)
    ours = [line for line in (said.stdout + said.stderr).splitlines() if "djankiserv" in line]
    assert not ours, ours
    # 0 is locked away, 10 is open to all.
    offline = ["systemd-analyze", "security", "--offline=true", "--threshold=20", copy]
    done = subprocess.run(offline, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def build_wheel(binary):
    spec = importlib.util.spec_from_file_location("build_wheel", REPO / "packaging/wheel/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda folder: module.build(str(binary), folder, level=1)


def test_wheel(build_wheel, binary, tmp_path):
    wheel = build_wheel(tmp_path)
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    pip = tmp_path / "venv/bin/pip"
    run(pip, "install", "--quiet", "--no-index", "--disable-pip-version-check", wheel)
    installed = tmp_path / "venv/bin/djankiserv"
    assert run(installed, "--version") == run(binary, "--version")
    run(installed, "config", "show", "--data-root", tmp_path, env=clean_environment())
    run(pip, "uninstall", "--yes", "djankiserv")
    assert not installed.exists()


def test_the_wheel_is_the_same_each_time(build_wheel, tmp_path):
    built = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        built.append(build_wheel(tmp_path / name).read_bytes())
    assert built[0] == built[1]
