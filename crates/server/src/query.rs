//! Questions about the exchange as it is, answered from a state that follows the log.

use proofbook_books::Ladder;
use proofbook_exchange::{AssetId, ClientId, Exchange, Instrument, Limits, MarketId};
use proofbook_feed::{Interval, MarketFeed, CANDLES_MAX, TRADES_KEPT_MAX};
use proofbook_matching::MatchingEngine;
use proofbook_types::{AccountId, OrderId, Timestamp};
use serde_json::{json, Value};

use crate::decimal;
use crate::error::InputError;
use crate::fields::{required, Fields};
use crate::message::{BalanceView, OrderView};
use crate::names::{MarketName, Names};
use crate::publisher::{CandleView, DepthView, Published, TradeView};

type Result<T> = std::result::Result<T, InputError>;

/// Levels of a side that a book is asked for, at most.
const DEPTH_MAX: u64 = 5_000;

/// Trades or candles that are given where no limit is named.
const LIMIT: usize = 100;

/// The state that answers.
pub(crate) struct View<'a> {
    pub(crate) published: &'a Published,
    pub(crate) names: &'a Names,
    /// The last entry that the log has acknowledged.
    pub(crate) acknowledged: u64,
    /// Why the log takes nothing more, if it does not.
    pub(crate) failure: Option<&'a str>,
    /// Why the markets' journals are not written any more, if so.
    pub(crate) journals_failure: Option<&'a str>,
    pub(crate) folder: &'a str,
}

impl View<'_> {
    fn exchange(&self) -> &Exchange {
        self.published.exchange()
    }

    /// Answers a question.
    ///
    /// # Errors
    /// It cannot be understood, or there is no such market, account or order.
    pub(crate) fn answer(&self, value: &Value) -> Result<Value> {
        let fields = Fields::of(value)?;
        let query = required(fields.text("query")?, "query", "the name of a query")?;
        match query {
            "assets" => Ok(self.assets()),
            "markets" => Ok(self.markets()),
            "status" => Ok(self.status()),
            "accounts" => Ok(json!({ "count": self.exchange().accounts() })),
            "book" => self.book(fields),
            "trades" => self.trades(fields),
            "candles" => self.candles(fields),
            "balances" => self.balances(fields),
            "open_orders" => self.open_orders(fields),
            "order" => self.order(fields),
            other => {
                let expected = "the name of a query";
                Err(InputError::new("query", expected, &Value::from(other)))
            }
        }
    }

    fn assets(&self) -> Value {
        let assets = self.exchange().assets().iter().zip(1u32..);
        let assets = assets.map(|(asset, number)| {
            json!({
                "number": number,
                "symbol": asset.symbol.as_str(),
                "decimals": asset.decimals,
                "issued": decimal::amount(asset.issued, asset.decimals),
                "lent": decimal::amount(asset.lent, asset.decimals),
            })
        });
        assets.collect()
    }

    fn markets(&self) -> Value {
        let markets = self
            .exchange()
            .markets()
            .zip(&self.names.markets)
            .zip(1u32..);
        let markets = markets.map(|(((instrument, matching), name), number)| {
            let symbol = |asset| self.names.asset(asset).map(|asset| asset.symbol.as_str());
            let price = |ticks| decimal::text(i128::from(ticks), name.price_decimals);
            json!({
                "number": number,
                "symbol": name.symbol,
                "base": symbol(name.base),
                "quote": symbol(name.quote),
                "price_decimals": name.price_decimals,
                "quantity_decimals": name.quantity_decimals,
                "maker_fee": instrument.fees.maker,
                "taker_fee": instrument.fees.taker,
                "state": instrument.state.name(),
                "reference_price": matching.reference_price().map(|found| price(found.0)),
                "collar": matching.config().collar.map(|ticks| {
                    decimal::amount(u128::from(ticks), name.price_decimals)
                }),
                "last_price": matching.last_trade().map(|found| price(found.0)),
                "limits": self.limits(&instrument.limits, name),
            })
        });
        markets.collect()
    }

    fn limits(&self, limits: &Limits, market: &MarketName) -> Value {
        let quote = self.names.quote_decimals(market);
        let text = |units: Option<u64>, decimals| {
            units.map(|units| decimal::amount(u128::from(units), decimals))
        };
        json!({
            "quantity_max": text(limits.quantity_max, market.quantity_decimals),
            "notional_max": limits.notional_max.map(|units| decimal::amount(units, quote)),
            "open_orders_max": limits.open_orders_max,
            "collar": text(limits.collar, market.price_decimals),
        })
    }

    fn status(&self) -> Value {
        json!({
            "sequence": self.exchange().sequence(),
            "acknowledged": self.acknowledged,
            "published": self.exchange().sequence(),
            "clock_ns": self.exchange().clock().0,
            "is_killed": self.exchange().is_killed(),
            "failure": self.failure,
            "journals_failure": self.journals_failure,
            "folder": self.folder,
        })
    }

    fn market(
        &self,
        fields: Fields<'_>,
    ) -> Result<(MarketId, &MarketName, &Instrument, &MatchingEngine<Ladder>)> {
        const EXPECTED: &str = "the symbol of a market";
        let symbol = required(fields.text("market")?, "market", EXPECTED)?;
        let found = self.names.find_market(symbol).and_then(|(id, name)| {
            let (instrument, matching) = self.exchange().market(id)?;
            Some((id, name, instrument, matching))
        });
        found.ok_or_else(|| InputError::new("market", EXPECTED, &Value::from(symbol)))
    }

    fn feed(&self, market: MarketId) -> &MarketFeed {
        let feed = self.published.feed().market(market);
        feed.expect("the feed has all markets of its exchange")
    }

    fn book(&self, fields: Fields<'_>) -> Result<Value> {
        let fields = fields.only(&["query", "market", "depth"])?;
        let (id, name, _, matching) = self.market(fields)?;
        let depth = fields.up_to("depth", DEPTH_MAX)?.unwrap_or(25);
        let feed = self.feed(id);
        let depth = feed.depth(matching.book(), self.published.place(), depth);
        Ok(encoded(&DepthView::new(&depth, name)))
    }

    fn trades(&self, fields: Fields<'_>) -> Result<Value> {
        let fields = fields.only(&["query", "market", "limit"])?;
        let (id, name, ..) = self.market(fields)?;
        let limit = fields.up_to("limit", TRADES_KEPT_MAX as u64)?;
        let trades = self.feed(id).latest_trades(limit.unwrap_or(LIMIT));
        let trades: Vec<TradeView> = trades.map(|trade| TradeView::new(trade, name)).collect();
        Ok(json!({ "market": name.symbol, "trades": encoded(&trades) }))
    }

    /// From `since_ns` on the first candles, else the last ones.
    fn candles(&self, fields: Fields<'_>) -> Result<Value> {
        let fields = fields.only(&["query", "market", "interval_s", "since_ns", "limit"])?;
        let (id, name, ..) = self.market(fields)?;
        let intervals = Interval::ALL.map(Interval::seconds);
        let expected = format!("one of {intervals:?}");
        let seconds = required(fields.whole("interval_s")?, "interval_s", &expected)?;
        let interval = Interval::of_seconds(seconds);
        let wrong = || InputError::new("interval_s", &expected, &Value::from(seconds));
        let interval = interval.ok_or_else(wrong)?;
        let limit = fields.up_to("limit", CANDLES_MAX as u64)?.unwrap_or(LIMIT);
        let since = fields.whole("since_ns")?;
        let candles = self
            .feed(id)
            .candles(interval, Timestamp(since.unwrap_or(0)));
        let skipped = match since {
            Some(_) => 0,
            None => candles.len().saturating_sub(limit),
        };
        let candles = candles.skip(skipped).take(limit);
        let candles: Vec<CandleView> = candles.map(|one| CandleView::new(one, name)).collect();
        Ok(json!({
            "market": name.symbol,
            "interval_s": seconds,
            "candles": encoded(&candles),
        }))
    }

    fn account(&self, fields: Fields<'_>) -> Result<AccountId> {
        let account = fields.whole("account")?;
        let expected = format!("an account from 0 to {}", self.exchange().accounts());
        let account = required(account, "account", &expected)?;
        if account > self.exchange().accounts() {
            return Err(InputError::new("account", &expected, &Value::from(account)));
        }
        Ok(AccountId(account))
    }

    fn balances(&self, fields: Fields<'_>) -> Result<Value> {
        let account = self.account(fields.only(&["query", "account"])?)?;
        let assets = (1..).map(AssetId).zip(&self.names.assets);
        let views = assets.filter_map(|(asset, name)| {
            let balance = self.exchange().balance(account, asset)?;
            let view = BalanceView::new(account, &name.symbol, name.decimals, &balance);
            Some(encoded(&view))
        });
        Ok(views.collect())
    }

    fn open_orders(&self, fields: Fields<'_>) -> Result<Value> {
        let fields = fields.only(&["query", "account", "market"])?;
        let account = self.account(fields)?;
        let market = fields.get("market").map(|_| self.market(fields));
        let market = market.transpose()?.map(|(id, ..)| id);
        let orders = self.exchange().open_orders(account);
        let orders = orders
            .iter()
            .filter(|order| market.is_none_or(|market| order.market == market));
        let views = orders.map(|order| {
            let view = OrderView::new(order, self.names);
            encoded(&view)
        });
        Ok(views.collect())
    }

    /// How an order stands; null where the account has none that is remembered.
    fn order(&self, fields: Fields<'_>) -> Result<Value> {
        let fields = fields.only(&["query", "account", "order_id", "client_id"])?;
        let account = self.account(fields)?;
        let expected = "an order_id or a client_id";
        let found = match (fields.whole("order_id")?, fields.text("client_id")?) {
            (Some(order_id), None) => {
                let found = self.exchange().order(OrderId(order_id));
                found.filter(|order| order.account == account)
            }
            (None, Some(text)) => {
                let wrong = |_| InputError::new("client_id", "a client id", &Value::from(text));
                let id = ClientId::new(text.as_bytes()).map_err(wrong)?;
                self.exchange().order_named(account, &id)
            }
            (None, None) => return Err(InputError::missing("order_id", expected)),
            (Some(_), Some(_)) => {
                return Err(InputError::new("order_id", expected, &Value::from("both")))
            }
        };
        Ok(found.map_or(Value::Null, |order| {
            let view = OrderView::new(&order, self.names);
            encoded(&view)
        }))
    }
}

fn encoded(view: &impl serde::Serialize) -> Value {
    serde_json::to_value(view).expect("numbers, texts and lists make JSON")
}
