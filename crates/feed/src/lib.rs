//! Market data, made of what an exchange says and of its books: what `docs/MARKET_DATA.md` describes. No I/O, no clock, no thread.
//!
//! - [`Feed`] takes the outcomes of an exchange, market by market; [`MarketFeed`] takes one market's events;
//! - a market notes which levels its events touch, and reads them from the book when it is flushed: so a flush is exact, and
//!   as large as what was touched, however long it was waited for;
//! - [`BookDelta`] is a flush, [`Depth`] a whole book; both have a sequence and a [`checksum`];
//! - [`PublicTrade`]s have ids that stay the same across restarts; [`Candle`]s are made of them;
//! - [`indicative`] asks matching which price an auction would have now.
//!
//! Everything that is kept has a bound with a name.
#![forbid(unsafe_code)]

mod candles;
mod depth;
mod feed;
mod indicative;
mod market;
mod resting;
mod touched;
mod trades;

pub use candles::{Candle, Interval, CANDLES_MAX};
pub use depth::{checksum, levels, Depth, LevelView, CHECKSUM_LEVELS};
pub use feed::Feed;
pub use indicative::{indicative, Indicative, INDICATIVE_LEVELS_MAX};
pub use market::{BookDelta, MarketFeed, Status};
pub use touched::TOUCHED_MAX;
pub use trades::{trade_id, Place, PublicTrade, TRADES_KEPT_MAX, TRADES_NEW_MAX};
