//! What is asked, and what must come back: a cycle of five requests, again and again, of which two rest and are cancelled and one trades. So the book stays as it is,
//! and each report is known beforehand. The second client does the same on the other side, so that the two do not meet.

use crate::client::Outgoing;
use crate::orders::Report;

const QUANTITY_DECIMALS: u32 = 3;
const PRICE_DECIMALS: i64 = 2;

/// Prices of bids that stay are 0.01 to this, those of offers as many from the second on.
const FILLING_PRICES: i64 = 49;
const FILLING_OFFERS_FROM: i64 = 201;

#[derive(Clone, Copy)]
enum Ask {
    /// An order of the client's near side (on which it has the best price), or far side.
    Enter {
        is_near: bool,
        quantity: &'static [u8],
        /// At the price where the cycle trades, or away from it.
        is_at_trade: bool,
        /// TimeInForce: good till cancel or immediate or cancel.
        time: u8,
    },
    /// The request so many before, and its side.
    Cancel { back: usize, is_near: bool },
}

/// A report: of the request so many before. Quantities are lots of 0.001.
struct Told {
    back: usize,
    /// ExecType and OrdStatus.
    kinds: [u8; 2],
    total: u64,
    last: Option<u64>,
    open: u64,
    traded: u64,
}

const fn told(kinds: &[u8; 2], total: u64, open: u64, traded: u64) -> Told {
    Told {
        back: 0,
        kinds: *kinds,
        total,
        last: None,
        open,
        traded,
    }
}

const fn trade(back: usize, status: u8, total: u64) -> Told {
    Told {
        back,
        kinds: [b'F', status],
        total,
        last: Some(1),
        open: total - 1,
        traded: 1,
    }
}

const CYCLE: [(Ask, &[Told]); 5] = [
    (
        Ask::Enter {
            is_near: true,
            quantity: b"0.002",
            is_at_trade: true,
            time: b'1',
        },
        &[told(b"00", 2, 2, 0)],
    ),
    (
        Ask::Enter {
            is_near: false,
            quantity: b"0.001",
            is_at_trade: true,
            time: b'3',
        },
        &[told(b"00", 1, 1, 0), trade(1, b'1', 2), trade(0, b'2', 1)],
    ),
    (
        Ask::Cancel {
            back: 2,
            is_near: true,
        },
        &[told(b"44", 2, 0, 1)],
    ),
    (
        Ask::Enter {
            is_near: false,
            quantity: b"0.001",
            is_at_trade: false,
            time: b'1',
        },
        &[told(b"00", 1, 1, 0)],
    ),
    (
        Ask::Cancel {
            back: 1,
            is_near: false,
        },
        &[told(b"44", 1, 0, 0)],
    ),
];

/// What comes back of an order that stays.
const FILLING: &[Told] = &[told(b"00", 1, 1, 0)];

/// The next whole number of cycles, behind which nothing is left in the book.
pub fn whole(requests: usize) -> usize {
    requests.next_multiple_of(CYCLE.len())
}

/// Whether so many requests are whole cycles.
pub fn is_whole(requests: usize) -> bool {
    requests.is_multiple_of(CYCLE.len())
}

/// Whether a request trades at once.
pub fn is_trading(request: usize) -> bool {
    let reports = CYCLE[request % CYCLE.len()].1;
    reports.iter().any(|told| told.last.is_some())
}

/// Near and far side of a client; the price of its trades, and one where its far side rests.
struct Terms {
    sides: [u8; 2],
    at_trade: &'static [u8],
    away: &'static [u8],
}

impl Terms {
    fn side(&self, is_near: bool) -> u8 {
        self.sides[usize::from(!is_near)]
    }
}

const TERMS: [Terms; 2] = [
    Terms {
        sides: *b"12",
        at_trade: b"1.00",
        away: b"2.00",
    },
    Terms {
        sides: *b"21",
        at_trade: b"1.40",
        away: b"0.50",
    },
];

/// What is known of a report that was checked.
pub struct Answer {
    /// The request whose first report this is.
    pub acknowledges: Option<usize>,
    /// Requests of which all reports are there.
    pub done: usize,
}

/// One client's requests, and how far their reports have come.
pub struct Flow {
    terms: &'static Terms,
    first: usize,
    is_filling: bool,
    request: usize,
    /// Reports of this request that were there.
    seen: usize,
    hash: u64,
}

impl Flow {
    pub fn new(client: usize, first: usize, is_filling: bool) -> Self {
        Flow {
            terms: &TERMS[client],
            first,
            is_filling,
            request: 0,
            seen: 0,
            // The start of FNV-1a (Fowler, Noll, Vo).
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Orders that stay: bids below and offers above all that trades, in turn.
    fn write_filling(&self, request: usize, client: &mut Outgoing) -> usize {
        let id = (self.first + request).to_string();
        let distance = (request / 2) as i64 % FILLING_PRICES;
        let (side, cents) = if request.is_multiple_of(2) {
            (b'1', FILLING_PRICES - distance)
        } else {
            (b'2', FILLING_OFFERS_FROM + distance)
        };
        let units = 10i64.pow(PRICE_DECIMALS as u32);
        let price = format!("{}.{:02}", cents / units, cents % units);
        client.enter(id.as_bytes(), side, b"0.001", price.as_bytes(), b'1')
    }

    /// Writes a request for a client to send; how many bytes wait for that.
    pub fn write(&self, request: usize, client: &mut Outgoing) -> usize {
        if self.is_filling {
            return self.write_filling(request, client);
        }
        let id = (self.first + request).to_string();
        match CYCLE[request % CYCLE.len()].0 {
            Ask::Enter {
                is_near,
                quantity,
                is_at_trade,
                time,
            } => {
                let terms = self.terms;
                let price = if is_at_trade {
                    terms.at_trade
                } else {
                    terms.away
                };
                client.enter(id.as_bytes(), terms.side(is_near), quantity, price, time)
            }
            Ask::Cancel { back, is_near } => {
                let original = (self.first + request - back).to_string();
                let side = self.terms.side(is_near);
                client.cancel(id.as_bytes(), original.as_bytes(), side)
            }
        }
    }

    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Checks the next report against what must come.
    pub fn check(&mut self, report: &Report<'_>) -> Answer {
        let reports = if self.is_filling {
            FILLING
        } else {
            CYCLE[self.request % CYCLE.len()].1
        };
        let expected = &reports[self.seen];
        let id = report.number(11);
        let kinds = [report.char(150), report.char(39)];
        let quantities = [38, 32, 151, 14].map(|tag| report.decimal(tag, QUANTITY_DECIMALS));
        let amounts = [
            Some(expected.total),
            expected.last,
            Some(expected.open),
            Some(expected.traded),
        ];
        assert_eq!(
            (id, kinds, quantities),
            (
                self.first + self.request - expected.back,
                expected.kinds,
                amounts
            ),
            "ClOrdID, ExecType and OrdStatus, quantities of report {} of request {}",
            self.seen,
            self.request
        );
        self.mix(&id.to_le_bytes());
        self.mix(&kinds);
        for quantity in quantities {
            self.mix(&quantity.unwrap_or(u64::MAX).to_le_bytes());
        }
        let acknowledges = (self.seen == 0).then_some(self.request);
        self.seen += 1;
        if self.seen == reports.len() {
            (self.request, self.seen) = (self.request + 1, 0);
        }
        Answer {
            acknowledges,
            done: self.request,
        }
    }
}
