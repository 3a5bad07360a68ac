//! Assets and markets as the exchange knows them.

use crate::entry::{AssetId, Fees, Limits, Listing};
use crate::hold::Scale;
use crate::Symbol;

/// The most assets.
pub const ASSETS_MAX: usize = 64;

/// The most markets.
pub const MARKETS_MAX: usize = 256;

/// The most decimals of an asset.
pub const DECIMALS_MAX: u8 = 18;

/// An asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its symbol.
    pub symbol: Symbol,
    /// A unit is 10^-decimals of it.
    pub decimals: u8,
    /// What was deposited and not withdrawn: what all accounts have together.
    pub issued: u128,
    /// The sum of all credit lines.
    pub lent: u128,
}

/// The state of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MarketState {
    /// It takes cancels and reductions only.
    Closed = 0,
    /// The call of an auction: orders rest without matching.
    Auction = 1,
    /// Orders match as they come.
    Continuous = 2,
    /// As closed, for a while.
    Halted = 3,
}

impl MarketState {
    /// Every state, in the order of its number.
    pub const ALL: [MarketState; 4] = [
        MarketState::Closed,
        MarketState::Auction,
        MarketState::Continuous,
        MarketState::Halted,
    ];

    /// The stable name that files and interfaces use.
    pub const fn name(self) -> &'static str {
        match self {
            MarketState::Closed => "closed",
            MarketState::Auction => "auction",
            MarketState::Continuous => "continuous",
            MarketState::Halted => "halted",
        }
    }
}

/// A market's terms beside those of its matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its symbol.
    pub symbol: Symbol,
    /// What is bought and sold.
    pub base: AssetId,
    /// What is paid with.
    pub quote: AssetId,
    /// A tick is 10^-decimals of the quote asset for one of the base asset.
    pub price_decimals: u8,
    /// A lot is 10^-decimals of the base asset.
    pub quantity_decimals: u8,
    /// How its integers count in units of its assets.
    pub scale: Scale,
    /// Its fees.
    pub fees: Fees,
    /// The limits of every account in it.
    pub limits: Limits,
    /// Its state.
    pub state: MarketState,
}

impl Instrument {
    /// A closed market as it was listed.
    pub(crate) fn new(listing: &Listing, scale: Scale) -> Self {
        Instrument {
            symbol: listing.symbol,
            base: listing.base,
            quote: listing.quote,
            price_decimals: listing.price_decimals,
            quantity_decimals: listing.quantity_decimals,
            scale,
            fees: listing.fees,
            limits: Limits::default(),
            state: MarketState::Closed,
        }
    }
}
