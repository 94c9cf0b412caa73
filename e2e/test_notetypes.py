# SPDX-License-Identifier: AGPL-3.0-or-later
"""Notetypes: what syncs normally, and what needs a one-way sync (the latter
in test_one_way.py)."""

import pytest

from flows import settle, settle_and_compare, two_devices
from paths import NEWEST, VERSIONS, age

TEMPLATES = [["Card 1", "{{Front}}", "{{FrontSide}}<hr id=answer>{{Back}}"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_new_notetype_with_notes(new_device, version):
    a, b = two_devices(new_device, version)
    a.add_notetype("Vokabel ✓", ["Front", "Back", "Ärger"], TEMPLATES + [["Back", "{{Back}}{{Ärger}}", "{{Front}}"]])
    a.add_note(["f", "b", "ä"], notetype="Vokabel ✓")
    dump = settle_and_compare(new_device, a, b)
    notetype = next(n for n in dump["notetypes"].values() if n["name"] == "Vokabel ✓")
    assert [f["name"] for f in notetype["flds"]] == ["Front", "Back", "Ärger"]
    assert len(notetype["tmpls"]) == 2
    assert len(dump["cards"]) == 1 + 2


@pytest.mark.parametrize("version", VERSIONS)
def test_rename_css_templates_field_names(new_device, version):
    a, b = two_devices(new_device, version)
    css = '.card { content: "\\201C"; color: #f00 }\n/* ß */'
    a.update_notetype("Basic", {"name": "Basis", "css": css})
    a.edit_template("Basis", 0, {"qfmt": "<h1>{{Front}}</h1>", "name": "Karte"})
    a.edit_field("Basis", 1, {"name": "Rückseite", "font": "Noto Sans", "size": 33, "rtl": True, "sticky": True})
    a.edit_template("Basis", 0, {"afmt": "{{FrontSide}} {{Rückseite}}"})
    dump = settle_and_compare(new_device, a, b)
    notetype = next(n for n in dump["notetypes"].values() if n["name"] == "Basis")
    assert notetype["css"] == css
    assert notetype["tmpls"][0]["name"] == "Karte"
    assert notetype["tmpls"][0]["qfmt"] == "<h1>{{Front}}</h1>"
    field = notetype["flds"][1]
    assert (field["name"], field["font"], field["size"], field["rtl"], field["sticky"]) == (
        "Rückseite",
        "Noto Sans",
        33,
        True,
        True,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_foreign_keys_are_kept(new_device, version):
    a, b = two_devices(new_device, version)
    a.update_notetype("Basic", {"addon": {"id": 2**62 + 3, "list": [{}]}})
    a.edit_field("Basic", 0, {"addonField": [True, None]})
    a.edit_template("Basic", 0, {"addonTemplate": "ß"})
    settle(a, b)
    # The other device edits something else; the foreign keys must live on.
    b.update_notetype("Basic", {"css": "/* changed */"})
    dump = settle_and_compare(new_device, a, b)
    notetype = next(n for n in dump["notetypes"].values() if n["name"] == "Basic")
    assert notetype["addon"] == {"id": 2**62 + 3, "list": [{}]}
    assert notetype["flds"][0]["addonField"] == [True, None]
    assert notetype["tmpls"][0]["addonTemplate"] == "ß"
    assert notetype["css"] == "/* changed */"


def test_field_and_template_ids_are_kept_exactly(new_device):
    """They are random 64-bit numbers: a detour through doubles would change them."""
    a, b = two_devices(new_device, NEWEST)
    a.add_notetype("Ids", ["Front", "Back"], TEMPLATES)
    a.edit_field("Ids", 0, {"id": -(2**63) + 1})
    a.edit_template("Ids", 0, {"id": 2**63 - 1})
    dump = settle_and_compare(new_device, a, b)
    notetype = next(n for n in dump["notetypes"].values() if n["name"] == "Ids")
    assert notetype["flds"][0]["id"] == -(2**63) + 1
    assert notetype["tmpls"][0]["id"] == 2**63 - 1


def test_template_with_its_own_deck_and_browser_look(new_device):
    a, b = two_devices(new_device, NEWEST)
    did = a.add_deck("Target")
    changes = {"did": did, "bqfmt": "{{Front}} b", "bafmt": "{{Back}} b", "bfont": "Arial", "bsize": 14}
    a.edit_template("Basic", 0, changes)
    a.add_note(["goes to", "target"])
    dump = settle_and_compare(new_device, a, b)
    notetype = next(n for n in dump["notetypes"].values() if n["name"] == "Basic")
    assert {k: notetype["tmpls"][0][k] for k in changes} == changes
    assert sorted(row[2] for row in dump["cards"]) == [1, did]


IO_VERSIONS = [v for v in VERSIONS if age(v) >= age("2.1.66")]


@pytest.mark.parametrize("version", IO_VERSIONS)
def test_image_occlusion(new_device, version):
    a, b = two_devices(new_device, version)
    shapes = (
        "{{c1::image-occlusion:rect:left=.1:top=.1:width=.2:height=.2:oi=1}}<br>"
        "{{c2::image-occlusion:ellipse:left=.5:top=.5:rx=.1:ry=.1}}<br>"
    )
    nid = a.add_image_occlusion("Header ü", shapes)
    dump = settle_and_compare(new_device, a, b)
    assert len([row for row in dump["cards"] if row[1] == nid]) == 2
    notetype = dump["notetypes"][str(b.note(nid)["mid"])]
    assert notetype["originalStockKind"] == 6
    if version != "2.1.66":  # which did not number the fields yet
        assert [field["tag"] for field in notetype["flds"]] == [0, 1, 2, 3, 4]
