//! Sort text and checksum against a table made by Anki 26.09.3: rows of `[first field, sort text, checksum]`.

use anki::text;

#[test]
fn sort_text_and_checksum_are_those_of_a_client() {
    let rows: Vec<(String, String, i64)> = serde_json::from_str(include_str!("wire_text.json")).expect("the table is JSON");
    assert!(rows.len() > 600);
    let wrong: Vec<_> = rows
        .into_iter()
        .map(|(field, wanted_text, wanted_sum)| (text::derive(&field, 0), field, (wanted_text, wanted_sum)))
        .filter(|(got, _, wanted)| got != wanted)
        .collect();
    assert!(wrong.is_empty(), "{} differ: {wrong:#?}", wrong.len());
}
