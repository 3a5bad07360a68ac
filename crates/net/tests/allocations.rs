//! Once everything has its size, the way of a message asks the allocator for nothing.

#[path = "../../memory/tests/counting/mod.rs"]
mod counting;

use proofbook_memory::numa::{NodeId, Topology};
use proofbook_net::bytes::{MirroredBytes, PooledBytes};
use proofbook_net::{
    BufferPool, BufferSource, NodeBufferPool, PacketRingBuffer, Receiver, RingConfig, Sender,
    ZeroCopyPacket,
};

const MESSAGE_BYTES: usize = 200;

fn end_of(bytes: &[u8]) -> Result<Option<usize>, ()> {
    Ok((bytes.len() >= MESSAGE_BYTES).then_some(MESSAGE_BYTES))
}

#[test]
fn a_message_from_the_socket_to_the_socket_allocates_nothing() {
    let stream = [7u8; 30 * MESSAGE_BYTES + 50];
    let mut receiver = Receiver::new(MirroredBytes::new(8192).expect("pages, twice"));
    let mut sender = Sender::new(MirroredBytes::new(8192).expect("pages, twice"));
    let mut socket: Vec<u8> = Vec::with_capacity(1 << 20);
    let before = counting::asked();
    let mut messages = 0;
    for _ in 0..100 {
        receiver.fill(&mut &stream[..]).expect("there is room");
        while let Some(message) = receiver.next_message(end_of).expect("they are messages") {
            let room = sender.room(message.len()).expect("there is room");
            room[..message.len()].copy_from_slice(message);
            sender.commit(message.len());
            messages += 1;
        }
        sender.flush(&mut socket).expect("a vector takes all");
    }
    assert_eq!(counting::asked(), before);
    assert_eq!((messages, socket.len()), (3025, 3025 * MESSAGE_BYTES));
}

#[test]
fn shared_packets_through_a_ring_allocate_nothing() {
    let stream = [7u8; 30 * MESSAGE_BYTES + 50];
    let pool = BufferPool::new(1, 8, 8192).expect("a small pool");
    let topology = Topology::simulated(1, 1).expect("one node");
    let on_nodes = NodeBufferPool::new(2, topology, 64, 256).expect("a small pool");
    let mut cache = on_nodes.cache_on(NodeId(0)).expect("one node");
    let mut receiver = Receiver::new(PooledBytes::new(pool.clone()).expect("a buffer is free"));
    let (mut producer, mut ring) =
        PacketRingBuffer::many(RingConfig::of(64)).expect("a small ring");
    let before = counting::asked();
    let mut messages = 0;
    for _ in 0..100 {
        receiver.fill(&mut &stream[..]).expect("there is room");
        while let Some(mut packet) = receiver.next_packet(0, end_of).expect("they are messages") {
            let head = packet.split_to(8).expect("it is longer");
            producer.push(head, 0).expect("there is room");
            producer.push(packet, 0).expect("there is room");
            let buffer = cache.take().expect("a buffer is free");
            let reply = ZeroCopyPacket::from(buffer.share(100).expect("it fits"));
            producer.push(reply, 0).expect("there is room");
            messages += ring.poll(0).map_or(0, Iterator::count);
        }
    }
    assert_eq!(counting::asked(), before);
    let received = receiver.statistics().messages as usize;
    assert!(received > 1000, "{received}");
    assert_eq!(messages, 3 * received);
    drop((receiver, cache));
    assert_eq!(pool.statistics().in_use, 0);
    assert_eq!(on_nodes.statistics()[0].handed_out, 0);
}
