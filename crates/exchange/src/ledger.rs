//! Accounts and what they have.
//!
//! Invariants:
//! - the sum of an asset over all accounts changes by deposits and withdrawals only;
//! - no account but the exchange's own can use more than it has and is lent: what is available is never below zero.

use proofbook_types::{AccountId, SelfTradePrevention, Side};

use crate::entry::{AssetId, Fees, Limits};
use crate::hold::Scale;
use crate::instrument::{Asset, Instrument};
use crate::orders::{OrderRecord, Orders};
use crate::outcome::Balance;
use crate::{ExchangeTerms, Refusal};

/// The index of the exchange's own account, which takes the fees.
pub(crate) const HOUSE: usize = 0;

/// An account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// What it has of each asset.
    pub balances: Vec<Balance>,
    /// Its place in each market.
    pub seats: Vec<Seat>,
    pub fees: Option<Fees>,
    pub self_trade: SelfTradePrevention,
    pub is_killed: bool,
}

/// An account's place in a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seat {
    pub limits: Limits,
    pub open_orders: u32,
}

/// All accounts, assets and orders.
pub(crate) struct Ledger {
    pub assets: Vec<Asset>,
    pub accounts: Vec<Account>,
    pub orders: Orders,
}

impl Account {
    pub(crate) fn new(assets: usize, markets: usize) -> Self {
        Account {
            balances: vec![Balance::default(); assets],
            seats: vec![Seat::default(); markets],
            fees: None,
            self_trade: SelfTradePrevention::Allow,
            is_killed: false,
        }
    }
}

impl Ledger {
    pub(crate) fn new(terms: &ExchangeTerms) -> Self {
        Ledger {
            assets: Vec::new(),
            accounts: vec![Account::new(0, 0)],
            orders: Orders::new(terms),
        }
    }

    /// The index of an account that trades.
    #[inline]
    pub(crate) fn trader(&self, account: AccountId) -> Result<usize, Refusal> {
        match self.any_account(account) {
            Ok(HOUSE) => Err(Refusal::UnknownAccount),
            result => result,
        }
    }

    /// The index of an account, the exchange's own included.
    #[inline]
    pub(crate) fn any_account(&self, account: AccountId) -> Result<usize, Refusal> {
        usize::try_from(account.0)
            .ok()
            .filter(|&index| index < self.accounts.len())
            .ok_or(Refusal::UnknownAccount)
    }

    /// The index of an asset.
    pub(crate) fn asset(&self, asset: AssetId) -> Result<usize, Refusal> {
        (asset.0 as usize)
            .checked_sub(1)
            .filter(|&index| index < self.assets.len())
            .ok_or(Refusal::UnknownAsset)
    }

    #[inline]
    pub(crate) fn balance_mut(&mut self, account: usize, asset: AssetId) -> &mut Balance {
        &mut self.accounts[account].balances[asset.0 as usize - 1]
    }

    #[inline]
    pub(crate) fn balance(&self, account: usize, asset: AssetId) -> &Balance {
        &self.accounts[account].balances[asset.0 as usize - 1]
    }

    /// The asset that an order of this side holds.
    #[inline]
    pub(crate) fn held_asset(instrument: &Instrument, side: Side) -> AssetId {
        match side {
            Side::Buy => instrument.quote,
            Side::Sell => instrument.base,
        }
    }

    /// Makes an order hold what it must as it stands.
    #[inline]
    pub(crate) fn rehold(&mut self, slot: u32, instrument: &Instrument) {
        let record = self.orders.get_mut(slot);
        let hold = record.hold_now(&instrument.scale);
        let change = signed(hold) - signed(record.hold);
        record.hold = hold;
        let (account, asset) = (
            record.account as usize,
            Self::held_asset(instrument, record.side),
        );
        self.balance_mut(account, asset).held += change;
    }

    /// Moves what a trade moves for one of its orders.
    #[inline]
    pub(crate) fn settle(
        &mut self,
        record: &OrderRecord,
        instrument: &Instrument,
        quantity: u64,
        notional: u128,
        fee: u128,
    ) {
        let Scale { lot_units, .. } = instrument.scale;
        let base = signed(u128::from(quantity) * lot_units);
        let (notional, fee) = (signed(notional), signed(fee));
        let account = record.account as usize;
        let (base, quote) = match record.side {
            Side::Buy => (base, -notional - fee),
            Side::Sell => (-base, notional - fee),
        };
        self.balance_mut(account, instrument.base).total += base;
        self.balance_mut(account, instrument.quote).total += quote;
        self.balance_mut(HOUSE, instrument.quote).total += fee;
    }
}

/// An amount that may go down. All amounts lie below 2^126: see [`crate::AMOUNT_MAX`].
#[inline]
pub(crate) fn signed(amount: u128) -> i128 {
    i128::try_from(amount).expect("amounts lie below 2^126")
}
