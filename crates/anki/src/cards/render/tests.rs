use super::*;
use serde_json::json;

fn sides(kind: i64, fields: &[(&str, &str)], question: &str, answer: &str, ordinal: i64) -> (String, String) {
    let names: Vec<_> = fields.iter().map(|(name, _)| json!({"name": name})).collect();
    let notetype =
        json!({"name": "T", "type": kind, "css": ".c{}", "flds": names, "tmpls": [{"name": "Card 1", "qfmt": question, "afmt": answer}]});
    let texts: Vec<&str> = fields.iter().map(|(_, text)| *text).collect();
    let shown = render(&Rendering {
        notetype: &notetype.to_string(),
        fields: &texts.join("\u{1f}"),
        ordinal,
        tags: "t1 t2",
        deck: "A::B",
        flag: 2,
        card: 9,
    });
    assert_eq!(shown.css, ".c{}");
    let without_style = |text: &str| text.strip_prefix("<style>.c{}</style>").unwrap_or("no style").to_owned();
    (without_style(&shown.question), without_style(&shown.answer))
}

/// What the library of 26.9.3 made of the same templates and fields.
#[test]
fn templates() {
    let fields = [("F", "a<b>b</b>[sound:x.mp3]&amp;"), ("J", " 日本[にほん]語[ご] x[y]"), ("E", " <br>")];
    for (template, wanted) in [
        ("{{F}}|{{ text:F }}", "a<b>b</b>[anki:play:q:0]&amp;|ab[anki:play:q:1]&"),
        ("{{furigana:J}}", "<ruby><rb>日本</rb><rt>にほん</rt></ruby><ruby><rb>語</rb><rt>ご</rt></ruby><ruby><rb>x</rb><rt>y</rt></ruby>"),
        ("{{kana:J}}|{{kanji:J}}", "にほんごy|日本語x"),
        ("{{#E}}yes{{/E}}{{^E}}no{{#F}}!{{/F}}{{/E}}", "no!"),
        ("{{Tags}}|{{Deck}}|{{Subdeck}}|{{Type}}|{{Card}}|{{CardFlag}}", "t1 t2|A::B|B|T|Card 1|flag2"),
        ("{{type:F}}{{type:cloze:F}}", "[[type:F]][[type:cloze:F]]"),
        ("<!-- {{F}} -->{{tts en_US:F}}", "<!-- {{F}} -->[anki:play:q:0]"),
        ("{{=<% %>=}}<%E%>x", " <br>x"),
        ("{{hint:E}}{{Nope}}{{F", "<details class=\"hint\"><summary>E</summary> <br></details>{{F"),
    ] {
        assert_eq!(sides(0, &fields, template, "", 0).0, wanted, "{template}");
    }
    let (_, answer) = sides(0, &[("F", "[sound:a.mp3]"), ("B", "[sound:b.mp3]")], "{{F}}", "{{FrontSide}}-{{B}}", 0);
    assert_eq!(answer, "[anki:play:q:0]-[anki:play:a:0]");
}

#[test]
fn cloze() {
    let text = [("F", "x {{c1::a<b>b</b>::hint}} y {{c2::z {{c1::nested}} w}} {{c1,2::multi}}")];
    let (question, answer) = sides(1, &text, "{{cloze:F}}", "{{cloze:F}}", 0);
    assert_eq!(
        question,
        "x <span class=\"cloze\" data-cloze=\"a&lt;b&gt;b&lt;&#x2F;b&gt;\" data-ordinal=\"1\">[hint]</span> y \
         <span class=\"cloze-inactive\" data-ordinal=\"2\">z <span class=\"cloze\" data-cloze=\"nested\" data-ordinal=\"1\">[...]</span> w</span> \
         <span class=\"cloze\" data-cloze=\"multi\" data-ordinal=\"1,2\">[...]</span>"
    );
    assert_eq!(
        answer,
        "x <span class=\"cloze\" data-ordinal=\"1\">a<b>b</b></span> y <span class=\"cloze-inactive\" data-ordinal=\"2\">z \
         <span class=\"cloze\" data-ordinal=\"1\">nested</span> w</span> <span class=\"cloze\" data-ordinal=\"1,2\">multi</span>"
    );
    let (question, _) = sides(1, &text, "{{cloze:F}}", "", 1);
    assert!(question.contains("data-cloze=\"z&#x20;&lt;span&#x20;class&#x3D;&quot;cloze&#x2D;inactive&quot;"), "{question}");
    assert_eq!(sides(1, &text, "{{cloze:F}}{{#c3}}3{{/c3}}", "", 2).0, "3", "no such deletion");
    assert_eq!(sides(1, &text, "{{cloze-only:F}}", "{{cloze-only:F}}", 0), ("hint, ..., ...".into(), "a<b>b</b>, nested, multi".into()));
    for odd in ["{{c1::a", "a}}", "{{c1::a::b", "{{c1}}", "{{c1::{{c2::", "}}{{c1::é}}", "{{", "{{c1::a}}}}"] {
        sides(1, &[("F", odd)], "{{cloze:F}}", "{{cloze:F}}", 0);
    }
    let deep = "{{c1::".repeat(10_000);
    sides(1, &[("F", &deep)], "{{cloze:F}}", "", 0);
}
