#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes djankiserv_connect.ankiaddon, which Anki installs by Tools → Add-ons →
Install from file:
    addon/build.py [FOLDER]"""

import sys
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "djankiserv_connect"


def build(folder):
    path = Path(folder) / "djankiserv_connect.ankiaddon"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        # The files themselves, not the folder. The licence goes with them.
        for file in sorted(SOURCE.glob("*.*")):
            add(archive, file.name, file)
        add(archive, "LICENSE.txt", SOURCE.parent.parent / "LICENSE")
    return path


def add(archive, name, file):
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), file.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    print(build(sys.argv[1] if len(sys.argv) > 1 else "."))
