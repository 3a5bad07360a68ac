//! Models of shared packets and of the ring: every order in which two or three threads can share, drop, take, push and poll.

#![cfg(loom)]
#![allow(clippy::unwrap_used)]

#[path = "../../memory/tests/modelled/mod.rs"]
mod modelled;

use modelled::{model, model_of_three};
use proofbook_net::bytes::PooledBytes;
use proofbook_net::{BufferPool, HFTPacketRef, PacketRingBuffer, Receiver, RingConfig};

const ROOM: usize = 64;

fn packet(pool: &BufferPool, text: &[u8]) -> HFTPacketRef {
    let mut buffer = pool.take().unwrap();
    buffer.bytes_mut()[..text.len()].copy_from_slice(text);
    buffer.share(text.len()).unwrap()
}

fn config() -> RingConfig {
    RingConfig {
        batch_threshold: 2,
        ..RingConfig::of(2)
    }
}

/// Whoever is last gives the buffer back, after all have read.
#[test]
fn a_packet_goes_home_once_after_all_have_read_it() {
    model(4, |roles| {
        let pool = BufferPool::new(1, 1, ROOM).unwrap();
        let one = packet(&pool, b"x");
        let other = one.clone();
        roles.two(
            move || assert_eq!(one.payload(), b"x"),
            move || assert_eq!(other.payload(), b"x"),
        );
        assert_eq!(pool.statistics().in_use, 0);
        assert!(pool.take().is_ok());
    });
}

/// A copy that is made while another owner goes keeps the buffer.
#[test]
fn a_packet_that_is_shared_on_stays() {
    model_of_three(3, |roles| {
        let pool = BufferPool::new(1, 1, ROOM).unwrap();
        let one = packet(&pool, b"x");
        let (two, three) = (one.clone(), one.clone());
        roles.three(
            move || drop(one),
            move || {
                let copy = two.clone();
                drop(two);
                assert_eq!(copy.payload(), b"x");
            },
            move || assert_eq!(three.payload(), b"x"),
        );
        assert_eq!(pool.statistics().in_use, 0);
    });
}

/// A buffer that is taken again comes after the last reader; none is given out while it is shared.
#[test]
fn a_buffer_is_taken_again_after_its_last_reader() {
    model(4, |roles| {
        let pool = BufferPool::new(1, 1, ROOM).unwrap();
        let taker = pool.clone();
        let shared = packet(&pool, b"x");
        roles.two(
            move || assert_eq!(shared.payload(), b"x"),
            move || {
                if let Ok(mut buffer) = taker.take() {
                    buffer.bytes_mut()[0] = b'y';
                    assert_eq!(buffer.share(1).unwrap().payload(), b"y");
                }
            },
        );
        assert_eq!(pool.statistics().in_use, 0);
    });
}

/// A stream begins its buffer anew only after the messages in it were let go.
#[test]
fn a_stream_writes_over_nothing_that_is_shared() {
    model(4, |roles| {
        let pool = BufferPool::new(1, 2, ROOM).unwrap();
        let mut receiver = Receiver::new(PooledBytes::new(pool.clone()).unwrap());
        let whole = |bytes: &[u8]| Ok::<_, ()>((!bytes.is_empty()).then_some(bytes.len()));
        receiver.fill(&mut &b"first"[..]).unwrap();
        let first = receiver.next_packet(0, whole).unwrap().unwrap();
        roles.two(
            move || assert_eq!(first.as_slice(), Some(&b"first"[..])),
            move || {
                receiver.fill(&mut &b"other"[..]).unwrap();
                let other = receiver.next_packet(0, whole).unwrap().unwrap();
                assert_eq!(other.as_slice(), Some(&b"other"[..]));
            },
        );
        assert_eq!(pool.statistics().in_use, 0);
    });
}

/// What is pushed through a ring is read whole, once, and goes home.
#[test]
fn a_ring_hands_packets_over() {
    model(3, |roles| {
        let pool = BufferPool::new(1, 2, ROOM).unwrap();
        let (mut producer, mut ring) = PacketRingBuffer::single(config()).unwrap();
        let packets = [packet(&pool, b"1"), packet(&pool, b"2")];
        roles.two(
            move || {
                for packet in packets {
                    assert!(producer.push(packet, 0).is_ok());
                }
            },
            move || {
                let mut found: Vec<u8> = Vec::new();
                for _ in 0..2 {
                    let batch = ring.take_all();
                    found.extend(batch.map(|packet| packet.payload()[0]));
                }
                assert_eq!(found, b"12"[..found.len()]);
            },
        );
        assert_eq!(pool.statistics().in_use, 0);
    });
}

/// When all producers are gone, all that they pushed is there.
#[test]
fn a_closed_ring_holds_all_that_was_pushed() {
    model_of_three(3, |roles| {
        let (mut one, mut ring) = PacketRingBuffer::many(config()).unwrap();
        let mut other = one.another().unwrap();
        roles.three(
            move || one.push(1, 0).unwrap(),
            move || other.push(2, 0).unwrap(),
            move || {
                if ring.is_closed() {
                    let mut found: Vec<u32> = ring.take_all().collect();
                    found.sort_unstable();
                    assert_eq!(found, [1, 2]);
                }
            },
        );
    });
}
