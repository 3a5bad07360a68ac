//! Why an exchange did not do what an entry asked.

use std::fmt;

use proofbook_types::RejectReason;

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $text:literal;)*) => {
        /// Why an entry changed nothing but the clock. Each has a number and a name that stay.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refusal {
            /// The market refused the command; it took the command all the same.
            Market(RejectReason),
            $($(#[$doc])* $variant,)*
        }

        impl Refusal {
            /// Every reason of the exchange itself.
            pub const OWN: &'static [Refusal] = &[$(Refusal::$variant),*];

            /// The stable name that files, tables and interfaces use.
            pub const fn name(self) -> &'static str {
                match self {
                    Refusal::Market(reason) => reason.name(),
                    $(Refusal::$variant => $text,)*
                }
            }

            /// The stable number; those of the market are below 64.
            pub const fn code(self) -> u8 {
                match self {
                    Refusal::Market(reason) => reason as u8,
                    $(Refusal::$variant => $code,)*
                }
            }
        }
    };
}

refusals! {
    /// The entry's time is earlier than the clock.
    ClockReversed = 64, "entry_clock_reversed";
    /// There is no such account, or it may not do this.
    UnknownAccount = 65, "unknown_account";
    /// There is no such asset.
    UnknownAsset = 66, "unknown_asset";
    /// There is no such market.
    UnknownMarket = 67, "unknown_market";
    /// The request needs a client id and has none.
    MissingClientId = 68, "missing_client_id";
    /// The client id names another order of the account.
    DuplicateClientId = 69, "duplicate_client_id";
    /// The account has no live order of that name or id.
    UnknownOrder = 70, "unknown_order_of_account";
    /// The exchange takes no orders until it is revived.
    ExchangeKilled = 71, "exchange_killed";
    /// The account may enter no orders until it is revived.
    AccountKilled = 72, "account_killed";
    /// The market is closed.
    MarketClosed = 73, "market_closed";
    /// The market is halted.
    MarketHalted = 74, "market_halted_by_operator";
    /// A price is not between 1 and the largest.
    PriceRange = 75, "price_range";
    /// A quantity is above the largest.
    QuantityRange = 76, "quantity_range";
    /// A market or stop order that buys has no worst price: no bound is named, and no collar gives one.
    MissingBound = 77, "missing_bound";
    /// More than the quantity limit of the account or of the market's accounts.
    QuantityLimit = 78, "account_quantity_limit";
    /// More than the notional limit of the account or of the market's accounts.
    NotionalLimit = 79, "account_notional_limit";
    /// As many live orders as the account may have in the market.
    OpenOrdersLimit = 80, "open_orders_limit";
    /// The price is beyond the collar of the account or of the market's accounts.
    AccountCollar = 81, "account_collar";
    /// The account does not have what the order must hold, or what is to be withdrawn.
    InsufficientFunds = 82, "insufficient_funds";
    /// The exchange holds as many live orders as it may.
    ExchangeFull = 83, "exchange_full";
    /// A replace to no more than has traded.
    QuantityFilled = 84, "quantity_filled";
    /// An amount of zero.
    ZeroAmount = 85, "zero_amount";
    /// More of the asset than the exchange may hold.
    AmountLimit = 86, "amount_limit";
    /// The account uses more credit than that.
    CreditInUse = 87, "credit_in_use";
    /// Fees above 10,000 basis points.
    FeeRange = 88, "fee_range";
    /// The number of a new account, asset or market is not the next, or there are as many as may be.
    WrongNumber = 89, "wrong_number";
    /// A symbol is empty or in use.
    WrongSymbol = 90, "wrong_symbol";
    /// The decimals of assets, price and quantity do not fit each other.
    WrongDecimals = 91, "wrong_decimals";
    /// A market of an asset against itself, or whose terms name another number or another initial phase.
    WrongTerms = 92, "wrong_terms";
    /// The market's state does not allow this.
    WrongState = 93, "wrong_state";
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<RejectReason> for Refusal {
    fn from(reason: RejectReason) -> Self {
        Refusal::Market(reason)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_and_names_are_distinct() {
        let market = RejectReason::ALL
            .iter()
            .map(|&reason| Refusal::Market(reason));
        let all: Vec<Refusal> = market.chain(Refusal::OWN.iter().copied()).collect();
        let codes: BTreeSet<u8> = all.iter().map(|refusal| refusal.code()).collect();
        let names: BTreeSet<&str> = all.iter().map(|refusal| refusal.name()).collect();
        assert_eq!((codes.len(), names.len()), (all.len(), all.len()));
        assert!(RejectReason::ALL.iter().all(|&reason| (reason as u8) < 64));
    }
}
