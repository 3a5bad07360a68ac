//! Commands: everything that can be asked of a market, in one fixed encoding of [`COMMAND_BYTES`] bytes.

use crate::codec::{bytes_of, same_words, tags_of, words_of, DecodeError};
use crate::order::Order;
use crate::units::{AccountId, OrderId, Price, Quantity, Side, Timestamp};

/// Words of an encoded [`Command`].
pub const COMMAND_WORDS: usize = 9;

/// Length of an encoded [`Command`].
pub const COMMAND_BYTES: usize = 8 * COMMAND_WORDS;

/// One request to the market, with the time at which it was sequenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Time of sequencing; never earlier than that of the command before.
    pub time: Timestamp,
    /// What is asked.
    pub action: Action,
}

/// What a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Enter an order.
    New(NewOrder),
    /// Take a live order out.
    Cancel {
        /// The order.
        order_id: OrderId,
    },
    /// Take out every live order of an account.
    MassCancel {
        /// The account, not [`AccountId::NONE`].
        account: AccountId,
    },
    /// Lower an order's open quantity; it keeps its place.
    Reduce {
        /// The order.
        order_id: OrderId,
        /// By how much.
        quantity: Quantity,
    },
    /// Change an order. `None` leaves a term as it is.
    Replace {
        /// The order.
        order_id: OrderId,
        /// New limit price.
        price: Option<Price>,
        /// New open quantity.
        quantity: Option<Quantity>,
        /// New trigger price, for an order whose stop has not triggered.
        stop_price: Option<Price>,
    },
    /// Advance the clock: whatever is due expires.
    Sweep,
    /// Stop trading; only cancels, mass cancels and reductions are taken.
    Halt,
    /// Trade continuously again after a halt.
    Resume,
    /// Start a call auction: orders rest without matching.
    OpenAuction,
    /// End the auction at one price and trade continuously.
    Uncross,
}

/// An order as it is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Identifier, not that of a live order.
    pub order_id: OrderId,
    /// Whose order it is.
    pub account: AccountId,
    /// Buy or sell.
    pub side: Side,
    /// Total quantity.
    pub quantity: Quantity,
    /// Market, limit, stop or stop-limit, with the prices each needs.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Reject rather than trade on entry.
    pub post_only: bool,
    /// Iceberg: the most that is shown at a time.
    pub display: Option<Quantity>,
    /// What happens when it meets an order of its own account.
    pub self_trade: SelfTradePrevention,
}

impl NewOrder {
    /// The order as the market will know it, before it has a place.
    #[inline]
    pub const fn order(&self) -> Order {
        Order {
            id: self.order_id,
            account: self.account,
            side: self.side,
            price: self.kind.price(),
            stop_price: self.kind.stop_price(),
            displayed: Quantity::ZERO,
            hidden: Quantity::ZERO,
            display: self.display,
            filled: Quantity::ZERO,
            priority: 0,
            time_in_force: self.time_in_force,
            post_only: self.post_only,
            self_trade: self.self_trade,
        }
    }
}

/// The kind of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// Trades at whatever prices there are.
    Market,
    /// Trades at `price` or better.
    Limit {
        /// The worst price it accepts.
        price: Price,
    },
    /// Becomes a market order when the market trades at `stop_price` or beyond.
    Stop {
        /// The trigger.
        stop_price: Price,
    },
    /// Becomes a limit order when the market trades at `stop_price` or beyond.
    StopLimit {
        /// The trigger.
        stop_price: Price,
        /// The worst price it accepts.
        price: Price,
    },
}

impl OrderKind {
    /// The limit price, if there is one.
    #[inline]
    pub const fn price(self) -> Option<Price> {
        match self {
            OrderKind::Limit { price } | OrderKind::StopLimit { price, .. } => Some(price),
            OrderKind::Market | OrderKind::Stop { .. } => None,
        }
    }

    /// The trigger price, if there is one.
    #[inline]
    pub const fn stop_price(self) -> Option<Price> {
        match self {
            OrderKind::Stop { stop_price } | OrderKind::StopLimit { stop_price, .. } => {
                Some(stop_price)
            }
            OrderKind::Market | OrderKind::Limit { .. } => None,
        }
    }
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeInForce {
    /// Until it is filled or cancelled.
    GoodTillCancel,
    /// Whatever does not trade at once is cancelled.
    ImmediateOrCancel,
    /// Trades in full at once, or not at all.
    FillOrKill,
    /// Until it is filled, cancelled, or the clock reaches `expiry`.
    GoodTillDate {
        /// First instant at which it no longer lives.
        expiry: Timestamp,
    },
}

impl TimeInForce {
    /// Whether an order with this may rest in the book.
    #[inline]
    pub const fn rests(self) -> bool {
        matches!(
            self,
            TimeInForce::GoodTillCancel | TimeInForce::GoodTillDate { .. }
        )
    }

    /// The expiry of a good-till-date order.
    #[inline]
    pub const fn expiry(self) -> Option<Timestamp> {
        match self {
            TimeInForce::GoodTillDate { expiry } => Some(expiry),
            _ => None,
        }
    }
}

/// What happens when an incoming order meets a resting order of its own account. The incoming order's setting decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SelfTradePrevention {
    /// They trade.
    Allow = 0,
    /// The incoming order's remainder is cancelled.
    CancelNewest = 1,
    /// The resting order is cancelled; the incoming order goes on.
    CancelOldest = 2,
    /// Both are cancelled.
    CancelBoth = 3,
    /// Both are reduced by the smaller open quantity; whichever reaches zero is cancelled.
    DecrementAndCancel = 4,
}

const FLAG_POST_ONLY: u8 = 1;
const FLAG_DISPLAY: u8 = 1 << 1;
const FLAG_PRICE: u8 = 1 << 2;
const FLAG_QUANTITY: u8 = 1 << 3;
const FLAG_STOP_PRICE: u8 = 1 << 4;

/// The encoded layout: eight tag bytes, then eight words, all little-endian; what a command does not use is zero.
#[derive(Default)]
struct Raw {
    action: u8,
    side: u8,
    kind: u8,
    time_in_force: u8,
    self_trade: u8,
    flags: u8,
    time: u64,
    order_id: u64,
    account: u64,
    price: i64,
    stop_price: i64,
    quantity: u64,
    display: u64,
    expiry: u64,
}

impl Raw {
    fn words(&self) -> [u64; COMMAND_WORDS] {
        let tags = [
            self.action,
            self.side,
            self.kind,
            self.time_in_force,
            self.self_trade,
            self.flags,
            0,
            0,
        ];
        [
            u64::from_le_bytes(tags),
            self.time,
            self.order_id,
            self.account,
            self.price as u64,
            self.stop_price as u64,
            self.quantity,
            self.display,
            self.expiry,
        ]
    }

    fn of_words(words: &[u64; COMMAND_WORDS]) -> Self {
        let tags = tags_of(words[0]);
        Raw {
            action: tags[0],
            side: tags[1],
            kind: tags[2],
            time_in_force: tags[3],
            self_trade: tags[4],
            flags: tags[5],
            time: words[1],
            order_id: words[2],
            account: words[3],
            price: words[4] as i64,
            stop_price: words[5] as i64,
            quantity: words[6],
            display: words[7],
            expiry: words[8],
        }
    }

    fn set(&mut self, flag: u8, is_set: bool) {
        if is_set {
            self.flags |= flag;
        }
    }

    fn new_order(&self) -> Result<NewOrder, DecodeError> {
        let price = Price(self.price);
        let stop_price = Price(self.stop_price);
        Ok(NewOrder {
            order_id: OrderId(self.order_id),
            account: AccountId(self.account),
            side: crate::codec::side(self.side)?,
            quantity: Quantity(self.quantity),
            kind: match self.kind {
                0 => OrderKind::Market,
                1 => OrderKind::Limit { price },
                2 => OrderKind::Stop { stop_price },
                3 => OrderKind::StopLimit { stop_price, price },
                found => return Err(DecodeError::tag("order kind", found)),
            },
            time_in_force: crate::codec::time_in_force(self.time_in_force, self.expiry)?,
            post_only: self.flags & FLAG_POST_ONLY != 0,
            display: (self.flags & FLAG_DISPLAY != 0).then_some(Quantity(self.display)),
            self_trade: crate::codec::self_trade(self.self_trade)?,
        })
    }
}

impl Command {
    /// The command's only encoding, as bytes: its words, little-endian.
    pub fn encode(&self) -> [u8; COMMAND_BYTES] {
        bytes_of(self.words())
    }

    /// The command's only encoding, as words.
    ///
    /// It is always inlined: where the kind of command is known, only that kind's words are left.
    #[inline(always)]
    pub fn words(&self) -> [u64; COMMAND_WORDS] {
        let mut raw = Raw {
            time: self.time.0,
            ..Raw::default()
        };
        match self.action {
            Action::New(order) => {
                raw.action = 1;
                raw.side = order.side as u8;
                raw.order_id = order.order_id.0;
                raw.account = order.account.0;
                raw.quantity = order.quantity.0;
                raw.kind = match order.kind {
                    OrderKind::Market => 0,
                    OrderKind::Limit { .. } => 1,
                    OrderKind::Stop { .. } => 2,
                    OrderKind::StopLimit { .. } => 3,
                };
                raw.price = order.kind.price().map_or(0, |price| price.0);
                raw.stop_price = order.kind.stop_price().map_or(0, |price| price.0);
                raw.time_in_force = crate::codec::time_in_force_tag(order.time_in_force);
                raw.expiry = order.time_in_force.expiry().map_or(0, |time| time.0);
                raw.self_trade = order.self_trade as u8;
                raw.set(FLAG_POST_ONLY, order.post_only);
                raw.set(FLAG_DISPLAY, order.display.is_some());
                raw.display = order.display.map_or(0, |quantity| quantity.0);
            }
            Action::Cancel { order_id } => {
                raw.action = 2;
                raw.order_id = order_id.0;
            }
            Action::MassCancel { account } => {
                raw.action = 3;
                raw.account = account.0;
            }
            Action::Reduce { order_id, quantity } => {
                raw.action = 4;
                raw.order_id = order_id.0;
                raw.quantity = quantity.0;
            }
            Action::Replace {
                order_id,
                price,
                quantity,
                stop_price,
            } => {
                raw.action = 5;
                raw.order_id = order_id.0;
                raw.set(FLAG_PRICE, price.is_some());
                raw.set(FLAG_QUANTITY, quantity.is_some());
                raw.set(FLAG_STOP_PRICE, stop_price.is_some());
                raw.price = price.map_or(0, |price| price.0);
                raw.quantity = quantity.map_or(0, |quantity| quantity.0);
                raw.stop_price = stop_price.map_or(0, |price| price.0);
            }
            Action::Sweep => raw.action = 6,
            Action::Halt => raw.action = 7,
            Action::Resume => raw.action = 8,
            Action::OpenAuction => raw.action = 9,
            Action::Uncross => raw.action = 10,
        }
        raw.words()
    }

    /// The command that encodes to exactly these bytes.
    ///
    /// # Errors
    /// An unknown tag, or bytes that no command encodes to.
    pub fn decode(bytes: &[u8; COMMAND_BYTES]) -> Result<Command, DecodeError> {
        Command::from_words(&words_of(bytes))
    }

    /// The command that encodes to exactly these words.
    ///
    /// # Errors
    /// An unknown tag, or words that no command encodes to.
    pub fn from_words(words: &[u64; COMMAND_WORDS]) -> Result<Command, DecodeError> {
        let raw = Raw::of_words(words);
        let order_id = OrderId(raw.order_id);
        match raw.action {
            1 => canonical(words, Action::New(raw.new_order()?)),
            2 => canonical(words, Action::Cancel { order_id }),
            3 => {
                let account = AccountId(raw.account);
                canonical(words, Action::MassCancel { account })
            }
            4 => {
                let quantity = Quantity(raw.quantity);
                canonical(words, Action::Reduce { order_id, quantity })
            }
            5 => canonical(
                words,
                Action::Replace {
                    order_id,
                    price: (raw.flags & FLAG_PRICE != 0).then_some(Price(raw.price)),
                    quantity: (raw.flags & FLAG_QUANTITY != 0).then_some(Quantity(raw.quantity)),
                    stop_price: (raw.flags & FLAG_STOP_PRICE != 0).then_some(Price(raw.stop_price)),
                },
            ),
            6 => canonical(words, Action::Sweep),
            7 => canonical(words, Action::Halt),
            8 => canonical(words, Action::Resume),
            9 => canonical(words, Action::OpenAuction),
            10 => canonical(words, Action::Uncross),
            found => Err(DecodeError::tag("action", found)),
        }
    }
}

/// The command with this action and the time of `words`, which must be what it encodes to.
#[inline(always)]
fn canonical(words: &[u64; COMMAND_WORDS], action: Action) -> Result<Command, DecodeError> {
    let time = Timestamp(words[1]);
    let command = Command { time, action };
    if same_words(&command.words(), words) {
        Ok(command)
    } else {
        Err(DecodeError::NotCanonical { what: "command" })
    }
}
