# SPDX-License-Identifier: AGPL-3.0-or-later
"""Large transfers, of rows and of whole files. A client gives up after 30 seconds
without an answer, so the server may not sit on the rows until the end."""

import pytest

from flows import download_first, sync, two_devices, upload_first
from paths import NEWEST

COUNT = 100_000


@pytest.mark.slow_e2e
@pytest.mark.timeout(300)
def test_hundred_thousand_new_notes_in_one_sync(new_device):
    a, b = two_devices(new_device, NEWEST)
    a.generate(notes=COUNT, reviews=0, media=0)
    a.set_timeout(30)
    b.set_timeout(30)
    assert sync(a) == "normal"
    assert sync(b) == "normal"
    assert a.digest() == b.digest()
    c = new_device(NEWEST)
    download_first(c)
    assert a.digest() == c.digest()
    assert a.counts()["notes"] == COUNT + 1


@pytest.mark.slow_e2e
@pytest.mark.timeout(300)
def test_large_upload_and_download_within_the_clients_patience(new_device):
    """50,000 notes and half a million reviews as one file, both ways. The
    client waits 30 seconds for the first byte of an answer."""
    a = new_device(NEWEST)
    a.generate(notes=50_000, reviews=500_000, media=0)
    a.set_timeout(30)
    upload_first(a)
    b = new_device(NEWEST)
    b.set_timeout(30)
    download_first(b)
    assert a.digest() == b.digest()
    assert a.counts()["revlog"] == 500_000
    a.answer([3], deck="Languages::Deutsch")
    assert sync(a) == sync(b) == "normal"
    assert a.digest() == b.digest()
