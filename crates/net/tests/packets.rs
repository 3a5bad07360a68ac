//! Packets: cut and put together against a model of plain bytes, and what becomes of their memory.

use std::io::{self, IoSlice, Write};

use proofbook_memory::sync::Arc;
use proofbook_net::mapping::Region;
use proofbook_net::{
    BufferPool, NetError, NotShared, PacketMetadata, PacketType, Validity, ZeroCopyPacket,
    SEGMENTS_MAX,
};
use proptest::prelude::*;

/// A packet of a pool's buffer with these bytes.
fn pooled(pool: &BufferPool, bytes: &[u8]) -> ZeroCopyPacket {
    let mut buffer = pool.take().expect("a buffer is free");
    buffer.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
    buffer.share(bytes.len()).expect("the bytes fit").into()
}

/// Packet of mapped memory with these bytes.
fn mapped(bytes: &[u8]) -> ZeroCopyPacket {
    let mut region = Region::anonymous(bytes.len()).expect("a page");
    let place = region.bytes_mut().expect("it can be written");
    place[..bytes.len()].copy_from_slice(bytes);
    let whole = ZeroCopyPacket::mapped(Arc::new(region));
    whole.slice(0..bytes.len()).expect("it lies in the region")
}

fn bytes_of(packet: &ZeroCopyPacket) -> Vec<u8> {
    packet.slices().flatten().copied().collect()
}

/// Where each byte of a packet lies.
fn addresses(packet: &ZeroCopyPacket) -> Vec<usize> {
    packet
        .slices()
        .flat_map(|slice| slice.iter().map(|byte| std::ptr::from_ref(byte).addr()))
        .collect()
}

/// What is done to a list of packets.
#[derive(Clone, Debug)]
enum Cut {
    Slice(u8, u8, u8),
    SplitTo(u8, u8),
    Gather(u8, u8),
    Clone(u8),
    Drop(u8),
}

fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let cut = prop_oneof![
        any::<(u8, u8, u8)>().prop_map(|(which, from, to)| Cut::Slice(which, from, to)),
        any::<(u8, u8)>().prop_map(|(which, at)| Cut::SplitTo(which, at)),
        any::<(u8, u8)>().prop_map(|(one, other)| Cut::Gather(one, other)),
        any::<u8>().prop_map(Cut::Clone),
        any::<u8>().prop_map(Cut::Drop),
    ];
    proptest::collection::vec(cut, 0..40)
}

/// A packet and the same in a vector: its bytes, and where each lies.
type Pair = (ZeroCopyPacket, Vec<u8>, Vec<usize>);

fn apply(pairs: &mut Vec<Pair>, cut: &Cut) {
    let place = |which: u8, count: usize| usize::from(which) % count;
    let count = pairs.len();
    match *cut {
        Cut::Slice(which, from, to) => {
            let (packet, bytes, places) = &pairs[place(which, count)];
            let to = place(to, bytes.len() + 1);
            let from = place(from, to + 1);
            let slice = packet.slice(from..to).expect("the range lies in it");
            pairs.push((slice, bytes[from..to].to_vec(), places[from..to].to_vec()));
        }
        Cut::SplitTo(which, at) => {
            let (packet, bytes, places) = &mut pairs[place(which, count)];
            let at = place(at, bytes.len() + 1);
            let head = packet.split_to(at).expect("the place lies in it");
            let of_head = (bytes.drain(..at).collect(), places.drain(..at).collect());
            pairs.push((head, of_head.0, of_head.1));
        }
        Cut::Gather(one, other) => {
            let (one, other) = (&pairs[place(one, count)], &pairs[place(other, count)]);
            let segments = |pair: &Pair| pair.0.slices().filter(|slice| !slice.is_empty()).count();
            let total = segments(one) + segments(other);
            let gathered = ZeroCopyPacket::gather([one.0.clone(), other.0.clone()]);
            assert_eq!(gathered.is_ok(), total <= SEGMENTS_MAX);
            if let Ok(gathered) = gathered {
                let both = (
                    [&one.1[..], &other.1].concat(),
                    [&one.2[..], &other.2].concat(),
                );
                pairs.push((gathered, both.0, both.1));
            }
        }
        Cut::Clone(which) => {
            let pair = pairs[place(which, count)].clone();
            pairs.push(pair);
        }
        Cut::Drop(which) => {
            if count > 1 {
                pairs.swap_remove(place(which, count));
            }
        }
    }
}

proptest! {
    #[test]
    fn cut_and_gathered_packets_are_the_bytes_of_a_vector_where_they_lay(
        first in proptest::collection::vec(any::<u8>(), 0..80),
        second in proptest::collection::vec(any::<u8>(), 1..80),
        cuts in cuts(),
    ) {
        let pool = BufferPool::new(1, 1, 128).expect("a small pool");
        let mut pairs: Vec<Pair> = [pooled(&pool, &first), mapped(&second)]
            .into_iter()
            .map(|packet| (packet.clone(), bytes_of(&packet), addresses(&packet)))
            .collect();
        prop_assert_eq!(&pairs[0].1, &first);
        prop_assert_eq!(&pairs[1].1, &second);
        for cut in &cuts {
            apply(&mut pairs, cut);
            for (packet, bytes, places) in &pairs {
                prop_assert_eq!(packet.len(), bytes.len());
                prop_assert_eq!(&bytes_of(packet), bytes);
                // No byte has moved: sharing is no copy.
                prop_assert_eq!(&addresses(packet), places);
                let is_one = packet.slices().count() <= 1;
                prop_assert_eq!(packet.as_slice().is_some(), is_one);
            }
        }
        drop(pairs);
        prop_assert_eq!(pool.statistics().in_use, 0);
    }
}

#[test]
fn what_lies_outside_is_refused_and_nothing_changes() {
    let pool = BufferPool::new(1, 1, 64).expect("a small pool");
    let mut packet = pooled(&pool, b"0123456789");
    let backwards = std::ops::Range { start: 5, end: 4 };
    for range in [0..11, 11..11, backwards] {
        assert!(packet.slice(range.clone()).is_err(), "{range:?}");
    }
    let refusal = packet.split_to(11).expect_err("it is too short");
    assert_eq!(
        refusal.to_string(),
        "place of a split: expected 0 to 10, received 11"
    );
    assert_eq!(packet.as_slice(), Some(&b"0123456789"[..]));
}

#[test]
fn messages_are_split_off_where_they_end() {
    let pool = BufferPool::new(1, 1, 64).expect("a small pool");
    let mut packet = pooled(&pool, b"one;three;fo");
    let end_of = |bytes: &[u8]| match bytes.first() {
        Some(b'!') => Err("no message begins so"),
        _ => Ok(bytes.iter().position(|byte| *byte == b';').map(|at| at + 1)),
    };
    let mut found = Vec::new();
    while let Some(message) = packet.split_message(end_of).expect("they are messages") {
        found.push(bytes_of(&message));
    }
    assert_eq!(found, [&b"one;"[..], b"three;"]);
    assert_eq!(packet.as_slice(), Some(&b"fo"[..]));
    let mut bad = mapped(b"!x");
    assert_eq!(
        bad.split_message(end_of).expect_err("it is none"),
        "no message begins so"
    );
    assert_eq!(bad.len(), 2);
}

/// Takes a few bytes at a time, and counts the calls with several slices.
struct Slow {
    taken: Vec<u8>,
    at_once: usize,
    with_several: usize,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.with_several += usize::from(slices.len() > 1);
        let before = self.taken.len();
        let bytes = slices.iter().flat_map(|slice| slice.iter());
        self.taken.extend(bytes.take(self.at_once));
        Ok(self.taken.len() - before)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn segments_are_written_together_and_on_from_where_the_socket_stopped() {
    let pool = BufferPool::new(1, 3, 64).expect("a small pool");
    let parts = [
        pooled(&pool, b"head"),
        mapped(b"|middle|"),
        pooled(&pool, b"tail"),
    ];
    let packet = ZeroCopyPacket::gather(parts).expect("three segments");
    assert_eq!(packet.buffer().segments().len(), 3);
    for at_once in 1..=packet.len() {
        let mut socket = Slow {
            taken: Vec::new(),
            at_once,
            with_several: 0,
        };
        let (mut sent, mut calls) = (0, 0);
        while sent < packet.len() {
            sent += packet.write_to(&mut socket, sent).expect("it takes some");
            calls += 1;
        }
        assert_eq!(socket.taken, b"head|middle|tail");
        assert_eq!(calls, packet.len().div_ceil(at_once));
        assert!(socket.with_several > 0);
    }
}

#[test]
fn too_many_segments_are_refused() {
    let pool = BufferPool::new(1, SEGMENTS_MAX + 1, 64).expect("a small pool");
    let parts = |count| (0..count).map(|_| pooled(&pool, b"x"));
    assert!(ZeroCopyPacket::gather(parts(SEGMENTS_MAX)).is_ok());
    let refusal = ZeroCopyPacket::gather(parts(SEGMENTS_MAX + 1)).expect_err("one too many");
    assert!(
        matches!(
            refusal,
            NetError::OutOfRange {
                most: SEGMENTS_MAX,
                ..
            }
        ),
        "{refusal}"
    );
    assert_eq!(pool.statistics().in_use, 0);
}

#[test]
fn a_packet_says_what_it_is() {
    let pool = BufferPool::new(9, 2, 64).expect("a small pool");
    let mut buffer = pool.take().expect("a buffer is free");
    buffer.describe(PacketType::Stream, 41, 42);
    buffer.set_rss_hash(7);
    buffer.bytes_mut()[..9].copy_from_slice(b"123456789");
    let packet = buffer.share_sealed(9).expect("nine bytes fit");
    assert_eq!(packet.checksum(), Some(0xe306_9283));
    assert_eq!(packet.verify_checksum(), Some(true));
    assert!(packet.validity().has(Validity::CHECKSUM));
    assert!(!packet.validity().has(Validity::KERNEL_TIMESTAMP));
    assert_eq!(
        (packet.kernel_timestamp_ns(), packet.rss_hash()),
        (None, Some(7))
    );
    assert_eq!(
        (packet.buffer().pool_id(), packet.buffer().room_bytes()),
        (9, 64)
    );
    assert_eq!(
        packet.buffer().virtual_address(),
        packet.payload().as_ptr().addr()
    );
    let expected = PacketMetadata {
        packet_type: PacketType::Stream,
        sequence: 41,
        timestamp_ns: 42,
        kernel_timestamp_ns: None,
        rss_hash: Some(7),
    };
    assert_eq!(*ZeroCopyPacket::from(packet.clone()).metadata(), expected);
    assert_eq!(packet.owners(), 1);

    let buffer = pool.take().expect("another is free");
    let NotShared {
        error: refusal,
        buffer,
    } = buffer.share_sealed(65).expect_err("64 bytes are all");
    assert!(
        refusal
            .to_string()
            .contains("expected 0 to 64, received 65"),
        "{refusal}"
    );
    let unsealed = buffer.share(0).expect("no bytes fit");
    assert_eq!(
        (unsealed.checksum(), unsealed.verify_checksum()),
        (None, None)
    );
}

#[cfg(target_os = "linux")]
#[test]
#[allow(unsafe_code)]
fn a_file_of_packets_is_looked_at_in_place() {
    let path = std::env::temp_dir().join(format!("proofbook-net-{}", std::process::id()));
    std::fs::write(&path, b"first;second;").expect("a file in the temporary directory");
    let file = std::fs::File::open(&path).expect("it was just written");
    // SAFETY: nobody else knows the file, and it is not changed.
    let region = unsafe { Region::of_file(&file) }.expect("it can be mapped");
    std::fs::remove_file(&path).expect("it is there");
    let mut packet = ZeroCopyPacket::mapped(Arc::new(region));
    assert_eq!(packet.metadata().packet_type, PacketType::Mapped);
    let first = packet.split_to(6).expect("it is longer");
    assert_eq!(
        (first.as_slice(), packet.as_slice()),
        (Some(&b"first;"[..]), Some(&b"second;"[..]))
    );
}
