//! From the layout to entries.

use proofbook_types::{AccountId, DecodeError, OrderId, Price, Quantity, Side};

use super::*;
use crate::entry::{
    AssetId, Fees, Limits, Listing, MarketId, NewOrder, OrderKind, Target, Transfer,
};
use crate::names::{Symbol, SYMBOL_BYTES};

impl Raw {
    pub(super) fn action(&self) -> Result<Action, DecodeError> {
        let account = AccountId(self.account);
        let market = MarketId(self.market);
        let quantity = Quantity(self.quantity);
        Ok(match self.action {
            NEW => Action::New(self.new_order()?),
            CANCEL => Action::Cancel {
                target: self.target(),
            },
            REDUCE => Action::Reduce {
                target: self.target(),
                quantity,
            },
            REPLACE => Action::Replace {
                target: self.target(),
                price: self.has(FLAG_PRICE, Price(self.price)),
                quantity: self.has(FLAG_QUANTITY, quantity),
                stop_price: self.has(FLAG_STOP_PRICE, Price(self.stop_price)),
            },
            MASS_CANCEL => Action::MassCancel {
                account,
                session: self.session,
                market: (self.market != 0).then_some(market),
            },
            SWEEP => Action::Sweep,
            OPEN_ACCOUNT => Action::OpenAccount { account },
            KILL_ACCOUNT => Action::KillAccount { account },
            REVIVE_ACCOUNT => Action::ReviveAccount { account },
            KILL_ALL => Action::KillAll,
            REVIVE_ALL => Action::ReviveAll,
            ADD_ASSET => Action::AddAsset {
                asset: AssetId(self.asset),
                symbol: self.symbol()?,
                decimals: self.decimals,
            },
            LIST_MARKET => Action::ListMarket(self.listing()?),
            OPEN => Action::Open { market },
            OPEN_AUCTION => Action::OpenAuction { market },
            UNCROSS => Action::Uncross { market },
            HALT => Action::Halt { market },
            RESUME => Action::Resume { market },
            CLOSE => Action::Close { market },
            _ => return self.terms_action(),
        })
    }

    /// What changes balances or terms.
    fn terms_action(&self) -> Result<Action, DecodeError> {
        let account = AccountId(self.account);
        let market = MarketId(self.market);
        let fees = Fees {
            maker: self.maker,
            taker: self.taker,
        };
        Ok(match self.action {
            DEPOSIT => Action::Deposit(self.transfer()),
            WITHDRAW => Action::Withdraw(self.transfer()),
            SET_CREDIT => Action::SetCredit(self.transfer()),
            SET_ACCOUNT_FEES => Action::SetAccountFees {
                account,
                fees: self.has(FLAG_AMOUNT, fees),
            },
            SET_MARKET_FEES => Action::SetMarketFees { market, fees },
            SET_LIMITS => Action::SetLimits {
                account,
                market,
                limits: self.limits(),
            },
            SET_SELF_TRADE => Action::SetSelfTrade {
                account,
                self_trade: self_trade(self.self_trade)?.ok_or(DecodeError::UnknownTag {
                    what: "self-trade prevention",
                    found: 0,
                })?,
            },
            found => {
                return Err(DecodeError::UnknownTag {
                    what: "action",
                    found,
                })
            }
        })
    }

    fn names(&self) -> (ClientId, ClientId, u64) {
        match self.tail {
            Tail::Names {
                client_id,
                original_id,
                collar,
            } => (client_id, original_id, collar),
            Tail::Config(_) => (ClientId::NONE, ClientId::NONE, 0),
        }
    }

    fn new_order(&self) -> Result<NewOrder, DecodeError> {
        let unknown = |what, found| DecodeError::UnknownTag { what, found };
        let (price, stop_price) = (Price(self.price), Price(self.stop_price));
        let bound = self.has(FLAG_PRICE, price);
        Ok(NewOrder {
            account: AccountId(self.account),
            session: self.session,
            client_id: self.names().0,
            market: MarketId(self.market),
            side: *Side::BOTH
                .get(usize::from(self.side))
                .ok_or(unknown("side", self.side))?,
            quantity: Quantity(self.quantity),
            kind: match self.kind {
                0 => OrderKind::Market { bound },
                1 => OrderKind::Limit { price },
                2 => OrderKind::Stop { stop_price, bound },
                3 => OrderKind::StopLimit { stop_price, price },
                found => return Err(unknown("order kind", found)),
            },
            time_in_force: time_in_force(self.time_in_force, self.expiry)?,
            post_only: self.flags & FLAG_POST_ONLY != 0,
            display: self.has(FLAG_DISPLAY, Quantity(self.display)),
            self_trade: self_trade(self.self_trade)?,
        })
    }

    fn target(&self) -> Target {
        let (client_id, original_id, _) = self.names();
        Target {
            account: AccountId(self.account),
            session: self.session,
            client_id,
            original_id,
            order_id: OrderId(self.order_id),
        }
    }

    fn transfer(&self) -> Transfer {
        Transfer {
            account: AccountId(self.account),
            asset: AssetId(self.asset),
            amount: self.amount,
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            quantity_max: self.has(FLAG_QUANTITY, self.quantity),
            notional_max: self.has(FLAG_AMOUNT, self.amount),
            open_orders_max: self.has(FLAG_COUNT, self.count),
            collar: self.has(FLAG_COLLAR, self.names().2),
        }
    }

    fn symbol(&self) -> Result<Symbol, DecodeError> {
        let bytes: [u8; SYMBOL_BYTES] = self.amount.to_le_bytes();
        Symbol::from_padded(&bytes)
    }

    fn listing(&self) -> Result<Listing, DecodeError> {
        let Tail::Config(config) = self.tail else {
            unreachable!("a listing was read with its terms");
        };
        Ok(Listing {
            market: MarketId(self.market),
            symbol: self.symbol()?,
            base: AssetId(self.asset),
            quote: AssetId(self.count),
            price_decimals: self.decimals,
            quantity_decimals: self.other_decimals,
            fees: Fees {
                maker: self.maker,
                taker: self.taker,
            },
            config,
        })
    }
}
