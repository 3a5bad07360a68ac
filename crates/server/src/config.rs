//! The configuration: what the folder is, who may log on, and the log's first entries.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proofbook_exchange::{Action, AssetId, Listing, MarketId, Scale, Transfer, AMOUNT_MAX};
use proofbook_fix::Version;
use proofbook_gateway::{GatewayConfig, SessionConfig, SnapshotPolicy, TlsFiles};
use proofbook_journal::SyncPolicy;
use proofbook_session::{Authenticator, Identity, Passwords, Signatures, Unauthenticated};
use proofbook_types::AccountId;
use serde_json::Value;

use crate::error::InputError;
use crate::fields::{required, Fields};
use crate::names::{AssetName, MarketName, Names};
use crate::request::{self, LIMITS, LISTING};

type Result<T> = std::result::Result<T, InputError>;

/// How often the public feed is published where nothing else is said.
const PUBLISH_INTERVAL_MS: u64 = 20;

/// After how many entries a snapshot is taken where nothing else is said.
const SNAPSHOT_ENTRIES: u64 = 1 << 20;

/// The longest interval.
const PUBLISH_INTERVAL_MS_MAX: u64 = 10_000;

/// The longest time without sleep.
const BUSY_POLL_US_MAX: u64 = 1_000_000;

/// A configuration that was read.
pub(crate) struct Config {
    pub(crate) gateway: GatewayConfig,
    pub(crate) first: Vec<Action>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) interval: Duration,
    /// After how many entries a snapshot is taken while it runs; at its end there is always one.
    pub(crate) snapshot_entries: Option<NonZeroU64>,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// It cannot be understood.
    pub(crate) fn read(value: &Value) -> Result<Self> {
        let fields = Fields::of(value)?.only(&[
            "folder",
            "fix",
            "tls",
            "sync",
            "publish_interval_ms",
            "busy_poll_us",
            "snapshot_entries",
            "assets",
            "markets",
            "accounts",
            "sessions",
        ])?;
        let folder = required(fields.text("folder")?, "folder", "the path of a folder")?;
        let sessions = each(fields, "sessions", session)?;
        let mut gateway = GatewayConfig::new(PathBuf::from(folder), sessions);
        let group = gateway.journal.policy;
        let policy = fields.word("sync", &[("group", group), ("none", SyncPolicy::None)])?;
        gateway.journal.policy = policy.unwrap_or(group);
        // The publisher takes them, which follows the log anyway.
        gateway.snapshots = SnapshotPolicy::Never;
        let entries = fields.whole("snapshot_entries")?;
        let address = fields.text("fix")?.map(|text| {
            let expected = "an address with a port, such as \"127.0.0.1:0\"";
            let wrong = |_| InputError::new("fix", expected, &Value::from(text));
            text.parse::<SocketAddr>().map_err(wrong)
        });
        if let Some(value) = fields.get("tls") {
            let files = Fields::of(value).and_then(tls_files);
            gateway.tls = Some(files.map_err(|error| error.within("tls"))?);
        }
        let interval = fields.up_to("publish_interval_ms", PUBLISH_INTERVAL_MS_MAX)?;
        let busy_poll = fields.up_to("busy_poll_us", BUSY_POLL_US_MAX)?;
        gateway.busy_poll = Duration::from_micros(busy_poll.unwrap_or(0));
        Ok(Config {
            gateway,
            first: first_entries(fields)?,
            snapshot_entries: NonZeroU64::new(entries.unwrap_or(SNAPSHOT_ENTRIES)),
            address: address.transpose()?,
            interval: Duration::from_millis(interval.unwrap_or(PUBLISH_INTERVAL_MS)),
        })
    }
}

fn tls_files(fields: Fields<'_>) -> Result<TlsFiles> {
    let fields = fields.only(&["certificate", "key"])?;
    let path = |name: &str| {
        let found = fields.text(name)?;
        required(found, name, "the path of a file in PEM").map(PathBuf::from)
    };
    Ok(TlsFiles {
        certificate: path("certificate")?,
        key: path("key")?,
    })
}

/// Reads each item of a list.
fn each<T>(
    fields: Fields<'_>,
    name: &str,
    mut read: impl FnMut(Fields<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let items = fields.list(name)?.iter().enumerate();
    items
        .map(|(index, item)| {
            let found = Fields::of(item).and_then(&mut read);
            found.map_err(|error| error.within(&format!("{name}[{index}]")))
        })
        .collect()
}

/// Assets, markets, accounts and deposits, as entries in this order.
fn first_entries(fields: Fields<'_>) -> Result<Vec<Action>> {
    let (mut actions, mut names) = (Vec::new(), Names::default());
    each(fields, "assets", |asset| {
        let mut action = request::add_asset(asset.only(&["symbol", "decimals"])?)?;
        if let Action::AddAsset {
            asset,
            symbol,
            decimals,
        } = &mut action
        {
            names.assets.push(AssetName {
                symbol: symbol.to_string(),
                decimals: *decimals,
            });
            *asset = AssetId(number(names.assets.len()));
        }
        actions.push(action);
        Ok(())
    })?;
    each(fields, "markets", |market| {
        let number = MarketId(number(names.markets.len() + 1));
        actions.extend(first_of_market(market, number, &mut names)?);
        Ok(())
    })?;
    let mut next = 0;
    each(fields, "accounts", |account| {
        next += 1;
        let account_id = AccountId(next);
        actions.push(Action::OpenAccount {
            account: account_id,
        });
        actions.extend(deposits(account, account_id, &names)?);
        Ok(())
    })?;
    Ok(actions)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The listing of a market, its limits, and its first state.
fn first_of_market(fields: Fields<'_>, market: MarketId, names: &mut Names) -> Result<Vec<Action>> {
    let fields = fields.only(&[&LISTING[..], &["state", "limits"]].concat())?;
    let mut listing = request::listing(fields, names)?;
    listing.market = market;
    listing.config.market = u64::from(market.0);
    let name = market_name(&listing, names)?;
    let mut actions = vec![Action::ListMarket(listing)];
    if let Some(value) = fields.get("limits") {
        let limits = Fields::of(value)
            .and_then(|limits| limits.only(&LIMITS))
            .and_then(|limits| request::limits(limits, &name, names.quote_decimals(&name)));
        actions.push(Action::SetLimits {
            account: AccountId::NONE,
            market,
            limits: limits.map_err(|error| error.within("limits"))?,
        });
    }
    let states = [
        ("continuous", Some(Action::Open { market })),
        ("auction", Some(Action::OpenAuction { market })),
        ("closed", None),
    ];
    actions.extend(fields.word("state", &states)?.flatten());
    names.markets.push(name);
    Ok(actions)
}

fn market_name(listing: &Listing, names: &Names) -> Result<MarketName> {
    let decimals = |asset| {
        names
            .asset(asset)
            .map_or(0, |asset: &AssetName| asset.decimals)
    };
    let scale = Scale::of(
        decimals(listing.base),
        decimals(listing.quote),
        listing.price_decimals,
        listing.quantity_decimals,
    );
    let expected = "decimals of price and quantity that those of the assets allow: base - quantity at least 0, quote - price - quantity from 0 to 7";
    let received = Value::from(vec![listing.price_decimals, listing.quantity_decimals]);
    Ok(MarketName {
        symbol: listing.symbol.to_string(),
        base: listing.base,
        quote: listing.quote,
        price_decimals: listing.price_decimals,
        quantity_decimals: listing.quantity_decimals,
        scale: scale.ok_or_else(|| InputError::new("price_decimals", expected, &received))?,
    })
}

fn deposits(fields: Fields<'_>, account: AccountId, names: &Names) -> Result<Vec<Action>> {
    let Some(value) = fields.only(&["deposits"])?.get("deposits") else {
        return Ok(Vec::new());
    };
    let amounts = Fields::of(value).map_err(|error| error.within("deposits"))?;
    let symbols: Vec<&str> = names
        .assets
        .iter()
        .map(|asset| asset.symbol.as_str())
        .collect();
    let amounts = amounts
        .only(&symbols)
        .map_err(|error| error.within("deposits"))?;
    let mut actions = Vec::new();
    for (asset, name) in (1..).map(AssetId).zip(&names.assets) {
        let amount = amounts.units(&name.symbol, name.decimals, AMOUNT_MAX);
        let amount: Option<u128> = amount.map_err(|error| error.within("deposits"))?;
        if let Some(amount) = amount.filter(|&amount| amount > 0) {
            actions.push(Action::Deposit(Transfer {
                account,
                asset,
                amount,
            }));
        }
    }
    Ok(actions)
}

fn session(fields: Fields<'_>) -> Result<SessionConfig> {
    let fields = fields.only(&[
        "id",
        "account",
        "version",
        "client",
        "exchange",
        "authentication",
        "cancel_on_disconnect",
        "drop_copy_of",
    ])?;
    let versions = [("FIX.4.2", Version::Fix42), ("FIX.4.4", Version::Fix44)];
    let version = fields.word("version", &versions)?.unwrap_or(Version::Fix44);
    let name = |name: &str| {
        let found = fields.text(name)?;
        required(found, name, "the name of one side")
    };
    let (client, exchange) = (name("client")?, name("exchange")?);
    let identity = Identity::new(version, client.as_bytes(), exchange.as_bytes());
    let identity = identity.map_err(|error| InputError {
        field: "client".to_owned(),
        expected: "names of a FIX session".to_owned(),
        received: error.to_string(),
    })?;
    let drop_copy_of = fields.list("drop_copy_of")?.iter().map(|account| {
        let wrong = || InputError::new("drop_copy_of", "numbers of accounts", account);
        account.as_u64().map(AccountId).ok_or_else(wrong)
    });
    let drop_copy_of = drop_copy_of.collect::<Result<Vec<AccountId>>>()?;
    let id = required(fields.whole("id")?, "id", "a number from 1")?;
    let account = required(fields.whole("account")?, "account", "an account's number")?;
    let authenticator = match fields.get("authentication") {
        None => Arc::new(Unauthenticated),
        Some(value) => Fields::of(value)
            .and_then(|fields| authenticator(fields, client.as_bytes()))
            .map_err(|error| error.within("authentication"))?,
    };
    Ok(SessionConfig {
        cancel_on_disconnect: fields.flag("cancel_on_disconnect")?,
        drop_copy_of,
        ..SessionConfig::new(id, AccountId(account), identity, authenticator)
    })
}

fn authenticator(fields: Fields<'_>, client: &[u8]) -> Result<Arc<dyn Authenticator>> {
    let fields = fields.only(&["kind", "user", "hash", "public_key"])?;
    let expected = "\"none\", \"password\" or \"ed25519\"";
    let kind = required(fields.text("kind")?, "kind", expected)?;
    let wrong = |field: &str, expected: &str, received: String| InputError {
        field: field.to_owned(),
        expected: expected.to_owned(),
        received,
    };
    Ok(match kind {
        "none" => Arc::new(Unauthenticated),
        "password" => {
            let user = required(fields.text("user")?, "user", "the name of a user")?;
            let hash = required(fields.text("hash")?, "hash", "an argon2 hash")?;
            let mut passwords = Passwords::default();
            let registered = passwords.register(user.as_bytes(), client, hash);
            registered.map_err(|error| wrong("hash", "an argon2 hash", error.to_string()))?;
            Arc::new(passwords)
        }
        "ed25519" => {
            let expected = "an Ed25519 public key: 64 hexadecimal digits";
            let text = required(fields.text("public_key")?, "public_key", expected)?;
            let mut signatures = Signatures::default();
            let registered = key(text).is_some_and(|key| signatures.register(client, &key).is_ok());
            if !registered {
                return Err(wrong("public_key", expected, format!("{text:?}")));
            }
            Arc::new(signatures)
        }
        other => return Err(InputError::new("kind", expected, &Value::from(other))),
    })
}

/// The bytes of 64 hexadecimal digits.
fn key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 2 * key.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(key)
}
