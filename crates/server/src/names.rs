//! What callers call assets and markets, and how their numbers are written. Both are only ever added, and never change.

use proofbook_exchange::{AssetId, Exchange, MarketId, Scale};

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssetName {
    pub(crate) symbol: String,
    pub(crate) decimals: u8,
}

/// A market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MarketName {
    pub(crate) symbol: String,
    pub(crate) base: AssetId,
    pub(crate) quote: AssetId,
    pub(crate) price_decimals: u8,
    pub(crate) quantity_decimals: u8,
    pub(crate) scale: Scale,
}

/// All of them, in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) assets: Vec<AssetName>,
    pub(crate) markets: Vec<MarketName>,
}

impl Names {
    /// Takes over what an exchange has more.
    pub(crate) fn catch_up(&mut self, exchange: &Exchange) {
        for asset in &exchange.assets()[self.assets.len()..] {
            self.assets.push(AssetName {
                symbol: asset.symbol.to_string(),
                decimals: asset.decimals,
            });
        }
        for (instrument, _) in exchange.markets().skip(self.markets.len()) {
            self.markets.push(MarketName {
                symbol: instrument.symbol.to_string(),
                base: instrument.base,
                quote: instrument.quote,
                price_decimals: instrument.price_decimals,
                quantity_decimals: instrument.quantity_decimals,
                scale: instrument.scale,
            });
        }
    }

    /// Whether an exchange has more.
    pub(crate) fn is_behind(&self, exchange: &Exchange) -> bool {
        self.assets.len() < exchange.assets().len() || self.markets.len() < exchange.markets().len()
    }

    pub(crate) fn asset(&self, asset: AssetId) -> Option<&AssetName> {
        self.assets.get((asset.0 as usize).checked_sub(1)?)
    }

    pub(crate) fn market(&self, market: MarketId) -> Option<&MarketName> {
        self.markets.get((market.0 as usize).checked_sub(1)?)
    }

    pub(crate) fn find_asset(&self, symbol: &str) -> Option<(AssetId, &AssetName)> {
        let mut assets = (1..).map(AssetId).zip(&self.assets);
        assets.find(|(_, asset)| asset.symbol == symbol)
    }

    pub(crate) fn find_market(&self, symbol: &str) -> Option<(MarketId, &MarketName)> {
        let mut markets = (1..).map(MarketId).zip(&self.markets);
        markets.find(|(_, market)| market.symbol == symbol)
    }

    /// The decimals of a market's quote asset.
    pub(crate) fn quote_decimals(&self, market: &MarketName) -> u8 {
        self.asset(market.quote).map_or(0, |asset| asset.decimals)
    }
}
