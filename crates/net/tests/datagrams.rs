//! Datagrams over loopback: in a buffer each, with the kernel's times and the hash of their connection.
#![cfg(target_os = "linux")]

use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proofbook_net::toeplitz::Toeplitz;
use proofbook_net::{
    stamps, BufferPool, DatagramReceiver, HFTPacketRef, PacketType, ReceiveError, Validity,
};

/// No test waits longer for a socket of this machine.
const PATIENCE: Duration = Duration::from_secs(300);

struct Pair {
    here: UdpSocket,
    there: UdpSocket,
    pool: BufferPool,
    receiver: DatagramReceiver<BufferPool>,
}

fn pair(address: &str, buffers: usize) -> Pair {
    let here = UdpSocket::bind(address).expect("loopback is there");
    let there = UdpSocket::bind(address).expect("loopback is there");
    let local = here.local_addr().expect("it is bound");
    there.connect(local).expect("the address is known");
    stamps::request(&here).expect("Linux gives times of UDP sockets");
    let pool = BufferPool::new(4, buffers, 512).expect("a small pool");
    let receiver = DatagramReceiver::new(pool.clone(), local, Toeplitz::default());
    Pair {
        here,
        there,
        pool,
        receiver,
    }
}

fn receive_patiently(pair: &mut Pair, now_ns: u64) -> HFTPacketRef {
    let start = Instant::now();
    loop {
        let received = pair.receiver.receive(&pair.here, now_ns);
        if let Some(packet) = received.expect("the socket and the pool are fine") {
            return packet;
        }
        assert!(start.elapsed() < PATIENCE, "nothing came");
    }
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("it is later than 1970").as_nanos() as u64
}

/// Sends until a datagram has a time, which the kernel begins to take a moment after it is asked; the number of that one.
fn first_with_time(pair: &mut Pair) -> u64 {
    let start = Instant::now();
    loop {
        pair.there.send(b"is it on?").expect("loopback takes it");
        let packet = receive_patiently(pair, 0);
        if packet.kernel_timestamp_ns().is_some() {
            return packet.sequence();
        }
        assert!(!packet.validity().has(Validity::KERNEL_TIMESTAMP));
        assert!(start.elapsed() < PATIENCE, "no times came");
    }
}

fn described(address: &str) {
    let mut pair = pair(address, 4);
    let first = first_with_time(&mut pair);
    let mut before = 0;
    for number in first + 1..first + 20 {
        let sent_at_ns = now_ns();
        let text = format!("datagram {number}");
        pair.there.send(text.as_bytes()).expect("loopback takes it");
        let packet = receive_patiently(&mut pair, 77);
        assert_eq!(packet.payload(), text.as_bytes());
        assert_eq!(
            packet.payload().as_ptr().addr(),
            packet.buffer().virtual_address()
        );
        assert_eq!(
            (packet.packet_type(), packet.sequence()),
            (PacketType::Datagram, number)
        );
        assert_eq!((packet.timestamp_ns(), packet.buffer().pool_id()), (77, 4));
        let time = packet
            .kernel_timestamp_ns()
            .expect("the kernel says when it came");
        assert!(packet.validity().has(Validity::KERNEL_TIMESTAMP));
        // The clock of the system may be set meanwhile: a second of slack, and order among the packets.
        let (slack_ns, received_at_ns) = (1_000_000_000, now_ns());
        assert!(
            (sent_at_ns - slack_ns..=received_at_ns + slack_ns).contains(&time),
            "{time}, from {sent_at_ns} to {received_at_ns}"
        );
        assert!(time >= before, "{time} after {before}");
        before = time;
        assert_eq!(packet.hardware_timestamp_ns(), None, "loopback has no card");
        let (from, to) = (pair.there.local_addr(), pair.here.local_addr());
        let hash = Toeplitz::default().hash(from.expect("bound"), to.expect("bound"));
        assert_eq!(packet.rss_hash(), Some(hash));
    }
    drop(pair.receiver);
    assert_eq!(pair.pool.statistics().in_use, 0);
}

#[test]
fn a_datagram_comes_with_its_time_and_hash() {
    described("127.0.0.1:0");
}

#[test]
fn so_does_one_of_the_newer_protocol() {
    if UdpSocket::bind("[::1]:0").is_ok() {
        described("[::1]:0");
    } else {
        eprintln!("skipped: this machine has no IPv6 loopback");
    }
}

#[test]
fn without_a_buffer_a_datagram_stays_in_the_socket() {
    let mut pair = pair("127.0.0.1:0", 1);
    assert!(matches!(pair.receiver.receive(&pair.here, 0), Ok(None)));
    assert_eq!(
        pair.pool.statistics().in_use,
        1,
        "the buffer waits for a datagram"
    );
    pair.there.send(b"one").expect("loopback takes it");
    pair.there.send(b"two").expect("loopback takes it");
    let first = receive_patiently(&mut pair, 0);
    let refusal = pair
        .receiver
        .receive(&pair.here, 0)
        .expect_err("the buffer is in use");
    assert!(matches!(refusal, ReceiveError::Pool(_)), "{refusal}");
    assert_eq!(first.payload(), b"one");
    drop(first);
    assert_eq!(receive_patiently(&mut pair, 0).payload(), b"two");
}

#[test]
fn a_datagram_that_does_not_fit_is_an_error_and_the_next_one_comes() {
    let mut pair = pair("127.0.0.1:0", 1);
    pair.there.send(&[7; 513]).expect("loopback takes it");
    pair.there.send(&[8; 512]).expect("loopback takes it");
    let start = Instant::now();
    let refusal = loop {
        match pair.receiver.receive(&pair.here, 0) {
            Ok(None) => assert!(start.elapsed() < PATIENCE, "nothing came"),
            Ok(Some(packet)) => panic!("a packet of {} bytes came", packet.payload_length()),
            Err(refusal) => break refusal,
        }
    };
    assert!(
        matches!(refusal, ReceiveError::DatagramTooLong { most: 512 }),
        "{refusal}"
    );
    assert_eq!(receive_patiently(&mut pair, 0).payload(), [8; 512]);
}
