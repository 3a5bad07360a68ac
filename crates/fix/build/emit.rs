//! Writes a dictionary as Rust statics, and the tags of all dictionaries as constants.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::text::{Dictionary, Field, Item};

/// Fields of the specification have tags below this.
const TAGS: u16 = 1024;
/// Members of one group, as far as the bits of its required ones reach.
const MEMBERS_MAX: usize = 128;

/// Groups inside groups, counted from the outermost; validation keeps as many open.
const GROUP_DEPTH_MAX: usize = 4;

/// A module of constants, one for each name of a field in any version.
pub fn tags(dictionaries: &[Dictionary]) -> String {
    let mut constants = BTreeMap::new();
    for dictionary in dictionaries {
        for (tag, field) in &dictionary.fields {
            let earlier = constants.insert(constant(&field.name), (*tag, field.name.clone()));
            if let Some((earlier, name)) = earlier {
                assert_eq!(earlier, *tag, "expected one tag for {name}");
            }
        }
    }
    let mut code =
        "/// The tags of the fields that the dictionaries know, by name.\npub mod tag {\n"
            .to_owned();
    for (constant, (tag, name)) in constants {
        code += &format!("/// {name}.\npub const {constant}: i32 = {tag};\n");
    }
    code + "}\n"
}

/// `ClOrdID` is `CL_ORD_ID`, `NoMDEntries` is `NO_MD_ENTRIES`, `NoPartyIDs` is `NO_PARTY_IDS`.
fn constant(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let is_upper = |index: usize| {
        letters
            .get(index)
            .is_some_and(|letter| letter.is_uppercase())
    };
    let is_lower = |index: usize| {
        letters
            .get(index)
            .is_some_and(|letter| letter.is_lowercase())
    };
    let mut out = String::new();
    for (index, letter) in letters.iter().enumerate() {
        // An s alone makes a plural of capitals and starts no word.
        let is_plural = letters.get(index + 1) == Some(&'s') && !is_lower(index + 2);
        let follows_word = index > 0 && !is_upper(index - 1);
        if is_upper(index) && index > 0 && (follows_word || is_lower(index + 1) && !is_plural) {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

/// The statics of one dictionary, the last of which has the given name.
pub fn dictionary(name: &str, dictionary: &Dictionary) -> Result<String, String> {
    let mut emitter = Emitter {
        prefix: name,
        code: String::new(),
        groups: 0,
    };
    let table = table(name, dictionary)?;
    let header = emitter.section(&dictionary.header)?;
    let trailer = emitter.section(&dictionary.trailer)?;
    let mut messages = Vec::new();
    for message in &dictionary.messages {
        let body = emitter.section(&message.items)?;
        messages.push((
            message.message_type.clone(),
            format!(
                "MessageDefinition {{ message_type: b{:?}, name: {:?}, body: {body} }}",
                message.message_type, message.name
            ),
        ));
    }
    messages.sort();
    let messages: Vec<String> = messages.into_iter().map(|(_, code)| code).collect();
    let mut types = dictionary.types.clone();
    types.sort();
    let version = match dictionary.version.as_str() {
        "FIX.4.2" => "Fix42",
        "FIX.4.4" => "Fix44",
        other => return Err(format!("expected a known version, received {other}")),
    };
    Ok(format!(
        "{table}{}/// The dictionary of {}.\npub static {name}: Dictionary = Dictionary {{ version: Version::{version}, \
         table: AlignedLookupTable::build(&{name}_FIELDS), fields: &{name}_FIELDS, message_types: &{}, header: {header}, \
         trailer: {trailer}, messages: &[{}] }};\n",
        emitter.code,
        dictionary.version,
        bytes_list(&types),
        messages.join(", "),
    ))
}

fn bytes_list(texts: &[String]) -> String {
    let texts: Vec<String> = texts
        .iter()
        .map(|text| format!("b{text:?}.as_slice()"))
        .collect();
    format!("[{}]", texts.join(", "))
}

/// The static of all fields, in the order of their tags.
fn table(name: &str, dictionary: &Dictionary) -> Result<String, String> {
    let mut code = String::new();
    for (&tag, field) in &dictionary.fields {
        if tag == 0 || tag >= TAGS {
            return Err(format!("expected a tag from 1 to {TAGS}, received {tag}"));
        }
        let section = if dictionary.header.iter().any(|item| has(item, tag)) {
            "Header"
        } else if dictionary.trailer.iter().any(|item| has(item, tag)) {
            "Trailer"
        } else {
            "Body"
        };
        let length_tag = field.length_tag.unwrap_or(0);
        if field.length_tag.is_some() && !dictionary.fields.contains_key(&length_tag) {
            return Err(format!("expected a field that holds the length of {tag}"));
        }
        let data_tag = dictionary
            .fields
            .iter()
            .find(|(_, other)| other.length_tag == Some(tag));
        let partner = data_tag.map_or(length_tag, |(&tag, _)| tag);
        writeln!(
            code,
            "FieldDefinition {{ tag: {tag}, name: {:?}, kind: FieldKind::{}, section: Section::{section}, partner: {partner}, \
             values: {} }},",
            field.name,
            kind(&field.kind)?,
            values(field),
        )
        .expect("a string takes everything");
    }
    let count = dictionary.fields.len();
    Ok(format!(
        "static {name}_FIELDS: [FieldDefinition; {count}] = [\n{code}];\n"
    ))
}

fn has(item: &Item, tag: u16) -> bool {
    item.tag == tag || item.members.iter().any(|member| has(member, tag))
}

fn kind(kind: &str) -> Result<&'static str, String> {
    Ok(match kind {
        "string" => "Text",
        "strings" => "Texts",
        "char" => "Char",
        "bool" => "Flag",
        "int" => "Integer",
        "length" => "Length",
        "sequence" => "Sequence",
        "count" => "Count",
        "decimal" => "Decimal",
        "data" => "Data",
        "timestamp" => "Timestamp",
        "time" => "TimeOfDay",
        "date" => "Date",
        "month" => "Month",
        "day" => "Day",
        _ => return Err(format!("expected a kind of field, received {kind}")),
    })
}

/// Values of one character as bits, longer ones as sorted texts.
fn values(field: &Field) -> String {
    let mut bits = 0u128;
    let mut texts = Vec::new();
    for value in &field.values {
        match value.as_bytes() {
            [byte] if byte.is_ascii() => bits |= 1 << byte,
            _ => texts.push(value.clone()),
        }
    }
    texts.sort();
    format!(
        "Values {{ single: {bits:#x}, texts: &{} }}",
        bytes_list(&texts)
    )
}

struct Emitter<'a> {
    prefix: &'a str,
    code: String,
    groups: usize,
}

impl Emitter<'_> {
    fn section(&mut self, items: &[Item]) -> Result<String, String> {
        let mut required = Vec::new();
        let mut tags = Vec::new();
        let mut groups = Vec::new();
        for item in items {
            if tags.contains(&item.tag) {
                return Err(format!(
                    "expected each tag once, received {} again",
                    item.tag
                ));
            }
            tags.push(item.tag);
            if item.is_required {
                required.push(item.tag);
            }
            if !item.members.is_empty() {
                groups.push(self.group(item, 1)?);
            }
        }
        let mut members = Vec::new();
        items
            .iter()
            .for_each(|item| every_tag(&item.members, &mut members));
        if let Some(tag) = tags.iter().find(|tag| members.contains(tag)) {
            return Err(format!(
                "expected {tag} in a group or outside of groups, received both"
            ));
        }
        Ok(format!(
            "SectionDefinition {{ fields: TagSet::of(&{tags:?}), required: &{required:?}, groups: &[{}] }}",
            groups.join(", ")
        ))
    }

    /// Writes the group's static and gives a reference to it.
    fn group(&mut self, item: &Item, depth: usize) -> Result<String, String> {
        if depth > GROUP_DEPTH_MAX {
            return Err(format!(
                "expected at most {GROUP_DEPTH_MAX} groups around each other at {}",
                item.tag
            ));
        }
        if item.members.len() > MEMBERS_MAX {
            return Err(format!(
                "expected at most {MEMBERS_MAX} members of {}",
                item.tag
            ));
        }
        let mut members = Vec::new();
        let mut required = 1u128;
        let mut groups = Vec::new();
        for (position, member) in item.members.iter().enumerate() {
            members.push((member.tag, position));
            required |= u128::from(member.is_required) << position;
            if !member.members.is_empty() {
                groups.push(self.group(member, depth + 1)?);
            }
        }
        members.sort_unstable();
        if members.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(format!("expected each member of {} once", item.tag));
        }
        let members: Vec<String> = members
            .iter()
            .map(|(tag, position)| format!("GroupMember {{ tag: {tag}, position: {position} }}"))
            .collect();
        let mut all = Vec::new();
        every_tag(&item.members, &mut all);
        let name = format!("{}_GROUP_{}", self.prefix, self.groups);
        self.groups += 1;
        writeln!(
            self.code,
            "static {name}: Group = Group {{ count_tag: {}, delimiter: {}, members: &[{}], required: {required:#x}, \
             groups: &[{}], all: TagSet::of(&{all:?}) }};",
            item.tag,
            item.members[0].tag,
            members.join(", "),
            groups.join(", "),
        )
        .expect("a string takes everything");
        Ok(format!("&{name}"))
    }
}

fn every_tag(items: &[Item], tags: &mut Vec<u16>) {
    for item in items {
        tags.push(item.tag);
        every_tag(&item.members, tags);
    }
}
