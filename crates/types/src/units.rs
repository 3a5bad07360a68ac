//! Integer newtypes for the quantities of a market. No floating point, no implicit conversion between them.

use core::fmt;

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

unit! {
    /// A price in ticks. Signed: spreads and some commodities trade below zero.
    Price(i64)
}
unit! {
    /// A quantity in lots.
    Quantity(u64)
}
unit! {
    /// An order's identifier, chosen by whoever sends it; unique among live orders, free again once its order is gone.
    OrderId(u64)
}
unit! {
    /// The account that an order belongs to. [`AccountId::NONE`] belongs to nobody: such orders are never matched by a
    /// mass cancel and never count as a self-trade.
    AccountId(u64)
}
unit! {
    /// Nanoseconds on the market's clock. Time arrives with each command and never runs backwards.
    Timestamp(u64)
}

impl AccountId {
    /// No account.
    pub const NONE: AccountId = AccountId(0);

    /// Whether this names an account.
    #[inline]
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity(0);

    /// The sum, or `None` where it does not fit 64 bits.
    #[inline]
    pub const fn checked_add(self, other: Quantity) -> Option<Quantity> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Quantity(sum)),
            None => None,
        }
    }

    /// The difference, or `None` where `other` is larger.
    #[inline]
    pub const fn checked_sub(self, other: Quantity) -> Option<Quantity> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Quantity(difference)),
            None => None,
        }
    }

    /// Whether this is zero lots.
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// The side of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Side {
    /// A bid.
    Buy = 0,
    /// An offer.
    Sell = 1,
}

impl Side {
    /// Both sides, buy first.
    pub const BOTH: [Side; 2] = [Side::Buy, Side::Sell];

    /// The other side.
    #[inline]
    pub const fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// Whether an order of this side with limit `limit` may trade at `price`.
    #[inline]
    pub fn accepts(self, limit: Price, price: Price) -> bool {
        match self {
            Side::Buy => price <= limit,
            Side::Sell => price >= limit,
        }
    }
}
