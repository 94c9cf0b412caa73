# SPDX-License-Identifier: AGPL-3.0-or-later
"""A wall clock for other programs that the test turns, see twin_clock.c."""

import atexit
import functools
import mmap
import struct
import subprocess
import tempfile
from pathlib import Path

from paths import HERE


@functools.cache
def library():
    """Compiles it, for as long as this program runs."""
    folder = tempfile.TemporaryDirectory(prefix="twin-clock-")
    atexit.register(folder.cleanup)
    built = Path(folder.name) / "twin_clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(built), str(HERE / "twin_clock.c"), "-ldl"], check=True)
    return built


class TestClock:
    """Stands still until set."""

    __test__ = False

    def __init__(self, path, ms):
        self.path = path
        path.write_bytes(struct.pack("<q", ms * 1_000_000))
        with open(path, "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 8)

    def set(self, ms):
        self._memory[:8] = struct.pack("<q", ms * 1_000_000)

    def environment(self, program):
        """For a process whose program's name begins like this."""
        return {
            "TEST_CLOCK": str(self.path),
            "TEST_CLOCK_FOR": program,
            "LD_PRELOAD": str(library()),
            "TZ": "UTC",
        }
