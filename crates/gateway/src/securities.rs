//! What clients ask about markets: SecurityListRequest (x) is answered with lists (y), SecurityStatusRequest (e) with the state of a market (f), once or after each
//! change. Answers are written at a turn's end, of what the log has acknowledged by then; a state that changed twice in between is told once.
//!
//! Invariant: a session's requests are bounded, and end with its connection.

use proofbook_exchange::{Exchange, Instrument, MarketId, MarketState};
use proofbook_fix::{tag, Draft, ParsedMessage, Precision, Version};
use proofbook_session::{BusinessReject, BusinessRejectReason, SendError};
use proofbook_types::MarketConfig;

use crate::clients::Clients;
use crate::report::decimal_text;
use crate::request::{find_market, unexpected, unreadable};

/// The longest id of a request.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Requests of a session that are not answered, or for states.
const REQUESTS_MAX: usize = 256;

/// Markets in one message of a list; more follow in further ones.
const LIST_MARKETS_MAX: usize = 40;

/// A market's minimum increment and most quantity have no field of their own in this version.
const ATTRIBUTE_TEXT: u64 = 99;

/// SecurityRequestResult.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum ListResult {
    Valid = 0,
    Unsupported = 1,
    NoneFound = 2,
}

struct ListRequest {
    client: usize,
    request_id: Vec<u8>,
    /// One market, or all.
    result: Result<Option<MarketId>, ListResult>,
}

struct StateRequest {
    client: usize,
    version: Version,
    request_id: Vec<u8>,
    symbol: Vec<u8>,
    /// None where the symbol is none.
    market: Option<MarketId>,
    is_once: bool,
    told: Option<MarketState>,
}

/// Who asked what.
#[derive(Default)]
pub(crate) struct Securities {
    lists: Vec<ListRequest>,
    states: Vec<StateRequest>,
    /// For ids of answers.
    answers: u64,
}

fn request_id(message: &ParsedMessage<'_>, tag: i32) -> Result<Vec<u8>, BusinessReject> {
    let id = message.require(tag).map_err(unreadable)?;
    if id.value.len() > REQUEST_ID_BYTES_MAX {
        let expected = format!("at most {REQUEST_ID_BYTES_MAX} bytes");
        return Err(unexpected(id, &expected));
    }
    Ok(id.value.to_vec())
}

fn value<'m>(message: &ParsedMessage<'m>, tag: i32) -> &'m [u8] {
    message.get(tag).map_or(&[], |field| field.value)
}

impl Securities {
    /// Takes a request of either kind.
    ///
    /// # Errors
    /// It has no usable id, or there are too many.
    pub(crate) fn ask(
        &mut self,
        client: usize,
        message: &ParsedMessage<'_>,
        exchange: &Exchange,
    ) -> Result<(), BusinessReject> {
        let lists = self.lists.iter().filter(|one| one.client == client);
        let states = self.states.iter().filter(|one| one.client == client);
        if lists.count() + states.count() >= REQUESTS_MAX {
            return Err(BusinessReject {
                reason: BusinessRejectReason::ApplicationNotAvailable,
                reference_id: None,
                text: format!("expected at most {REQUESTS_MAX} requests of a session").into(),
            });
        }
        match message.message_type() {
            b"x" => self.ask_list(client, message, exchange),
            _ => self.ask_state(client, message, exchange),
        }
    }

    fn ask_list(
        &mut self,
        client: usize,
        message: &ParsedMessage<'_>,
        exchange: &Exchange,
    ) -> Result<(), BusinessReject> {
        let is_once = matches!(value(message, tag::SUBSCRIPTION_REQUEST_TYPE), b"" | b"0");
        let result = match value(message, tag::SECURITY_LIST_REQUEST_TYPE) {
            b"0" if is_once => find_market(value(message, tag::SYMBOL), exchange)
                .map(|(market, _)| Some(market))
                .ok_or(ListResult::NoneFound),
            b"4" if is_once => Ok(None),
            _ => Err(ListResult::Unsupported),
        };
        self.lists.push(ListRequest {
            client,
            request_id: request_id(message, tag::SECURITY_REQ_ID)?,
            result,
        });
        Ok(())
    }

    fn ask_state(
        &mut self,
        client: usize,
        message: &ParsedMessage<'_>,
        exchange: &Exchange,
    ) -> Result<(), BusinessReject> {
        let id = request_id(message, tag::SECURITY_STATUS_REQ_ID)?;
        // A request with an id that is in use takes the place of the one before.
        self.states
            .retain(|one| one.client != client || one.request_id != id);
        let request_type = value(message, tag::SUBSCRIPTION_REQUEST_TYPE);
        if request_type == b"2" {
            return Ok(());
        }
        let symbol = message.require(tag::SYMBOL).map_err(unreadable)?.value;
        let market = find_market(symbol, exchange).map(|(market, _)| market);
        self.states.push(StateRequest {
            client,
            version: Version::from_begin_string(message.begin_string()).expect("it was checked"),
            request_id: id,
            symbol: symbol.to_vec(),
            market,
            is_once: request_type == b"0" || market.is_none(),
            told: None,
        });
        Ok(())
    }

    /// A connection has ended.
    pub(crate) fn forget(&mut self, client: usize) {
        self.lists.retain(|one| one.client != client);
        self.states.retain(|one| one.client != client);
    }

    /// Answers, and tells states that changed.
    ///
    /// # Errors
    /// Those of a session.
    pub(crate) fn flush(
        &mut self,
        exchange: &Exchange,
        clients: &mut impl Clients,
    ) -> Result<(), SendError> {
        let mut waiting = Vec::new();
        for request in std::mem::take(&mut self.lists) {
            if clients.is_reading(request.client) {
                self.list(&request, exchange, clients)?;
            } else {
                waiting.push(request);
            }
        }
        self.lists = waiting;
        for request in &mut self.states {
            let found = request.market.and_then(|market| exchange.market(market));
            let state = found.map(|(instrument, _)| instrument.state);
            let is_told = state.is_some() && request.told == state;
            if is_told || !clients.is_reading(request.client) {
                continue;
            }
            let last = found.and_then(|(instrument, matching)| {
                Some((instrument.price_decimals, matching.last_trade()?))
            });
            let time_ns = exchange.clock().0;
            let is_sent = clients.send(request.client, b"f", |draft| {
                draft.text(tag::SECURITY_STATUS_REQ_ID, &request.request_id);
                draft.text(tag::SYMBOL, &request.symbol);
                let code = trading_status(request.version, state);
                draft.unsigned(tag::SECURITY_TRADING_STATUS, code);
                if let Some((decimals, price)) = last {
                    draft.decimal(tag::LAST_PX, price.0, u32::from(decimals));
                }
                draft.timestamp(tag::TRANSACT_TIME, time_ns, Precision::Milliseconds);
            })?;
            // A state that is none is never told again either: the request goes now.
            request.told = state.filter(|_| is_sent);
            request.is_once |= state.is_none();
        }
        self.states
            .retain(|one| !one.is_once || one.market.is_some() && one.told.is_none());
        Ok(())
    }

    fn list(
        &mut self,
        request: &ListRequest,
        exchange: &Exchange,
        clients: &mut impl Clients,
    ) -> Result<(), SendError> {
        let wanted = request.result.unwrap_or(None);
        let markets: Vec<(&Instrument, &MarketConfig)> = (1..)
            .map(MarketId)
            .zip(exchange.markets())
            .filter(|(market, _)| wanted.is_none_or(|wanted| wanted == *market))
            .filter(|_| request.result.is_ok())
            .map(|(_, (instrument, matching))| (instrument, matching.config()))
            .collect();
        let result = match request.result {
            Ok(_) if markets.is_empty() => ListResult::NoneFound,
            Ok(_) => ListResult::Valid,
            Err(result) => result,
        };
        let mut rest = markets.as_slice();
        loop {
            let (part, others) = rest.split_at(rest.len().min(LIST_MARKETS_MAX));
            rest = others;
            self.answers += 1;
            let answer = self.answers;
            clients.send(request.client, b"y", |draft| {
                draft.text(tag::SECURITY_REQ_ID, &request.request_id);
                draft.unsigned(tag::SECURITY_RESPONSE_ID, answer);
                draft.unsigned(tag::SECURITY_REQUEST_RESULT, result as u64);
                draft.unsigned(tag::TOT_NO_RELATED_SYM, markets.len() as u64);
                draft.flag(tag::LAST_FRAGMENT, rest.is_empty());
                if !part.is_empty() {
                    draft.unsigned(tag::NO_RELATED_SYM, part.len() as u64);
                }
                for (instrument, config) in part {
                    security(draft, exchange, instrument, config);
                }
            })?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }
}

/// An entry of a list.
fn security(
    draft: &mut Draft<'_>,
    exchange: &Exchange,
    instrument: &Instrument,
    config: &MarketConfig,
) {
    let lots = |lots: u64| decimal_text(lots, u32::from(instrument.quantity_decimals));
    let tick = decimal_text(config.tick_size, u32::from(instrument.price_decimals));
    draft.text(tag::SYMBOL, instrument.symbol.as_bytes());
    // In the order of the dictionary.
    let mut attributes = vec![format!("MinPriceIncrement={tick}")];
    if let Some(most) = config.max_quantity {
        attributes.push(format!("MaxTradeVol={}", lots(most.0)));
    }
    draft.unsigned(tag::NO_INSTR_ATTRIB, attributes.len() as u64);
    for attribute in attributes {
        draft.unsigned(tag::INSTR_ATTRIB_TYPE, ATTRIBUTE_TEXT);
        draft.text(tag::INSTR_ATTRIB_VALUE, attribute.as_bytes());
    }
    let quote = (instrument.quote.0 as usize).checked_sub(1);
    if let Some(quote) = quote.and_then(|index| exchange.assets().get(index)) {
        draft.text(tag::CURRENCY, quote.symbol.as_bytes());
    }
    let lot = lots(config.lot_size);
    draft.text(tag::ROUND_LOT, lot.as_bytes());
    draft.text(tag::MIN_TRADE_VOL, lot.as_bytes());
}

/// SecurityTradingStatus.
fn trading_status(version: Version, state: Option<MarketState>) -> u64 {
    match (state, version) {
        (None, _) => 20,
        (Some(MarketState::Closed), _) => 18,
        (Some(MarketState::Halted), _) => 2,
        (Some(MarketState::Continuous), _) => 17,
        // Before the open; 4.2 has a delay of it alone.
        (Some(MarketState::Auction), Version::Fix44) => 21,
        (Some(MarketState::Auction), Version::Fix42) => 1,
    }
}

#[cfg(test)]
mod tests {
    use proofbook_exchange::{
        Action, AssetId, Entry, ExchangeTerms, Fees, Listing, Symbol, MARKETS_MAX,
    };
    use proofbook_fix::{Frame, Kernel, SIMDMessageParser};
    use proofbook_types::{Phase, Quantity, Timestamp};

    use super::*;
    use crate::clients::recorder::{message, Recorder};
    use crate::clients::HOLD_BYTES;

    fn exchange() -> Exchange {
        let mut exchange = Exchange::new(ExchangeTerms::default()).expect("terms");
        let symbol = |text: &str| Symbol::new(text.as_bytes()).expect("a short text");
        for (number, text) in [(1, "BTC"), (2, "USD")] {
            apply(
                &mut exchange,
                Action::AddAsset {
                    asset: AssetId(number),
                    symbol: symbol(text),
                    decimals: 8,
                },
            );
        }
        for number in 1..=MARKETS_MAX as u32 {
            let listing = Listing {
                market: MarketId(number),
                symbol: symbol(&format!("M{number}")),
                base: AssetId(1),
                quote: AssetId(2),
                price_decimals: 2,
                quantity_decimals: 3,
                fees: Fees::default(),
                config: MarketConfig {
                    market: u64::from(number),
                    tick_size: 25,
                    lot_size: 10,
                    max_quantity: Some(Quantity(50_000)),
                    initial_phase: Phase::Halted,
                    ..MarketConfig::default()
                },
            };
            apply(&mut exchange, Action::ListMarket(listing));
        }
        exchange
    }

    fn apply(exchange: &mut Exchange, action: Action) {
        let time = Timestamp(1);
        exchange.apply(&Entry { time, action }, &mut |_| {});
    }

    fn ask(
        securities: &mut Securities,
        exchange: &Exchange,
        version: Version,
        kind: &[u8],
        fields: &[(i32, &str)],
    ) -> Result<(), BusinessReject> {
        let bytes = message(version, kind, |draft| {
            for (tag, value) in fields {
                draft.text(*tag, value.as_bytes());
            }
        });
        let mut parser = SIMDMessageParser::new(Kernel::detect());
        let Frame::Whole(frame) = parser.frame(&bytes) else {
            panic!("a whole message");
        };
        let message = parser.parse(frame).expect("it is well formed");
        securities.ask(0, &message, exchange)
    }

    #[test]
    fn a_long_list_comes_in_parts() {
        let exchange = exchange();
        let mut securities = Securities::default();
        let fields = [(320, "all"), (559, "4")];
        let asked = ask(&mut securities, &exchange, Version::Fix44, b"x", &fields);
        asked.expect("it is taken");
        let mut client = Recorder {
            version: Version::Fix44,
            waiting: Some(HOLD_BYTES + 1),
            messages: Vec::new(),
        };
        let flush = |securities: &mut Securities, client: &mut Recorder| {
            let flushed = securities.flush(&exchange, client);
            flushed.expect("it is taken");
        };
        // Once the client reads.
        flush(&mut securities, &mut client);
        assert!(client.messages.is_empty());
        client.waiting = Some(0);
        flush(&mut securities, &mut client);
        assert_eq!(
            client.messages.len(),
            MARKETS_MAX.div_ceil(LIST_MARKETS_MAX)
        );
        let all = client.messages.join("");
        for number in 1..=MARKETS_MAX {
            let entry = format!(
                "|55=M{number}|870=2|871=99|872=MinPriceIncrement=0.25|871=99|872=MaxTradeVol=50.000|15=USD|561=0.010|562=0.010|"
            );
            assert_eq!(all.matches(&entry).count(), 1, "{number}");
        }
        assert_eq!(all.matches("893=Y").count(), 1);
        flush(&mut securities, &mut client);
        assert_eq!(all, client.messages.join(""), "it is answered once");
    }

    #[test]
    fn a_subscriber_is_told_each_state_that_a_turn_ends_with() {
        for (version, auction) in [(Version::Fix42, "1"), (Version::Fix44, "21")] {
            let mut exchange = exchange();
            let market = MarketId(1);
            let mut securities = Securities::default();
            let mut client = Recorder {
                version,
                waiting: Some(0),
                messages: Vec::new(),
            };
            let fields = [(324, "s"), (55, "M1"), (263, "1")];
            let asked = ask(&mut securities, &exchange, version, b"e", &fields);
            asked.expect("it is taken");
            let mut told = Vec::new();
            for actions in [
                &[][..],
                &[Action::OpenAuction { market }],
                &[Action::Uncross { market }],
                &[Action::Halt { market }, Action::Resume { market }],
                &[Action::Halt { market }],
                &[Action::Resume { market }, Action::Close { market }],
            ] {
                for action in actions {
                    apply(&mut exchange, *action);
                }
                let flushed = securities.flush(&exchange, &mut client);
                flushed.expect("it is taken");
                for message in client.messages.drain(..) {
                    let (_, code) = message.split_once("|326=").expect("a state");
                    told.push(code.split('|').next().expect("a code").to_owned());
                }
            }
            assert_eq!(told, ["18", auction, "17", "2", "18"]);
            securities.forget(0);
            assert!(securities.states.is_empty());
        }
    }

    #[test]
    fn requests_of_a_session_are_bounded() {
        let exchange = exchange();
        let mut securities = Securities::default();
        for number in 0..=REQUESTS_MAX {
            let id = number.to_string();
            let fields = [(324, id.as_str()), (55, "M1"), (263, "1")];
            let asked = ask(&mut securities, &exchange, Version::Fix44, b"e", &fields);
            assert_eq!(asked.is_ok(), number < REQUESTS_MAX, "{number}");
        }
    }
}
