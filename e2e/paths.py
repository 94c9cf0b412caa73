# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where things are, and which clients there are."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent
TEST_DIR = Path(os.environ.get("DJANKISERV_TEST_DIR", REPO / "target" / "e2e"))


def age(version):
    """Versions in the order of their release: `age("2.1.66") < age("23.10.1")`."""
    return tuple(int(part) for part in version.split("."))


# Newest first. A client is added by adding its requirement file; E2E_CLIENTS names others to run with instead.
VERSIONS = sorted(
    os.environ.get("E2E_CLIENTS", "").split()
    or (p.stem for p in (HERE / "clients").glob("*.txt") if p.stem != "run"),
    key=age,
    reverse=True,
)
NEWEST = VERSIONS[0]
# Sync protocol 11 came with 2.1.57; older ones send multipart forms.
LEGACY = [v for v in VERSIONS if age(v) < age("2.1.57")]
MODERN = [v for v in VERSIONS if v not in LEGACY]


def client_python(version):
    return TEST_DIR / f"anki-{version}" / "bin" / "python"
