//! What is asked of a market over FIX, and the reports that come of it.

use proofbook_fix::ParsedMessage;

use crate::client::{Incoming, Outgoing};

/// An ExecutionReport.
pub struct Report<'c>(ParsedMessage<'c>);

impl Report<'_> {
    pub fn char(&self, tag: i32) -> u8 {
        match self.0.get(tag).map(|field| field.value) {
            Some([value]) => *value,
            other => panic!("expected one character in tag {tag}, received {other:?}"),
        }
    }

    pub fn number(&self, tag: i32) -> usize {
        let field = self.0.require(tag).expect("it must be there");
        field.unsigned().expect("it is a number") as usize
    }

    pub fn decimal(&self, tag: i32, decimals: u32) -> Option<u64> {
        let units = self.0.get(tag)?.decimal(decimals).expect("a decimal");
        Some(u64::try_from(units).expect("it is not negative"))
    }

    /// The number of its entry in the exchange's log, with which ours begins an ExecID (17).
    pub fn entry(&self) -> u64 {
        let text = self.0.require(17).and_then(|field| field.text());
        let text = text.expect("it must be there");
        let entry = text.split('-').next().and_then(|entry| entry.parse().ok());
        entry.unwrap_or_else(|| panic!("expected ENTRY-PLACE in tag 17, received {text:?}"))
    }
}

impl Outgoing {
    /// A limit order that may trade with its own account (7928 = 0); how many bytes wait to be sent.
    pub fn enter(&mut self, id: &[u8], side: u8, quantity: &[u8], price: &[u8], time: u8) -> usize {
        let fields: [(i32, &[u8]); 8] = [
            (11, id),
            (55, b"BTC-USD"),
            (54, &[side]),
            (38, quantity),
            (40, b"2"),
            (44, price),
            (59, &[time]),
            (7928, b"0"),
        ];
        self.write(b"D", &fields)
    }

    /// A cancel; how many bytes wait to be sent.
    pub fn cancel(&mut self, id: &[u8], original: &[u8], side: u8) -> usize {
        let fields: [(i32, &[u8]); 4] = [(11, id), (41, original), (55, b"BTC-USD"), (54, &[side])];
        self.write(b"F", &fields)
    }
}

impl Incoming {
    pub fn next_report(&mut self) -> Option<Report<'_>> {
        self.next(&[b"8"]).map(Report)
    }
}
