//! What must hold between entries, checked from scratch, at any cost.

use proofbook_book::Book;
use proofbook_types::{AccountId, OrderId, Phase};

use crate::core::Exchange;
use crate::entry::{AssetId, MarketId};
use crate::instrument::MarketState;
use crate::ledger::{signed, Ledger, HOUSE};
use crate::orders::OrderRecord;

/// What accounts hold and have open, counted from the orders.
struct Counted {
    held: Vec<Vec<i128>>,
    open_orders: Vec<Vec<u32>>,
}

impl<B: Book + Default> Exchange<B> {
    /// Checks everything that must hold between entries: each market in itself; that its orders are the exchange's; that
    /// orders hold what the rules say, and accounts what their orders hold; that nobody uses more than there is; and that
    /// of each asset there is as much as was deposited and not withdrawn.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self) -> Result<(), String> {
        self.ledger.orders.check()?;
        let mut books = 0;
        for (index, market) in self.markets.iter().enumerate() {
            market.matching.check()?;
            books += market.matching.book().len();
            let phase = market.matching.phase();
            let expected = match market.instrument.state {
                MarketState::Closed | MarketState::Halted => Phase::Halted,
                MarketState::Auction => Phase::Auction,
                MarketState::Continuous => Phase::Continuous,
            };
            if phase != expected {
                return Err(format!("market {} is {}", index + 1, phase.name()));
            }
        }
        let live = self.ledger.orders.live_slots();
        if live.len() != books {
            return Err(format!("{} live orders, {books} in books", live.len()));
        }
        let mut counted = Counted {
            held: vec![vec![0; self.ledger.assets.len()]; self.ledger.accounts.len()],
            open_orders: vec![vec![0; self.markets.len()]; self.ledger.accounts.len()],
        };
        for slot in live {
            self.check_order(self.ledger.orders.get(slot), &mut counted)?;
        }
        self.check_accounts(&counted)?;
        self.check_sums()
    }

    fn check_order(&self, record: &OrderRecord, counted: &mut Counted) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("order {}: {what}", record.order_id));
        let Ok(index) = self.market_index(record.market) else {
            return wrong("it has no market");
        };
        let market = &self.markets[index];
        let Some(slot) = market.matching.book().find(OrderId(record.order_id)) else {
            return wrong("its market does not know it");
        };
        let order = market.matching.book().order(slot);
        let is_same = order.account == AccountId(u64::from(record.account))
            && order.side == record.side
            && order.open().0 == record.open
            && order.filled.0 == record.filled
            && record.quantity == record.open + record.filled
            && order.price == record.kind.price()
            && order
                .stop_price
                .is_none_or(|stop| Some(stop) == record.kind.stop_price());
        if !is_same {
            return wrong("its market knows it otherwise");
        }
        if record.hold != record.hold_now(&market.instrument.scale) {
            return wrong("it does not hold what it must");
        }
        let account = record.account as usize;
        let asset = Ledger::held_asset(&market.instrument, record.side).0 as usize - 1;
        counted.held[account][asset] += signed(record.hold);
        counted.open_orders[account][index] += 1;
        Ok(())
    }

    fn check_accounts(&self, counted: &Counted) -> Result<(), String> {
        for (number, account) in self.ledger.accounts.iter().enumerate() {
            for (index, balance) in account.balances.iter().enumerate() {
                let is_covered = number == HOUSE || balance.available() >= 0;
                if balance.held != counted.held[number][index] || !is_covered {
                    return Err(format!(
                        "account {number}, asset {}: {balance:?}",
                        index + 1
                    ));
                }
            }
            for (index, seat) in account.seats.iter().enumerate() {
                if seat.open_orders != counted.open_orders[number][index] {
                    let market = MarketId(index as u32 + 1);
                    return Err(format!("account {number}, {market:?}: {seat:?}"));
                }
            }
        }
        let house = &self.ledger.accounts[HOUSE];
        if house.balances.iter().any(|balance| balance.total < 0) {
            return Err(String::from("the exchange's own account is below zero"));
        }
        Ok(())
    }

    fn check_sums(&self) -> Result<(), String> {
        for (index, asset) in self.ledger.assets.iter().enumerate() {
            let id = AssetId(index as u32 + 1);
            let balances = || {
                let accounts = self.ledger.accounts.iter();
                accounts.map(move |account| account.balances[index])
            };
            let total: i128 = balances().map(|balance| balance.total).sum();
            let lent: i128 = balances().map(|balance| balance.credit).sum();
            if total != signed(asset.issued) || lent != signed(asset.lent) {
                return Err(format!("{id:?}: accounts have {total}, {asset:?}"));
            }
        }
        Ok(())
    }
}
