//! What commands print: the only place that writes to standard output.

use std::io::Write;

/// Prints a line. Nobody may be listening, as in `djankiserv user list | head`; that is no error.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints text that brings its own line ends.
pub fn text(text: &str) {
    let _ = write!(std::io::stdout().lock(), "{text}");
}

/// Tells on standard error what went wrong.
pub fn error(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "error: {text}");
}

/// Lines up columns, with a headline. Control characters, which could play tricks with a terminal, become `?`.
pub fn table(headline: &[&str], rows: &[Vec<String>]) -> String {
    let clean = |cell: &str| cell.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>();
    let mut lines: Vec<Vec<String>> = vec![headline.iter().map(|cell| (*cell).to_owned()).collect()];
    lines.extend(rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()));
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..headline.len()).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["ann".to_owned(), "active".to_owned()], vec!["日本\u{1b}".to_owned(), String::new()]];
        assert_eq!(table(&["USER", "STATE"], &rows), "USER  STATE\nann   active\n日本?\n");
    }
}
