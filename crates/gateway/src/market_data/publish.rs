//! Market data sent to the sessions.

use proofbook_fix::Draft;
use proofbook_session::SendError;

use super::Clients;
use crate::connection::Connection;
use crate::error::GatewayError;
use crate::gateway::{Gateway, Slot};
use crate::turn::outlet;

struct Sessions<'g> {
    slots: &'g mut [Slot],
    connections: &'g mut [Option<Connection>],
    now_ns: u64,
}

impl Clients for Sessions<'_> {
    fn waiting_bytes(&self, client: usize) -> Option<usize> {
        let slot = &self.slots[client];
        let connection = self.connections[slot.connection?].as_ref()?;
        let is_there = slot.session.is_logged_on() && !connection.is_closing();
        is_there.then(|| connection.sender.waiting())
    }

    fn send(
        &mut self,
        client: usize,
        message_type: &[u8],
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Result<bool, SendError> {
        let slot = &mut self.slots[client];
        let mut outlet = outlet(self.connections, slot.connection);
        slot.is_changed = true;
        let session = &mut slot.session;
        let number = session.send_transient(self.now_ns, &mut outlet, message_type, body)?;
        Ok(number.is_some())
    }
}

impl Gateway {
    /// Sends what changed in the turn. Everything that the exchange has taken is acknowledged.
    pub(crate) fn publish(&mut self, now_ns: u64) -> Result<(), GatewayError> {
        let mut clients = Sessions {
            slots: &mut self.slots,
            connections: &mut self.connections,
            now_ns,
        };
        let exchange = self.desk.engine.machine();
        Ok(self.desk.market_data.flush(exchange, &mut clients)?)
    }
}
