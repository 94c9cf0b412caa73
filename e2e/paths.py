# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where things are, and which clients there are."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent
TEST_DIR = Path(os.environ.get("DJANKISERV_TEST_DIR", REPO / "target" / "e2e"))

# Newest first. A client is added by adding its requirement file.
VERSIONS = sorted(
    (p.stem for p in (HERE / "clients").glob("*.txt") if p.stem != "run"),
    key=lambda v: tuple(int(part) for part in v.split(".")) if not v.startswith("2.1.") else (0, int(v[4:])),
    reverse=True,
)
NEWEST = VERSIONS[0]
# Sync protocol 11 came with 2.1.57; older ones send multipart forms.
LEGACY = [v for v in VERSIONS if v.startswith("2.1.") and int(v[4:]) < 57]
MODERN = [v for v in VERSIONS if v not in LEGACY]


def client_python(version):
    return TEST_DIR / f"anki-{version}" / "bin" / "python"
