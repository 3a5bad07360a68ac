//! A trading day of one market, generated from a seed with integers alone: the same on every machine.
//!
//! The day opens with a call auction, trades, is halted in the middle, and goes on after a second auction. A hidden mid
//! price walks by one tick at a time. Limit orders come at a distance behind the mid that halves in frequency with every
//! few ticks; since the mid walks on, older orders end up on its other side and are taken. Of the commands, in
//! 1/1000: see [`MIX`]. Cancels, replaces and reductions name an order that was once entered and not cancelled yet; some of
//! those have traded since, so a part is rejected, as in real flow.
//!
//! The generator sees no events: it is a list of commands, not a simulation of traders.

use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Phase, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use proofbook_workload::Random;

/// What a sample is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Where all choices come from.
    pub seed: u64,
    /// How many commands.
    pub commands: u64,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            seed: 1,
            commands: 1_000_000,
        }
    }
}

/// Where the mid price starts, in ticks.
const MID_START_TICKS: i64 = 10_000;
/// The mid moves in one of so many commands.
const COMMANDS_PER_STEP: u64 = 100;
/// The mean time between two commands.
const PAUSE_NS_MEAN: u64 = 20_000;
/// Accounts are numbered from 1 to this.
const ACCOUNTS: u64 = 500;
/// A date-limited order lives at most this long.
const LIFE_NS_MAX: u64 = 20_000_000_000;
/// Most changes of orders name one of so many newest.
const NEWEST: u64 = 300;
/// The opening auction takes one of so many commands.
const OPENING_SHARE: u64 = 100;
/// The halt and its auction take one of so many commands each.
const HALT_SHARE: u64 = 200;

/// How many of 1000 commands are of which kind. The rest, after these, are cancels.
const MIX: [(u64, Kind); 12] = [
    (330, Kind::Limit),
    (40, Kind::PostOnly),
    (30, Kind::GoodTillDate),
    (25, Kind::Iceberg),
    (60, Kind::ImmediateOrCancel),
    (10, Kind::FillOrKill),
    (25, Kind::Market),
    (10, Kind::Stop),
    (8, Kind::StopLimit),
    (90, Kind::Replace),
    (30, Kind::Reduce),
    (4, Kind::Sweep),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Limit,
    PostOnly,
    GoodTillDate,
    Iceberg,
    ImmediateOrCancel,
    FillOrKill,
    Market,
    Stop,
    StopLimit,
    Replace,
    Reduce,
    Sweep,
    Cancel,
}

/// The terms of the sample's market: prices in ticks of 0.01, a collar of 5.00, limits on quantity and notional.
pub fn sample_config() -> MarketConfig {
    MarketConfig {
        market: 1,
        max_quantity: Some(Quantity(10_000)),
        max_notional: Some(50_000_000),
        collar: Some(500),
        reference_price: Some(Price(MID_START_TICKS)),
        initial_phase: Phase::Auction,
        ..MarketConfig::default()
    }
}

/// The commands of a sample, one after another.
#[derive(Clone, Debug)]
pub struct Sample {
    parameters: Parameters,
    random: Random,
    done: u64,
    time_ns: u64,
    mid: i64,
    last_id: u64,
    /// Orders that were entered and not cancelled.
    entered: Vec<Entered>,
}

#[derive(Clone, Copy, Debug)]
struct Entered {
    order_id: u64,
    side: Side,
}

impl Sample {
    /// The sample that belongs to the parameters.
    pub fn new(parameters: Parameters) -> Self {
        Sample {
            parameters,
            random: Random::new(parameters.seed),
            done: 0,
            time_ns: 0,
            mid: MID_START_TICKS,
            last_id: 0,
            entered: Vec::new(),
        }
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.random.below(count) == 0
    }

    fn side(&mut self) -> Side {
        Side::BOTH[usize::from(self.one_in(2))]
    }

    /// A distance of `1..`, of which each next `scale` ticks are half as frequent.
    fn distance(&mut self, scale: u64) -> i64 {
        let halvings = u64::from(self.random.next_u64().trailing_zeros().min(20));
        (halvings * scale + self.random.below(scale) + 1).cast_signed()
    }

    /// A price `distance` ticks behind the mid, seen from `side`.
    fn behind(&self, side: Side, distance: i64) -> Price {
        match side {
            Side::Buy => Price(self.mid - distance),
            Side::Sell => Price(self.mid + distance),
        }
    }

    /// Mostly round and small quantities.
    fn quantity(&mut self) -> Quantity {
        let lots = 1 + self.random.below(20);
        Quantity(if self.one_in(4) { lots } else { lots * 10 })
    }

    fn kind(&mut self) -> Kind {
        let mut left = self.random.below(1000);
        for (share, kind) in MIX {
            if left < share {
                return kind;
            }
            left -= share;
        }
        Kind::Cancel
    }

    fn limit(&mut self, side: Side, price: Price, time_in_force: TimeInForce) -> NewOrder {
        self.last_id += 1;
        NewOrder {
            order_id: OrderId(self.last_id),
            account: AccountId(1 + self.random.below(ACCOUNTS)),
            side,
            quantity: self.quantity(),
            kind: OrderKind::Limit { price },
            time_in_force,
            post_only: false,
            display: None,
            self_trade: [
                SelfTradePrevention::Allow,
                SelfTradePrevention::CancelNewest,
                SelfTradePrevention::CancelOldest,
                SelfTradePrevention::CancelBoth,
                SelfTradePrevention::DecrementAndCancel,
            ][self.random.below(5) as usize],
        }
    }

    fn order(&mut self, kind: Kind) -> NewOrder {
        let side = self.side();
        let distance = self.distance(4);
        let passive = self.behind(side, distance);
        // Far enough beyond the mid to meet somebody.
        let aggressive = self.behind(side, -distance - 2);
        let resting = TimeInForce::GoodTillCancel;
        match kind {
            Kind::ImmediateOrCancel => self.limit(side, aggressive, TimeInForce::ImmediateOrCancel),
            Kind::FillOrKill => self.limit(side, aggressive, TimeInForce::FillOrKill),
            Kind::Market => {
                let order = self.limit(side, passive, TimeInForce::ImmediateOrCancel);
                NewOrder {
                    kind: OrderKind::Market,
                    ..order
                }
            }
            Kind::PostOnly => {
                let order = self.limit(side, self.behind(side, distance - 2), resting);
                NewOrder {
                    post_only: true,
                    ..order
                }
            }
            Kind::GoodTillDate => {
                let expiry = Timestamp(self.time_ns + 1 + self.random.below(LIFE_NS_MAX));
                self.limit(side, passive, TimeInForce::GoodTillDate { expiry })
            }
            Kind::Iceberg => {
                let order = self.limit(side, passive, resting);
                let display = order.quantity;
                NewOrder {
                    quantity: Quantity(display.0 * (2 + self.random.below(8))),
                    display: Some(display),
                    ..order
                }
            }
            Kind::Stop | Kind::StopLimit => self.stop(kind, side, distance),
            _ => self.limit(side, passive, resting),
        }
    }

    fn stop(&mut self, kind: Kind, side: Side, distance: i64) -> NewOrder {
        // A stop waits beyond the mid, where an order of its side would trade.
        let stop_price = self.behind(side, -distance - 4);
        let price = self.behind(side, -distance - 14);
        let order = self.limit(side, stop_price, TimeInForce::GoodTillCancel);
        let kind = match kind {
            Kind::Stop => OrderKind::Stop { stop_price },
            _ => OrderKind::StopLimit { stop_price, price },
        };
        NewOrder { kind, ..order }
    }

    /// Any order that was entered and not cancelled; in most cases one of the newest.
    fn target(&mut self) -> Option<usize> {
        let count = self.entered.len() as u64;
        if count == 0 {
            return None;
        }
        let newest = if self.one_in(8) {
            count
        } else {
            count.min(NEWEST)
        };
        Some((count - 1 - self.random.below(newest)) as usize)
    }

    fn change(&mut self, kind: Kind) -> Action {
        let Some(index) = self.target() else {
            return Action::Sweep;
        };
        let Entered { order_id, side } = self.entered[index];
        let order_id = OrderId(order_id);
        match kind {
            Kind::Replace => {
                let distance = self.distance(4);
                let is_pure_reduction = self.one_in(4);
                Action::Replace {
                    order_id,
                    price: (!is_pure_reduction).then(|| self.behind(side, distance)),
                    quantity: if is_pure_reduction {
                        Some(Quantity(1 + self.random.below(10)))
                    } else {
                        self.one_in(2).then(|| self.quantity())
                    },
                    stop_price: None,
                }
            }
            Kind::Reduce => Action::Reduce {
                order_id,
                quantity: Quantity(1 + self.random.below(20)),
            },
            _ => {
                self.entered.remove(index);
                Action::Cancel { order_id }
            }
        }
    }

    fn ordinary(&mut self) -> Action {
        if self.one_in(5000) {
            return Action::MassCancel {
                account: AccountId(1 + self.random.below(ACCOUNTS)),
            };
        }
        match self.kind() {
            Kind::Sweep => Action::Sweep,
            kind @ (Kind::Replace | Kind::Reduce | Kind::Cancel) => self.change(kind),
            kind => {
                let order = self.order(kind);
                if order.time_in_force.rests() {
                    self.entered.push(Entered {
                        order_id: order.order_id.0,
                        side: order.side,
                    });
                }
                Action::New(order)
            }
        }
    }

    /// The phases of the day: auction, trading, halt, auction, trading.
    fn phase_change(&self) -> Option<Action> {
        let total = self.parameters.commands;
        let halt = total / 2;
        let opening_end = total / OPENING_SHARE;
        let halt_length = total / HALT_SHARE;
        match self.done {
            0 => None,
            at if at == opening_end => Some(Action::Uncross),
            at if at == halt => Some(Action::Halt),
            at if at == halt + halt_length => Some(Action::OpenAuction),
            at if at == halt + 2 * halt_length => Some(Action::Uncross),
            _ => None,
        }
    }
}

impl Iterator for Sample {
    type Item = Command;

    fn next(&mut self) -> Option<Command> {
        if self.done == self.parameters.commands {
            return None;
        }
        self.time_ns += self.random.below(2 * PAUSE_NS_MEAN);
        if self.one_in(COMMANDS_PER_STEP) {
            self.mid += if self.one_in(2) { 1 } else { -1 };
        }
        let action = match self.phase_change() {
            Some(action) => action,
            None => self.ordinary(),
        };
        self.done += 1;
        Some(Command {
            time: Timestamp(self.time_ns),
            action,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.parameters.commands - self.done).ok();
        (left.unwrap_or(usize::MAX), left)
    }
}
