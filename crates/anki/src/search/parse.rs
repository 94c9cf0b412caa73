//! From text to [`Node`]s: brackets, quotes, `and`, `or` and `-`.
//!
//! Found out with real clients: all white space is a space, even in quotes. It separates terms, a quote or bracket does so by itself. Quotes go around a whole
//! term or around all that follows its first colon. `and` binds closer than `or`, `-` closest; a `-` before white space is text.

use super::error::{Fault, SearchError};
use super::keyword;
use super::term::{Node, Term};

/// Brackets in brackets. Deeper ones would only cost stack.
const MAX_DEPTH: usize = 50;
/// Terms of one search.
const MAX_TERMS: usize = 500;
/// Bytes of one search.
const MAX_LENGTH: usize = 50_000;

/// Reads a search.
///
/// # Errors
/// When a client would refuse it, or when it is larger than any that people write.
pub fn parse(text: &str) -> Result<Node, SearchError> {
    if text.len() > MAX_LENGTH {
        return Err(SearchError { position: 0, message: format!("the search is longer than {MAX_LENGTH} bytes") });
    }
    let text = &with_spaces(text);
    Parser { text, at: text.len() - text.trim_start().len(), end: text.trim_end().len(), terms: 0 }
        .whole()
        .map_err(|fault| fault.in_text(text))
}

struct Parser<'a> {
    text: &'a str,
    /// The byte to be read next.
    at: usize,
    /// Where the search ends, without white space.
    end: usize,
    terms: usize,
}

/// What stands between two terms, or one of them.
enum Item {
    And,
    Or,
    Node(Node),
}

fn is_blank(c: char) -> bool {
    c == ' '
}

/// The search as it is read: with a space for each white space. Positions in bytes are those of this text.
pub(super) fn with_spaces(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect()
}

impl<'a> Parser<'a> {
    fn whole(mut self) -> Result<Node, Fault> {
        if self.at >= self.end {
            return Ok(Node::Term(Term::All, 0));
        }
        let node = self.alternatives(0)?;
        match self.peek() {
            None => Ok(node.unwrap_or(Node::Term(Term::All, 0))),
            Some(_) => {
                Fault::new(self.at, "this closing bracket has no opening one before it; a bracket that is meant as text is written \\)")
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..self.end).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(is_blank).len();
    }

    /// Everything up to a closing bracket or the end; none if there is nothing.
    fn alternatives(&mut self, depth: usize) -> Result<Option<Node>, Fault> {
        let mut done: Vec<Node> = Vec::new();
        let mut current: Vec<Node> = Vec::new();
        // Where the word is that still waits for its right side.
        let mut waiting = None;
        loop {
            self.skip_blanks();
            let at = self.at;
            if matches!(self.peek(), None | Some(')')) {
                break;
            }
            match self.item(depth)? {
                Item::Node(node) => {
                    current.push(node);
                    waiting = None;
                }
                word @ (Item::And | Item::Or) => {
                    let is_or = matches!(word, Item::Or);
                    if current.is_empty() || waiting.is_some() {
                        return misplaced(at, is_or);
                    }
                    waiting = Some((at, is_or));
                    if is_or {
                        done.push(joined(std::mem::take(&mut current), Node::And));
                    }
                }
            }
        }
        if let Some((at, is_or)) = waiting {
            return misplaced(at, is_or);
        }
        if !current.is_empty() {
            done.push(joined(current, Node::And));
        }
        Ok(if done.is_empty() { None } else { Some(joined(done, Node::Or)) })
    }

    fn item(&mut self, depth: usize) -> Result<Item, Fault> {
        let at = self.at;
        if let Some(after) = self.rest().strip_prefix('-')
            && after.chars().next().is_some_and(|next| next != ')' && !is_blank(next))
        {
            self.at += 1;
            return match self.group_or_term(depth)? {
                Item::Node(node) => Ok(Item::Node(Node::Not(Box::new(node)))),
                word => misplaced(at, matches!(word, Item::Or)),
            };
        }
        self.group_or_term(depth)
    }

    fn group_or_term(&mut self, depth: usize) -> Result<Item, Fault> {
        if self.peek() == Some('(') { self.group(depth).map(Item::Node) } else { self.term() }
    }

    fn group(&mut self, depth: usize) -> Result<Node, Fault> {
        let opened = self.at;
        if depth == MAX_DEPTH {
            return Fault::new(opened, format!("brackets are nested deeper than {MAX_DEPTH} levels"));
        }
        self.at += 1;
        let inner = self.alternatives(depth + 1)?;
        if self.peek() != Some(')') {
            return Fault::new(opened, "this opening bracket is never closed; a bracket that is meant as text is written \\(");
        }
        self.at += 1;
        inner.map_or_else(|| Fault::new(opened, "there is nothing between these brackets"), Ok)
    }

    /// Quoted or unquoted text.
    fn term(&mut self) -> Result<Item, Fault> {
        let start = self.at;
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Fault::new(start, format!("the search has more than {MAX_TERMS} terms"));
        }
        if self.peek() == Some('"') {
            let inner = self.quoted()?;
            return Ok(Item::Node(Node::Term(keyword::term(inner, start + 1)?, start)));
        }
        let colon = self.unquoted(true)?;
        if colon > 0 && self.rest().get(colon..).is_some_and(|rest| rest.starts_with(":\"")) {
            let key = &self.rest()[..colon];
            self.at += colon + 1;
            let quote = self.at;
            let value = self.quoted()?;
            return Ok(Item::Node(Node::Term(keyword::with_value(key, value, start, quote + 1)?, start)));
        }
        let length = self.unquoted(false)?;
        let word = &self.rest()[..length];
        self.at += length;
        Ok(if word.eq_ignore_ascii_case("and") {
            Item::And
        } else if word.eq_ignore_ascii_case("or") {
            Item::Or
        } else {
            Item::Node(Node::Term(keyword::term(word, start)?, start))
        })
    }

    /// The length of the unquoted text that comes next, perhaps only up to a colon.
    fn unquoted(&self, to_colon: bool) -> Result<usize, Fault> {
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' | '(' | ')' | ' ' => return Ok(at),
                ':' if to_colon => return Ok(at),
                '\\' if chars.next().is_none_or(|(_, next)| is_blank(next)) => {
                    return Fault::new(
                        self.at + at,
                        "a backslash has to be followed by what it is for; one that is meant as text is written \\\\",
                    );
                }
                _ => {}
            }
        }
        Ok(self.rest().len())
    }

    /// What is between two quotes, without them. Backslashes stay.
    fn quoted(&mut self) -> Result<&'a str, Fault> {
        let opened = self.at;
        self.at += 1;
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => drop(chars.next()),
                '"' if at == 0 => return Fault::new(opened, "there is nothing between these quotes"),
                '"' => {
                    let inner = &self.rest()[..at];
                    self.at += at + 1;
                    return Ok(inner);
                }
                _ => {}
            }
        }
        Fault::new(opened, "this quote is never closed; a quote that is meant as text is written \\\"")
    }
}

fn joined(mut nodes: Vec<Node>, join: impl Fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        Some(last) => {
            nodes.push(last);
            join(nodes)
        }
        None => join(nodes),
    }
}

fn misplaced<T>(at: usize, is_or: bool) -> Result<T, Fault> {
    let word = if is_or { "or" } else { "and" };
    Fault::new(at, format!("`{word}` has to stand between two terms; as text it is written \"{word}\""))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::search::term::{FieldMode, TextMode};

    /// The shape of a search, in brackets and words.
    fn shape(node: &Node) -> String {
        let all = |nodes: &[Node], word: &str| format!("({})", nodes.iter().map(shape).collect::<Vec<_>>().join(word));
        match node {
            Node::And(nodes) => all(nodes, " & "),
            Node::Or(nodes) => all(nodes, " | "),
            Node::Not(inner) => format!("-{}", shape(inner)),
            Node::Term(Term::Text { pattern, how: TextMode::Plain }, _) => pattern.clone(),
            Node::Term(Term::Field { name, pattern, how: FieldMode::Plain }, _) => format!("{name}={pattern}"),
            Node::Term(other, _) => format!("{other:?}"),
        }
    }

    #[test]
    fn searches_are_read() {
        for (text, wanted) in [
            ("a b", "(a & b)"),
            (" a  or b c ", "(a | (b & c))"),
            ("a and (b or c) AND d", "(a & (b | c) & d)"),
            ("-(a b) -c", "(-(a & b) & -c)"),
            ("- a", "(- & a)"),
            ("a-b --c", "(a-b & --c)"),
            ("\"a b\"c(d)", "(a b & c & d)"),
            ("\"or\" x", "(or & x)"),
            ("f:\"a b\" \"g:c d\"", "(f=a b & g=c d)"),
            ("f:x:y f\\:x", "(f=x:y & f:x)"),
            ("a\\\"\\(\\*\\_\\\\", "a\"(\\*\\_\\\\"),
            ("f:", "f="),
            ("a\u{3000}b\nc", "(a & b & c)"),
            ("DECK:x", "Deck(\"x\")"),
            ("prop:rated<=-3:2", "Property(Rated(-3, Number(2)), LessOrEqual)"),
            ("prop:cds:ab=x=y", "Property(CustomText(\"ab\", \"x=y\"), Equal)"),
            ("nid:1,2", "NoteIds([1, 2])"),
            ("card:0 card:2", "(Template(Number(0)) & Template(Number(1)))"),
        ] {
            assert_eq!(parse(text).map(|node| shape(&node)), Ok(wanted.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, position, word) in [
            ("a (b", 2, "never closed"),
            ("a b)", 3, "no opening"),
            ("a ()", 2, "nothing between"),
            ("é \"b", 2, "never closed"),
            ("a \"\"", 2, "nothing between"),
            ("a or", 2, "`or`"),
            ("and a", 0, "`and`"),
            ("a or and b", 5, "`and`"),
            ("a -or", 2, "`or`"),
            ("a :b", 2, "before it"),
            ("a b\\", 3, "backslash"),
            ("ab\\c", 2, "backslash"),
            ("x is:y", 5, "is: needs"),
            ("flag:9", 5, "flag:"),
            ("prop:q=1", 5, "prop:"),
            ("prop:ivl=x", 9, "whole number"),
            ("rated:1:5", 6, "answer button"),
            ("nid:1,", 4, "ids"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.position == position && error.message.contains(word), "{text}: {error:?}");
        }
    }

    #[test]
    fn hostile_searches_end() {
        for text in
            ["(".repeat(40_000), "-".repeat(40_000), "a ".repeat(20_000), "(a ".repeat(1000), "x".repeat(60_000), "\\".repeat(40_001)]
        {
            let _ = parse(&text);
        }
        assert!(parse(&"(".repeat(40_000)).unwrap_err().message.contains("deeper"));
        assert!(parse(&"a ".repeat(20_000)).unwrap_err().message.contains("more than"));
    }
}
