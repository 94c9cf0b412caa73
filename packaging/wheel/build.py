#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes a Python wheel that carries a built program, so that `pip install
djankiserv` gives the command djankiserv:
    packaging/wheel/build.py target/release/djankiserv [FOLDER]
Prints the wheel's path. Needs nothing but Python; for Linux with glibc."""

import base64
import hashlib
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent


def python_version(version):
    """1.2.3-rc.4 as PEP 440 writes it: 1.2.3rc4."""
    match = re.fullmatch(r"(\d+\.\d+\.\d+)(?:-(alpha|beta|rc)\.?(\d+))?", version)
    if not match:
        raise SystemExit(f"cannot say {version!r} in Python's terms")
    release, kind, number = match.groups()
    return release + ({"alpha": "a", "beta": "b", "rc": "rc"}[kind] + number if kind else "")


def platform_tag(program):
    """The oldest glibc that has all that the program asks for."""
    if not program.startswith(b"\x7fELF"):
        raise SystemExit("only programs for Linux can be packed")
    asked = [tuple(map(int, found)) for found in re.findall(rb"GLIBC_(\d+)\.(\d+)", program)]
    if not asked:
        raise SystemExit("the program is not linked against glibc")
    major, minor = max(asked)
    return f"manylinux_{major}_{minor}_{platform.machine()}"


def add(wheel, name, data, mode=0o644):
    """Adds a file, always with the same date, and returns its line for RECORD."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr = (0o100000 | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    wheel.writestr(info, data)
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    return f"{name},sha256={digest},{len(data)}\n"


def build(binary, folder, level=9):
    said = subprocess.run([binary, "--version"], text=True, capture_output=True, check=True).stdout
    version = python_version(said.split()[1])
    program = Path(binary).read_bytes()
    tag = f"py3-none-{platform_tag(program)}"
    info = f"djankiserv-{version}.dist-info"
    metadata = (
        "Metadata-Version: 2.4\nName: djankiserv\n"
        f"Version: {version}\n"
        "Summary: A sync server for Anki\n"
        "License-Expression: AGPL-3.0-or-later\nLicense-File: LICENSE\n"
        "Project-URL: Source, https://github.com/ankicommunity/djankiserv\n"
        "Requires-Python: >=3.8\n"
        "Description-Content-Type: text/markdown\n\n" + (HERE / "description.md").read_text()
    )
    path = Path(folder) / f"djankiserv-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", compresslevel=level) as wheel:
        record = add(wheel, f"djankiserv-{version}.data/scripts/djankiserv", program, 0o755)
        record += add(wheel, f"{info}/METADATA", metadata.encode())
        shape = f"Wheel-Version: 1.0\nGenerator: djankiserv\nRoot-Is-Purelib: false\nTag: {tag}\n"
        record += add(wheel, f"{info}/WHEEL", shape.encode())
        record += add(wheel, f"{info}/licenses/LICENSE", (TOP / "LICENSE").read_bytes())
        add(wheel, f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode())
    return path


if __name__ == "__main__":
    print(build(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "."))
