//! What may stand in a message: fields, their kinds and values, messages, groups. Tables made at compile time from `dictionary/*.txt`.
//!
//! [`AlignedLookupTable`] answers for any tag at once what it is; the definitions of messages hold bits and short lists, so that validation
//! (`validate.rs`) compares nothing that it need not. Facts are those of the FIX Trading Community's specification; each file of
//! `dictionary/` says where they come from.

include!(concat!(env!("OUT_DIR"), "/dictionaries.rs"));

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// FIX.4.2.
    Fix42,
    /// FIX.4.4.
    Fix44,
}

impl Version {
    /// What BeginString says.
    pub const fn begin_string(self) -> &'static [u8] {
        match self {
            Version::Fix42 => b"FIX.4.2",
            Version::Fix44 => b"FIX.4.4",
        }
    }

    /// The version of a BeginString, where it is one of these.
    pub fn from_begin_string(text: &[u8]) -> Option<Version> {
        [Version::Fix42, Version::Fix44]
            .into_iter()
            .find(|version| version.begin_string() == text)
    }

    /// What may stand in its messages.
    pub fn dictionary(self) -> &'static Dictionary {
        match self {
            Version::Fix42 => &FIX42,
            Version::Fix44 => &FIX44,
        }
    }
}

/// The form that a field's value must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// Texts with a space between them.
    Texts,
    /// One byte.
    Char,
    /// `Y` or `N`.
    Flag,
    /// Digits, maybe after a minus sign.
    Integer,
    /// Digits: the number of bytes of something.
    Length,
    /// Digits: the number of a message.
    Sequence,
    /// Digits: the number of entries of the group that follows.
    Count,
    /// Digits with at most one point, maybe after a minus sign.
    Decimal,
    /// Bytes, as many as the field before says.
    Data,
    /// `YYYYMMDD-HH:MM:SS`, with 3, 6 or 9 decimals or none.
    Timestamp,
    /// `HH:MM:SS`, with 3, 6 or 9 decimals or none.
    TimeOfDay,
    /// `YYYYMMDD`.
    Date,
    /// `YYYYMM`, `YYYYMMDD` or `YYYYMMwN`, N from 1 to 5.
    Month,
    /// A day of the month: 1 to 31.
    Day,
}

/// The part of a message in which a field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Before the body.
    Header,
    /// What the message says.
    Body,
    /// After the body.
    Trailer,
}

/// Values that a field may have; with none of either kind, any.
#[derive(Debug)]
pub(crate) struct Values {
    /// Those of one character, a bit each.
    pub(crate) single: u128,
    /// Longer ones, sorted.
    pub(crate) texts: &'static [&'static [u8]],
}

impl Values {
    pub(crate) fn allow(&self, value: &[u8]) -> bool {
        match value {
            _ if self.single == 0 && self.texts.is_empty() => true,
            [byte] => byte.is_ascii() && self.single >> byte & 1 == 1,
            _ => self.texts.binary_search(&value).is_ok(),
        }
    }
}

/// A field of the dictionary.
#[derive(Debug)]
pub struct FieldDefinition {
    /// Its number.
    pub tag: u16,
    /// Its name, as the specification spells it.
    pub name: &'static str,
    /// The form of its value.
    pub kind: FieldKind,
    /// Where it stands.
    pub section: Section,
    partner: u16,
    pub(crate) values: Values,
}

impl FieldDefinition {
    /// The other one of a length and its data.
    pub fn partner(&self) -> Option<i32> {
        (self.partner != 0).then_some(i32::from(self.partner))
    }
}

/// Bits for tags, which are below [`TagSet::TAGS`] for every field of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagSet([u64; TagSet::TAGS / 64]);

impl TagSet {
    pub(crate) const TAGS: usize = 1024;
    pub(crate) const EMPTY: TagSet = TagSet([0; TagSet::TAGS / 64]);

    const fn of(tags: &[u16]) -> TagSet {
        let mut set = [0; TagSet::TAGS / 64];
        let mut index = 0;
        while index < tags.len() {
            set[tags[index] as usize / 64] |= 1 << (tags[index] % 64);
            index += 1;
        }
        TagSet(set)
    }

    #[inline]
    pub(crate) fn has(&self, tag: u16) -> bool {
        let word = self.0.get(usize::from(tag / 64));
        word.is_some_and(|word| word >> (tag % 64) & 1 == 1)
    }

    /// Whether it was there already.
    #[inline]
    pub(crate) fn insert(&mut self, tag: u16) -> bool {
        let Some(word) = self.0.get_mut(usize::from(tag / 64)) else {
            return false;
        };
        let bit = 1 << (tag % 64);
        let was_there = *word & bit != 0;
        *word |= bit;
        was_there
    }
}

#[derive(Debug)]
pub(crate) struct GroupMember {
    pub(crate) tag: u16,
    pub(crate) position: u8,
}

/// A repeating group: what follows a field that counts.
#[derive(Debug)]
pub struct Group {
    /// The field that says how many entries there are.
    pub count_tag: u16,
    /// The field that starts each entry.
    pub delimiter: u16,
    /// By tag; each with its place in an entry.
    pub(crate) members: &'static [GroupMember],
    /// A bit for each place that must be filled.
    pub(crate) required: u128,
    pub(crate) groups: &'static [&'static Group],
    /// Members and those of groups inside.
    pub(crate) all: TagSet,
}

impl Group {
    /// The group inside this one that a field counts.
    pub fn group(&self, count_tag: i32) -> Option<&'static Group> {
        find_group(self.groups, count_tag)
    }

    /// The place of a field in an entry.
    #[inline]
    pub(crate) fn position(&self, tag: u16) -> Option<u8> {
        let index = self.members.binary_search_by_key(&tag, |member| member.tag);
        index.ok().map(|index| self.members[index].position)
    }
}

fn find_group(groups: &[&'static Group], count_tag: i32) -> Option<&'static Group> {
    groups
        .iter()
        .copied()
        .find(|group| i32::from(group.count_tag) == count_tag)
}

/// What may stand in a header, a trailer or a body.
#[derive(Debug)]
pub struct SectionDefinition {
    pub(crate) fields: TagSet,
    pub(crate) required: &'static [u16],
    pub(crate) groups: &'static [&'static Group],
}

impl SectionDefinition {
    /// The group that a field counts.
    pub fn group(&self, count_tag: i32) -> Option<&'static Group> {
        find_group(self.groups, count_tag)
    }
}

/// A kind of message.
#[derive(Debug)]
pub struct MessageDefinition {
    /// What MsgType says.
    pub message_type: &'static [u8],
    /// Its name, as the specification spells it.
    pub name: &'static str,
    /// What stands between header and trailer.
    pub body: SectionDefinition,
}

/// What may stand in the messages of one version.
#[derive(Debug)]
pub struct Dictionary {
    /// The version.
    pub version: Version,
    table: AlignedLookupTable,
    fields: &'static [FieldDefinition],
    message_types: &'static [&'static [u8]],
    /// What may stand in every header.
    pub header: SectionDefinition,
    /// What may stand in every trailer.
    pub trailer: SectionDefinition,
    messages: &'static [MessageDefinition],
}

impl Dictionary {
    /// The definition of a tag's field.
    #[inline]
    pub fn field(&self, tag: i32) -> Option<&'static FieldDefinition> {
        self.fields.get(self.table.entry(tag).field())
    }

    /// What is known of a tag.
    #[inline]
    pub fn entry(&self, tag: i32) -> TagEntry {
        self.table.entry(tag)
    }

    /// The definition of a message.
    pub fn message(&self, message_type: &[u8]) -> Option<&'static MessageDefinition> {
        let index = self
            .messages
            .binary_search_by_key(&message_type, |message| message.message_type);
        index.ok().map(|index| &self.messages[index])
    }

    /// Whether the version has such a message, defined here or not.
    pub fn is_message_type(&self, message_type: &[u8]) -> bool {
        self.message_types.binary_search(&message_type).is_ok()
    }

    /// Every message that is defined here.
    pub fn messages(&self) -> &'static [MessageDefinition] {
        self.messages
    }

    /// Every field that is defined here, by tag.
    pub fn fields(&self) -> &'static [FieldDefinition] {
        self.fields
    }
}

/// What is known of a tag, in eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct TagEntry {
    /// The kind of its field; `None` where the tag is not defined.
    pub kind: Option<FieldKind>,
    /// Where it stands; the body's for a tag that is not defined.
    pub section: Section,
    /// The other tag of a length and its data, or 0.
    partner: u16,
    field: u16,
}

impl TagEntry {
    const UNDEFINED: TagEntry = TagEntry {
        kind: None,
        section: Section::Body,
        partner: 0,
        field: u16::MAX,
    };

    /// The tag that holds the length of these data.
    #[inline]
    pub(crate) fn length_tag(self) -> Option<i32> {
        matches!(self.kind, Some(FieldKind::Data)).then_some(i32::from(self.partner))
    }

    #[inline]
    fn field(self) -> usize {
        usize::from(self.field)
    }
}

/// From any tag to what is known of it, in two steps: 64 tags share a page, and tags of no field the empty one.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct AlignedLookupTable {
    entries: [[TagEntry; AlignedLookupTable::PAGE_TAGS]; AlignedLookupTable::PAGES_MAX],
    pages: [u8; AlignedLookupTable::TAGS / AlignedLookupTable::PAGE_TAGS],
}

const _: () = assert!(size_of::<TagEntry>() == 8 && align_of::<AlignedLookupTable>() == 64);

impl AlignedLookupTable {
    const PAGE_TAGS: usize = 64;
    /// Those that tags below [`TagSet::TAGS`] take, and the empty one, which is the first.
    const PAGES_MAX: usize = TagSet::TAGS / Self::PAGE_TAGS + 1;
    /// From here on no tag is defined: what the specification leaves to users is below it too.
    const TAGS: usize = 16_384;

    const fn build(fields: &[FieldDefinition]) -> AlignedLookupTable {
        let mut table = AlignedLookupTable {
            entries: [[TagEntry::UNDEFINED; Self::PAGE_TAGS]; Self::PAGES_MAX],
            pages: [0; Self::TAGS / Self::PAGE_TAGS],
        };
        let mut pages = 1;
        let mut index = 0;
        while index < fields.len() {
            let field = &fields[index];
            let page = field.tag as usize / Self::PAGE_TAGS;
            if table.pages[page] == 0 {
                table.pages[page] = pages as u8;
                pages += 1;
            }
            let entry = &mut table.entries[table.pages[page] as usize]
                [field.tag as usize % Self::PAGE_TAGS];
            assert!(entry.kind.is_none(), "each tag once");
            *entry = TagEntry {
                kind: Some(field.kind),
                section: field.section,
                partner: field.partner,
                field: index as u16,
            };
            index += 1;
        }
        table
    }

    /// What is known of a tag.
    #[inline]
    pub fn entry(&self, tag: i32) -> TagEntry {
        let tag = tag as u32 as usize;
        match self.pages.get(tag / Self::PAGE_TAGS) {
            Some(&page) => self.entries[usize::from(page)][tag % Self::PAGE_TAGS],
            None => TagEntry::UNDEFINED,
        }
    }
}

/// What the parser must know of every version: which fields are data. The later version has those of the earlier one.
#[inline]
pub(crate) fn length_tag(tag: i32) -> Option<i32> {
    FIX44.table.entry(tag).length_tag()
}
