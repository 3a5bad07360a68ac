//! Random commands of every kind in random markets.
//!
//! A [`Market`] is decoded from 12 bytes and each command from 16, so that whoever has bytes has a valid test: a seeded generator, a
//! property test or a fuzzer. Zero bytes mean the plainest choice, so that shrinking bytes shrinks the test. The
//! decoder leans towards commands that do something, and still reaches every rejection but the end of the sequence numbers.

use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Phase, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use proofbook_workload::Random;

/// Bytes that make a market.
pub type MarketBytes = [u8; 12];
/// Bytes that make a command.
pub type CommandBytes = [u8; 16];

/// Half of the range of usual prices, in steps.
const REACH_STEPS: i64 = 12;
/// How far new orders' prices keep back on average, so that some rest.
const BEHIND_STEPS: i64 = 5;

/// A market and the range of commands that suits it.
#[derive(Clone, Copy, Debug)]
pub struct Market {
    /// Its terms.
    pub config: MarketConfig,
    /// Around which price commands are, in ticks.
    centre: i64,
    /// Distance of neighbouring usual prices, in ticks: a multiple of the tick size.
    step: i64,
    /// How many order ids are in use.
    ids: u16,
    /// Ids are multiples of it, wrapping.
    id_stride: u64,
}

fn pick<T: Copy>(choices: &[T], byte: u8) -> T {
    choices[usize::from(byte) % choices.len()]
}

impl Market {
    /// The market that these bytes mean.
    pub fn decode(bytes: &MarketBytes) -> Self {
        let tick_size = pick(&[1, 1, 1, 2, 5, 25], bytes[0]);
        let lot_size = pick(&[1, 1, 1, 2, 10], bytes[1]);
        let stride = pick(&[1, 1, 1, 7, 1000, 1 << 40], bytes[2]);
        let step = stride * tick_size as i64;
        let centre = pick(&[100, 100, 100, 0, -1000, 30_000], bytes[3]) * step;
        let sometimes = |byte: u8| byte % 4 == 3;
        let highest = centre.unsigned_abs() + REACH_STEPS.unsigned_abs() * step.unsigned_abs();
        let notional = u128::from(highest) * 19;
        Market {
            config: MarketConfig {
                market: u64::from(bytes[11]),
                tick_size,
                lot_size,
                max_quantity: sometimes(bytes[4]).then_some(Quantity(18 * lot_size)),
                max_notional: sometimes(bytes[5]).then_some(notional * u128::from(lot_size)),
                collar: sometimes(bytes[6]).then_some(8 * step.unsigned_abs()),
                reference_price: sometimes(bytes[7]).then_some(Price(centre)),
                max_orders: if sometimes(bytes[8]) { 10 } else { 1 << 20 },
                initial_phase: pick(
                    &[
                        Phase::Continuous,
                        Phase::Continuous,
                        Phase::Continuous,
                        Phase::Auction,
                        Phase::Halted,
                    ],
                    bytes[9],
                ),
            },
            centre,
            step,
            ids: pick(&[32, 64, 64, 200], bytes[10]),
            id_stride: pick(&[1, 1, 0x9e37_79b9_7f4a_7c15], bytes[11]),
        }
    }
}

/// Turns bytes into commands for one market; carries the clock and the centre of prices along.
#[derive(Clone, Debug)]
pub struct Decoder {
    market: Market,
    time_ns: u64,
    centre: i64,
}

impl Decoder {
    /// For commands to `market`.
    pub fn new(market: Market) -> Self {
        Decoder {
            market,
            time_ns: 0,
            centre: market.centre,
        }
    }

    /// The command that these bytes mean.
    pub fn decode(&mut self, bytes: &CommandBytes) -> Command {
        self.time_ns += u64::from(bytes[9] % 32);
        let is_late = bytes[9] == 255 && self.time_ns > 40;
        if bytes[15] >= 248 {
            // The whole flow moves by up to four times its own width.
            self.centre += (i64::from(bytes[15]) - 251) * REACH_STEPS * self.market.step;
        }
        Command {
            time: Timestamp(self.time_ns - if is_late { 40 } else { 0 }),
            action: self.action(bytes),
        }
    }

    fn action(&self, bytes: &CommandBytes) -> Action {
        let order_id = self.order_id(bytes);
        match bytes[0] {
            0..=139 => Action::New(self.new_order(bytes)),
            140..=165 => Action::Cancel { order_id },
            166..=197 => Action::Replace {
                order_id,
                price: (bytes[11] & 1 != 0).then(|| self.price(bytes[4], bytes)),
                quantity: (bytes[11] & 2 != 0).then(|| self.quantity(bytes[6], bytes)),
                stop_price: (bytes[11] & 12 == 12).then(|| self.price(bytes[5], bytes)),
            },
            198..=219 => Action::Reduce {
                order_id,
                quantity: self.quantity(bytes[6] % 64, bytes),
            },
            220..=223 => Action::MassCancel {
                account: account(bytes[2]),
            },
            224..=229 => Action::Sweep,
            230 => Action::Halt,
            231..=241 => Action::Resume,
            242..=244 => Action::OpenAuction,
            245..=255 => Action::Uncross,
        }
    }

    fn order_id(&self, bytes: &CommandBytes) -> OrderId {
        let index = u64::from(u16::from_le_bytes([bytes[1], bytes[14] & 1]) % self.market.ids);
        if index == 31 {
            return OrderId(u64::MAX);
        }
        OrderId(index.wrapping_mul(self.market.id_stride))
    }

    fn price(&self, byte: u8, bytes: &CommandBytes) -> Price {
        let tick_size = self.market.config.tick_size as i64;
        let usual = self.centre + (i64::from(byte) % (2 * REACH_STEPS + 1)) * self.market.step
            - REACH_STEPS * self.market.step;
        Price(match (byte, bytes[13]) {
            (255, 128..) => i64::MAX / tick_size * tick_size,
            (254, 128..) => i64::MIN / tick_size * tick_size,
            (253, 128..) => self.centre + 1_000_003 * tick_size,
            (252, 128..) => self.centre - 1_000_003 * tick_size,
            _ if bytes[12] == 255 => usual + 1,
            _ => usual,
        })
    }

    fn quantity(&self, byte: u8, bytes: &CommandBytes) -> Quantity {
        let lot_size = self.market.config.lot_size;
        let usual = (1 + u64::from(byte) % 20) * lot_size;
        Quantity(match (byte, bytes[13]) {
            (255, 192..) => u64::MAX / lot_size * lot_size,
            (254, 192..) => u64::MAX / 2 / lot_size * lot_size,
            (253, _) => 0,
            (252, 192..) => (1 << 60) / lot_size * lot_size,
            _ if bytes[12] == 254 => usual + 1,
            _ => usual,
        })
    }

    fn new_order(&self, bytes: &CommandBytes) -> NewOrder {
        let side = pick(&Side::BOTH, bytes[2] >> 7);
        let behind = self.market.step * BEHIND_STEPS * if side == Side::Buy { -1 } else { 1 };
        let shifted =
            |price: Price, ticks: i64| Price(price.0.checked_add(ticks).unwrap_or(price.0));
        let price = shifted(self.price(bytes[4], bytes), behind);
        let stop_price = shifted(self.price(bytes[5], bytes), -behind);
        let kind = match bytes[3] & 15 {
            0..=9 => OrderKind::Limit { price },
            10 => OrderKind::Market,
            11 => OrderKind::Stop { stop_price },
            _ => OrderKind::StopLimit { stop_price, price },
        };
        let quantity = self.quantity(bytes[6], bytes);
        NewOrder {
            order_id: self.order_id(bytes),
            account: account(bytes[2]),
            side,
            quantity,
            kind,
            time_in_force: self.time_in_force(kind, bytes),
            post_only: bytes[8] & 0x38 == 0x38,
            display: (bytes[8] & 7 == 7).then(|| match bytes[7] {
                255 => Quantity::ZERO,
                254 => quantity,
                253 => Quantity(1),
                byte => Quantity((1 + u64::from(byte) % 5) * self.market.config.lot_size),
            }),
            self_trade: pick(
                &[
                    SelfTradePrevention::Allow,
                    SelfTradePrevention::CancelNewest,
                    SelfTradePrevention::CancelOldest,
                    SelfTradePrevention::CancelBoth,
                    SelfTradePrevention::DecrementAndCancel,
                ],
                (bytes[2] >> 3) & 15,
            ),
        }
    }

    fn time_in_force(&self, kind: OrderKind, bytes: &CommandBytes) -> TimeInForce {
        let lifetime_ns = match bytes[10] {
            255 => 0,
            byte => 1 + 4 * u64::from(byte),
        };
        let dated = TimeInForce::GoodTillDate {
            expiry: Timestamp(self.time_ns + lifetime_ns),
        };
        match (kind, bytes[3] >> 4) {
            (OrderKind::Market, 0..=7) => TimeInForce::ImmediateOrCancel,
            (OrderKind::Market, 8..=14) => TimeInForce::FillOrKill,
            (OrderKind::Stop { .. }, 0..=9) => TimeInForce::GoodTillCancel,
            (OrderKind::Stop { .. }, 10..=14) => dated,
            (OrderKind::Stop { .. }, _) => TimeInForce::ImmediateOrCancel,
            (OrderKind::Limit { .. } | OrderKind::StopLimit { .. }, 8..=9) => {
                TimeInForce::ImmediateOrCancel
            }
            (_, 10..=11) => TimeInForce::FillOrKill,
            (_, 12..=14) => dated,
            _ => TimeInForce::GoodTillCancel,
        }
    }
}

fn account(byte: u8) -> AccountId {
    AccountId(u64::from(pick(&[0, 0, 0, 1, 2, 3, 4, 5u8], byte & 7)))
}

/// An endless random flow to one market, from a seed.
#[derive(Clone, Debug)]
pub struct RandomFlow {
    random: Random,
    decoder: Decoder,
}

impl RandomFlow {
    /// The flow of this seed, to a market of the same seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut bytes = MarketBytes::default();
        random.fill(&mut bytes);
        RandomFlow {
            random,
            decoder: Decoder::new(Market::decode(&bytes)),
        }
    }

    /// The market that the commands are for.
    pub fn market(&self) -> &Market {
        &self.decoder.market
    }
}

impl Iterator for RandomFlow {
    type Item = Command;

    fn next(&mut self) -> Option<Command> {
        let mut bytes = CommandBytes::default();
        self.random.fill(&mut bytes);
        Some(self.decoder.decode(&bytes))
    }
}

/// A market with a sequence of commands to it, as property tests draw and shrink them.
#[derive(Clone, Debug)]
pub struct Case {
    /// The market's terms.
    pub config: MarketConfig,
    /// The commands, in order.
    pub commands: Vec<Command>,
}
