# SPDX-License-Identifier: AGPL-3.0-or-later
"""Steps that many tests share."""

import itertools

from compare import assert_same, check_usns
from paths import NEWEST, VERSIONS


def sync(device):
    """A sync that must not ask for a direction. Returns "nothing" or "normal"."""
    did = device.sync()["did"]
    assert did in ("nothing", "normal"), f"{device} wants a one-way sync: {did}"
    return did


def upload_first(device):
    """The first sync of a collection with cards into an empty account."""
    assert device.sync()["did"] == "full_upload"
    device.full_upload()
    assert sync(device) == "nothing"


def download_first(device):
    """The first sync of a fresh client with an account that holds cards."""
    assert device.sync()["did"] == "full_download"
    device.full_download()
    assert sync(device) == "nothing"


def two_devices(new_device, version, other=None, notes=1):
    """Two devices in sync; the first one uploaded `notes` notes."""
    a = new_device(version)
    a.add_notes(notes)
    upload_first(a)
    b = new_device(other or version)
    download_first(b)
    return a, b


def settle(*devices, rounds=2):
    """Every device syncs until all have all. Two rounds: in the first the
    later devices hear of the earlier ones' changes, in the second the earlier
    ones hear of the later ones'."""
    for _ in range(rounds):
        for device in devices:
            sync(device)
            assert sync(device) == "nothing", f"{device} syncs again right after a sync"


def assert_all_same(*devices, ignore=()):
    dumps = [device.dump() for device in devices]
    for device, dump in zip(devices, dumps):
        check_usns(dump, device)
    for (left, left_dump), (right, right_dump) in itertools.combinations(zip(devices, dumps), 2):
        if left.version != right.version:
            age = "mixed"
        else:
            age = None if left.version == NEWEST else "old"
        assert_same(left_dump, right_dump, (left, right), age, ignore)
    return dumps[0]


def settle_and_compare(new_device, *devices, fresh=True, ignore=()):
    """How most tests end: nobody has anything left to say, all devices hold
    the same, and so does one that downloads everything anew, which is the
    look at what the server really stored."""
    settle(*devices)
    everyone = list(devices)
    if fresh:
        # The newest of them: it knows most of what there is to lose.
        version = max((d.version for d in devices), key=lambda v: -VERSIONS.index(v))
        newcomer = new_device(version, account=devices[0].account)
        download_first(newcomer)
        everyone.append(newcomer)
    return assert_all_same(*everyone, ignore=ignore)
