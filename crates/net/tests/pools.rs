//! Pools of buffers: what they refuse, and that all of them come back, whoever has them last.

#[path = "../../memory/tests/objects/mod.rs"]
mod objects;

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;

use objects::soak_factor;
use proofbook_memory::numa::{NodeId, Topology};
use proofbook_memory::pool::PoolError;
use proofbook_net::{BufferPool, BufferSource, HFTPacketRef, NetError, NodeBufferPool};

#[test]
fn a_pool_that_is_used_up_says_so_and_gives_again_what_came_back() {
    let pool = BufferPool::new(3, 4, 100).expect("a small pool");
    let taken: Vec<_> = (0..4)
        .map(|_| pool.take().expect("four are free"))
        .collect();
    assert_eq!(
        pool.take().expect_err("all are in use"),
        PoolError::Exhausted { capacity: 4 }
    );
    assert!(
        taken.iter().all(|buffer| buffer.room_bytes() == 128),
        "rooms are whole lines"
    );
    let packets: Vec<HFTPacketRef> = taken
        .into_iter()
        .map(|buffer| buffer.share(1).expect("a byte fits"))
        .collect();
    let ids: BTreeSet<u32> = packets
        .iter()
        .map(|packet| packet.buffer().buffer_id())
        .collect();
    assert_eq!(ids, BTreeSet::from([0, 1, 2, 3]));
    let copies = packets.clone();
    drop(packets);
    assert_eq!(pool.statistics().in_use, 4, "the copies hold them");
    assert!(copies.iter().all(|packet| packet.owners() == 1));
    drop(copies);
    assert_eq!(
        (pool.statistics().in_use, pool.statistics().high_water),
        (0, 4)
    );
    assert!(pool.take().is_ok());
}

#[test]
fn buffers_share_no_byte() {
    let pool = BufferPool::new(3, 8, 64).expect("a small pool");
    let mut taken: Vec<_> = (0..8)
        .map(|_| pool.take().expect("eight are free"))
        .collect();
    for (number, buffer) in taken.iter_mut().enumerate() {
        buffer.bytes_mut().fill(number as u8);
    }
    for (number, buffer) in taken.iter_mut().enumerate() {
        assert!(buffer.bytes_mut().iter().all(|byte| *byte == number as u8));
    }
}

#[test]
fn a_packet_keeps_its_pool() {
    let pool = BufferPool::new(3, 1, 64).expect("a small pool");
    let mut buffer = pool.take().expect("one is free");
    drop(pool);
    buffer.bytes_mut()[..4].copy_from_slice(b"late");
    let packet = buffer.share(4).expect("four bytes fit");
    let there = thread::spawn(move || packet.payload().to_vec());
    assert_eq!(there.join().expect("it reads"), b"late");
}

#[test]
fn bad_sizes_are_refused() {
    for (buffers, room) in [(0, 64), (1, 0), (1 << 20, 1 << 20), (usize::MAX, 64)] {
        let refusal = BufferPool::new(0, buffers, room).expect_err("it is out of range");
        assert!(matches!(refusal, NetError::OutOfRange { .. }), "{refusal}");
    }
}

#[test]
fn each_node_has_its_buffers_and_lends_them_to_others() {
    let topology = Topology::simulated(2, 1).expect("two nodes");
    let pool = NodeBufferPool::new(5, topology, 64, 256).expect("a small pool");
    let mut cache = pool.cache_on(NodeId(1)).expect("node 1 is there");
    let mut packets = Vec::new();
    for number in 0..128u64 {
        let mut buffer = cache.take().expect("64 here and 64 there");
        buffer.bytes_mut()[..8].copy_from_slice(&number.to_le_bytes());
        packets.push(buffer.share(8).expect("eight bytes fit"));
    }
    assert!(matches!(cache.take(), Err(PoolError::Exhausted { .. })));
    let places: BTreeSet<(u16, u32)> = packets
        .iter()
        .map(|packet| (packet.buffer().node(), packet.buffer().buffer_id()))
        .collect();
    assert_eq!(places.len(), 128, "no two have one place");
    assert!(packets[..64]
        .iter()
        .all(|packet| packet.buffer().node() == 1));
    let whole = |(number, packet): (usize, &HFTPacketRef)| {
        packet.payload() == (number as u64).to_le_bytes()
    };
    assert!(packets.iter().enumerate().all(whole));
    drop((packets, cache));
    assert!(pool.statistics().iter().all(|node| node.handed_out == 0));
    assert!(pool.cache_on(NodeId(2)).is_err());
}

#[test]
fn threads_that_pass_packets_on_lose_none() {
    const THREADS: usize = 4;
    let rounds = 20_000 * soak_factor();
    let pool = BufferPool::new(1, 32, 64).expect("a small pool");
    let topology = Topology::simulated(2, 1).expect("two nodes");
    let on_nodes = NodeBufferPool::new(2, topology, 32, 64).expect("a small pool");
    let (sender, receiver) = mpsc::sync_channel::<HFTPacketRef>(16);
    let makers: Vec<_> = (0..THREADS)
        .map(|id| {
            let (sender, pool) = (sender.clone(), pool.clone());
            let mut cache = on_nodes.cache_on(NodeId(id as u32 % 2)).expect("two nodes");
            thread::spawn(move || {
                let mut made = 0;
                while made < rounds {
                    let taken = match made % 2 {
                        0 => pool.take(),
                        _ => cache.take(),
                    };
                    let Ok(mut buffer) = taken else {
                        thread::yield_now();
                        continue;
                    };
                    let number = made * THREADS as u64 + id as u64;
                    buffer.bytes_mut()[..8].copy_from_slice(&number.to_le_bytes());
                    let packet = buffer.share_sealed(8).expect("eight bytes fit");
                    sender.send(packet.clone()).expect("the reader is there");
                    assert_eq!(packet.payload(), number.to_le_bytes());
                    made += 1;
                }
            })
        })
        .collect();
    drop(sender);
    let mut sum = 0u64;
    for packet in receiver {
        assert_eq!(packet.verify_checksum(), Some(true));
        sum += u64::from_le_bytes(packet.payload().try_into().expect("eight bytes"));
    }
    makers
        .into_iter()
        .for_each(|maker| maker.join().expect("its checks hold"));
    let count = rounds * THREADS as u64;
    assert_eq!(
        sum,
        count * (count - 1) / 2,
        "each packet came once and whole"
    );
    assert_eq!(pool.statistics().in_use, 0);
    assert!(on_nodes
        .statistics()
        .iter()
        .all(|node| node.handed_out == 0));
}
