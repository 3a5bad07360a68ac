//! Where messages of a session become entries of the log. Nothing is answered here but what cannot be understood: answers come once the log has acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use proofbook_books::Ladder;
use proofbook_engine::EngineError;
use proofbook_exchange::{Action, ClientId, Entry, ExchangeEngine, Report};
use proofbook_fix::{tag, ParsedMessage};
use proofbook_journal::{Directory, SystemClock};
use proofbook_session::{
    Application, BusinessReject, BusinessRejectReason, LogonRequest, Outgoing, Output, Store,
};
use proofbook_types::{Side, Timestamp};

use crate::drop_copy;
use crate::market_data::MarketData;
use crate::metrics::Metrics;
use crate::repeated::Repeated;
use crate::report::MassCancel;
use crate::request::{self, Asker, Request};
use crate::securities::Securities;

pub(crate) type Engine = ExchangeEngine<Ladder, Directory, SystemClock>;

/// A question about an order, which is answered behind all that was asked before it.
pub(crate) struct Question {
    /// The last entry before it.
    pub(crate) after: u64,
    /// The session's place.
    pub(crate) slot: usize,
    pub(crate) client_id: ClientId,
    pub(crate) side: Side,
    pub(crate) report: Option<Report>,
}

/// The exchange, and what waits for its log.
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) questions: VecDeque<Question>,
    /// Mass cancels that are not answered, by entry.
    pub(crate) mass_cancels: BTreeMap<u64, MassCancel>,
    pub(crate) repeated: Repeated,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) market_data: MarketData,
    pub(crate) securities: Securities,
    /// The log failed.
    pub(crate) failure: Option<EngineError>,
}

impl Desk {
    pub(crate) fn new(engine: Engine) -> Self {
        Desk {
            engine,
            questions: VecDeque::new(),
            mass_cancels: BTreeMap::new(),
            repeated: Repeated::default(),
            metrics: Arc::default(),
            market_data: MarketData::default(),
            securities: Securities::default(),
            failure: None,
        }
    }

    /// The time of the next entry: the clock's, or the exchange's where that one is ahead.
    pub(crate) fn time(&self, now_ns: u64) -> Timestamp {
        Timestamp(now_ns).max(self.engine.machine().clock())
    }

    /// Gives an entry to the log and the exchange; its number.
    pub(crate) fn submit(&mut self, action: Action, now_ns: u64) -> Result<u64, EngineError> {
        let time = self.time(now_ns);
        self.market_data.before(&action, self.engine.machine());
        let ticket = self.engine.submit(&Entry { time, action })?;
        Ok(ticket.sequence())
    }

    /// Entries that the log has not acknowledged.
    pub(crate) fn unacknowledged(&self) -> u64 {
        self.engine.machine().sequence() - self.engine.acknowledged()
    }
}

/// One session before the desk.
pub(crate) struct Client<'a> {
    pub(crate) desk: &'a mut Desk,
    pub(crate) asker: Asker,
    pub(crate) slot: usize,
    pub(crate) is_drop_copy: bool,
    pub(crate) was_logged_on: &'a mut bool,
}

fn unavailable(text: &'static str) -> BusinessReject {
    BusinessReject {
        reason: BusinessRejectReason::ApplicationNotAvailable,
        reference_id: None,
        text: text.into(),
    }
}

impl Client<'_> {
    fn enter(&mut self, action: Action, message: &ParsedMessage<'_>) -> Result<(), BusinessReject> {
        match self.desk.submit(action, self.asker.now.0) {
            Ok(entry) => {
                if let Action::MassCancel { market, .. } = action {
                    let id = message.get(tag::CL_ORD_ID);
                    let client_id = id.and_then(|id| ClientId::new(id.value).ok());
                    let asked = MassCancel {
                        client_id: client_id.unwrap_or(ClientId::NONE),
                        is_one_market: market.is_some(),
                    };
                    self.desk.mass_cancels.insert(entry, asked);
                }
                Ok(())
            }
            Err(EngineError::Backlog { .. }) => Err(unavailable("too much waits for the log")),
            Err(error) => {
                self.desk.failure.get_or_insert(error);
                Err(unavailable("the log has failed"))
            }
        }
    }
}

impl Application for Client<'_> {
    fn message<S: Store, O: Output>(
        &mut self,
        message: &ParsedMessage<'_>,
        _: &mut Outgoing<'_, S, O>,
    ) -> Result<(), BusinessReject> {
        self.desk.metrics.messages_in.add(1);
        let exchange = self.desk.engine.machine();
        let (data, securities) = (&mut self.desk.market_data, &mut self.desk.securities);
        match message.message_type() {
            b"V" => return data.ask(self.slot, message, exchange),
            b"x" | b"e" => return securities.ask(self.slot, message, exchange),
            b"D" | b"F" | b"G" | b"H" | b"q" if self.is_drop_copy => {
                return Err(drop_copy::refuse())
            }
            b"D" | b"F" | b"G" if self.desk.repeated.passes_over(self.asker.session, message) => {
                return Ok(())
            }
            _ => {}
        }
        match request::read(message, self.asker, exchange)? {
            Request::Enter(action) => self.enter(action, message),
            Request::Status {
                client_id,
                side,
                report,
            } => {
                let after = self.desk.engine.machine().sequence();
                self.desk.questions.push_back(Question {
                    after,
                    slot: self.slot,
                    client_id,
                    side,
                    report,
                });
                Ok(())
            }
        }
    }

    fn logged_on(&mut self, _: &LogonRequest<'_>) {
        *self.was_logged_on = true;
    }
}
