# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asks a real client which cards it makes, for templates and cloze texts of all kinds.

Run by hand, with the interpreter of a virtualenv that has the client:

    python make_cards.py > data/26.09.3-cards.json

`normal`: templates, and for each note (three fields and tags) the ordinals of its cards. `cloze`: the same for cloze texts.
"""

import copy
import json
import os
import random
import sys
import tempfile

from anki.buildinfo import version
from anki.collection import Collection

random.seed(7)

TEMPLATES = [
    "{{Front}}",
    "{{Back}}",
    "plain",
    "",
    "{{Deck}}",
    "{{Card}}",
    "{{CardFlag}}",
    "{{Subdeck}}",
    "{{Type}}",
    "{{CardID}}",
    "{{Tags}}",
    "{{FrontSide}}",
    "{{Unknown}}",
    "{{ Front }}",
    "{{text:Front}}",
    "{{text: Front}}",
    "{{text :Front}}",
    "{{type:Front}}",
    "{{type:cloze:Front}}",
    "{{cloze:Front}}",
    "{{hint:Back}}",
    "{{furigana:kanji:Back}}",
    "{{#Front}}{{Back}}{{/Front}}",
    "{{^Front}}{{Back}}{{/Front}}",
    "{{#Front}}plain{{/Front}}",
    "{{^Front}}plain{{/Front}}",
    "{{#Third}}{{Front}}{{/Third}}",
    "{{^Third}}{{Front}}{{/Third}}",
    "{{# Third }}{{Front}}{{/ Third }}",
    "{{#Third}}{{#Back}}{{Front}}{{/Back}}{{/Third}}",
    "{{#Third}}{{^Back}}{{Front}}{{/Back}}{{/Third}}{{Back}}",
    "{{#Unknown}}{{Front}}{{/Unknown}}",
    "{{^Unknown}}{{Front}}{{/Unknown}}",
    "{{#Tags}}{{Front}}{{/Tags}}",
    "{{^Tags}}{{Front}}{{/Tags}}",
    "{{#Deck}}{{Front}}{{/Deck}}",
    "{{#text:Front}}{{Back}}{{/text:Front}}",
    "{{Front",
    "Front}}",
    "{{#Front}}{{Back}}",
    "{{#Front}}{{Back}}{{/Back}}",
    "{{/Front}}{{Back}}",
    "{{}}{{Front}}",
    "{{#}}{{Front}}{{/}}",
    "{{{Front}}}",
    "{{{Front}}",
    "{{Front}}}",
    "{{{{Front}}}}",
    "{{front}}",
    "<!-- {{Front}} -->",
    "<!-- {{Front}} -->{{Back}}",
    "<!-- {{Front}}",
    "<!-- {{#Front}} -->{{Back}}",
    "{{Front\n}}",
    "a{{!comment}}{{Back}}",
    "{{=<% %>=}}<%Front%>",
    "{{=<% %>=}}<%#Front%><%Back%><%/Front%>",
    "{{=<% %>=}}{{Front}}",
    "x{{=<% %>=}}<%Front%>",
    "{{=[ ]=}}[Front]",
    "<%Front%>",
    "{{Front::x}}",
    "{{tts en_US:Front}}",
    "{{#c1}}{{Front}}{{/c1}}",
    "{{&Front}}",
    "{{ #Front }}{{Back}}{{ /Front }}",
    "{{\u00a0Front\u00a0}}",
    "{{>Front}}{{Back}}",
]

EMPTY_OR_NOT = [
    "", " ", "\n\t", "&nbsp;", "\u00a0", "\u3000", "0", "<br>", "<br/>", "<br />", "<BR>", "<br  >", "</br>", "<div></div>",
    "<div> <br></div>", "<div class=x></div>", "<DIV></DIV>", "<b></b>", "<img src=x>", "<p></p>", "<br><br>x", "[sound:a.mp3]",
    "\u200b", "<!-- -->", "<div/>", "< br>", "<br\n>", "\x0b", "\u2003", "\x85", "</div>", "<span></span>", "{{c1::x}}",
]

PIECES = ["{{c1::", "{{c2::", "{{c3::", "}}", "a", "::h", "{{", "\\(", "\\)", " ", "<b>", "{{c10::", "c1::", "}", "{{c1,2::", "{{c0::"]
CLOZES = [
    "", "plain", "{{c1::a}}", "{{c2::a}}", "{{c1::a}} {{c3::b}}", "{{c1::a::hint}}", "{{c0::a}}", "{{c00::a}}", "{{c01::a}}", "{{c1:a}}",
    "{{C1::a}}", "{{c1::a", "{{c1::a {{c2::b}} c}}", "{{c1::a {{c2::b}} c", "{{c2::{{c1::a}}", "{{c1,2::a}}", "{{c1,::a}}", "{{c,1::a}}",
    "{{c3,1,3::a}}", "{{c1, 2::a}}", "{{c::a}}", "{{c-1::a}}", "{{c499::a}}", "{{c500::a}}", "{{c501::a}}", "{{c700::a}}", "{{c65535::a}}",
    "{{c65536::a}}", "{{c99999999999::a}}", "{{c1::}}", "{{c1::\n}}", "{{c1::a}}}}", "{{{c1::a}}}", "{{c1::{{a}}}}", "{{c1::a}}{{c1::b}}",
    "\\({{c1::a}}\\)", "<b>{{c1::<i>x}}</b></i>", "{{c1::a}}{{c2::}}", "{{c１::a}}", "{{c1::image-occlusion:rect:left=.1}}", "<!--{{c1::a}}-->",
    "}}{{c1::a}}", "{{ c1::a}}", "{{c 1::a}}", "{{c1 ::a}}", "{{c+1::a}}", "{{c0,2::a}}", "{{c1,70000::a}}", "{{c1,,2::a}}",
    "{{c1::a{{c1::b}}}}",
    "".join("{{c%d::" % n for n in range(1, 13)) + "x" + "}}" * 12,
    "".join("{{c%d::" % n for n in range(1, 13)) + "x" + "}}" * 10,
    "".join("{{c%d::" % n for n in range(1, 9)) + "x" + "}}" * 8,
    "".join("{{c%d::" % n for n in range(1, 11)) + "x" + "}}" * 10,
    "".join("{{c%d::" % n for n in range(1, 12)) + "x" + "}}" * 11,
]
CLOZES += ["".join(random.choice(PIECES) for _ in range(random.randint(2, 14))) for _ in range(400)]


def ords(col, notetype, fields, tags=()):
    note = col.new_note(notetype)
    note.fields = list(fields)
    note.tags = list(tags)
    col.add_note(note, 1)
    return col.db.list("select ord from cards where nid = ? order by ord", note.id)


def make(col, templates):
    models = col.models
    notetype = copy.deepcopy(models.by_name("Basic"))
    notetype["id"] = 0
    notetype["name"] = f"T{random.random()}"
    models.add_field(notetype, models.new_field("Third"))
    notetype["tmpls"] = []
    for index, _ in enumerate(templates):
        template = models.new_template(f"T{index}")
        template["qfmt"] = "x%d {{Front}}" % index
        template["afmt"] = "{{Back}}"
        models.add_template(notetype, template)
    models.add_dict(notetype)
    notetype = models.by_name(notetype["name"])
    for template, question in zip(notetype["tmpls"], templates):
        template["qfmt"] = question
    # Old ones check nothing.
    models.update_dict(notetype, skip_checks=True) if not version.startswith("2.1.") else models.save(notetype)
    return models.by_name(notetype["name"])


def main():
    col = Collection(os.path.join(tempfile.mkdtemp(), "c.anki2"))
    result = {"client": version, "normal": [], "empty": [], "cloze": [], "fallback": None}
    notetype = make(col, TEMPLATES)
    fields = [[a, b, c] for a in ("f", "") for b in ("b", "") for c in ("t", "")]
    for values in fields:
        for tags in ([], ["tag"]):
            result["normal"].append({"fields": values, "tags": tags, "ords": ords(col, notetype, values, tags)})
    result["templates"] = TEMPLATES
    notetype = make(col, ["{{Back}}", "{{Front}}"])
    for text in EMPTY_OR_NOT:
        result["empty"].append([text, 1 not in ords(col, notetype, [text, "b", ""])])
    result["fallback"] = ords(col, notetype, ["", "", "x"])
    cloze = col.models.by_name("Cloze")
    for text in CLOZES:
        result["cloze"].append([text, ords(col, cloze, [text, ""])])
    result["cloze"].append(["{{c2::second field}}", ords(col, cloze, ["x", "{{c2::second field}}"])])
    json.dump(result, sys.stdout, ensure_ascii=True, indent=0)
    print()


main()
