# SPDX-License-Identifier: AGPL-3.0-or-later
"""The forms in which people type a server's address. Knows nothing of Anki."""

from urllib.parse import urlsplit, urlunsplit


class BadAddress(Exception):
    """Its text tells the user what is wrong."""


def base_address(text):
    """The address as clients want it, with the final slash; and what was changed to get there."""
    text = text.strip()
    notes = []
    if not text:
        raise BadAddress("Type the address of the server, such as https://anki.example.com/")
    if "://" not in text:
        text = "https://" + text
        notes.append("There was no http:// or https:// in front: https is tried.")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise BadAddress(f"An address begins with https:// or http://, not with {parts.scheme}://")
    try:
        name, _ = parts.hostname, parts.port
    except ValueError:
        raise BadAddress("The port, behind the colon, must be a number up to 65535.") from None
    if not name or any(letter.isspace() for letter in parts.netloc):
        raise BadAddress("There is no host name in the address. It looks like https://anki.example.com/")
    if "@" in parts.netloc:
        raise BadAddress("Leave user and password out of the address: they are asked for when you sync.")
    if name.endswith("ankiweb.net"):
        raise BadAddress("That is AnkiWeb. Leave the field empty to sync with it.")
    path = parts.path
    for ending in ("/msync/", "/msync", "/sync/", "/sync"):
        if path.endswith(ending):
            path = path[: -len(ending)]
            notes.append(f"The {ending.strip('/')}/ at the end was taken away: Anki appends it by itself.")
            break
    if parts.query or parts.fragment:
        notes.append("What stood behind ? or # was taken away.")
    if not path.endswith("/"):
        path += "/"
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), notes
