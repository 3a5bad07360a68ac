//! Sections 2, 3, 9 and 10: everything that is not about one order.

use proofbook_exchange::{Action, Fees, Limits, Listing, Refusal, Transfer};
use proofbook_types::{AccountId, Action as MarketAction, Phase};

use super::{Account, Market, Oracle, Verdict, PRICE_MAX};

type Checked<T> = Result<T, Refusal>;

const AMOUNT_MAX: u128 = 1 << 120;

/// From, to, and what the market is told.
type Change = (&'static str, Option<MarketAction>);

fn change(action: &Action, state: &str) -> Option<Change> {
    let command = match (action, state) {
        (Action::Open { .. }, "closed") | (Action::Resume { .. }, "halted") => {
            ("continuous", Some(MarketAction::Resume))
        }
        (Action::OpenAuction { .. }, "closed" | "continuous" | "halted") => {
            ("auction", Some(MarketAction::OpenAuction))
        }
        (Action::Uncross { .. }, "auction") => ("continuous", Some(MarketAction::Uncross)),
        (Action::Halt { .. }, "auction" | "continuous") => ("halted", Some(MarketAction::Halt)),
        (Action::Close { .. }, "auction" | "continuous") => ("closed", Some(MarketAction::Halt)),
        (Action::Close { .. }, "halted") => ("closed", None),
        _ => return None,
    };
    Some(command)
}

impl Oracle {
    /// What becomes of an entry whose time is right.
    pub fn verdict(&self, action: &Action) -> Verdict {
        let result = match action {
            Action::New(order) => self.new_order(order),
            Action::Cancel { target } => {
                self.change(target, |order_id| MarketAction::Cancel { order_id })
            }
            Action::Reduce { target, quantity } => {
                let quantity = *quantity;
                self.change(target, |order_id| MarketAction::Reduce {
                    order_id,
                    quantity,
                })
            }
            Action::Replace {
                target,
                price,
                quantity,
                stop_price,
            } => self.replace(target, *price, *quantity, *stop_price),
            other => self.operator(other).map(Verdict::Commands),
        };
        result.unwrap_or_else(Verdict::Refused)
    }

    fn operator(&self, action: &Action) -> Checked<Vec<(usize, MarketAction)>> {
        let trader = |account: &AccountId| self.trader(account.0).ok_or(Refusal::UnknownAccount);
        match action {
            Action::MassCancel {
                account, market, ..
            } => {
                let account = trader(account)?;
                let markets = match market {
                    None => 0..self.markets.len(),
                    Some(market) => {
                        let market = self.market(*market).ok_or(Refusal::UnknownMarket)?;
                        market..market + 1
                    }
                };
                Ok(markets.map(|market| mass_cancel(market, account)).collect())
            }
            Action::KillAccount { account } => {
                let account = trader(account)?;
                let markets = 0..self.markets.len();
                Ok(markets.map(|market| mass_cancel(market, account)).collect())
            }
            Action::KillAll => Ok((0..self.markets.len())
                .flat_map(|market| {
                    (1..self.accounts.len()).map(move |account| mass_cancel(market, account))
                })
                .collect()),
            Action::Sweep => Ok(self.due_markets()),
            Action::Open { market }
            | Action::OpenAuction { market }
            | Action::Uncross { market }
            | Action::Halt { market }
            | Action::Resume { market }
            | Action::Close { market } => {
                let market = self.market(*market).ok_or(Refusal::UnknownMarket)?;
                let (_, command) =
                    change(action, self.markets[market].state).ok_or(Refusal::WrongState)?;
                Ok(command
                    .map(|command| (market, command))
                    .into_iter()
                    .collect())
            }
            other => self.terms(other).map(|()| Vec::new()),
        }
    }

    /// What is checked of balances and terms.
    fn terms(&self, action: &Action) -> Checked<()> {
        let trader = |account: &AccountId| self.trader(account.0).ok_or(Refusal::UnknownAccount);
        match action {
            Action::OpenAccount { account } => {
                let next = self.accounts.len() as u64;
                if account.0 != next || next > self.accounts_max as u64 {
                    return Err(Refusal::WrongNumber);
                }
                Ok(())
            }
            Action::Deposit(transfer) => self.deposit(transfer),
            Action::Withdraw(transfer) => self.withdraw(transfer),
            Action::SetCredit(transfer) => self.credit(transfer),
            Action::SetAccountFees { account, fees } => {
                trader(account)?;
                fee_range(fees.unwrap_or_default())
            }
            Action::SetMarketFees { market, fees } => {
                self.market(*market).ok_or(Refusal::UnknownMarket)?;
                fee_range(*fees)
            }
            Action::SetLimits {
                account, market, ..
            } => {
                self.market(*market).ok_or(Refusal::UnknownMarket)?;
                if account.0 >= self.accounts.len() as u64 {
                    return Err(Refusal::UnknownAccount);
                }
                Ok(())
            }
            Action::SetSelfTrade { account, .. } | Action::ReviveAccount { account } => {
                trader(account).map(|_| ())
            }
            Action::ReviveAll => Ok(()),
            Action::AddAsset {
                asset, decimals, ..
            } => {
                if asset.0 as usize != self.assets.len() + 1 {
                    return Err(Refusal::WrongNumber);
                }
                // The flow takes its first three assets from the list, and offers a used symbol after that.
                if self.assets.len() >= 3 {
                    return Err(Refusal::WrongSymbol);
                }
                assert!(*decimals <= 18);
                Ok(())
            }
            Action::ListMarket(listing) => self.listing(listing),
            _ => unreachable!("these are no terms"),
        }
    }

    fn due_markets(&self) -> Vec<(usize, MarketAction)> {
        let is_due = |market: &usize| {
            self.orders.values().any(|order| {
                let is_over = order.expiry.is_some_and(|expiry| expiry <= self.clock);
                order.is_live && order.market == *market && is_over
            })
        };
        let markets = (0..self.markets.len()).filter(is_due);
        markets
            .map(|market| (market, MarketAction::Sweep))
            .collect()
    }

    fn asset(&self, transfer: &Transfer) -> Checked<usize> {
        (1..=self.assets.len() as u32)
            .contains(&transfer.asset.0)
            .then(|| transfer.asset.0 as usize - 1)
            .ok_or(Refusal::UnknownAsset)
    }

    fn any_account(&self, transfer: &Transfer) -> Checked<usize> {
        (transfer.account.0 < self.accounts.len() as u64)
            .then_some(transfer.account.0 as usize)
            .ok_or(Refusal::UnknownAccount)
    }

    fn deposit(&self, transfer: &Transfer) -> Checked<()> {
        self.any_account(transfer)?;
        let (issued, lent) = self.assets[self.asset(transfer)?];
        if transfer.amount == 0 {
            return Err(Refusal::ZeroAmount);
        }
        if transfer.amount > AMOUNT_MAX || transfer.amount + (issued + lent) as u128 > AMOUNT_MAX {
            return Err(Refusal::AmountLimit);
        }
        Ok(())
    }

    fn withdraw(&self, transfer: &Transfer) -> Checked<()> {
        let account = self.any_account(transfer)?;
        let asset = self.asset(transfer)?;
        if transfer.amount == 0 {
            return Err(Refusal::ZeroAmount);
        }
        let free = self.accounts[account].totals[asset] - self.held(account, asset);
        if free < 0 || transfer.amount > free as u128 {
            return Err(Refusal::InsufficientFunds);
        }
        Ok(())
    }

    fn credit(&self, transfer: &Transfer) -> Checked<()> {
        let account = self
            .trader(transfer.account.0)
            .ok_or(Refusal::UnknownAccount)?;
        let asset = self.asset(transfer)?;
        let (issued, lent) = self.assets[asset];
        let others = (issued + lent - self.accounts[account].credits[asset]) as u128;
        if transfer.amount > AMOUNT_MAX || transfer.amount + others > AMOUNT_MAX {
            return Err(Refusal::AmountLimit);
        }
        let own = self.accounts[account].totals[asset] - self.held(account, asset);
        if own + (transfer.amount as i128) < 0 {
            return Err(Refusal::CreditInUse);
        }
        Ok(())
    }

    fn listing(&self, listing: &Listing) -> Checked<()> {
        if listing.market.0 as usize != self.markets.len() + 1 {
            return Err(Refusal::WrongNumber);
        }
        // The flow's listings are right but for their number.
        assert_eq!(listing.config.initial_phase, Phase::Halted);
        let reference = listing.config.reference_price;
        assert!(reference.is_none_or(|price| (1..=PRICE_MAX).contains(&i128::from(price.0))));
        Ok(())
    }

    /// Does what was asked and not refused.
    pub fn settle(&mut self, action: &Action) {
        match *action {
            Action::OpenAccount { .. } => self.accounts.push(Account {
                totals: vec![0; self.assets.len()],
                credits: vec![0; self.assets.len()],
                limits: vec![Limits::default(); self.markets.len()],
                ..Account::default()
            }),
            Action::Deposit(Transfer {
                account,
                asset,
                amount,
            }) => {
                let asset = asset.0 as usize - 1;
                self.accounts[account.0 as usize].totals[asset] += amount as i128;
                self.assets[asset].0 += amount as i128;
            }
            Action::Withdraw(Transfer {
                account,
                asset,
                amount,
            }) => {
                let asset = asset.0 as usize - 1;
                self.accounts[account.0 as usize].totals[asset] -= amount as i128;
                self.assets[asset].0 -= amount as i128;
            }
            Action::SetCredit(Transfer {
                account,
                asset,
                amount,
            }) => {
                let asset = asset.0 as usize - 1;
                let credit = &mut self.accounts[account.0 as usize].credits[asset];
                self.assets[asset].1 += amount as i128 - *credit;
                *credit = amount as i128;
            }
            Action::AddAsset { decimals, .. } => {
                self.assets.push((0, 0));
                self.decimals.push(u32::from(decimals));
                for account in &mut self.accounts {
                    account.totals.push(0);
                    account.credits.push(0);
                }
            }
            Action::ListMarket(listing) => self.list(&listing),
            ref other => self.settle_terms(other),
        }
    }

    fn settle_terms(&mut self, action: &Action) {
        match *action {
            Action::SetAccountFees { account, fees } => {
                self.accounts[account.0 as usize].fees = fees;
            }
            Action::SetMarketFees { market, fees } => {
                self.markets[market.0 as usize - 1].fees = fees;
            }
            Action::SetLimits {
                account,
                market,
                limits,
            } => {
                let market = market.0 as usize - 1;
                match account.0 as usize {
                    0 => self.markets[market].limits = limits,
                    account => self.accounts[account].limits[market] = limits,
                }
            }
            Action::SetSelfTrade {
                account,
                self_trade,
            } => self.accounts[account.0 as usize].self_trade = self_trade as u8,
            Action::KillAccount { account } => self.accounts[account.0 as usize].is_killed = true,
            Action::ReviveAccount { account } => {
                self.accounts[account.0 as usize].is_killed = false;
            }
            Action::KillAll => self.is_killed = true,
            Action::ReviveAll => self.is_killed = false,
            Action::Open { market }
            | Action::OpenAuction { market }
            | Action::Uncross { market }
            | Action::Halt { market }
            | Action::Resume { market }
            | Action::Close { market } => {
                let market = &mut self.markets[market.0 as usize - 1];
                let (next, _) = change(action, market.state).expect("it was not refused");
                market.state = next;
            }
            _ => {}
        }
    }

    fn list(&mut self, listing: &Listing) {
        let (base, quote) = (listing.base.0 as usize - 1, listing.quote.0 as usize - 1);
        let (price, quantity) = (
            u32::from(listing.price_decimals),
            u32::from(listing.quantity_decimals),
        );
        self.markets.push(Market {
            base,
            quote,
            lot_units: 10i128.pow(self.decimals[base] - quantity),
            tick_units: 10i128.pow(self.decimals[quote] - price - quantity),
            fees: listing.fees,
            limits: Limits::default(),
            state: "closed",
            config: listing.config,
            last_trade: None,
        });
        for account in &mut self.accounts {
            account.limits.push(Limits::default());
        }
    }
}

fn mass_cancel(market: usize, account: usize) -> (usize, MarketAction) {
    let account = AccountId(account as u64);
    (market, MarketAction::MassCancel { account })
}

fn fee_range(fees: Fees) -> Checked<()> {
    if fees.maker > 10_000 || fees.taker > 10_000 {
        return Err(Refusal::FeeRange);
    }
    Ok(())
}
