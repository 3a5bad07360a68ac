//! The one thread: sockets that are ready, turn by turn.
//!
//! Readiness comes once for each change (edge by edge), so a connection stays marked as readable until a read finds nothing. A turn reads once from each such
//! connection, and stops reading once enough entries wait for the log; the next turn begins with another connection.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use proofbook_session::{peek, Peek};
use rustls::ServerConfig;

use crate::application::Client;
use crate::connection::{Connection, Outlet};
use crate::error::{failed, GatewayError};
use crate::gateway::{elapsed_ns, now_ns, Gateway};
use crate::handle::{self, Answers, Handle, Intake};
use crate::metrics::Metrics;
use crate::request::Asker;
use crate::tls::TlsFiles;

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

/// Handshakes that go on in a turn: they cost more than messages.
const HANDSHAKES_OF_TURN_MAX: usize = 8;

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
    listener: Option<TcpListener>,
    tls: Option<Arc<ServerConfig>>,
    stop: Stop,
    /// Requests of other threads, where there is a handle.
    intake: Option<Intake>,
    /// There may be connections to accept.
    may_accept: bool,
    ticked_ns: u64,
    first_read: usize,
    /// Until then it looks for requests without sleeping.
    awake_until: Instant,
}

impl Gateway {
    /// Listens on an address.
    ///
    /// # Errors
    /// Those of the operating system, and of the files for TLS.
    pub fn listen(self, address: SocketAddr) -> Result<Reactor, GatewayError> {
        self.serve(Some(address))
    }

    /// Listens on an address, or on none: then there are only requests of handles.
    ///
    /// # Errors
    /// Those of the operating system, and of the files for TLS.
    pub fn serve(self, address: Option<SocketAddr>) -> Result<Reactor, GatewayError> {
        let tls = self.config.tls.as_ref().map(TlsFiles::load).transpose()?;
        let poll = Poll::new().map_err(failed("make a poll"))?;
        let listener = address.map(TcpListener::bind).transpose();
        let mut listener = listener.map_err(failed("listen"))?;
        let registry = poll.registry();
        if let Some(listener) = &mut listener {
            let registered = registry.register(listener, LISTENER, Interest::READABLE);
            registered.map_err(failed("wait for connections"))?;
        }
        let waker = Waker::new(registry, WAKER).map_err(failed("make a waker"))?;
        let stop = Stop {
            is_stopped: Arc::new(AtomicBool::new(false)),
            waker: Arc::new(waker),
        };
        Ok(Reactor {
            gateway: self,
            poll,
            may_accept: listener.is_some(),
            listener,
            tls,
            stop,
            intake: None,
            ticked_ns: 0,
            first_read: 0,
            awake_until: Instant::now(),
        })
    }
}

impl Reactor {
    /// Where it listens.
    ///
    /// # Errors
    /// Those of the operating system; or it listens nowhere.
    pub fn address(&self) -> io::Result<SocketAddr> {
        let listener = self.listener.as_ref();
        listener
            .ok_or(io::ErrorKind::AddrNotAvailable)?
            .local_addr()
    }

    /// Lets other threads give it requests; what became of them must be read. A second call puts an end to the handle of the first.
    pub fn attach(&mut self) -> (Handle, Answers) {
        let waker = Arc::clone(&self.stop.waker);
        let acknowledged = self.gateway.desk.engine.acknowledged();
        let (intake, handle, answers) = handle::attach(waker, acknowledged);
        self.intake = Some(intake);
        (handle, answers)
    }

    /// The exchange as it is.
    pub fn exchange(&self) -> &proofbook_exchange::Exchange {
        self.gateway.exchange()
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
        let has_work = self.intake.as_mut().is_some_and(Intake::has_work)
            || self.gateway.desk.unacknowledged() > 0
            || connections.into_iter().any(|one| one.is_readable);
        self.poll_sockets(events, if has_work { Duration::ZERO } else { TICK })?;
        if !events.is_empty() {
            self.awake_until = Instant::now() + self.gateway.config.busy_poll;
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

    /// Asks for ready sockets, again and again while requests came a moment ago and that is wanted; then it sleeps until some are ready.
    fn poll_sockets(&mut self, events: &mut Events, timeout: Duration) -> Result<(), GatewayError> {
        let give_up = Instant::now() + timeout;
        loop {
            let now = Instant::now();
            let is_awake = now < self.awake_until;
            let wait = if is_awake { Duration::ZERO } else { timeout };
            match self.poll.poll(events, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(failed("wait for sockets")(error))
                }
                _ => {}
            }
            if !is_awake || !events.is_empty() || now >= give_up {
                return Ok(());
            }
        }
    }

    fn turn(&mut self, now_ns: u64) -> Result<(), GatewayError> {
        let (start, before) = (Instant::now(), self.gateway.desk.engine.acknowledged());
        self.accept(now_ns)?;
        if let Some(intake) = &mut self.intake {
            intake.take(&mut self.gateway.desk, now_ns);
        }
        let count = self.gateway.connections.len();
        let mut handshakes = 0;
        for offset in 0..count {
            let index = (self.first_read + offset) % count;
            if self.gateway.is_in_handshake(index) {
                handshakes += 1;
                if handshakes > HANDSHAKES_OF_TURN_MAX {
                    continue;
                }
            }
            self.gateway.read(index, now_ns)?;
            if self.gateway.desk.unacknowledged() >= ENTRIES_OF_TURN_MAX {
                break;
            }
        }
        self.first_read = (self.first_read + 1) % count.max(1);
        if now_ns.saturating_sub(self.ticked_ns) >= TICK_NS {
            self.ticked_ns = now_ns;
            let connections = self.gateway.connections.iter().flatten().count();
            self.gateway
                .desk
                .metrics
                .connections
                .set(connections as u64);
            self.gateway.tick(now_ns)?;
        }
        self.gateway.settle(now_ns)?;
        for index in 0..count {
            self.send(index, now_ns)?;
        }
        self.publish();
        if self.gateway.desk.engine.acknowledged() > before {
            self.gateway.desk.metrics.turn_ns.record(elapsed_ns(start));
            self.gateway.snapshot_if_due()?;
        }
        Ok(())
    }

    /// What it counts, for other threads to read.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.gateway.desk.metrics)
    }

    /// Tells other threads how far the log is.
    fn publish(&mut self) {
        if let Some(intake) = &mut self.intake {
            intake.publish(self.gateway.desk.engine.acknowledged());
        }
    }

    fn accept(&mut self, now_ns: u64) -> Result<(), GatewayError> {
        while let Some(listener) = self.listener.as_ref().filter(|_| self.may_accept) {
            match listener.accept() {
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
            None => {
                self.gateway.desk.metrics.connections_refused.add(1);
                return Ok(());
            }
        };
        if stream.set_nodelay(true).is_err() {
            return Ok(());
        }
        let mut connection = Connection::new(stream, self.tls.as_ref(), now_ns)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(index + FIRST_CONNECTION);
        let registry = self.poll.registry();
        let registered = registry.register(&mut connection.stream, token, interest);
        registered.map_err(failed("wait for a connection"))?;
        connections[index] = Some(connection);
        self.gateway.desk.metrics.connections_taken.add(1);
        Ok(())
    }

    /// Sends what may be sent, and lets a connection go that is over.
    fn send(&mut self, index: usize, now_ns: u64) -> Result<(), GatewayError> {
        let Some(connection) = &mut self.gateway.connections[index] else {
            return Ok(());
        };
        let waiting = connection.sender.waiting();
        if connection.has_output() || connection.is_closing() {
            connection.flush();
            let sent = waiting - connection.sender.waiting();
            self.gateway.desk.metrics.bytes_out.add(sent as u64);
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
        self.gateway.settle(now_ns)?;
        self.publish();
        let gateway = &mut self.gateway;
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
            connection.close(now_ns);
            connection.flush();
        }
        gateway.note_positions()?;
        gateway.snapshots.finish();
        if gateway.snapshots.has_end() {
            gateway.desk.engine.snapshot()?;
        }
        self.gateway.desk.engine.close(&mut |_, _| {})?;
        Ok(())
    }
}

impl Gateway {
    /// Whether a connection has something to read that belongs to its handshake.
    fn is_in_handshake(&self, index: usize) -> bool {
        let connection = self.connections[index].as_ref();
        connection.is_some_and(|one| one.is_readable && one.is_handshaking())
    }

    /// Reads once from a connection, and takes what has come.
    fn read(&mut self, index: usize, now_ns: u64) -> Result<(), GatewayError> {
        let Some(connection) = &mut self.connections[index] else {
            return Ok(());
        };
        if connection.is_late(now_ns) {
            connection.end();
        }
        if !connection.is_readable {
            return Ok(());
        }
        let before = connection.receiver.waiting().len();
        connection.fill();
        let read = connection.receiver.waiting().len() - before;
        self.desk.metrics.bytes_in.add(read as u64);
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
