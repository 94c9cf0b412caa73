#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes the man page from what the program says of itself:
packaging/man.py target/release/djankiserv > djankiserv.1"""

import re
import subprocess
import sys


def help_of(binary, command):
    # `help` does not depend on the width of a terminal, and its whole text is that of --help.
    done = subprocess.run([binary, *command, "--help"], text=True, capture_output=True, check=True)
    return done.stdout


def subcommands(text):
    """The names below "Commands:"."""
    part = re.search(r"^Commands:\n((?:  .*\n|\n)+)", text, re.M)
    names = re.findall(r"^  ([a-z][\w-]*)", part[1], re.M) if part else []
    return [name for name in names if name != "help"]


def escaped(line):
    line = line.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + line if line.startswith((".", "'")) else line


def section(binary, command):
    text = help_of(binary, command)
    if command:
        yield f'.SS "djankiserv {escaped(" ".join(command))}"'
    # As it is: the program has laid it out already.
    yield ".nf"
    yield from (escaped(line) for line in text.rstrip().splitlines())
    yield ".fi"
    for name in subcommands(text):
        yield from section(binary, [*command, name])


def page(binary):
    version = subprocess.run([binary, "--version"], text=True, capture_output=True, check=True).stdout.split()[1]
    yield f'.TH DJANKISERV 1 "" "djankiserv {version}" "User Commands"'
    yield ".SH NAME"
    yield "djankiserv \\- a sync server for Anki"
    yield ".SH SYNOPSIS"
    yield ".B djankiserv"
    yield "COMMAND [OPTIONS]"
    yield ".SH DESCRIPTION"
    yield from section(binary, [])
    yield ".SH ENVIRONMENT"
    yield "All settings are environment variables;"
    yield ".B djankiserv config docs"
    yield "explains them."
    yield ".SH SEE ALSO"
    yield "https://github.com/ankicommunity/djankiserv"


if __name__ == "__main__":
    print("\n".join(page(sys.argv[1])))
