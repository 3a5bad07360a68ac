//! What a JSON request asks of the exchange. Decimals are read exactly; what cannot be understood is refused here and is no entry of the log.

use proofbook_exchange::{
    Action, AssetId, ClientId, Fees, Limits, Listing, MarketId, NewOrder, OrderKind, Symbol,
    Target, Transfer, AMOUNT_MAX, BASIS_POINTS,
};
use proofbook_gateway::{end_of_day, HANDLE_SESSION};
use proofbook_types::{
    AccountId, MarketConfig, OrderId, Phase, Price, Quantity, SelfTradePrevention, Side,
    TimeInForce, Timestamp,
};
use serde_json::Value;

use crate::error::InputError;
use crate::fields::{required, Fields};
use crate::names::{MarketName, Names};

type Result<T> = std::result::Result<T, InputError>;

const SELF_TRADE: [(&str, SelfTradePrevention); 5] = [
    ("allow", SelfTradePrevention::Allow),
    ("cancel_newest", SelfTradePrevention::CancelNewest),
    ("cancel_oldest", SelfTradePrevention::CancelOldest),
    ("cancel_both", SelfTradePrevention::CancelBoth),
    (
        "decrement_and_cancel",
        SelfTradePrevention::DecrementAndCancel,
    ),
];

/// The sides by name.
pub(crate) const SIDES: [(&str, Side); 2] = [("buy", Side::Buy), ("sell", Side::Sell)];

/// The largest quantity or price that is read: what is beyond the exchange's own bounds is for it to refuse.
const NUMBER_MAX: u128 = i64::MAX.unsigned_abs() as u128;

/// Reads a request. `find` says in which market an order is, by its symbol.
///
/// # Errors
/// It cannot be understood.
pub(crate) fn read(
    value: &Value,
    names: &Names,
    find: &dyn Fn(&Target) -> Option<String>,
    now_ns: u64,
) -> Result<Action> {
    let fields = Fields::of(value)?;
    let action = fields.text("action")?;
    let action = required(action, "action", "the name of an action")?;
    match action {
        "new" => new_order(fields, names, now_ns),
        "cancel" | "reduce" | "replace" | "mass_cancel" => change(action, fields, names, find),
        "open" | "open_auction" | "uncross" | "halt" | "resume" | "close" => {
            state(action, fields, names)
        }
        "deposit" | "withdraw" | "set_credit" => transfer(action, fields, names),
        "add_asset" => add_asset(fields.only(&["action", "symbol", "decimals"])?),
        "list_market" => list_market(fields, names),
        _ => terms(action, fields, names),
    }
}

/// An account's number; 0, the exchange's own, where that may be.
fn account(fields: Fields<'_>) -> Result<AccountId> {
    let account = fields.whole("account")?;
    required(account, "account", "the number of an account").map(AccountId)
}

fn market<'n>(fields: Fields<'_>, names: &'n Names) -> Result<(MarketId, &'n MarketName)> {
    const EXPECTED: &str = "the symbol of a market";
    let symbol = required(fields.text("market")?, "market", EXPECTED)?;
    let unknown = || InputError::new("market", EXPECTED, &Value::from(symbol));
    names.find_market(symbol).ok_or_else(unknown)
}

fn client_id(fields: Fields<'_>, name: &str) -> Result<Option<ClientId>> {
    let Some(text) = fields.text(name)? else {
        return Ok(None);
    };
    let wrong = |_| InputError::new(name, "1 to 40 printable characters", &Value::from(text));
    ClientId::new(text.as_bytes()).map(Some).map_err(wrong)
}

fn price(fields: Fields<'_>, name: &str, market: &MarketName) -> Result<Option<Price>> {
    let ticks = fields.units(name, market.price_decimals, NUMBER_MAX)?;
    Ok(ticks.map(Price))
}

fn quantity(fields: Fields<'_>, name: &str, market: &MarketName) -> Result<Option<Quantity>> {
    let lots = fields.units(name, market.quantity_decimals, NUMBER_MAX)?;
    Ok(lots.map(Quantity))
}

fn kind(fields: Fields<'_>, market: &MarketName) -> Result<OrderKind> {
    const EXPECTED: &str = "a decimal text";
    let kind = fields.text("kind")?;
    let kind = required(
        kind,
        "kind",
        "\"market\", \"limit\", \"stop\" or \"stop_limit\"",
    )?;
    let price_found = price(fields, "price", market)?;
    let stop_found = price(fields, "stop_price", market)?;
    if let ("market" | "limit", Some(_)) = (kind, stop_found) {
        let received = fields.get("stop_price").unwrap_or(&Value::Null);
        return Err(InputError::new(
            "stop_price",
            "none for this kind",
            received,
        ));
    }
    let price = || required(price_found, "price", EXPECTED);
    let stop_price = || required(stop_found, "stop_price", EXPECTED);
    Ok(match kind {
        "market" => OrderKind::Market { bound: price_found },
        "limit" => OrderKind::Limit { price: price()? },
        "stop" => OrderKind::Stop {
            stop_price: stop_price()?,
            bound: price_found,
        },
        "stop_limit" => OrderKind::StopLimit {
            stop_price: stop_price()?,
            price: price()?,
        },
        other => {
            let expected = "\"market\", \"limit\", \"stop\" or \"stop_limit\"";
            return Err(InputError::new("kind", expected, &Value::from(other)));
        }
    })
}

/// Without one a market order is immediate, and any other good till cancel. A market order for the day is immediate too.
fn time_in_force(fields: Fields<'_>, kind: OrderKind, now_ns: u64) -> Result<TimeInForce> {
    let is_market = matches!(kind, OrderKind::Market { .. });
    let day = match is_market {
        true => TimeInForce::ImmediateOrCancel,
        false => TimeInForce::GoodTillDate {
            expiry: end_of_day(now_ns),
        },
    };
    let expiry = fields.whole("expires_ns")?.map(Timestamp);
    let dated = TimeInForce::GoodTillDate {
        expiry: expiry.unwrap_or_default(),
    };
    let words = [
        ("gtc", TimeInForce::GoodTillCancel),
        ("ioc", TimeInForce::ImmediateOrCancel),
        ("fok", TimeInForce::FillOrKill),
        ("gtd", dated),
        ("day", day),
    ];
    let found = fields.word("time_in_force", &words)?;
    let is_dated = fields.text("time_in_force")? == Some("gtd");
    if is_dated != expiry.is_some() {
        let expected = "a time in nanoseconds with \"gtd\", and none else";
        return Err(match fields.get("expires_ns") {
            Some(received) => InputError::new("expires_ns", expected, received),
            None => InputError::missing("expires_ns", expected),
        });
    }
    Ok(found.unwrap_or(match is_market {
        true => TimeInForce::ImmediateOrCancel,
        false => TimeInForce::GoodTillCancel,
    }))
}

fn new_order(fields: Fields<'_>, names: &Names, now_ns: u64) -> Result<Action> {
    let fields = fields.only(&[
        "action",
        "account",
        "client_id",
        "market",
        "side",
        "kind",
        "quantity",
        "price",
        "stop_price",
        "time_in_force",
        "expires_ns",
        "post_only",
        "display",
        "self_trade",
    ])?;
    let (market, name) = market(fields, names)?;
    let kind = kind(fields, name)?;
    let total = quantity(fields, "quantity", name)?;
    let client_id = client_id(fields, "client_id")?;
    let side = fields.word("side", &SIDES)?;
    Ok(Action::New(NewOrder {
        account: account(fields)?,
        session: HANDLE_SESSION,
        client_id: required(client_id, "client_id", "1 to 40 printable characters")?,
        market,
        side: required(side, "side", "\"buy\" or \"sell\"")?,
        quantity: required(total, "quantity", "a decimal text")?,
        kind,
        time_in_force: time_in_force(fields, kind, now_ns)?,
        post_only: fields.flag("post_only")?,
        display: quantity(fields, "display", name)?,
        self_trade: fields.word("self_trade", &SELF_TRADE)?,
    }))
}

/// The order that is meant, by one of its ids.
fn target(fields: Fields<'_>) -> Result<Target> {
    let order_id = fields.whole("order_id")?;
    let original_id = client_id(fields, "original_id")?;
    if order_id.is_some() == original_id.is_some() {
        return Err(InputError {
            field: "order_id".to_owned(),
            expected: "an order_id or an original_id".to_owned(),
            received: match order_id {
                Some(_) => "both".to_owned(),
                None => "neither".to_owned(),
            },
        });
    }
    Ok(Target {
        account: account(fields)?,
        session: HANDLE_SESSION,
        client_id: client_id(fields, "client_id")?.unwrap_or(ClientId::NONE),
        original_id: original_id.unwrap_or(ClientId::NONE),
        order_id: OrderId(order_id.unwrap_or(0)),
    })
}

/// The market that a request about an order names, or else that of the order.
fn market_of<'n>(
    fields: Fields<'_>,
    target: &Target,
    names: &'n Names,
    find: &dyn Fn(&Target) -> Option<String>,
) -> Result<&'n MarketName> {
    if fields.get("market").is_some() {
        return market(fields, names).map(|(_, name)| name);
    }
    let found = find(target).and_then(|symbol| names.find_market(&symbol));
    let expected = "the symbol of a market, or an order that is known";
    found
        .map(|(_, name)| name)
        .ok_or_else(|| InputError::missing("market", expected))
}

fn change(
    action: &str,
    fields: Fields<'_>,
    names: &Names,
    find: &dyn Fn(&Target) -> Option<String>,
) -> Result<Action> {
    const TARGET: [&str; 5] = ["action", "account", "client_id", "order_id", "original_id"];
    match action {
        "cancel" => Ok(Action::Cancel {
            target: target(fields.only(&[&TARGET[..], &["market"]].concat())?)?,
        }),
        "reduce" => {
            let fields = fields.only(&[&TARGET[..], &["market", "quantity"]].concat())?;
            let target = target(fields)?;
            let name = market_of(fields, &target, names, find)?;
            let by = quantity(fields, "quantity", name)?;
            Ok(Action::Reduce {
                target,
                quantity: required(by, "quantity", "a decimal text")?,
            })
        }
        "replace" => {
            let more = ["market", "price", "quantity", "stop_price"];
            let fields = fields.only(&[&TARGET[..], &more].concat())?;
            let target = target(fields)?;
            if !target.client_id.is_some() {
                let expected = "1 to 40 printable characters";
                return Err(InputError::missing("client_id", expected));
            }
            let name = market_of(fields, &target, names, find)?;
            Ok(Action::Replace {
                target,
                price: price(fields, "price", name)?,
                quantity: quantity(fields, "quantity", name)?,
                stop_price: price(fields, "stop_price", name)?,
            })
        }
        _ => {
            let fields = fields.only(&["action", "account", "market"])?;
            let named = fields.get("market").map(|_| market(fields, names));
            Ok(Action::MassCancel {
                account: account(fields)?,
                session: HANDLE_SESSION,
                market: named.transpose()?.map(|(market, _)| market),
            })
        }
    }
}

fn state(action: &str, fields: Fields<'_>, names: &Names) -> Result<Action> {
    let fields = fields.only(&["action", "market"])?;
    let (market, _) = market(fields, names)?;
    Ok(match action {
        "open" => Action::Open { market },
        "open_auction" => Action::OpenAuction { market },
        "uncross" => Action::Uncross { market },
        "halt" => Action::Halt { market },
        "resume" => Action::Resume { market },
        _ => Action::Close { market },
    })
}

fn transfer(action: &str, fields: Fields<'_>, names: &Names) -> Result<Action> {
    const EXPECTED: &str = "the symbol of an asset";
    let fields = fields.only(&["action", "account", "asset", "amount"])?;
    let symbol = required(fields.text("asset")?, "asset", EXPECTED)?;
    let unknown = || InputError::new("asset", EXPECTED, &Value::from(symbol));
    let (asset, name) = names.find_asset(symbol).ok_or_else(unknown)?;
    let amount = fields.units("amount", name.decimals, AMOUNT_MAX)?;
    let transfer = Transfer {
        account: account(fields)?,
        asset,
        amount: required(amount, "amount", "a decimal text")?,
    };
    Ok(match action {
        "deposit" => Action::Deposit(transfer),
        "withdraw" => Action::Withdraw(transfer),
        _ => Action::SetCredit(transfer),
    })
}

/// The fees that are named; both, or none.
fn fees(fields: Fields<'_>) -> Result<Option<Fees>> {
    let most = u64::from(BASIS_POINTS);
    let maker: Option<u16> = fields.up_to("maker_fee", most)?;
    let taker: Option<u16> = fields.up_to("taker_fee", most)?;
    let expected = "maker_fee and taker_fee, or none of them";
    match (maker, taker) {
        (Some(maker), Some(taker)) => Ok(Some(Fees { maker, taker })),
        (None, None) => Ok(None),
        (None, _) => Err(InputError::missing("maker_fee", expected)),
        (_, None) => Err(InputError::missing("taker_fee", expected)),
    }
}

/// Limits in a market; what is not named is off.
pub(crate) fn limits(fields: Fields<'_>, market: &MarketName, quote: u8) -> Result<Limits> {
    Ok(Limits {
        quantity_max: fields.units("quantity_max", market.quantity_decimals, NUMBER_MAX)?,
        notional_max: fields.units("notional_max", quote, AMOUNT_MAX)?,
        open_orders_max: fields.up_to("open_orders_max", u64::from(u32::MAX))?,
        collar: fields.units("collar", market.price_decimals, NUMBER_MAX)?,
    })
}

/// The names of limits.
pub(crate) const LIMITS: [&str; 4] = ["quantity_max", "notional_max", "open_orders_max", "collar"];

/// Requests about accounts, fees, limits and kill switches.
fn terms(action: &str, fields: Fields<'_>, names: &Names) -> Result<Action> {
    Ok(match action {
        "open_account" => {
            fields.only(&["action"])?;
            Action::OpenAccount {
                account: AccountId::NONE,
            }
        }
        "kill_all" | "revive_all" => {
            fields.only(&["action"])?;
            match action {
                "kill_all" => Action::KillAll,
                _ => Action::ReviveAll,
            }
        }
        "kill_account" | "revive_account" => {
            let account = account(fields.only(&["action", "account"])?)?;
            match action {
                "kill_account" => Action::KillAccount { account },
                _ => Action::ReviveAccount { account },
            }
        }
        "set_account_fees" => {
            let fields = fields.only(&["action", "account", "maker_fee", "taker_fee"])?;
            Action::SetAccountFees {
                account: account(fields)?,
                fees: fees(fields)?,
            }
        }
        "set_market_fees" => {
            let fields = fields.only(&["action", "market", "maker_fee", "taker_fee"])?;
            Action::SetMarketFees {
                market: market(fields, names)?.0,
                fees: required(fees(fields)?, "maker_fee", "maker_fee and taker_fee")?,
            }
        }
        "set_limits" => {
            let more = ["action", "account", "market"];
            let fields = fields.only(&[&more[..], &LIMITS].concat())?;
            let (market, name) = market(fields, names)?;
            Action::SetLimits {
                account: AccountId(fields.whole("account")?.unwrap_or(0)),
                market,
                limits: limits(fields, name, names.quote_decimals(name))?,
            }
        }
        "set_self_trade" => {
            let fields = fields.only(&["action", "account", "self_trade"])?;
            let self_trade = fields.word("self_trade", &SELF_TRADE)?;
            Action::SetSelfTrade {
                account: account(fields)?,
                self_trade: required(self_trade, "self_trade", "the name of a prevention")?,
            }
        }
        other => {
            let expected = "the name of an action";
            return Err(InputError::new("action", expected, &Value::from(other)));
        }
    })
}

fn symbol(fields: Fields<'_>) -> Result<Symbol> {
    const EXPECTED: &str = "1 to 16 printable characters";
    let text = required(fields.text("symbol")?, "symbol", EXPECTED)?;
    let wrong = |_| InputError::new("symbol", EXPECTED, &Value::from(text));
    Symbol::new(text.as_bytes()).map_err(wrong)
}

/// A new asset, with the next number.
pub(crate) fn add_asset(fields: Fields<'_>) -> Result<Action> {
    let decimals = fields.up_to("decimals", u64::from(u8::MAX))?;
    Ok(Action::AddAsset {
        asset: AssetId(0),
        symbol: symbol(fields)?,
        decimals: required(decimals, "decimals", "a whole number")?,
    })
}

/// The fields of a listing.
pub(crate) const LISTING: [&str; 9] = [
    "symbol",
    "base",
    "quote",
    "price_decimals",
    "quantity_decimals",
    "maker_fee",
    "taker_fee",
    "reference_price",
    "collar",
];

fn list_market(fields: Fields<'_>, names: &Names) -> Result<Action> {
    let fields = fields.only(&[&["action"], &LISTING[..]].concat())?;
    Ok(Action::ListMarket(listing(fields, names)?))
}

/// A new market, with the next number. It is closed.
pub(crate) fn listing(fields: Fields<'_>, names: &Names) -> Result<Listing> {
    let asset = |name: &str| {
        const EXPECTED: &str = "the symbol of an asset";
        let symbol = required(fields.text(name)?, name, EXPECTED)?;
        let unknown = || InputError::new(name, EXPECTED, &Value::from(symbol));
        names
            .find_asset(symbol)
            .map(|(id, _)| id)
            .ok_or_else(unknown)
    };
    let decimals = |name: &str| {
        let found = fields.up_to::<u8>(name, 18)?;
        required(found, name, "a whole number from 0 to 18")
    };
    let price_decimals = decimals("price_decimals")?;
    let reference: Option<i64> = fields.units("reference_price", price_decimals, NUMBER_MAX)?;
    Ok(Listing {
        market: MarketId(0),
        symbol: symbol(fields)?,
        base: asset("base")?,
        quote: asset("quote")?,
        price_decimals,
        quantity_decimals: decimals("quantity_decimals")?,
        fees: fees(fields)?.unwrap_or_default(),
        config: MarketConfig {
            initial_phase: Phase::Halted,
            reference_price: reference.map(Price),
            collar: fields.units("collar", price_decimals, NUMBER_MAX)?,
            ..MarketConfig::default()
        },
    })
}
