//! Names of the numbers in events, as C strings.

use core::ffi::{c_char, CStr};
use std::ffi::CString;
use std::sync::OnceLock;

use proofbook_types::{CancelReason, RejectReason};

/// Kinds of events in the order of their tags, which start at 1.
const EVENTS: [&CStr; 12] = [
    c"accepted",
    c"rejected",
    c"placed",
    c"trade",
    c"refreshed",
    c"reduced",
    c"cancelled",
    c"replaced",
    c"expired",
    c"triggered",
    c"phase_changed",
    c"uncrossed",
];

const UNKNOWN: &CStr = c"unknown";

pub(crate) fn event(kind: u8) -> *const c_char {
    let index = usize::from(kind).checked_sub(1);
    let name = index.and_then(|index| EVENTS.get(index));
    name.unwrap_or(&UNKNOWN).as_ptr()
}

/// Names by their codes, made once for the life of the process.
struct Names(OnceLock<Vec<(u8, CString)>>);

impl Names {
    fn get(&self, code: u8, all: impl Iterator<Item = (u8, &'static str)>) -> *const c_char {
        let names = self.0.get_or_init(|| {
            let owned = |name| CString::new(name).expect("names hold no zero byte");
            all.map(|(code, name)| (code, owned(name))).collect()
        });
        let name = names.iter().find(|(known, _)| *known == code);
        name.map_or(UNKNOWN.as_ptr(), |(_, name)| name.as_ptr())
    }
}

pub(crate) fn reject_reason(code: u8) -> *const c_char {
    static NAMES: Names = Names(OnceLock::new());
    let all = RejectReason::ALL.iter();
    NAMES.get(code, all.map(|reason| (*reason as u8, reason.name())))
}

pub(crate) fn cancel_reason(code: u8) -> *const c_char {
    static NAMES: Names = Names(OnceLock::new());
    let all = CancelReason::ALL.iter();
    NAMES.get(code, all.map(|reason| (*reason as u8, reason.name())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofbook_types::{Event, OrderId, Phase, Quantity};

    fn text(name: *const c_char) -> &'static str {
        // SAFETY: names live as long as the process.
        let name = unsafe { CStr::from_ptr(name) };
        name.to_str().expect("names are ASCII")
    }

    #[test]
    fn names_are_those_of_the_types() {
        let order_id = OrderId(1);
        let phase = Phase::Halted;
        let events = [
            Event::Rejected {
                order_id: None,
                reason: RejectReason::LotSize,
            },
            Event::Expired {
                order_id,
                quantity: Quantity(1),
            },
            Event::Triggered { order_id },
            Event::PhaseChanged { phase },
            Event::Uncrossed {
                price: None,
                quantity: Quantity(0),
            },
        ];
        for sample in events {
            assert_eq!(text(event(sample.encode()[0])), sample.name());
        }
        for reason in RejectReason::ALL {
            assert_eq!(text(reject_reason(*reason as u8)), reason.name());
        }
        for reason in CancelReason::ALL {
            assert_eq!(text(cancel_reason(*reason as u8)), reason.name());
        }
        for unknown in [event(0), event(13), reject_reason(0), cancel_reason(200)] {
            assert_eq!(text(unknown), "unknown");
        }
    }
}
