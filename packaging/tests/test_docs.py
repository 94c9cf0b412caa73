# SPDX-License-Identifier: AGPL-3.0-or-later
"""The documentation: links, and the commands in it."""

import re
import shlex
import subprocess

import pytest
from conftest import REPO, clean_environment, run

DOCUMENTS = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
FENCE = re.compile(r"^( *)```(.*?)\n(.*?)^ *```$", re.M | re.S)


def test_links_and_marks():
    assert "nothing wrong" in run(REPO / "scripts/check-docs.py")


def blocks(path, marked):
    for indent, language, body in FENCE.findall(path.read_text()):
        if language.split()[1:] == [marked]:
            yield "\n".join(line.removeprefix(indent) for line in body.splitlines())


def test_quick_start(server, binary, tmp_path):
    """The commands of the page, one after the other, with a server."""
    (tmp_path / "djankiserv").symlink_to(binary)
    environment = server.environment()
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    done = ""
    commands = list(blocks(REPO / "docs/quick-start.md", "tested"))
    assert len(commands) >= 4
    for block in commands:
        # The test's server has a port of its own.
        block = block.replace("127.0.0.1:8002", f"127.0.0.1:{server.port}")
        done += run("bash", "-euo", "pipefail", "-c", block, env=environment)
    assert "ann" in done and "0 damages" in done


def commands():
    """Every djankiserv command in fences and in `code`, as (document, words)."""
    found = set()
    for path in DOCUMENTS:
        text = path.read_text()
        for _, _, body in FENCE.findall(text):
            for line in body.splitlines():
                if match := re.match(r"\s*(?:.*[|] *|sudo )?(?:target/\w+/)?djankiserv(?:-ctl)? (.*)", line):
                    found.add((path.name, re.split(r"  +| [|>&]", match[1])[0]))
        for code in re.findall(r"`(?:target/release/)?djankiserv ([^`\n]+)`", FENCE.sub("", text)):
            found.add((path.name, code))
    return sorted((document, command) for document, command in found if command.strip("… "))


@pytest.mark.parametrize(("document", "command"), commands())
def test_commands_are_known(binary, document, command):
    """The sub-commands exist, and take the options that the documents give them."""
    words = shlex.split(command.replace("…", ""), comments=True)
    names = []
    for word in words:
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        done = subprocess.run([binary, *names, word, "--help"], text=True, capture_output=True, env=clean_environment())
        if done.returncode or f"djankiserv {' '.join([*names, word])}" not in done.stdout:
            break
        names.append(word)
    assert names or words[0].startswith("--"), f"{document}: djankiserv {command}: no such command"
    help_text = run(binary, *names, "--help", env=clean_environment())
    for word in words:
        if word.startswith("--") and word not in ("--help", "--version"):
            known = re.search(rf"{re.escape(word.split('=')[0])}\b", help_text)
            assert known, f"{document}: {command}: {word} is not known"
