# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the address is kept: in Anki's own preferences where it has a place for
it (2.1.57 and later), otherwise in the add-on's configuration and, while a
profile is open, in the environment, from where older versions take it."""

import os

import aqt

from .address import BadAddress, base_address

VARIABLES = {"SYNC_ENDPOINT": "sync/", "SYNC_ENDPOINT_MEDIA": "msync/"}
# What was in the environment before us is put back for profiles without a server.
before = {name: os.environ.get(name) for name in VARIABLES}


def has_built_in():
    return hasattr(aqt.mw.pm, "set_custom_sync_url")


def _servers():
    config = aqt.mw.addonManager.getConfig(__name__) or {}
    servers = config.get("servers")
    return servers if isinstance(servers, dict) else {}


def _write(servers):
    aqt.mw.addonManager.writeConfig(__name__, {"servers": servers})


def address():
    """The open profile's server, or an empty text for AnkiWeb."""
    if has_built_in():
        return aqt.mw.pm.custom_sync_url() or ""
    return _servers().get(aqt.mw.pm.name, "")


def set_address(base):
    """An empty text for AnkiWeb. Another server means another login."""
    if base == address():
        return
    if has_built_in():
        aqt.mw.pm.set_custom_sync_url(base or None)
    else:
        servers = _servers()
        servers.pop(aqt.mw.pm.name, None)
        if base:
            servers[aqt.mw.pm.name] = base
        _write(servers)
    aqt.mw.pm.clear_sync_auth()
    aqt.mw.pm.save()
    apply()


def apply():
    """At the opening of a profile, and after a change."""
    if has_built_in():
        _hand_over()
        return
    base = address()
    try:
        base = base_address(base)[0] if base else ""
    except BadAddress:
        # Edited by hand. Not to AnkiWeb then, but to nowhere, so that it shows.
        base = "http://the-sync-server-in-the-add-on-is-wrong.invalid/"
    for name, ending in VARIABLES.items():
        value = base + ending if base else before[name]
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _hand_over():
    """After an upgrade of Anki: what we kept goes to its own setting, once."""
    servers = _servers()
    kept = servers.pop(aqt.mw.pm.name, None)
    if kept is None:
        return
    if not aqt.mw.pm.custom_sync_url():
        aqt.mw.pm.set_custom_sync_url(kept)
        aqt.mw.pm.save()
    _write(servers)
