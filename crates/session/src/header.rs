//! The header of what is sent: standard fields by rising tag, fields of routing among them, and the way back of a message's routing.

use proofbook_fix::{tag, Draft, ParsedMessage, Precision};

use crate::identity::Identity;

/// The longest value of routing that is sent back.
const ROUTE_BYTES_MAX: usize = 64;

/// A field of the header besides those that the session writes: routing (50, 57, 115, 116, 128, 129, 142 to 145), PossResend (97).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderField<'h> {
    /// Its tag.
    pub tag: i32,
    /// Its value.
    pub value: &'h [u8],
}

/// Tags that only the session writes.
pub(crate) const SESSION_TAGS: [i32; 9] = [
    tag::BEGIN_STRING,
    tag::BODY_LENGTH,
    tag::CHECK_SUM,
    tag::MSG_TYPE,
    tag::MSG_SEQ_NUM,
    tag::POSS_DUP_FLAG,
    tag::SENDER_COMP_ID,
    tag::SENDING_TIME,
    tag::TARGET_COMP_ID,
];

/// When a message that is sent again was sent first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OriginalTime<'h> {
    /// As it says.
    Text(&'h [u8]),
    /// A GapFill stands for messages that are no more, and is new.
    Now,
}

/// What a header says.
pub(crate) struct Header<'h> {
    pub(crate) identity: &'h Identity,
    pub(crate) number: u64,
    pub(crate) time_ns: u64,
    /// The time of the first sending, of a message that is sent again.
    pub(crate) original_time: Option<OriginalTime<'h>>,
    /// By rising tag.
    pub(crate) extra: &'h [HeaderField<'h>],
}

impl Header<'_> {
    pub(crate) fn write(&self, draft: &mut Draft<'_>) {
        let mut extra = self.extra.iter().peekable();
        let mut extra_before = |draft: &mut Draft<'_>, tag: i32| {
            while let Some(field) = extra.next_if(|field| field.tag < tag) {
                draft.text(field.tag, field.value);
            }
        };
        draft.unsigned(tag::MSG_SEQ_NUM, self.number);
        if self.original_time.is_some() {
            draft.flag(tag::POSS_DUP_FLAG, true);
        }
        draft.text(tag::SENDER_COMP_ID, &self.identity.ours);
        if let Some(sub) = &self.identity.our_sub {
            draft.text(tag::SENDER_SUB_ID, sub);
        }
        extra_before(draft, tag::SENDING_TIME);
        draft.timestamp(tag::SENDING_TIME, self.time_ns, Precision::Milliseconds);
        draft.text(tag::TARGET_COMP_ID, &self.identity.theirs);
        if let Some(sub) = &self.identity.their_sub {
            draft.text(tag::TARGET_SUB_ID, sub);
        }
        extra_before(draft, tag::ORIG_SENDING_TIME);
        match self.original_time {
            Some(OriginalTime::Text(time)) => {
                draft.text(tag::ORIG_SENDING_TIME, time);
            }
            Some(OriginalTime::Now) => {
                let precision = Precision::Milliseconds;
                draft.timestamp(tag::ORIG_SENDING_TIME, self.time_ns, precision);
            }
            None => {}
        }
        extra_before(draft, i32::MAX);
    }
}

/// Fields of routing: the one that is received and the one that goes back with its value, by the latter.
const ROUTES_BACK: [(i32, i32); 8] = [
    (tag::TARGET_SUB_ID, tag::SENDER_SUB_ID),
    (tag::SENDER_SUB_ID, tag::TARGET_SUB_ID),
    (tag::DELIVER_TO_COMP_ID, tag::ON_BEHALF_OF_COMP_ID),
    (tag::DELIVER_TO_SUB_ID, tag::ON_BEHALF_OF_SUB_ID),
    (tag::ON_BEHALF_OF_COMP_ID, tag::DELIVER_TO_COMP_ID),
    (tag::ON_BEHALF_OF_SUB_ID, tag::DELIVER_TO_SUB_ID),
    (tag::DELIVER_TO_LOCATION_ID, tag::ON_BEHALF_OF_LOCATION_ID),
    (tag::ON_BEHALF_OF_LOCATION_ID, tag::DELIVER_TO_LOCATION_ID),
];

/// The way back to who sent a message through others; empty fields have none.
pub(crate) fn routes_back<'m>(
    identity: &Identity,
    message: &ParsedMessage<'m>,
) -> Vec<HeaderField<'m>> {
    let is_own = |tag: i32| {
        tag == tag::SENDER_SUB_ID && identity.our_sub.is_some()
            || tag == tag::TARGET_SUB_ID && identity.their_sub.is_some()
    };
    let routes = ROUTES_BACK.iter().filter(|(_, back)| !is_own(*back));
    routes
        .filter_map(|&(from, tag)| {
            let value = message.get(from)?.value;
            (1..=ROUTE_BYTES_MAX)
                .contains(&value.len())
                .then_some(HeaderField { tag, value })
        })
        .collect()
}
