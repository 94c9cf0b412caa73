#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checks the documentation, without the network: every relative link in every
Markdown file leads to a file, and to a heading of it where it names one; the
pages in docs/ stay inside of it, as they are a site too, and are all in its
SUMMARY.md; and shell commands are marked as tested or as examples."""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
DOCS = TOP / "docs"
FENCE = re.compile(r"^ *```(.*?)$(.*?)^ *```$", re.M | re.S)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")


def text_of(path):
    return path.read_text(encoding="utf-8")


def anchors(path):
    """As the sites that show Markdown make them from headings."""
    found = set()
    for title in re.findall(r"^#+ +(.*?) *$", FENCE.sub("", text_of(path)), re.M):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        number = 0
        while (name := slug if not number else f"{slug}-{number}") in found:
            number += 1
        found.add(name)
    return found


def broken_links(path):
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text_of(path)))
    for link in LINK.findall(prose):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists():
            yield f"{link} leads nowhere"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            yield f"{link}: there is no such heading"
        elif path.parent == DOCS and not target.is_relative_to(DOCS):
            yield f"{link} leaves the site: give the whole address"


def unmarked_commands(path):
    for language, body in FENCE.findall(text_of(path)):
        words = language.split()
        if words and words[0] in ("sh", "bash", "console", "shell") and words[1:] not in (["tested"], ["example"]):
            yield f"```{language}: say whether it is tested or an example: {body.strip().splitlines()[0]}"


def main():
    files = subprocess.run(["git", "ls-files", "*.md"], cwd=TOP, text=True, capture_output=True, check=True).stdout.split()
    problems = []
    for name in files:
        path = TOP / name
        problems += [f"{name}: {problem}" for problem in broken_links(path)]
        if path.parent == DOCS:
            problems += [f"{name}: {problem}" for problem in unmarked_commands(path)]
    summary = text_of(DOCS / "SUMMARY.md")
    for path in sorted(DOCS.glob("*.md")):
        if path.name != "SUMMARY.md" and f"({path.name})" not in summary:
            problems.append(f"docs/SUMMARY.md: {path.name} is missing")
    print("\n".join(problems) or f"{len(files)} documents, nothing wrong.")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
