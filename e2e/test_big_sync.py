# SPDX-License-Identifier: AGPL-3.0-or-later
"""One normal sync of 100,000 new notes. A client gives up after 30 seconds
without an answer, so the server may not sit on the rows until the end."""

import pytest

from flows import download_first, sync, two_devices
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
