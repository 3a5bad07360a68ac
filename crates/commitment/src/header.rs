//! The header: what the state root is the hash of, and what of a market is not in its tries.

use proofbook_types::{Counters, MarketConfig};

use crate::node;
use crate::sponge::{Digest, Permutation, Sponge, Tag};

/// The authenticated maps of a market, in the order in which the header holds their roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Map {
    /// Levels of resting buys.
    Bids = 0,
    /// Levels of resting sells.
    Asks = 1,
    /// Levels of waiting buys.
    BuyStops = 2,
    /// Levels of waiting sells.
    SellStops = 3,
    /// Orders by id.
    Ids = 4,
    /// Orders by expiry.
    Expiries = 5,
    /// Orders by account.
    Accounts = 6,
}

/// Number of maps.
pub const MAPS: usize = 7;

impl Map {
    /// Every map, in the order of the header.
    pub const ALL: [Map; MAPS] = [
        Map::Bids,
        Map::Asks,
        Map::BuyStops,
        Map::SellStops,
        Map::Ids,
        Map::Expiries,
        Map::Accounts,
    ];
}

/// A committed market without its orders: configuration, roots and counters. The seed of every proof about a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Hash of the configuration.
    pub config: Digest,
    /// The roots of the maps, in the order of [`Map`].
    pub roots: [Digest; MAPS],
    /// The rest.
    pub counters: Counters,
}

impl Header {
    /// A market that has taken no command.
    pub fn start<P: Permutation>(config: &MarketConfig) -> Self {
        Header {
            config: node::config(&config.words()).digest::<P>(),
            roots: [Digest::EMPTY; MAPS],
            counters: Counters::start(config.initial_phase),
        }
    }

    /// The state root.
    pub fn state_root<P: Permutation>(&self) -> Digest {
        let mut sponge = Sponge::<P>::new(Tag::State, 0);
        sponge.block(self.config.0);
        for root in self.roots {
            sponge.block(root.0);
        }
        for block in node::seven(&self.counters.words()) {
            sponge.block(block);
        }
        sponge.digest()
    }
}
