//! The one thread: sockets that are ready, turn by turn.
//!
//! Readiness comes once for each change (edge by edge), so a connection stays marked as readable until a read finds nothing. A turn reads once from each such
//! connection, and stops reading once enough entries wait for the log; the next turn begins with another connection.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use proofbook_session::{peek, Peek};

use crate::application::Client;
use crate::connection::{Connection, Outlet};
use crate::error::{failed, GatewayError};
use crate::gateway::{now_ns, Gateway};
use crate::request::Asker;

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
/// Connections have the tokens from here on.
const FIRST_CONNECTION: usize = 2;

/// Events that are taken at a time.
const EVENTS_MAX: usize = 1_024;

/// Entries after which a turn reads no more.
const ENTRIES_OF_TURN_MAX: u64 = 4_096;

/// How often time is let pass.
const TICK: Duration = Duration::from_millis(10);
const TICK_NS: u64 = TICK.as_nanos() as u64;

/// How long a connection may take to name its session.
const NAME_LIMIT_NS: u64 = 10_000_000_000;

/// Stops a reactor from another thread.
#[derive(Clone, Debug)]
pub struct Stop {
    is_stopped: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Stop {
    /// Has [`Reactor::run`] log everyone out and return.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn stop(&self) -> io::Result<()> {
        // The flag alone is read after the wake; nothing else is handed over with it.
        self.is_stopped.store(true, Ordering::SeqCst);
        self.waker.wake()
    }
}

/// A gateway that listens.
pub struct Reactor {
    gateway: Gateway,
    poll: Poll,
    listener: TcpListener,
    stop: Stop,
    /// There may be connections to accept.
    may_accept: bool,
    ticked_ns: u64,
    first_read: usize,
}

impl Gateway {
    /// Listens on an address.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn listen(self, address: SocketAddr) -> Result<Reactor, GatewayError> {
        let poll = Poll::new().map_err(failed("make a poll"))?;
        let listener = TcpListener::bind(address);
        let mut listener = listener.map_err(failed("listen"))?;
        let registry = poll.registry();
        let registered = registry.register(&mut listener, LISTENER, Interest::READABLE);
        registered.map_err(failed("wait for connections"))?;
        let waker = Waker::new(registry, WAKER).map_err(failed("make a waker"))?;
        let stop = Stop {
            is_stopped: Arc::new(AtomicBool::new(false)),
            waker: Arc::new(waker),
        };
        Ok(Reactor {
            gateway: self,
            poll,
            listener,
            stop,
            may_accept: true,
            ticked_ns: 0,
            first_read: 0,
        })
    }
}

impl Reactor {
    /// Where it listens.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What stops it.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Serves until it is stopped. Then everyone is logged out and a snapshot is taken.
    ///
    /// # Errors
    /// The log or a store failed: nothing that is not in them was sent.
    pub fn run(mut self) -> Result<(), GatewayError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !self.stop.is_stopped.load(Ordering::SeqCst) {
            self.wait(&mut events)?;
            self.turn(now_ns())?;
        }
        self.end(now_ns())
    }

    fn wait(&mut self, events: &mut Events) -> Result<(), GatewayError> {
        let connections = self.gateway.connections.iter().flatten();
        let has_work = self.gateway.desk.unacknowledged() > 0
            || connections.into_iter().any(|one| one.is_readable);
        let timeout = if has_work { Duration::ZERO } else { TICK };
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(failed("wait for sockets")(error))
            }
            _ => {}
        }
        for event in events.iter() {
            match event.token() {
                LISTENER => self.may_accept = true,
                WAKER => {}
                Token(token) => {
                    let slot = self.gateway.connections.get_mut(token - FIRST_CONNECTION);
                    if let Some(connection) = slot.and_then(Option::as_mut) {
                        connection.is_readable |= event.is_readable() && !connection.is_closing();
                    }
                }
            }
        }
        Ok(())
    }

    fn turn(&mut self, now_ns: u64) -> Result<(), GatewayError> {
        self.accept(now_ns)?;
        let count = self.gateway.connections.len();
        for offset in 0..count {
            let index = (self.first_read + offset) % count;
            self.gateway.read(index, now_ns)?;
            if self.gateway.desk.unacknowledged() >= ENTRIES_OF_TURN_MAX {
                break;
            }
        }
        self.first_read = (self.first_read + 1) % count.max(1);
        if now_ns.saturating_sub(self.ticked_ns) >= TICK_NS {
            self.ticked_ns = now_ns;
            self.gateway.tick(now_ns)?;
        }
        self.gateway.settle(now_ns)?;
        for index in 0..count {
            self.send(index, now_ns)?;
        }
        Ok(())
    }

    fn accept(&mut self, now_ns: u64) -> Result<(), GatewayError> {
        while self.may_accept {
            match self.listener.accept() {
                Ok((stream, _)) => self.connect(stream, now_ns)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.may_accept = false,
                // The peer has gone, or files are short: the next turn tries again.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Takes a connection, or closes it where there are too many.
    fn connect(&mut self, stream: mio::net::TcpStream, now_ns: u64) -> Result<(), GatewayError> {
        let connections = &mut self.gateway.connections;
        let index = match connections.iter().position(Option::is_none) {
            Some(index) => index,
            None if connections.len() < self.gateway.config.connections_max => {
                connections.push(None);
                connections.len() - 1
            }
            None => return Ok(()),
        };
        if stream.set_nodelay(true).is_err() {
            return Ok(());
        }
        let mut connection = Connection::new(stream, now_ns)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(index + FIRST_CONNECTION);
        let registry = self.poll.registry();
        let registered = registry.register(&mut connection.stream, token, interest);
        registered.map_err(failed("wait for a connection"))?;
        connections[index] = Some(connection);
        Ok(())
    }

    /// Sends what may be sent, and lets a connection go that is over.
    fn send(&mut self, index: usize, now_ns: u64) -> Result<(), GatewayError> {
        let Some(connection) = &mut self.gateway.connections[index] else {
            return Ok(());
        };
        if connection.sender.waiting() > 0 || connection.is_closing() {
            connection.flush();
        }
        if !connection.is_over(now_ns) {
            return Ok(());
        }
        // A socket that is gone need not be waited for.
        let _ = self.poll.registry().deregister(&mut connection.stream);
        self.gateway.disconnected(index, now_ns)
    }

    /// Logs everyone out, notes positions, takes a snapshot.
    fn end(mut self, now_ns: u64) -> Result<(), GatewayError> {
        let gateway = &mut self.gateway;
        gateway.settle(now_ns)?;
        for slot in &mut gateway.slots {
            let Some(index) = slot.connection else {
                continue;
            };
            if let Some(connection) = &mut gateway.connections[index] {
                let mut outlet = Outlet(Some(&mut connection.sender));
                let text = Some("The exchange stops");
                slot.session.logout(now_ns, &mut outlet, text)?;
            }
            slot.session.store().settle(true)?;
        }
        for connection in gateway.connections.iter_mut().flatten() {
            connection.flush();
        }
        gateway.note_positions()?;
        gateway.desk.engine.snapshot()?;
        self.gateway.desk.engine.close(&mut |_, _| {})?;
        Ok(())
    }
}

impl Gateway {
    /// Reads once from a connection, and takes what has come.
    fn read(&mut self, index: usize, now_ns: u64) -> Result<(), GatewayError> {
        let Some(connection) = &mut self.connections[index] else {
            return Ok(());
        };
        if !connection.is_readable {
            let is_late = now_ns.saturating_sub(connection.since_ns) >= NAME_LIMIT_NS;
            if connection.session.is_none() && is_late {
                connection.end();
            }
            return Ok(());
        }
        connection.fill();
        let Some(place) = self.session_of(index, now_ns) else {
            return Ok(());
        };
        let Some(connection) = &mut self.connections[index] else {
            return Ok(());
        };
        let slot = &mut self.slots[place];
        let mut client = Client {
            asker: Asker {
                account: slot.config.account,
                session: slot.config.id,
                now: self.desk.time(now_ns),
            },
            desk: &mut self.desk,
            slot: place,
            is_drop_copy: slot.config.is_drop_copy(),
            was_logged_on: &mut slot.was_logged_on,
        };
        let received = slot.session.receive(
            &mut self.parser,
            connection.receiver.waiting(),
            now_ns,
            &mut Outlet(Some(&mut connection.sender)),
            &mut client,
        )?;
        slot.is_changed = true;
        connection.consume(received.consumed);
        if received.disconnect.is_some() {
            connection.close(now_ns);
        }
        Ok(())
    }

    /// The session of a connection; found by its first message.
    fn session_of(&mut self, index: usize, now_ns: u64) -> Option<usize> {
        let connection = self.connections[index].as_mut()?;
        if connection.session.is_some() {
            return connection.session;
        }
        let place = match peek(&mut self.parser, connection.receiver.waiting()) {
            Peek::NeedMore => return None,
            Peek::Refused => None,
            Peek::Identity(identity) => self.by_identity.get(&identity).copied(),
        };
        let place = place.filter(|&place| self.slots[place].session.connect(now_ns).is_ok());
        match place {
            Some(place) => {
                connection.session = Some(place);
                let slot = &mut self.slots[place];
                (slot.connection, slot.was_logged_on) = (Some(index), false);
            }
            None => connection.end(),
        }
        place
    }

    /// A connection is over: its session is free again, its orders are cancelled where that was wanted, and then it is closed.
    fn disconnected(&mut self, index: usize, now_ns: u64) -> Result<(), GatewayError> {
        let connection = self.connections[index].take();
        let Some(place) = connection.as_ref().and_then(|one| one.session) else {
            return Ok(());
        };
        let slot = &mut self.slots[place];
        slot.connection = None;
        self.desk.market_data.forget(place);
        self.desk.securities.forget(place);
        slot.session.closed()?;
        slot.is_changed = true;
        if std::mem::take(&mut slot.was_logged_on) {
            self.cancel_orders_of(place, now_ns)?;
        }
        Ok(())
    }
}
