//! The format of a dictionary: one statement a line, `#` starts a comment, an indented line goes on with the one before.
//!
//! ```text
//! version FIX.4.4
//! types 0 1 2 A B                       every MsgType of that version, with or without a message here
//! field 54 Side char = 1 2 3            tag, name, kind, and its values where they are enumerated
//! field 96 RawData data:95              the tag that holds the length of these bytes
//! component Parties 453{ 448 447! }     what messages share; ! is required; braces hold the members of a group in their order
//! header 8! 9! 35!
//! trailer 10!
//! message D NewOrderSingle 11! @Parties 55
//! ```
//!
//! A component stands before what names it. The first member of a group is its delimiter.

use std::collections::BTreeMap;

/// A field: what a value must look like.
pub struct Field {
    pub name: String,
    pub kind: String,
    /// The tag that holds its length, for data.
    pub length_tag: Option<u16>,
    pub values: Vec<String>,
}

/// Something in a message: a field, or a group after the field that counts it.
#[derive(Clone)]
pub struct Item {
    pub tag: u16,
    pub is_required: bool,
    pub members: Vec<Item>,
}

pub struct Message {
    pub message_type: String,
    pub name: String,
    pub items: Vec<Item>,
}

#[derive(Default)]
pub struct Dictionary {
    pub version: String,
    pub types: Vec<String>,
    pub fields: BTreeMap<u16, Field>,
    pub header: Vec<Item>,
    pub trailer: Vec<Item>,
    pub messages: Vec<Message>,
    components: BTreeMap<String, Vec<Item>>,
}

/// Reads a dictionary; the error starts with the line.
pub fn parse(source: &str) -> Result<Dictionary, String> {
    let mut dictionary = Dictionary::default();
    for (line, statement) in statements(source) {
        let words: Vec<&str> = statement.split_whitespace().collect();
        apply(&mut dictionary, &words).map_err(|error| format!("{line}: {error}"))?;
    }
    Ok(dictionary)
}

fn statements(source: &str) -> Vec<(usize, String)> {
    let mut statements: Vec<(usize, String)> = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("");
        match statements.last_mut() {
            Some((_, statement)) if line.starts_with(' ') => *statement += line,
            _ if line.trim().is_empty() => {}
            _ => statements.push((index + 1, line.to_owned())),
        }
    }
    statements
}

fn apply(dictionary: &mut Dictionary, words: &[&str]) -> Result<(), String> {
    match words {
        ["version", version] => dictionary.version = (*version).to_owned(),
        ["types", types @ ..] => dictionary.types = types.iter().map(|&t| t.to_owned()).collect(),
        ["field", tag, name, kind, values @ ..] => {
            let (tag, field) = field(tag, name, kind, values)?;
            if dictionary.fields.insert(tag, field).is_some() {
                return Err(format!("expected each field once, received {tag} again"));
            }
        }
        ["component", name, rest @ ..] => {
            let items = items(dictionary, rest)?;
            dictionary.components.insert((*name).to_owned(), items);
        }
        ["header", rest @ ..] => dictionary.header = items(dictionary, rest)?,
        ["trailer", rest @ ..] => dictionary.trailer = items(dictionary, rest)?,
        ["message", message_type, name, rest @ ..] => {
            let message = Message {
                message_type: (*message_type).to_owned(),
                name: (*name).to_owned(),
                items: items(dictionary, rest)?,
            };
            if !dictionary.types.contains(&message.message_type) {
                return Err(format!(
                    "expected a type of the list, received {message_type}"
                ));
            }
            dictionary.messages.push(message);
        }
        _ => return Err(format!("expected a statement, received {words:?}")),
    }
    Ok(())
}

fn field(tag: &str, name: &str, kind: &str, values: &[&str]) -> Result<(u16, Field), String> {
    let (kind, length_tag) = match kind.split_once(':') {
        Some((kind, tag)) => (kind, Some(number(tag)?)),
        None => (kind, None),
    };
    if (kind == "data") != length_tag.is_some() {
        return Err(format!(
            "expected data:TAG or another kind, received {kind}"
        ));
    }
    let values = match values {
        [] => Vec::new(),
        ["=", values @ ..] => values.iter().map(|&value| value.to_owned()).collect(),
        _ => return Err(format!("expected = and values, received {values:?}")),
    };
    let field = Field {
        name: name.to_owned(),
        kind: kind.to_owned(),
        length_tag,
        values,
    };
    Ok((number(tag)?, field))
}

fn number(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| format!("expected a tag, received {text}"))
}

/// The items that the words stand for, groups and components resolved.
fn items(dictionary: &Dictionary, words: &[&str]) -> Result<Vec<Item>, String> {
    let mut open: Vec<Vec<Item>> = vec![Vec::new()];
    for &word in words {
        let top = open.len() - 1;
        if word == "}" {
            let members = open.pop().unwrap_or_default();
            let group = open.last_mut().and_then(|items| items.last_mut());
            group.ok_or("expected { before }")?.members = members;
        } else if let Some(name) = word.strip_prefix('@') {
            let component = dictionary.components.get(name);
            let component =
                component.ok_or_else(|| format!("expected a component, received {name}"))?;
            open[top].extend(component.iter().cloned());
        } else {
            let (word, is_group) = match word.strip_suffix('{') {
                Some(word) => (word, true),
                None => (word, false),
            };
            let (word, is_required) = match word.strip_suffix('!') {
                Some(word) => (word, true),
                None => (word, false),
            };
            let tag = number(word)?;
            if !dictionary.fields.contains_key(&tag) {
                return Err(format!("expected a field's tag, received {tag}"));
            }
            open[top].push(Item {
                tag,
                is_required,
                members: Vec::new(),
            });
            if is_group {
                open.push(Vec::new());
            }
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(items), true) => Ok(items),
        _ => Err("expected } for each {".to_owned()),
    }
}
