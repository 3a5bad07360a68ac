//! Random flow of entries over a small exchange: two markets, three assets, six accounts, every kind of entry, many of
//! them wrong. It follows nothing but what it sent itself.
#![allow(dead_code)] // each test looks at what it needs

use proofbook_books::Ladder;
use proofbook_exchange::{
    Action, AssetId, ClientId, Entry, Exchange, ExchangeTerms, Execution, Fees, Limits, Listing,
    MarketId, NewOrder, OrderKind, Outcome, Refusal, Symbol, Target, Transfer,
};
use proofbook_journal::simulated::Random;
use proofbook_types::{
    AccountId, MarketConfig, OrderId, Phase, Price, Quantity, SelfTradePrevention, Side,
    TimeInForce, Timestamp,
};

pub type Core = Exchange<Ladder>;

pub const ACCOUNTS: u64 = 6;

/// Bounds so small that flow reaches them.
pub fn terms() -> ExchangeTerms {
    ExchangeTerms {
        name: symbol("test"),
        orders_max: 40,
        retired_max: 200,
        accounts_max: 8,
    }
}

pub fn core() -> Core {
    Exchange::new(terms()).expect("the terms make an exchange")
}

pub fn symbol(text: &str) -> Symbol {
    Symbol::new(text.as_bytes()).expect("it is a short text")
}

pub fn client_id(text: &str) -> ClientId {
    ClientId::new(text.as_bytes()).expect("it is a short text")
}

pub fn entry(time: u64, action: Action) -> Entry {
    Entry {
        time: Timestamp(time),
        action,
    }
}

pub fn apply(core: &mut Core, entry: &Entry) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    core.apply(entry, &mut |outcome| outcomes.push(outcome));
    outcomes
}

/// Why things were refused.
pub fn refusals(outcomes: &[Outcome]) -> Vec<Refusal> {
    outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Answer { refusal, .. } => *refusal,
            Outcome::Report(report) => match report.execution {
                Execution::Rejected { refusal }
                | Execution::CancelRejected { refusal }
                | Execution::ReplaceRejected { refusal } => Some(refusal),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

pub fn transfer(account: u64, asset: u32, amount: u128) -> Transfer {
    Transfer {
        account: AccountId(account),
        asset: AssetId(asset),
        amount,
    }
}

/// The first market has ticks and lots of one, a reference price and a collar; the second neither, and coarse steps.
pub fn listings() -> [Listing; 2] {
    let config = MarketConfig {
        market: 1,
        initial_phase: Phase::Halted,
        collar: Some(30),
        reference_price: Some(Price(100)),
        max_quantity: Some(Quantity(5_000)),
        ..MarketConfig::default()
    };
    let first = Listing {
        market: MarketId(1),
        symbol: symbol("AAA-CCC"),
        base: AssetId(1),
        quote: AssetId(3),
        price_decimals: 1,
        quantity_decimals: 2,
        fees: Fees {
            maker: 7,
            taker: 25,
        },
        config,
    };
    let second = Listing {
        market: MarketId(2),
        symbol: symbol("BBB-CCC"),
        base: AssetId(2),
        quote: AssetId(3),
        price_decimals: 0,
        quantity_decimals: 3,
        fees: Fees {
            maker: 30,
            taker: 0,
        },
        config: MarketConfig {
            market: 2,
            tick_size: 5,
            lot_size: 2,
            initial_phase: Phase::Halted,
            ..MarketConfig::default()
        },
    };
    [first, second]
}

/// The entries that set everything up; both markets trade then.
pub fn setup() -> Vec<Action> {
    let mut actions = Vec::new();
    for (number, (text, decimals)) in [("AAA", 4), ("BBB", 3), ("CCC", 4)].iter().enumerate() {
        actions.push(Action::AddAsset {
            asset: AssetId(number as u32 + 1),
            symbol: symbol(text),
            decimals: *decimals,
        });
    }
    actions.extend(listings().map(Action::ListMarket));
    for account in 1..=ACCOUNTS {
        actions.push(Action::OpenAccount {
            account: AccountId(account),
        });
        // The last account lives on credit.
        for asset in 1..=if account == ACCOUNTS { 2 } else { 3 } {
            actions.push(Action::Deposit(transfer(account, asset, 3_000_000)));
        }
    }
    actions.push(Action::SetCredit(transfer(6, 3, 5_000_000)));
    for market in [1, 2].map(MarketId) {
        actions.push(Action::Open { market });
    }
    actions
}

/// Random entries, from one seed.
pub struct Flow {
    pub random: Random,
    time: u64,
    number: u64,
    sent: Vec<(u64, ClientId)>,
    /// What sets everything up, the first at the end.
    pending: Vec<Action>,
    steps: u64,
    /// What undoes what would stop everything, and at which step.
    later: Vec<(u64, Action)>,
}

impl Flow {
    pub fn new(seed: u64) -> Self {
        let mut pending = setup();
        pending.reverse();
        Flow {
            random: Random::new(seed),
            time: 0,
            number: 0,
            sent: Vec::new(),
            pending,
            steps: 0,
            later: Vec::new(),
        }
    }

    /// The next entry: first what sets everything up, then anything.
    pub fn next(&mut self) -> Entry {
        self.time += self.random.below(4);
        self.steps += 1;
        let due = self.later.iter().position(|(step, _)| *step <= self.steps);
        let action = match (self.pending.pop(), due) {
            (Some(action), _) => action,
            (None, Some(index)) => self.later.remove(index).1,
            (None, None) => self.action(),
        };
        // Now and then a clock runs backwards.
        let late = u64::from(self.random.one_in(300)) * 5;
        entry(self.time.saturating_sub(late), action)
    }

    fn action(&mut self) -> Action {
        match self.random.below(100) {
            0..=57 => Action::New(self.new_order()),
            58..=71 => Action::Cancel {
                target: self.target(),
            },
            72..=83 => self.replace(),
            84..=88 => Action::Reduce {
                target: self.target(),
                quantity: Quantity(self.random.below(40)),
            },
            89 => Action::Sweep,
            90 => self.change_state(),
            91..=94 => self.balance_change(),
            _ => self.rare(),
        }
    }

    /// Does something in at most so many steps.
    fn soon(&mut self, steps: u64, action: Action) {
        let step = self.steps + 1 + self.random.below(steps);
        self.later.push((step, action));
    }

    fn account(&mut self) -> AccountId {
        if self.random.one_in(60) {
            return AccountId([0, 7, 9, u64::MAX][self.random.below(4) as usize]);
        }
        AccountId(1 + self.random.below(ACCOUNTS))
    }

    fn market(&mut self) -> MarketId {
        if self.random.one_in(80) {
            return MarketId([0, 3, u32::MAX][self.random.below(3) as usize]);
        }
        MarketId(1 + self.random.below(2) as u32)
    }

    fn price(&mut self) -> Price {
        if self.random.one_in(120) {
            return Price([0, -5, i64::MAX, (1 << 44) - 1, 1 << 44][self.random.below(5) as usize]);
        }
        let price = 80 + self.random.below(41) as i64;
        // The second market's tick is 5.
        if self.random.one_in(4) {
            Price(price)
        } else {
            Price(price / 5 * 5)
        }
    }

    fn quantity(&mut self) -> Quantity {
        if self.random.one_in(120) {
            return Quantity([0, u64::MAX, 1 << 44, 6_000][self.random.below(4) as usize]);
        }
        let most = if self.random.one_in(5) { 900 } else { 60 };
        let quantity = 1 + self.random.below(most);
        Quantity(if self.random.one_in(6) {
            quantity
        } else {
            quantity * 2
        })
    }

    fn maybe_price(&mut self, one_in: u64) -> Option<Price> {
        self.random.one_in(one_in).then(|| self.price())
    }

    fn fresh_id(&mut self, account: AccountId) -> ClientId {
        if self.random.one_in(100) {
            return ClientId::NONE;
        }
        if self.random.one_in(40) && !self.sent.is_empty() {
            // One that was sent before, perhaps by another account.
            return self.some_id().1;
        }
        self.number += 1;
        let id = client_id(&format!("c{}", self.number));
        self.sent.push((account.0, id));
        id
    }

    fn some_id(&mut self) -> (u64, ClientId) {
        if self.sent.is_empty() {
            return (1, client_id("none"));
        }
        // Mostly one of the latest.
        let reach = if self.random.one_in(10) { 2_000 } else { 30 };
        let back = self.random.below(reach.min(self.sent.len() as u64));
        self.sent[self.sent.len() - 1 - back as usize]
    }

    fn new_order(&mut self) -> NewOrder {
        let account = self.account();
        let price = self.price();
        let kind = match self.random.below(12) {
            0 => OrderKind::Market {
                bound: self.maybe_price(2),
            },
            1 => OrderKind::Stop {
                stop_price: price,
                bound: self.maybe_price(2),
            },
            2 => OrderKind::StopLimit {
                stop_price: price,
                price: self.price(),
            },
            _ => OrderKind::Limit { price },
        };
        let quantity = self.quantity();
        let needs_now = matches!(kind, OrderKind::Market { .. }) && !self.random.one_in(12);
        let time_in_force = match self.random.below(if needs_now { 2 } else { 12 }) {
            0 => TimeInForce::ImmediateOrCancel,
            1 => TimeInForce::FillOrKill,
            2 | 3 => TimeInForce::GoodTillDate {
                expiry: Timestamp(self.time.saturating_sub(2) + self.random.below(120)),
            },
            _ => TimeInForce::GoodTillCancel,
        };
        NewOrder {
            account,
            session: account.0.wrapping_mul(10),
            client_id: self.fresh_id(account),
            market: self.market(),
            side: Side::BOTH[self.random.below(2) as usize],
            quantity,
            kind,
            time_in_force,
            post_only: self.random.one_in(12),
            display: self
                .random
                .one_in(6)
                .then(|| Quantity(quantity.0 / (2 + self.random.below(4)) / 2 * 2)),
            self_trade: self.self_trade(),
        }
    }

    fn self_trade(&mut self) -> Option<SelfTradePrevention> {
        use SelfTradePrevention::{
            Allow, CancelBoth, CancelNewest, CancelOldest, DecrementAndCancel,
        };
        let all = [
            Allow,
            CancelNewest,
            CancelOldest,
            CancelBoth,
            DecrementAndCancel,
        ];
        all.get(self.random.below(9) as usize).copied()
    }

    fn target(&mut self) -> Target {
        let (account, original_id) = self.some_id();
        let is_other = self.random.one_in(40);
        let by_id = self.random.one_in(20);
        let account = AccountId(if is_other { account % 6 + 1 } else { account });
        Target {
            account,
            session: account.0.wrapping_mul(10) + self.random.below(2),
            client_id: if self.random.one_in(3) {
                client_id("request")
            } else {
                ClientId::NONE
            },
            original_id: if by_id { ClientId::NONE } else { original_id },
            order_id: OrderId(if by_id {
                self.random.below(self.number + 2)
            } else {
                0
            }),
        }
    }

    fn replace(&mut self) -> Action {
        let mut target = self.target();
        target.client_id = self.fresh_id(target.account);
        Action::Replace {
            target,
            price: self.maybe_price(2),
            quantity: self.random.one_in(2).then(|| self.quantity()),
            stop_price: self.maybe_price(8),
        }
    }

    fn change_state(&mut self) -> Action {
        let market = self.market();
        self.soon(15, Action::OpenAuction { market });
        let step = self.steps + 16 + self.random.below(30);
        self.later.push((step, Action::Uncross { market }));
        match self.random.below(8) {
            0 => Action::Halt { market },
            1 | 2 => Action::Resume { market },
            3 => Action::Close { market },
            4 => Action::Open { market },
            5 => Action::OpenAuction { market },
            _ => Action::Uncross { market },
        }
    }

    fn balance_change(&mut self) -> Action {
        let account = self.account();
        let amount = match self.random.below(12) {
            0 => 0,
            1 => u128::MAX,
            _ => u128::from(self.random.below(400_000)),
        };
        let transfer = transfer(account.0, 1 + self.random.below(4) as u32 % 4, amount);
        match self.random.below(5) {
            0 | 1 => Action::Deposit(transfer),
            2 | 3 => Action::Withdraw(transfer),
            _ => Action::SetCredit(transfer),
        }
    }

    /// Entries that change the terms for a while; what stops everything is undone soon.
    fn rare(&mut self) -> Action {
        let account = self.account();
        let market = self.market();
        let fees = Fees {
            maker: self.random.below(60) as u16,
            taker: [self.random.below(60), 10_000, 10_001][self.random.below(3) as usize] as u16,
        };
        match self.random.below(24) {
            0 => {
                self.soon(10, Action::ReviveAccount { account });
                Action::KillAccount { account }
            }
            1 if self.random.one_in(4) => {
                self.soon(6, Action::ReviveAll);
                Action::KillAll
            }
            2 | 3 => Action::MassCancel {
                account,
                session: 5,
                market: self.random.one_in(2).then_some(market),
            },
            4 => Action::SetMarketFees { market, fees },
            5 => Action::SetAccountFees {
                account,
                fees: self.random.one_in(2).then_some(fees),
            },
            6..=8 => {
                let account = if self.random.one_in(5) {
                    AccountId::NONE
                } else {
                    account
                };
                let set = |limits| Action::SetLimits {
                    account,
                    market,
                    limits,
                };
                self.soon(60, set(Limits::default()));
                set(self.limits())
            }
            9 => Action::SetSelfTrade {
                account,
                self_trade: self.self_trade().unwrap_or(SelfTradePrevention::Allow),
            },
            10 => Action::OpenAccount { account },
            11 => Action::AddAsset {
                asset: AssetId(1 + self.random.below(4) as u32),
                symbol: symbol("AAA"),
                decimals: 40,
            },
            12 => Action::ListMarket(listings()[0]),
            _ => Action::Sweep,
        }
    }

    fn limits(&mut self) -> Limits {
        let random = &mut self.random;
        Limits {
            quantity_max: random.one_in(4).then(|| 40 + random.below(200)),
            notional_max: random
                .one_in(4)
                .then(|| 10_000 + u128::from(random.below(2_000_000))),
            open_orders_max: random.one_in(4).then(|| 4 + random.below(20) as u32),
            collar: random.one_in(4).then(|| 2 + random.below(30)),
        }
    }
}
