//! Rejects: of the session (Reject, `3`) and of the business (BusinessMessageReject, `j`).

use std::borrow::Cow;

use proofbook_fix::{tag, Draft, ParsedMessage, SessionReject, Version};

/// The longest MsgType that is sent back.
const MESSAGE_TYPE_BYTES_MAX: usize = 32;

/// Why the business refuses a message: BusinessRejectReason (380).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BusinessRejectReason {
    /// Anything else.
    Other = 0,
    /// An id is not known.
    UnknownId = 1,
    /// A security is not known.
    UnknownSecurity = 2,
    /// The message is not for this application.
    UnsupportedMessageType = 3,
    /// The application is not there.
    ApplicationNotAvailable = 4,
    /// A field is missing that its use requires.
    RequiredFieldMissing = 5,
}

/// A refusal of an application message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessReject {
    /// The reason.
    pub reason: BusinessRejectReason,
    /// The business id of what is refused (BusinessRejectRefID), without a separator.
    pub reference_id: Option<Vec<u8>>,
    /// In words, without a separator.
    pub text: Cow<'static, str>,
}

impl BusinessReject {
    /// The application knows no such message.
    pub fn unsupported() -> Self {
        BusinessReject {
            reason: BusinessRejectReason::UnsupportedMessageType,
            reference_id: None,
            text: "Unsupported Message Type".into(),
        }
    }

    /// More messages than the published limit allows.
    pub(crate) fn throttled() -> Self {
        BusinessReject {
            reason: BusinessRejectReason::Other,
            reference_id: None,
            text: "Throttle limit exceeded".into(),
        }
    }
}

fn referenced_type(draft: &mut Draft<'_>, message: &ParsedMessage<'_>) {
    let message_type = message.message_type();
    if message_type.len() <= MESSAGE_TYPE_BYTES_MAX {
        draft.text(tag::REF_MSG_TYPE, message_type);
    }
}

pub(crate) fn session_reject(
    draft: &mut Draft<'_>,
    version: Version,
    message: &ParsedMessage<'_>,
    number: u64,
    reject: SessionReject,
) {
    draft.unsigned(tag::REF_SEQ_NUM, number);
    draft.text(tag::TEXT, reject.reason.text().as_bytes());
    if let Some(tag) = reject.tag {
        draft.integer(tag::REF_TAG_ID, i64::from(tag));
    }
    referenced_type(draft, message);
    if reject.reason.is_known_to(version) {
        draft.unsigned(tag::SESSION_REJECT_REASON, u64::from(reject.reason.code()));
    }
}

pub(crate) fn business_reject(
    draft: &mut Draft<'_>,
    message: &ParsedMessage<'_>,
    number: u64,
    reject: &BusinessReject,
) {
    draft.unsigned(tag::REF_SEQ_NUM, number);
    draft.text(tag::TEXT, reject.text.as_bytes());
    referenced_type(draft, message);
    if let Some(id) = &reject.reference_id {
        draft.text(tag::BUSINESS_REJECT_REF_ID, id);
    }
    draft.unsigned(tag::BUSINESS_REJECT_REASON, reject.reason as u64);
}
