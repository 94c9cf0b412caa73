//! Texts with cloze deletions: what is asked for is hidden on the question and set off on the answer.

use super::super::cloze::opening;

const DEEPEST: usize = 10;

enum Node {
    Text(String),
    Cloze(Deletion),
}

#[derive(Default)]
struct Deletion {
    numbers: Vec<u16>,
    inside: Vec<Node>,
    hint: Option<String>,
}

impl Deletion {
    fn is(&self, number: u16) -> bool {
        self.numbers.contains(&number)
    }

    fn ordinals(&self) -> String {
        self.numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(",")
    }
}

/// The whole text. Nothing if the number does not occur in it.
pub(super) fn show(text: &str, number: u16, is_question: bool) -> String {
    let nodes = parse(text);
    if !occurs(&nodes, number) {
        return String::new();
    }
    let mut shown = String::new();
    write(&nodes, number, is_question, &mut shown);
    shown
}

/// Only what is asked for.
pub(super) fn only(text: &str, number: u16, is_question: bool) -> String {
    let mut parts = Vec::new();
    collect(&parse(text), number, is_question, &mut parts);
    parts.join(", ")
}

fn parse(text: &str) -> Vec<Node> {
    let mut open: Vec<(Deletion, &str)> = Vec::new();
    let mut done = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{c").into_iter().chain(rest.find("}}")).min() {
        let (before, from) = rest.split_at(at);
        if let Some((numbers, after)) = opening(from).filter(|_| open.len() < DEEPEST) {
            add_text(&mut open, &mut done, before);
            let head = &from[..from.len() - after.len()];
            open.push((Deletion { numbers: numbers.into_iter().collect(), ..Deletion::default() }, head));
            rest = after;
        } else if from.starts_with("}}") && !open.is_empty() {
            add_text(&mut open, &mut done, before);
            if let Some((deletion, _)) = open.pop() {
                add(&mut open, &mut done, Node::Cloze(deletion));
            }
            rest = &from[2..];
        } else {
            let next = at + from.chars().next().map_or(1, char::len_utf8);
            add_text(&mut open, &mut done, &rest[..next]);
            rest = &rest[next..];
        }
    }
    add_text(&mut open, &mut done, rest);
    // What is not closed is text.
    for (deletion, head) in open {
        done.push(Node::Text(head.to_owned()));
        done.extend(deletion.inside);
        done.extend(deletion.hint.map(|hint| Node::Text(format!("::{hint}"))));
    }
    done
}

fn add(open: &mut [(Deletion, &str)], done: &mut Vec<Node>, node: Node) {
    match open.last_mut() {
        Some((deletion, _)) => deletion.inside.push(node),
        None => done.push(node),
    }
}

/// Inside of a deletion, a hint stands after two colons.
fn add_text(open: &mut [(Deletion, &str)], done: &mut Vec<Node>, text: &str) {
    if text.is_empty() {
        return;
    }
    let Some((deletion, _)) = open.last_mut() else { return done.push(Node::Text(text.to_owned())) };
    if let Some(hint) = &mut deletion.hint {
        hint.push_str(text);
        return;
    }
    let (text, hint) = match text.split_once("::") {
        Some((text, hint)) => (text, Some(hint.to_owned())),
        None => (text, None),
    };
    deletion.inside.push(Node::Text(text.to_owned()));
    deletion.hint = hint;
}

fn occurs(nodes: &[Node], number: u16) -> bool {
    nodes.iter().any(|node| match node {
        Node::Text(_) => false,
        Node::Cloze(deletion) => deletion.is(number) || occurs(&deletion.inside, number),
    })
}

fn write(nodes: &[Node], number: u16, is_question: bool, out: &mut String) {
    for node in nodes {
        let deletion = match node {
            Node::Text(text) => {
                out.push_str(text);
                continue;
            }
            Node::Cloze(deletion) => deletion,
        };
        let ordinals = deletion.ordinals();
        let mut inside = String::new();
        write(&deletion.inside, number, is_question, &mut inside);
        out.push_str(&match (deletion.is(number), is_question) {
            (true, true) => {
                let hidden = htmlescape::encode_attribute(&inside);
                let hint = deletion.hint.as_deref().unwrap_or("...");
                format!("<span class=\"cloze\" data-cloze=\"{hidden}\" data-ordinal=\"{ordinals}\">[{hint}]</span>")
            }
            (true, false) => format!("<span class=\"cloze\" data-ordinal=\"{ordinals}\">{inside}</span>"),
            (false, _) => format!("<span class=\"cloze-inactive\" data-ordinal=\"{ordinals}\">{inside}</span>"),
        });
    }
}

fn collect(nodes: &[Node], number: u16, is_question: bool, parts: &mut Vec<String>) {
    for node in nodes {
        let Node::Cloze(deletion) = node else { continue };
        if !deletion.is(number) {
            collect(&deletion.inside, number, is_question, parts);
        } else if is_question {
            parts.push(deletion.hint.clone().unwrap_or_else(|| "...".to_owned()));
        } else {
            let mut inside = String::new();
            write(&deletion.inside, 0, false, &mut inside);
            parts.push(inside);
        }
    }
}
