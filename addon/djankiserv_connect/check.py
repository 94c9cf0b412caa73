# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tries a server, step by step, and says in plain words what is wrong. Knows
nothing of Anki, and runs in a thread of its own."""

import json
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

GOOD, HINT, BAD = "good", "hint", "bad"
SECONDS = 15
# Anki refuses to sync when the clocks differ by more.
CLOCK = 300


class NoRedirect(HTTPRedirectHandler):
    """Sync clients do not follow redirects, so we look at them instead."""

    def redirect_request(self, *_):
        return None


def ask(address, body=None, headers=None):
    """(status, headers, the beginning of the body)"""
    request = Request(address, data=body, headers=headers or {})
    try:
        with build_opener(NoRedirect).open(request, timeout=SECONDS) as answer:
            return answer.status, answer.headers, answer.read(10_000)
    except HTTPError as error:
        with error:
            return error.code, error.headers, error.read(10_000)


def check(base, user="", password=""):
    """A list of (GOOD, HINT or BAD, text). Ends with the first BAD."""
    findings = []
    try:
        for finding in steps(base, user, password):
            findings.append(finding)
            if finding[0] == BAD:
                break
    except (OSError, HTTPException) as error:
        findings.append((BAD, why_not(base, error)))
    return findings


def steps(base, user, password):
    parts = urlsplit(base)
    if parts.scheme == "http" and not is_near(parts.hostname):
        yield (
            HINT,
            "http:// sends your password and cards so that everybody on the way can read them. Use "
            "https:// if the server has it.",
        )
    status, headers, body = ask(base + "health")
    if status in (301, 302, 303, 307, 308):
        yield (
            BAD,
            (
                f"The server sends us on to {headers.get('location')}, and Anki does not follow when it syncs. "
                "Try that address instead, without health at the end."
            ),
        )
    if status == 421:
        yield (
            BAD,
            "The server is there, but does not answer under this name. Its administrator has to "
            "allow it (DJANKISERV_ALLOWED_HOSTS).",
        )
    if status in (502, 503, 504):
        yield (
            BAD,
            f"The proxy in front of the server answers, the server does not (status {status}). It may "
            "be starting; otherwise look into its log.",
        )
    if status == 404:
        yield (
            HINT,
            "There is no /health at this address. It may be another sync server than djankiserv, or "
            "a part of the path is missing.",
        )
    elif status != 200:
        yield (
            BAD,
            f"Something answers with status {status}, which no sync server does at this place. Is the address right?",
        )
    else:
        yield GOOD, "The server is there."
        ready, _, why = ask(base + "health/ready")
        if ready == 503:
            yield BAD, f"The server runs, but is not ready: {plain(why)}"
    off = clock_difference(headers)
    if abs(off) > CLOCK:
        yield (
            BAD,
            f"The clocks of this computer and of the server differ by {abs(off) // 60} minutes. Anki "
            "refuses to sync so: set the clock and the time zone.",
        )
    yield from login(base, user, password)


def login(base, user, password):
    """In the oldest form of the protocol, which every server takes."""
    given = bool(user and password)
    login_data = json.dumps({"u": user or "nobody", "p": password or "nothing"})
    body = multipart({"c": "0", "data": login_data})
    status, headers, answer = ask(
        base + "sync/hostKey", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    )
    if status == 200:
        try:
            key = json.loads(answer)["key"]
        except (ValueError, KeyError, TypeError):
            key = None
        if key:
            yield GOOD, "The user name and the password are right."
        else:
            yield BAD, "This is a web server, but no sync server: it says yes to everything. Is the address right?"
    elif status == 403:
        if given:
            yield BAD, "The server does not know this user name with this password. (It is not the one of AnkiWeb.)"
        else:
            yield GOOD, "It is a sync server. Fill in user name and password to check them too."
    elif status == 404:
        yield BAD, "There is no sync server at this address. Is a part of the path missing, or one too many?"
    elif status == 413:
        yield (
            BAD,
            "The proxy in front of the server limits the size of requests: uploads will fail (nginx: "
            "client_max_body_size 0).",
        )
    elif status == 426 or 300 <= status < 400:
        yield BAD, "The server wants https://: change the beginning of the address."
    elif status == 429:
        yield BAD, "Too many logins have failed. Wait some minutes, then try again."
    elif status in (405, 501):
        yield BAD, f"Something at this address does not take what clients send (status {status}). Is the address right?"
    else:
        yield BAD, f"The server answered the login with status {status}: {plain(answer)}"


BOUNDARY = "djankiserv-connect"


def multipart(fields):
    text = ""
    for name, value in fields.items():
        file = '; filename="data"' if name == "data" else ""
        text += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{value}\r\n'
    return (text + f"--{BOUNDARY}--\r\n").encode()


def why_not(base, error):
    """What an exception means for the person."""
    reason = error.reason if isinstance(error, URLError) else error
    host = urlsplit(base).hostname
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"The server's certificate is not accepted: {reason.verify_message}. It may have expired, "
            "be made for another name, or come from "
            "an authority that this computer does not know."
        )
    if isinstance(reason, ssl.SSLError):
        return "The server does not speak TLS at this port. Try http:// in place of https://, or another port."
    if isinstance(reason, socket.gaierror):
        return f"Nobody knows the name {host}. Is it spelt right, and is this computer online?"
    if isinstance(reason, ConnectionRefusedError):
        return (
            f"Nobody listens on {host} at this port. Is the server running, and the port right? (It "
            "listens to other machines only if told so.)"
        )
    if isinstance(reason, (socket.timeout, TimeoutError)):
        return f"{host} gives no answer in {SECONDS} seconds. A firewall may be in between."
    return f"No connection: {reason}"


def clock_difference(headers):
    """Seconds that the server is ahead."""
    try:
        return int(parsedate_to_datetime(headers["date"]).timestamp() - time.time())
    except (TypeError, ValueError, KeyError):
        return 0


def is_near(host):
    """This machine, or one in the house."""
    return host == "localhost" or host.startswith(("127.", "10.", "192.168.", "::1")) or host.endswith(".local")


def plain(body):
    return body.decode(errors="replace").strip()[:200]
