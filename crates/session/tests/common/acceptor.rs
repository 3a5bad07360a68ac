//! A small acceptor over TCP for one session: a thread for each connection, a clock that can run faster or slower than time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proofbook_fix::{Kernel, SIMDMessageParser};
use proofbook_session::{
    peek, DisconnectReason, MemoryStore, Peek, SendBuffer, Session, Settings, Unauthenticated,
};

use super::echo::Echo;

/// Time that passes `speed.0` ns in `speed.1` real ones.
#[derive(Clone, Copy)]
pub struct Clock {
    start: Instant,
    start_ns: u64,
    speed: (u32, u32),
}

impl Clock {
    pub fn new(speed: (u32, u32)) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let start_ns = now.expect("it is after 1970").as_nanos() as u64;
        Clock {
            start: Instant::now(),
            start_ns,
            speed,
        }
    }

    pub fn now_ns(&self) -> u64 {
        let passed = self.start.elapsed() * self.speed.0 / self.speed.1;
        self.start_ns + passed.as_nanos() as u64
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

/// How often time is let pass.
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

/// Reads what there is within a tick; `false` at the end of the connection.
fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    let mut bytes = [0; 4_096];
    match stream.read(&mut bytes) {
        Ok(0) => false,
        Ok(count) => {
            buffer.extend_from_slice(&bytes[..count]);
            true
        }
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
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
        if is_late || shared.is_stopped.load(Ordering::SeqCst) || !read(&mut stream, &mut buffer) {
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
        if stream.write_all(output.pending()).is_err() || end.is_some() {
            return;
        }
        output.sent(output.pending().len());
        if shared.is_stopped.load(Ordering::SeqCst) || !read(stream, buffer) {
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
