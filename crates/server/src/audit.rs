//! The files of an exchange held against its log, as JSON: `proofbook_exchange::audit`.

use std::path::Path;

use proofbook_exchange::{audit, AssetId, Compared, MarketId};
use proofbook_journal::Directory;
use serde_json::{json, Value};

use crate::decimal::text;
use crate::error::ServerError;

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn compared(found: &Compared) -> Value {
    json!({
        "sequence": found.sequence,
        "digest": hexadecimal(&found.stored),
        "is_equal": found.is_equal(),
    })
}

/// Replays the log of an exchange's folder and compares it with snapshots and market journals there. Nothing is changed.
///
/// # Errors
/// The log is missing or damaged, or a file cannot be read.
pub fn audit_folder(folder: &Path) -> Result<Value, ServerError> {
    let log = Directory::open(&folder.join("log")).map_err(ServerError::Io)?;
    let journal = |market: MarketId| {
        Directory::open(&folder.join(format!("markets/{:06}", market.0))).ok()
    };
    let found = audit(log, journal).map_err(proofbook_gateway::GatewayError::from)?;
    let exchange = &found.exchange;
    let assets = (1..).map(AssetId).zip(exchange.assets());
    let assets = assets.map(|(number, asset)| {
        json!({
            "symbol": asset.symbol.to_string(),
            "deposited": text(i128::try_from(asset.issued).unwrap_or(i128::MAX), asset.decimals),
            "total": text(found.total(number), asset.decimals),
        })
    });
    let markets = found.markets.iter().map(|market| {
        json!({
            "symbol": market.symbol.to_string(),
            "commands": market.commands,
            "digest": hexadecimal(&market.digest),
            "journal": market.journal.as_ref().map(compared),
        })
    });
    Ok(json!({
        "sequence": exchange.sequence(),
        "digest": hexadecimal(&found.digest),
        "is_sound": found.is_sound(),
        "fault": found.fault,
        "accounts": exchange.accounts(),
        "live_orders": exchange.live_orders(),
        "assets": assets.collect::<Vec<_>>(),
        "markets": markets.collect::<Vec<_>>(),
        "snapshots": found.snapshots.iter().map(compared).collect::<Vec<_>>(),
    }))
}
