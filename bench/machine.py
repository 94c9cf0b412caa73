# SPDX-License-Identifier: AGPL-3.0-or-later
"""What processes cost, read from /proc: CPU seconds and the most memory ever used."""

import os
import platform
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """(parent, CPU seconds of its own, CPU seconds of its ended children), or None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    parent, own, ended = int(fields[1]), fields[11:13], fields[13:15]
    return parent, sum(map(int, own)) / TICK, sum(map(int, ended)) / TICK


def cpu_of_process(pid):
    return (_stat(pid) or (0, 0, 0))[1]


def cpu_of_tree(pid):
    """Of a process and all below it, those that have ended included."""
    stats = {int(p.name): s for p in Path("/proc").iterdir() if p.name.isdigit() and (s := _stat(p.name))}
    total, waiting = 0, [pid]
    while waiting:
        current = waiting.pop()
        if current in stats:
            total += stats[current][1] + stats[current][2]
            waiting += [child for child, stat in stats.items() if stat[0] == current]
    return total


def children(pid):
    return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and (s := _stat(p.name)) and s[0] == pid]


def reset_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid):
    """Bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def describe():
    """Machine, system, versions and date, for the head of a report."""
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=Path(__file__).parent)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit.stdout.strip(),
        "machine": f"{os.cpu_count()} × {cpu or platform.machine()}, {memory:.0f} GiB, {platform.system()} {platform.release()}",
    }
