//! Stream sockets over loopback: messages cut anywhere, no byte copied, slow clients, the kernel's times.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::time::{Duration, Instant};

use proofbook_memory::pool::PoolError;
use proofbook_net::bytes::{AnyBytes, MirroredBytes, PooledBytes, StreamBytes};
use proofbook_net::stamps::{self, Received, Stamped};
use proofbook_net::{
    BufferPool, BufferSource, Filled, Flushed, PooledBuffer, ReceiveError, Receiver, SendError,
    Sender, Source, ZeroCopyPacket,
};

/// No test waits longer for a socket of this machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Two ends of a connection; the first does not block.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    let client = TcpStream::connect(listener.local_addr().expect("it is bound"));
    let client = client.expect("somebody listens");
    let (server, _) = listener.accept().expect("somebody connects");
    client.set_nodelay(true).expect("it is a TCP socket");
    server.set_nonblocking(true).expect("sockets can");
    (server, client)
}

/// A message: its length in two bytes, then bytes that depend on its number.
fn message(number: usize, length: usize) -> Vec<u8> {
    let mut message = (length as u16).to_be_bytes().to_vec();
    message.extend((0..length).map(|at| (number * 31 + at) as u8));
    message
}

fn end_of(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some(length) = bytes.first_chunk::<2>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes(*length)) + 2;
    match length {
        0..=10_000 => Ok((length <= bytes.len()).then_some(length)),
        _ => Err(format!("expected at most 10000 bytes, received {length}")),
    }
}

/// Reads until something came or the other side ended.
fn fill_patiently<M: StreamBytes>(receiver: &mut Receiver<M>, source: &mut impl Source) -> Filled {
    let start = Instant::now();
    loop {
        match receiver
            .fill(source)
            .expect("the socket and the memory are fine")
        {
            Filled::Nothing => assert!(start.elapsed() < PATIENCE, "nothing came"),
            filled => return filled,
        }
    }
}

/// What the kernel was asked to write, and how much it wrote.
struct Watched<'socket> {
    socket: &'socket TcpStream,
    written: Vec<Range<usize>>,
}

impl Source for Watched<'_> {
    fn receive(&mut self, room: &mut [u8]) -> io::Result<Received> {
        let mut socket = self.socket;
        let start = room.as_ptr().addr();
        let received = socket.receive(room)?;
        self.written.push(start..start + received.bytes);
        Ok(received)
    }
}

/// Each byte of the stream, by its place in it, has the address that the kernel wrote it to, or one that is the same byte of a mirror.
#[test]
fn a_message_lies_where_the_kernel_wrote_it() {
    const RING_BYTES: usize = 4096;
    let (server, mut client) = connection();
    let mut receiver = Receiver::new(MirroredBytes::new(RING_BYTES).expect("a page, twice"));
    let mut watched = Watched {
        socket: &server,
        written: Vec::new(),
    };
    let messages: Vec<Vec<u8>> = (0..400)
        .map(|number| message(number, number * 7 % 900))
        .collect();
    let stream = messages.concat();
    let (mut seen, mut across_the_end, mut position) = (0, 0, 0);
    let mut addresses: Vec<usize> = Vec::new();
    for part in stream.chunks(777) {
        client.write_all(part).expect("the other side reads");
        let arrived = addresses.len() + part.len();
        while addresses.len() < arrived {
            watched.written.clear();
            assert!(matches!(
                fill_patiently(&mut receiver, &mut watched),
                Filled::Bytes(_)
            ));
            addresses.extend(watched.written.iter().cloned().flatten());
        }
        while let Some(found) = receiver.next_message(end_of).expect("they are messages") {
            assert_eq!(found, messages[seen]);
            let mut crossed = false;
            for (at, byte) in found.iter().enumerate() {
                let (here, there) = (std::ptr::from_ref(byte).addr(), addresses[position + at]);
                assert_eq!(
                    here % RING_BYTES,
                    there % RING_BYTES,
                    "message {seen}, byte {at}"
                );
                crossed |= here != there;
            }
            across_the_end += usize::from(crossed);
            position += found.len();
            seen += 1;
        }
    }
    assert_eq!((seen, position), (messages.len(), stream.len()));
    assert!(
        across_the_end > 5,
        "messages crossed the end of the ring and were whole: {across_the_end}"
    );
    let statistics = receiver.statistics();
    assert_eq!(statistics.copied_bytes, 0);
    assert_eq!(statistics.received_bytes, stream.len() as u64);
    assert_eq!(statistics.messages, messages.len() as u64);
}

/// Sends a stream in two parts, cut at each place, and reads what came after each.
fn cut_everywhere<M: StreamBytes>(mut memory: impl FnMut() -> M) {
    let messages = [message(1, 0), message(2, 5), message(3, 1), message(4, 40)];
    let stream = messages.concat();
    let mut ends = vec![0];
    for message in &messages {
        ends.push(ends[ends.len() - 1] + message.len());
    }
    let (server, mut client) = connection();
    let mut source = &server;
    let mut receiver = Receiver::new(memory());
    for cut in 0..=stream.len() {
        let mut found = Vec::new();
        let mut arrived = 0;
        for part in [&stream[..cut], &stream[cut..]] {
            client.write_all(part).expect("the other side reads");
            arrived += part.len();
            let mut come = arrived - part.len();
            while come < arrived {
                match fill_patiently(&mut receiver, &mut source) {
                    Filled::Bytes(count) => come += count,
                    other => panic!("cut {cut}: {other:?}"),
                }
            }
            while let Some(message) = receiver.next_message(end_of).expect("they are messages") {
                found.push(message.to_vec());
            }
            let whole = ends
                .iter()
                .filter(|end| **end > 0 && **end <= arrived)
                .count();
            assert_eq!(
                found.len(),
                whole,
                "cut {cut}: all messages that have come and no other"
            );
            assert_eq!(
                receiver.waiting(),
                &stream[ends[whole]..arrived],
                "cut {cut}"
            );
        }
        assert_eq!(found, messages, "cut {cut}");
    }
    drop(client);
    assert_eq!(fill_patiently(&mut receiver, &mut source), Filled::Ended);
}

#[test]
fn a_stream_that_is_cut_anywhere_gives_the_same_messages() {
    cut_everywhere(|| MirroredBytes::new(4096).expect("a page, twice"));
    let pool = BufferPool::new(1, 2, 64).expect("a small pool");
    cut_everywhere(|| PooledBytes::new(pool.clone()).expect("a buffer is free"));
    cut_everywhere(|| AnyBytes::new(4096, &pool).expect("one or the other"));
    assert_eq!(pool.statistics().in_use, 0);
}

#[test]
fn a_message_longer_than_the_memory_is_an_error_and_so_is_what_is_none() {
    let mut receiver = Receiver::new(MirroredBytes::new(4096).expect("a page, twice"));
    let long = message(1, 9000);
    let mut source = &long[..];
    assert_eq!(
        receiver.fill(&mut source).expect("there is room"),
        Filled::Bytes(4096)
    );
    assert_eq!(receiver.next_message(end_of), Ok(None));
    let refusal = receiver.fill(&mut source).expect_err("it does not fit");
    assert!(
        matches!(refusal, ReceiveError::MessageTooLong { most: 4096 }),
        "{refusal}"
    );
    assert_eq!(receiver.waiting(), &long[..4096], "nothing is lost");

    let mut receiver = Receiver::new(MirroredBytes::new(4096).expect("a page, twice"));
    receiver
        .fill(&mut &[0xff_u8; 4][..])
        .expect("there is room");
    receiver
        .next_message(end_of)
        .expect_err("the length is beyond all messages");
    assert_eq!(receiver.waiting().len(), 4);
}

#[test]
fn shared_messages_stay_while_the_stream_goes_on_and_only_unfinished_ones_move() {
    const ROOM: usize = 1024;
    let pool = BufferPool::new(1, 40, ROOM).expect("a small pool");
    let mut receiver = Receiver::new(PooledBytes::new(pool.clone()).expect("a buffer is free"));
    receiver.set_rss_hash(99);
    let messages: Vec<Vec<u8>> = (0..200)
        .map(|number| message(number, 60 + number % 50))
        .collect();
    let stream = messages.concat();
    let mut source = &stream[..];
    let mut packets: Vec<ZeroCopyPacket> = Vec::new();
    while let Filled::Bytes(_) = receiver.fill(&mut source).expect("40 buffers hold all") {
        while let Some(packet) = receiver.next_packet(5, end_of).expect("they are messages") {
            packets.push(packet);
        }
    }
    assert_eq!(packets.len(), messages.len());
    for (number, (packet, message)) in packets.iter().zip(&messages).enumerate() {
        assert_eq!(packet.as_slice(), Some(&message[..]));
        assert_eq!(packet.metadata().rss_hash, Some(99));
        assert_eq!(
            (packet.metadata().sequence, packet.metadata().timestamp_ns),
            (number as u64, 5)
        );
    }
    let moved = receiver.statistics().copied_bytes;
    let buffers = pool.statistics().in_use as u64;
    assert!(
        moved > 0 && moved < buffers * 120,
        "at most one message a buffer: {moved} in {buffers}"
    );
    drop(packets);
    assert_eq!(pool.statistics().in_use, 1, "the receiver's own");
    drop(receiver);
    assert_eq!(pool.statistics().in_use, 0);
}

#[test]
fn a_receiver_without_buffers_loses_nothing() {
    let pool = BufferPool::new(1, 2, 64).expect("a small pool");
    let mut receiver = Receiver::new(PooledBytes::new(pool.clone()).expect("a buffer is free"));
    let stream = [message(1, 50), message(2, 50)].concat();
    let mut source = &stream[..];
    receiver.fill(&mut source).expect("there is room");
    let first = receiver
        .next_packet(0, end_of)
        .expect("a message")
        .expect("it is whole");
    let other = pool.take().expect("the last one");
    let refusal = receiver
        .fill(&mut source)
        .expect_err("no buffer to go on in");
    assert!(matches!(refusal, ReceiveError::Pool(_)), "{refusal}");
    drop(other);
    receiver.fill(&mut source).expect("a buffer is free again");
    let second = receiver
        .next_packet(0, end_of)
        .expect("a message")
        .expect("it is whole");
    assert_eq!((first.len(), second.as_slice()), (52, Some(&stream[52..])));
}

/// Gives buffers of pools in turn, whose rooms differ.
struct Mixed(Vec<BufferPool>);

impl BufferSource for Mixed {
    fn take(&mut self) -> Result<PooledBuffer, PoolError> {
        self.0.rotate_left(1);
        self.0[0].take()
    }
}

#[test]
#[should_panic(expected = "expected 101 bytes of room in each buffer of one source, received 64")]
fn a_source_whose_buffers_shrink_is_noticed_before_anything_is_written() {
    let pools = [64, 192].map(|room| BufferPool::new(1, 2, room).expect("a small pool"));
    let mut receiver = Receiver::new(PooledBytes::new(Mixed(pools.into())).expect("a buffer"));
    let stream = [message(1, 50), message(2, 99)].concat();
    let mut source = &stream[..];
    receiver.fill(&mut source).expect("there is room");
    let first = receiver.next_packet(0, end_of).expect("a message");
    assert!(first.is_some());
    assert_eq!(receiver.waiting().len(), 101);
    let _ = receiver.fill(&mut source);
}

/// Fills a connection that nobody reads, then reads it.
fn slow_client<M: StreamBytes>(memory: M) {
    let (mut server, mut client) = connection();
    let mut sender = Sender::new(memory);
    let mut expected = Vec::new();
    let refusal = loop {
        let next = message(expected.len(), 500);
        match sender.room(next.len()) {
            Ok(room) => room[..next.len()].copy_from_slice(&next),
            Err(refusal) => break refusal,
        }
        sender.commit(next.len());
        expected.extend(next);
        sender.flush(&mut server).expect("the socket is fine");
        assert!(
            expected.len() < 1 << 28,
            "a socket does not take everything"
        );
    };
    assert!(
        matches!(refusal, SendError::SlowClient { needed: 502, .. }),
        "{refusal}"
    );
    let waiting = sender.waiting();
    assert!(waiting > 0);
    assert_eq!(
        sender.flush(&mut server).expect("it is fine"),
        Flushed::Waiting(waiting)
    );
    let mut received: Vec<u8> = Vec::new();
    let mut part = [0; 7001];
    let start = Instant::now();
    while received.len() < expected.len() {
        let count = client.read(&mut part).expect("something is there");
        received.extend(&part[..count]);
        sender.flush(&mut server).expect("the socket is fine");
        assert!(
            start.elapsed() < PATIENCE,
            "{} of {}",
            received.len(),
            expected.len()
        );
    }
    assert!(received == expected, "each byte once and in order");
    let statistics = sender.statistics();
    assert_eq!(
        (statistics.sent_bytes, statistics.refused),
        (expected.len() as u64, 1)
    );
    assert!(sender.room(502).is_ok(), "there is room again");
}

#[test]
fn a_client_that_does_not_read_is_an_error_and_gets_all_when_it_reads() {
    slow_client(MirroredBytes::new(16_384).expect("pages, twice"));
    let pool = BufferPool::new(1, 1, 16_384).expect("a small pool");
    slow_client(PooledBytes::new(pool).expect("a buffer is free"));
}

/// Takes so many bytes, then none for a call.
struct Narrow {
    taken: Vec<u8>,
    at_once: usize,
    is_ready: bool,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.is_ready = !self.is_ready;
        if !self.is_ready {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = bytes.len().min(self.at_once);
        self.taken.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn partial_writes_go_on_at_each_place() {
    let first = message(1, 30);
    for at_once in 1..=first.len() {
        let mut sender = Sender::new(MirroredBytes::new(4096).expect("a page, twice"));
        sender.room(first.len()).expect("there is room")[..first.len()].copy_from_slice(&first);
        sender.commit(first.len());
        let mut socket = Narrow {
            taken: Vec::new(),
            at_once,
            is_ready: false,
        };
        let mut turns = 0;
        while sender.flush(&mut socket).expect("it is fine") != Flushed::All {
            turns += 1;
            assert_eq!(sender.waiting(), first.len() - turns * at_once);
        }
        assert_eq!(socket.taken, first);
        assert_eq!(
            sender.statistics().partial_writes,
            (first.len().div_ceil(at_once) - 1) as u64
        );
    }
    let mut sender = Sender::new(MirroredBytes::new(4096).expect("a page, twice"));
    let refusal = sender.room(5000).expect_err("it never fits");
    assert_eq!(
        refusal,
        SendError::MessageTooLong {
            most: 4096,
            needed: 5000
        }
    );
}

#[cfg(target_os = "linux")]
fn now_ns() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("it is later than 1970").as_nanos() as u64
}

#[cfg(target_os = "linux")]
#[test]
fn a_stream_has_the_kernels_times() {
    let (server, mut client) = connection();
    stamps::request(&server).expect("Linux gives times of TCP sockets");
    let mut receiver = Receiver::new(MirroredBytes::new(4096).expect("a page, twice"));
    let mut source = Stamped(&server);
    assert_eq!(
        receiver.fill(&mut source).expect("the socket is fine"),
        Filled::Nothing
    );
    let (start, start_ns) = (Instant::now(), now_ns());
    let (mut times, mut sent) = (Vec::new(), 0);
    // The kernel begins to take times a moment after it is asked.
    while times.len() < 3 {
        client
            .write_all(&message(sent, 8))
            .expect("the other side reads");
        assert_eq!(
            fill_patiently(&mut receiver, &mut source),
            Filled::Bytes(10)
        );
        assert_eq!(
            receiver.next_message(end_of),
            Ok(Some(&message(sent, 8)[..]))
        );
        assert_eq!(receiver.stamps().hardware_ns, None, "loopback has no card");
        times.extend(receiver.stamps().software_ns);
        sent += 1;
        assert!(start.elapsed() < PATIENCE, "no times came");
    }
    assert!(times.is_sorted(), "{times:?}");
    // The clock may be set meanwhile, by a little.
    let (slack_ns, end_ns) = (1_000_000_000, now_ns());
    assert!(
        (start_ns - slack_ns..=end_ns + slack_ns).contains(&times[0]),
        "{times:?}, from {start_ns} to {end_ns}"
    );
    drop(client);
    assert_eq!(fill_patiently(&mut receiver, &mut source), Filled::Ended);
}

#[test]
fn packets_of_several_segments_leave_through_a_real_socket() {
    let (mut server, mut client) = connection();
    let pool = BufferPool::new(1, 2, 64).expect("a small pool");
    let part = |bytes: &[u8]| {
        let mut buffer = pool.take().expect("two are free");
        buffer.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        ZeroCopyPacket::from(buffer.share(bytes.len()).expect("it fits"))
    };
    let packet = ZeroCopyPacket::gather([part(b"head,"), part(b"body")]).expect("two segments");
    let mut sent = 0;
    while sent < packet.len() {
        sent += packet
            .write_to(&mut server, sent)
            .expect("an empty socket takes it");
    }
    let mut received = [0; 9];
    client.read_exact(&mut received).expect("it was sent");
    assert_eq!(&received, b"head,body");
}
