//! A small acceptor over TCP for one session: a thread for each connection, and a clock that goes on only while a test waits.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proofbook_fix::{Kernel, SIMDMessageParser};
use proofbook_session::{
    peek, DisconnectReason, MemoryStore, Peek, SendBuffer, Session, Settings, Unauthenticated,
};

use super::echo::Echo;

/// So much time passes in a tick, where it may pass.
const TICK_NS: u64 = 40_000_000;

/// Ticks that a test lets pass at a time.
const TICKS_OF_WAIT: u64 = 5;

/// Time that stands still until a test lets some of it pass, because it waits and nothing came. So nothing depends on when threads run.
#[derive(Clone)]
pub struct Clock {
    now_ns: Arc<AtomicU64>,
    ticks_left: Arc<AtomicU64>,
}

impl Clock {
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ns = now.expect("it is after 1970").as_nanos() as u64;
        Clock {
            now_ns: Arc::new(AtomicU64::new(now_ns)),
            ticks_left: Arc::new(AtomicU64::new(0)),
        }
    }

    pub fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::SeqCst)
    }

    /// Lets a few ticks pass. The acceptor takes them one by one, and gives back what is left once it has something to say.
    pub fn wait(&self) {
        self.ticks_left.store(TICKS_OF_WAIT, Ordering::SeqCst);
    }

    /// Lets nothing more pass.
    fn stop(&self) {
        self.ticks_left.store(0, Ordering::SeqCst);
    }

    /// One tick, where one is left.
    fn tick(&self) {
        let take = |left: u64| left.checked_sub(1);
        let (one, other) = (Ordering::SeqCst, Ordering::SeqCst);
        if self.ticks_left.fetch_update(one, other, take).is_ok() {
            self.now_ns.fetch_add(TICK_NS, Ordering::SeqCst);
        }
    }
}

struct Shared {
    session: Mutex<(Session<MemoryStore>, Echo)>,
    clock: Clock,
    is_stopped: AtomicBool,
}

/// It listens until it is dropped.
pub struct Acceptor {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How often the acceptor looks whether time may pass.
const TICK: Duration = Duration::from_millis(10);

impl Acceptor {
    pub fn start(settings: Settings, clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let address = listener.local_addr().expect("it is bound");
        let echo = Echo::new(settings.identity.version().dictionary());
        let store = MemoryStore::new(10_000);
        let session = Session::new(settings, store, Arc::new(Unauthenticated), Kernel::detect());
        let shared = Arc::new(Shared {
            session: Mutex::new((session, echo)),
            clock,
            is_stopped: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let mut connections = Vec::new();
            for stream in listener.incoming() {
                if theirs.is_stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (stream, shared) = (stream.expect("a connection"), Arc::clone(&theirs));
                connections.push(std::thread::spawn(move || serve(stream, &shared)));
            }
            for connection in connections {
                connection.join().expect("a connection does not panic");
            }
        });
        Acceptor {
            address,
            shared,
            thread: Some(thread),
        }
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the listener
        let ended = self.thread.take().expect("it is dropped once").join();
        if !std::thread::panicking() {
            ended.expect("the acceptor does not panic");
        }
    }
}

/// Reads what there is, or lets a tick pass; `false` at the end of the connection.
fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>, clock: &Clock) -> bool {
    let mut bytes = [0; 4_096];
    match stream.read(&mut bytes) {
        Ok(0) => false,
        Ok(count) => {
            buffer.extend_from_slice(&bytes[..count]);
            true
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => true,
        Err(error) => {
            clock.tick();
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        }
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    stream
        .set_read_timeout(Some(TICK))
        .expect("a timeout that is not zero");
    stream.set_nodelay(true).expect("TCP has it");
    let mut parser = SIMDMessageParser::new(Kernel::detect());
    let mut buffer = Vec::new();
    let since_ns = shared.clock.now_ns();
    let identity = loop {
        match peek(&mut parser, &buffer) {
            Peek::Identity(identity) => break identity,
            Peek::Refused => return,
            Peek::NeedMore => {}
        }
        let is_late = shared.clock.now_ns() - since_ns > 10_000_000_000;
        let is_over = is_late || shared.is_stopped.load(Ordering::SeqCst);
        if is_over || !read(&mut stream, &mut buffer, &shared.clock) {
            return;
        }
    };
    {
        let mut locked = shared.session.lock().expect("no panic before");
        let session = &mut locked.0;
        if session.settings().identity != identity || session.connect(since_ns).is_err() {
            return;
        }
    }
    converse(&mut stream, &mut parser, &mut buffer, shared);
    let mut locked = shared.session.lock().expect("no panic before");
    locked.0.closed().expect("memory does not fail");
    drop(locked);
    // The stream is closed only now, so that the peer finds a session that is free.
    drop(stream);
}

fn converse(
    stream: &mut TcpStream,
    parser: &mut SIMDMessageParser,
    buffer: &mut Vec<u8>,
    shared: &Shared,
) {
    let mut output = SendBuffer::new(1 << 20);
    loop {
        let end = exchange(parser, buffer, &mut output, shared);
        if end.is_some() || !output.pending().is_empty() {
            shared.clock.stop();
        }
        if stream.write_all(output.pending()).is_err() || end.is_some() {
            return;
        }
        output.sent(output.pending().len());
        if shared.is_stopped.load(Ordering::SeqCst) || !read(stream, buffer, &shared.clock) {
            return;
        }
    }
}

/// What came and the time that passed, for the session.
fn exchange(
    parser: &mut SIMDMessageParser,
    buffer: &mut Vec<u8>,
    output: &mut SendBuffer,
    shared: &Shared,
) -> Option<DisconnectReason> {
    let now_ns = shared.clock.now_ns();
    let mut locked = shared.session.lock().expect("no panic before");
    let (session, echo) = &mut *locked;
    let received = session.receive(parser, buffer, now_ns, output, echo);
    let received = received.expect("memory does not fail");
    buffer.drain(..received.consumed);
    session
        .tick(parser, now_ns, output)
        .expect("memory does not fail")
}
