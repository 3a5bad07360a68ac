//! Whether a message is what its dictionary says, and if not, why: as SessionRejectReason (373) and RefTagID (371) put it.
//!
//! Checks go in this order, and the first that fails is the answer: header, body and trailer follow each other; the type is one; every
//! required field is there; then each field in the order of the message: it has a value, its tag exists, belongs into this message or this place of a
//! group, is there once, its value has the form and is one of those that are listed. Groups follow the dictionary's order of members, and have as many
//! entries as their count says.

use core::fmt;

use crate::dictionary::{
    Dictionary, FieldDefinition, FieldKind, Group, MessageDefinition, Section, SectionDefinition,
    TagSet, Version,
};
use crate::message::{Field, ParsedMessage};
use crate::{time, value};

/// Groups inside groups; the build checks that no dictionary has more.
const GROUP_DEPTH_MAX: usize = 4;

/// From here on tags belong to users.
const USER_TAGS: i32 = 5_000;

/// What is done with fields that users defined, from tag 5000 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserFields {
    /// They may stand in any body.
    Allowed,
    /// They are invalid tags, as any that the dictionary lacks.
    Refused,
}

/// Why a session rejects a message: SessionRejectReason (373).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SessionRejectReason {
    /// The tag is none of the specification.
    InvalidTagNumber = 0,
    /// A field that must be there is not.
    RequiredTagMissing = 1,
    /// The field does not belong into this message.
    TagNotDefinedForMessage = 2,
    /// The tag is not defined. Validation says `InvalidTagNumber` instead.
    UndefinedTag = 3,
    /// Nothing between the equals sign and the separator.
    TagWithoutValue = 4,
    /// None of the values that are listed.
    ValueIncorrect = 5,
    /// Not of the form that its kind has.
    IncorrectDataFormat = 6,
    /// It cannot be deciphered.
    DecryptionProblem = 7,
    /// The signature is wrong.
    SignatureProblem = 8,
    /// Another sender or target than the session's.
    CompIdProblem = 9,
    /// SendingTime is too far from the clock.
    SendingTimeAccuracy = 10,
    /// No message has this type.
    InvalidMessageType = 11,
    /// XML within is wrong.
    XmlValidation = 12,
    /// The field is there twice.
    TagRepeated = 13,
    /// Header, body and trailer are mixed.
    TagOutOfOrder = 14,
    /// Members of a group are in another order.
    GroupOutOfOrder = 15,
    /// A group has another number of entries than it says.
    GroupCount = 16,
    /// A separator in a field that is no data.
    SeparatorInValue = 17,
    /// Anything else.
    Other = 99,
}

impl SessionRejectReason {
    /// What SessionRejectReason says.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether the version has a code for it; where not, a reject has none.
    pub const fn is_known_to(self, version: Version) -> bool {
        match version {
            Version::Fix42 => self.code() <= SessionRejectReason::InvalidMessageType.code(),
            Version::Fix44 => true,
        }
    }

    /// In the specification's words.
    pub const fn text(self) -> &'static str {
        match self {
            SessionRejectReason::InvalidTagNumber => "Invalid tag number",
            SessionRejectReason::RequiredTagMissing => "Required tag missing",
            SessionRejectReason::TagNotDefinedForMessage => "Tag not defined for this message type",
            SessionRejectReason::UndefinedTag => "Undefined Tag",
            SessionRejectReason::TagWithoutValue => "Tag specified without a value",
            SessionRejectReason::ValueIncorrect => "Value is incorrect (out of range) for this tag",
            SessionRejectReason::IncorrectDataFormat => "Incorrect data format for value",
            SessionRejectReason::DecryptionProblem => "Decryption problem",
            SessionRejectReason::SignatureProblem => "Signature problem",
            SessionRejectReason::CompIdProblem => "CompID problem",
            SessionRejectReason::SendingTimeAccuracy => "SendingTime accuracy problem",
            SessionRejectReason::InvalidMessageType => "Invalid MsgType",
            SessionRejectReason::XmlValidation => "XML Validation error",
            SessionRejectReason::TagRepeated => "Tag appears more than once",
            SessionRejectReason::TagOutOfOrder => "Tag specified out of required order",
            SessionRejectReason::GroupOutOfOrder => "Repeating group fields out of order",
            SessionRejectReason::GroupCount => "Incorrect NumInGroup count for repeating group",
            SessionRejectReason::SeparatorInValue => {
                "Non \"Data\" value includes field delimiter (<SOH> character)"
            }
            SessionRejectReason::Other => "Other",
        }
    }
}

/// Why a message is rejected, and for which field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionReject {
    /// The reason.
    pub reason: SessionRejectReason,
    /// RefTagID, where one field is the reason.
    pub tag: Option<i32>,
}

/// Why a message is not processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The session rejects it (Reject, `3`).
    Session(SessionReject),
    /// The version has such a message, and the dictionary does not (BusinessMessageReject, `j`).
    UnsupportedMessageType,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Session(SessionReject {
                reason,
                tag: Some(tag),
            }) => write!(f, "tag {tag}: {}", reason.text()),
            Invalid::Session(reject) => f.write_str(reject.reason.text()),
            Invalid::UnsupportedMessageType => f.write_str("Unsupported Message Type"),
        }
    }
}

impl std::error::Error for Invalid {}

fn reject(reason: SessionRejectReason, tag: i32) -> SessionReject {
    SessionReject {
        reason,
        tag: Some(tag),
    }
}

/// What a message is, where it is what the dictionary says.
///
/// # Errors
/// The first thing that is wrong; the file's head has the order.
pub fn validate(
    dictionary: &'static Dictionary,
    message: &ParsedMessage<'_>,
    user_fields: UserFields,
) -> Result<&'static MessageDefinition, Invalid> {
    check_sections(dictionary, message).map_err(Invalid::Session)?;
    let message_type = message.message_type();
    let Some(definition) = dictionary.message(message_type) else {
        return Err(if dictionary.is_message_type(message_type) {
            Invalid::UnsupportedMessageType
        } else {
            Invalid::Session(SessionReject {
                reason: SessionRejectReason::InvalidMessageType,
                tag: None,
            })
        });
    };
    let mut check = Check {
        dictionary,
        message,
        definition,
        user_fields,
        seen: TagSet::EMPTY,
        open: [const { None }; GROUP_DEPTH_MAX],
        depth: 0,
    };
    check.whole_message().map_err(Invalid::Session)?;
    Ok(definition)
}

/// Header, body and trailer follow each other.
fn check_sections(
    dictionary: &Dictionary,
    message: &ParsedMessage<'_>,
) -> Result<(), SessionReject> {
    let mut reached = Section::Header;
    for field in message.fields() {
        let section = dictionary.entry(field.tag).section;
        if (section as u8) < reached as u8 {
            return Err(reject(SessionRejectReason::TagOutOfOrder, field.tag));
        }
        reached = section;
    }
    Ok(())
}

/// A group whose entries are being read.
struct OpenGroup {
    group: &'static Group,
    expected: u64,
    entries: u64,
    /// The members of the entry so far, a bit for each place.
    seen: u128,
    last: u8,
}

struct Check<'m, 'buffer> {
    dictionary: &'static Dictionary,
    message: &'m ParsedMessage<'buffer>,
    definition: &'static MessageDefinition,
    user_fields: UserFields,
    /// Tags that stand outside of groups.
    seen: TagSet,
    /// The first `depth` are some.
    open: [Option<OpenGroup>; GROUP_DEPTH_MAX],
    depth: usize,
}

impl Check<'_, '_> {
    fn whole_message(&mut self) -> Result<(), SessionReject> {
        self.check_required()?;
        let message = *self.message;
        for (position, field) in message.fields().enumerate() {
            self.field(position, field)?;
        }
        while self.depth > 0 {
            self.close_group()?;
        }
        Ok(())
    }

    /// The build makes sure that what a section requires stands in no group of it.
    fn check_required(&self) -> Result<(), SessionReject> {
        let sections = [
            &self.dictionary.header,
            &self.definition.body,
            &self.dictionary.trailer,
        ];
        let mut tags = sections.iter().flat_map(|section| section.required);
        let missing = tags.find(|tag| self.message.get(i32::from(**tag)).is_none());
        missing.map_or(Ok(()), |tag| {
            let reason = SessionRejectReason::RequiredTagMissing;
            Err(reject(reason, i32::from(*tag)))
        })
    }

    fn section(&self, section: Section) -> &'static SectionDefinition {
        match section {
            Section::Header => &self.dictionary.header,
            Section::Body => &self.definition.body,
            Section::Trailer => &self.dictionary.trailer,
        }
    }

    #[inline]
    fn field(&mut self, position: usize, field: Field<'_>) -> Result<(), SessionReject> {
        if field.value.is_empty() {
            return Err(reject(SessionRejectReason::TagWithoutValue, field.tag));
        }
        let Some(definition) = self.dictionary.field(field.tag) else {
            return self.undefined_field(position, field);
        };
        self.place(definition)?;
        if !has_form(definition.kind, field.value) {
            return Err(reject(SessionRejectReason::IncorrectDataFormat, field.tag));
        }
        if !is_listed(definition, field.value) {
            return Err(reject(SessionRejectReason::ValueIncorrect, field.tag));
        }
        match definition.kind {
            FieldKind::Count => self.open_group(definition, field),
            FieldKind::Length | FieldKind::Data => self.check_partner(position, definition),
            _ => Ok(()),
        }
    }

    fn undefined_field(&mut self, position: usize, field: Field<'_>) -> Result<(), SessionReject> {
        if field.tag < USER_TAGS || self.user_fields == UserFields::Refused {
            return Err(reject(SessionRejectReason::InvalidTagNumber, field.tag));
        }
        while self.depth > 0 {
            self.close_group()?;
        }
        let first = self.message.get(field.tag);
        if first.is_some_and(|first| first.offset != self.message.at(position).offset) {
            return Err(reject(SessionRejectReason::TagRepeated, field.tag));
        }
        Ok(())
    }

    /// Finds the field's place: in the innermost open group that has it, or outside of groups.
    #[inline]
    fn place(&mut self, definition: &FieldDefinition) -> Result<(), SessionReject> {
        while self.depth > 0 {
            let open = self.open[self.depth - 1]
                .as_mut()
                .expect("the first `depth` are some");
            match open.group.position(definition.tag) {
                Some(place) => return open.member(place, i32::from(definition.tag)),
                None => self.close_group()?,
            }
        }
        let tag = i32::from(definition.tag);
        if !self.section(definition.section).fields.has(definition.tag) {
            return Err(reject(SessionRejectReason::TagNotDefinedForMessage, tag));
        }
        if self.seen.insert(definition.tag) {
            return Err(reject(SessionRejectReason::TagRepeated, tag));
        }
        Ok(())
    }

    fn open_group(
        &mut self,
        definition: &FieldDefinition,
        field: Field<'_>,
    ) -> Result<(), SessionReject> {
        let outer = self
            .depth
            .checked_sub(1)
            .and_then(|top| self.open[top].as_ref());
        let group = match outer {
            Some(open) => open.group.group(field.tag),
            None => self.section(definition.section).group(field.tag),
        };
        let expected = value::unsigned(field.value)
            .map_err(|_| reject(SessionRejectReason::IncorrectDataFormat, field.tag))?;
        if let (Some(group), 1..) = (group, expected) {
            self.open[self.depth] = Some(OpenGroup {
                group,
                expected,
                entries: 0,
                seen: 0,
                last: 0,
            });
            self.depth += 1;
        }
        Ok(())
    }

    /// Leaves the innermost group, which must be whole.
    fn close_group(&mut self) -> Result<(), SessionReject> {
        self.depth -= 1;
        let open = self.open[self.depth]
            .take()
            .expect("the first `depth` are some");
        open.end_entry()?;
        if open.entries != open.expected {
            return Err(open.wrong_count());
        }
        Ok(())
    }

    /// A length and its data stand side by side.
    fn check_partner(
        &self,
        position: usize,
        definition: &FieldDefinition,
    ) -> Result<(), SessionReject> {
        let Some(partner) = definition.partner() else {
            return Ok(());
        };
        // The first field is no data, and the last one, CheckSum, no length.
        let beside = match definition.kind {
            FieldKind::Data => position - 1,
            _ => position + 1,
        };
        if self.message.at(beside).tag == partner {
            Ok(())
        } else {
            Err(reject(SessionRejectReason::RequiredTagMissing, partner))
        }
    }
}

impl OpenGroup {
    fn wrong_count(&self) -> SessionReject {
        reject(
            SessionRejectReason::GroupCount,
            i32::from(self.group.count_tag),
        )
    }

    fn member(&mut self, place: u8, tag: i32) -> Result<(), SessionReject> {
        if place == 0 {
            self.end_entry()?;
            self.entries += 1;
            (self.seen, self.last) = (1, 0);
            return Ok(());
        }
        let bit = 1 << place;
        if self.entries > 0 && self.seen & bit != 0 {
            return Err(reject(SessionRejectReason::TagRepeated, tag));
        }
        if self.entries == 0 || place < self.last {
            return Err(reject(SessionRejectReason::GroupOutOfOrder, tag));
        }
        self.seen |= bit;
        self.last = place;
        Ok(())
    }

    /// An entry, where one was begun, has every member that it must have.
    fn end_entry(&self) -> Result<(), SessionReject> {
        let missing = self.group.required & !self.seen;
        if self.entries == 0 || missing == 0 {
            return Ok(());
        }
        let place = missing.trailing_zeros() as u8;
        let member = self
            .group
            .members
            .iter()
            .find(|member| member.position == place);
        let tag = member.expect("a bit for each member").tag;
        Err(reject(
            SessionRejectReason::RequiredTagMissing,
            i32::from(tag),
        ))
    }
}

/// Whether a value has the form of its kind.
#[inline]
fn has_form(kind: FieldKind, text: &[u8]) -> bool {
    match kind {
        FieldKind::Text | FieldKind::Texts | FieldKind::Data => true,
        FieldKind::Char => value::char(text).is_ok(),
        FieldKind::Flag => value::flag(text).is_ok(),
        FieldKind::Integer => value::integer(text).is_ok(),
        FieldKind::Length | FieldKind::Sequence | FieldKind::Count => value::unsigned(text).is_ok(),
        FieldKind::Decimal => value::is_decimal(text),
        FieldKind::Timestamp => time::is_timestamp(text),
        FieldKind::TimeOfDay => time::is_time_of_day(text),
        FieldKind::Date => time::is_date(text),
        FieldKind::Month => time::is_month(text),
        FieldKind::Day => value::unsigned(text).is_ok_and(|day| (1..=31).contains(&day)),
    }
}

/// Whether a value is one of those that the dictionary lists, where it lists any.
#[inline]
fn is_listed(definition: &FieldDefinition, text: &[u8]) -> bool {
    match definition.kind {
        FieldKind::Texts => text
            .split(|&byte| byte == b' ')
            .all(|text| definition.values.allow(text)),
        _ => definition.values.allow(text),
    }
}
