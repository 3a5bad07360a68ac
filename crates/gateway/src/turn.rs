//! A turn: what the log acknowledged is told to whom it concerns, stores are written, and only then anything is sent.

use std::time::Instant;

use proofbook_engine::EngineError;
use proofbook_exchange::{Action, ClientId, Execution, Outcome, Refusal, Report, Target};
use proofbook_fix::Draft;
use proofbook_types::{AccountId, CancelReason, OrderId};

use crate::application::Question;
use crate::connection::{Connection, Outlet};
use crate::error::GatewayError;
use crate::gateway::{concerns_clients, elapsed_ns, is_refusal, Gateway};
use crate::outbox::Position;
use crate::report::{self, Context, MassCancel};

/// After so many entries the stores note their positions, which bounds what a start replays.
const NOTE_ENTRIES: u64 = 1 << 16;

/// Where in the log the messages of an entry are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbering {
    next: Position,
    time_ns: u64,
}

/// Where messages for a session go.
pub(crate) fn outlet(
    connections: &mut [Option<Connection>],
    connection: Option<usize>,
) -> Outlet<'_> {
    let connection = connection.and_then(|index| connections[index].as_mut());
    Outlet(connection.map(|connection| &mut connection.sender))
}

impl Gateway {
    /// Tells a session an outcome, unless it had it before.
    pub(crate) fn deliver(
        &mut self,
        entry: u64,
        outcome: &Outcome,
        now_ns: u64,
    ) -> Result<(), GatewayError> {
        if self.numbering.next.entry != entry {
            self.numbering = Numbering {
                next: Position { entry, index: 0 },
                time_ns: now_ns,
            };
        }
        match outcome {
            Outcome::Command { command, .. } => {
                self.numbering.time_ns = command.time.0;
                Ok(())
            }
            Outcome::Report(report) => self.report(report, now_ns),
            Outcome::Answer {
                session,
                cancelled,
                refusal,
                ..
            } if *session != 0 => self.answer(*session, *cancelled, *refusal, now_ns),
            _ => Ok(()),
        }
    }

    /// The next place, and the session if it is to be told. The store is told that the place is its next message's.
    fn place(&mut self, session: u64) -> (Position, Option<usize>) {
        let position = self.numbering.next;
        self.numbering.next.index += 1;
        let slot = self.by_id.get(&session).copied();
        let slot = slot.filter(|&place| self.take_place(place, position));
        (position, slot)
    }

    /// Whether a session is to be told what has this place.
    pub(crate) fn take_place(&mut self, place: usize, position: Position) -> bool {
        let store = self.slots[place].session.store();
        let is_new = store.position() < Some(position);
        if is_new {
            store.advance(position);
        }
        is_new
    }

    fn report(&mut self, report: &Report, now_ns: u64) -> Result<(), GatewayError> {
        let (position, place) = self.place(report.session);
        let time_ns = self.numbering.time_ns;
        if let Some(place) = place {
            self.send_report(place, report, Some(position), time_ns, now_ns)?;
        }
        self.tell_of_cancel(report, position, now_ns)?;
        self.copy_report(report, position, time_ns, now_ns)
    }

    /// Tells the session that an order belongs to that another one, or another thread, had it cancelled: that one has the answer, and this one must not go on
    /// believing that the order is live.
    fn tell_of_cancel(
        &mut self,
        report: &Report,
        position: Position,
        now_ns: u64,
    ) -> Result<(), GatewayError> {
        let reason = CancelReason::Requested;
        if report.execution != (Execution::Cancelled { reason }) {
            return Ok(());
        }
        let Some(order) = self.desk.engine.machine().order(report.order_id) else {
            return Ok(());
        };
        let place = self.by_id.get(&order.session).copied();
        let place = place.filter(|_| order.session != report.session);
        let Some(place) = place.filter(|&place| self.take_place(place, position)) else {
            return Ok(());
        };
        let told = Report {
            session: order.session,
            client_id: order.client_id,
            original_id: ClientId::NONE,
            ..*report
        };
        self.send_report(place, &told, Some(position), self.numbering.time_ns, now_ns)
    }

    pub(crate) fn send_report(
        &mut self,
        place: usize,
        report: &Report,
        position: Option<Position>,
        time_ns: u64,
        now_ns: u64,
    ) -> Result<(), GatewayError> {
        let slot = &mut self.slots[place];
        let exchange = self.desk.engine.machine();
        let instrument = exchange.market(report.market).map(|(found, _)| found);
        let quote = instrument.and_then(|instrument| {
            let index = (instrument.quote.0 as usize).checked_sub(1)?;
            exchange.assets().get(index)
        });
        let context = Context {
            version: slot.config.settings.identity.version(),
            instrument,
            quote,
            position,
            time_ns,
            is_copy: slot.config.is_drop_copy(),
        };
        let mut outlet = outlet(&mut self.connections, slot.connection);
        slot.is_changed = true;
        let body = |draft: &mut Draft<'_>| report::write(draft, &context, report);
        let kind = report::message_type(report);
        slot.session.send(now_ns, &mut outlet, kind, &[], body)?;
        Ok(())
    }

    fn answer(
        &mut self,
        session: u64,
        cancelled: u32,
        refusal: Option<Refusal>,
        now_ns: u64,
    ) -> Result<(), GatewayError> {
        let asked = self.desk.mass_cancels.remove(&self.numbering.next.entry);
        let (position, Some(place)) = self.place(session) else {
            return Ok(());
        };
        let asked = asked.unwrap_or(MassCancel {
            client_id: ClientId::NONE,
            is_one_market: false,
        });
        let time_ns = self.numbering.time_ns;
        let slot = &mut self.slots[place];
        slot.is_changed = true;
        let mut outlet = outlet(&mut self.connections, slot.connection);
        slot.session.send(now_ns, &mut outlet, b"r", &[], |draft| {
            report::mass_cancel(draft, position, time_ns, &asked, cancelled, refusal);
        })?;
        Ok(())
    }

    /// Answers questions that came before an entry.
    fn answer_questions(&mut self, before: u64, now_ns: u64) -> Result<(), GatewayError> {
        let is_due = |question: &Question| question.after < before;
        while self.desk.questions.front().is_some_and(is_due) {
            let Some(question) = self.desk.questions.pop_front() else {
                return Ok(());
            };
            if let Some(report) = &question.report {
                self.send_report(question.slot, report, None, now_ns, now_ns)?;
                continue;
            }
            let slot = &mut self.slots[question.slot];
            slot.is_changed = true;
            let version = slot.config.settings.identity.version();
            let mut outlet = outlet(&mut self.connections, slot.connection);
            slot.session.send(now_ns, &mut outlet, b"8", &[], |draft| {
                report::unknown_order(draft, version, &question.client_id, question.side);
            })?;
        }
        Ok(())
    }

    /// Has the log acknowledge everything, tells what came of it, and writes the stores. What stands in the connections may be sent then.
    pub(crate) fn settle(&mut self, now_ns: u64) -> Result<(), GatewayError> {
        if let Some(failure) = self.desk.failure.take() {
            return Err(failure.into());
        }
        if self.desk.unacknowledged() > 0 {
            let start = Instant::now();
            self.desk.engine.commit()?;
            let metrics = &self.desk.metrics;
            metrics.commit_ns.record(elapsed_ns(start));
            metrics.commits.add(1);
            metrics.entries.set(self.desk.engine.acknowledged());
        }
        let mut released = std::mem::take(&mut self.released);
        let refusals = &self.desk.metrics.refusals;
        self.desk.engine.release(&mut |entry, outcome| {
            refusals.add(u64::from(is_refusal(&outcome)));
            if concerns_clients(&outcome) {
                released.push((entry, outcome));
            }
        });
        for (entry, outcome) in &released {
            self.answer_questions(*entry, now_ns)?;
            self.deliver(*entry, outcome, now_ns)?;
            self.desk.market_data.observe(*entry, outcome);
        }
        self.answer_questions(u64::MAX, now_ns)?;
        self.publish(now_ns)?;
        released.clear();
        self.released = released;
        self.write_stores(now_ns)?;
        if self.desk.engine.acknowledged() - self.noted >= NOTE_ENTRIES {
            self.note_positions()?;
        }
        Ok(())
    }

    /// Lets sessions that did something see the time, and writes their stores.
    fn write_stores(&mut self, now_ns: u64) -> Result<(), GatewayError> {
        let is_durable = self.config.is_durable();
        for slot in &mut self.slots {
            if !std::mem::take(&mut slot.is_changed) {
                continue;
            }
            let mut outlet = outlet(&mut self.connections, slot.connection);
            let end = slot.session.tick(&mut self.parser, now_ns, &mut outlet)?;
            if let (Some(_), Some(index)) = (end, slot.connection) {
                if let Some(connection) = &mut self.connections[index] {
                    connection.close(now_ns);
                }
            }
            let store = slot.session.store();
            store.settle(is_durable)?;
            self.desk.metrics.messages_out.add(store.take_kept());
        }
        Ok(())
    }

    /// Cancels the orders that a session entered, where it wants that at the end of its connection.
    pub(crate) fn cancel_orders_of(
        &mut self,
        place: usize,
        now_ns: u64,
    ) -> Result<(), GatewayError> {
        let config = &self.slots[place].config;
        if !config.cancel_on_disconnect {
            return Ok(());
        }
        let (account, session) = (config.account, config.id);
        let orders = self.desk.engine.machine().open_orders(account);
        for order in orders.iter().filter(|order| order.session == session) {
            self.cancel(account, session, order.order_id, now_ns)?;
        }
        Ok(())
    }

    fn cancel(
        &mut self,
        account: AccountId,
        session: u64,
        order_id: OrderId,
        now_ns: u64,
    ) -> Result<(), GatewayError> {
        let target = Target {
            account,
            session,
            client_id: ClientId::NONE,
            original_id: ClientId::NONE,
            order_id,
        };
        let action = Action::Cancel { target };
        match self.desk.submit(action, now_ns) {
            Err(EngineError::Backlog { .. }) => {
                self.settle(now_ns)?;
                self.desk.submit(action, now_ns)?;
            }
            result => {
                result?;
            }
        }
        Ok(())
    }

    /// Lets time pass for everyone: heartbeats, limits, orders whose time is over.
    pub(crate) fn tick(&mut self, now_ns: u64) -> Result<(), GatewayError> {
        for slot in &mut self.slots {
            slot.is_changed |= slot.connection.is_some();
        }
        let exchange = self.desk.engine.machine();
        let time = self.desk.time(now_ns);
        if exchange.next_expiry().is_some_and(|expiry| expiry <= time) {
            match self.desk.submit(Action::Sweep, now_ns) {
                Ok(_) | Err(EngineError::Backlog { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
