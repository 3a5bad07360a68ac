//! Messages that the peer asks for again: application messages as they were, with PossDupFlag and OrigSendingTime; runs of others as one GapFill.
//!
//! A resend goes on as long as the output has room, and later from there, so that no request makes a buffer grow.

use proofbook_fix::{
    tag, Frame, ParsedMessage, SIMDMessageParser, Section, SessionReject, SessionRejectReason,
    MESSAGE_BYTES_MAX,
};

use crate::core::{Core, Repeated};
use crate::header::{HeaderField, OriginalTime, SESSION_TAGS};
use crate::output::Output;
use crate::store::{Store, StoreError};

/// Numbers that are still to be sent again, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resend {
    next: u64,
    end: u64,
}

impl<S: Store> Core<S> {
    /// Notes what a valid ResendRequest asks for; the reject where it asks for what there is not.
    pub(crate) fn note_resend(&mut self, message: &ParsedMessage<'_>) -> Result<(), SessionReject> {
        let wrong = |tag| SessionReject {
            reason: SessionRejectReason::ValueIncorrect,
            tag: Some(tag),
        };
        let number = |tag| {
            let field = message.get(tag);
            field
                .and_then(|field| field.unsigned().ok())
                .ok_or_else(|| wrong(tag))
        };
        let last = self.store.numbers().outgoing - 1;
        let (begin, end) = (number(tag::BEGIN_SEQ_NO)?, number(tag::END_SEQ_NO)?);
        if begin == 0 || begin > last {
            return Err(wrong(tag::BEGIN_SEQ_NO));
        }
        if end != 0 && end < begin {
            return Err(wrong(tag::END_SEQ_NO));
        }
        let end = if end == 0 { last } else { end.min(last) };
        let resend = Resend { next: begin, end };
        self.resend = Some(match self.resend {
            None => resend,
            Some(earlier) => Resend {
                next: earlier.next.min(begin),
                end: earlier.end.max(end),
            },
        });
        Ok(())
    }

    /// Sends again what was asked for, as far as there is room.
    pub(crate) fn pump(
        &mut self,
        parser: &mut SIMDMessageParser,
        output: &mut impl Output,
        now_ns: u64,
    ) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        while let Some(Resend { next, end }) = self.resend {
            if next > end {
                self.resend = None;
                break;
            }
            if output.room().len() < MESSAGE_BYTES_MAX {
                break;
            }
            let stored = self.store.next_stored(next).filter(|number| *number <= end);
            let after = match stored {
                Some(number) if number == next => {
                    self.store.read(number, &mut bytes)?;
                    if !self.send_again(parser, output, now_ns, number, &bytes) {
                        self.fill_gap(output, now_ns, number, number + 1);
                    }
                    number + 1
                }
                _ => {
                    let after = stored.unwrap_or(end + 1);
                    self.fill_gap(output, now_ns, next, after);
                    after
                }
            };
            self.resend = Some(Resend { next: after, end });
        }
        Ok(())
    }

    fn fill_gap(&mut self, output: &mut impl Output, now_ns: u64, number: u64, after: u64) {
        let header = Repeated {
            message_type: b"4",
            number,
            time_ns: now_ns,
            original_time: OriginalTime::Now,
            extra: &[],
        };
        let fits = self.rewrite(output, &header, |draft| {
            draft.unsigned(tag::NEW_SEQ_NO, after);
            draft.flag(tag::GAP_FILL_FLAG, true);
        });
        assert!(fits, "a GapFill is shorter than the room that there is");
    }

    /// Sends a stored message again; `false` where it is none that fits.
    fn send_again(
        &mut self,
        parser: &mut SIMDMessageParser,
        output: &mut impl Output,
        now_ns: u64,
        number: u64,
        bytes: &[u8],
    ) -> bool {
        let Frame::Whole(frame) = parser.frame(bytes) else {
            return false;
        };
        let Ok(message) = parser.parse(frame) else {
            return false;
        };
        let Some(original) = message.get(tag::SENDING_TIME) else {
            return false;
        };
        let dictionary = self.encoder.version().dictionary();
        let own_subs = [
            self.settings
                .identity
                .our_sub
                .as_ref()
                .map(|_| tag::SENDER_SUB_ID),
            self.settings
                .identity
                .their_sub
                .as_ref()
                .map(|_| tag::TARGET_SUB_ID),
        ];
        let others = || {
            message.fields().filter(|field| {
                field.tag != tag::ORIG_SENDING_TIME
                    && !SESSION_TAGS.contains(&field.tag)
                    && !own_subs.contains(&Some(field.tag))
            })
        };
        let is_header = |tag| dictionary.entry(tag).section == Section::Header;
        let extra: Vec<HeaderField<'_>> = others()
            .filter(|field| is_header(field.tag))
            .map(|field| HeaderField {
                tag: field.tag,
                value: field.value,
            })
            .collect();
        let header = Repeated {
            message_type: message.message_type(),
            number,
            time_ns: now_ns,
            original_time: OriginalTime::Text(original.value),
            extra: &extra,
        };
        self.rewrite(output, &header, |draft| {
            for field in others().filter(|field| !is_header(field.tag)) {
                draft.copy(field);
            }
        })
    }
}
