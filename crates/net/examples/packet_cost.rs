//! What packets cost: to take and give back a buffer, to hand a packet to another thread, to receive a message over loopback; each beside the
//! way that copies, in the same run.
//!
//! `cargo run --release -p proofbook-net --example packet_cost`
//!
//! Every contender moves the same messages, and what comes out is checked before its time counts. Contenders take turns, a round each; a line has the
//! median of the rounds and their range.

use std::collections::VecDeque;
use std::error::Error;
use std::hint::black_box;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, TrySendError};
use std::thread;
use std::time::Instant;

use proofbook_memory::numa::{NodeId, Topology};
use proofbook_net::bytes::{MirroredBytes, PooledBytes, StreamBytes};
use proofbook_net::stamps::{self, Stamped};
use proofbook_net::{
    BufferPool, BufferSource, Filled, HFTPacketRef, NodeBufferPool, PacketRingBuffer, Receiver,
    RingConfig, Source,
};

const ROUNDS: usize = 9;
const ROOM: usize = 2048;
const MESSAGE_BYTES: usize = 200;
const IN_FLIGHT: usize = 256;
const HANDED_OVER: u64 = 400_000;
const STREAMED: usize = 400_000;
const STREAM_ROOM: usize = 64 * 1024;

type Outcome = Result<u64, Box<dyn Error>>;

/// A way of doing something: how many operations it does, and a checksum of what came out.
struct Contender<'c> {
    name: &'static str,
    operations: u64,
    run: Box<dyn FnMut() -> Outcome + 'c>,
}

fn contender<'c>(
    name: &'static str,
    operations: u64,
    run: impl FnMut() -> Outcome + 'c,
) -> Contender<'c> {
    let run = Box::new(run);
    Contender {
        name,
        operations,
        run,
    }
}

/// Times contenders in turns; all must come to the same.
fn compare(title: &str, contenders: Vec<Contender<'_>>) -> Result<(), Box<dyn Error>> {
    println!("{title}");
    let mut contenders = contenders;
    let expected = (contenders[0].run)()?;
    let mut times_ns: Vec<Vec<f64>> = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        for (contender, times_ns) in contenders.iter_mut().zip(&mut times_ns) {
            let start = Instant::now();
            let came_out = (contender.run)()?;
            let elapsed_ns = start.elapsed().as_nanos() as f64;
            assert_eq!(came_out, expected, "{} comes to the same", contender.name);
            times_ns.push(elapsed_ns / contender.operations as f64);
        }
    }
    for (contender, times_ns) in contenders.iter().zip(&mut times_ns) {
        times_ns.sort_by(f64::total_cmp);
        let (least, median, most) = (times_ns[0], times_ns[ROUNDS / 2], times_ns[ROUNDS - 1]);
        println!(
            "  {:46} {median:8.1} ns  ({least:.1} to {most:.1})",
            contender.name
        );
    }
    Ok(())
}

fn buffers() -> Result<(), Box<dyn Error>> {
    const TIMES: u64 = 1_000_000;
    let pool = BufferPool::new(1, 64, ROOM)?;
    let on_nodes = NodeBufferPool::new(2, Topology::simulated(1, 1)?, 64, ROOM)?;
    let mut cache = on_nodes.cache_on(NodeId(0))?;
    let first_bytes = |mut take: Box<dyn FnMut(u8) -> Outcome>| {
        move || -> Outcome { (0..TIMES).try_fold(0, |sum, number| Ok(sum + take(number as u8)?)) }
    };
    let from_pool = first_bytes(Box::new(move |number| {
        let mut buffer = pool.take()?;
        buffer.bytes_mut()[0] = number;
        let packet = buffer.share(1)?;
        Ok(u64::from(black_box(packet).payload()[0]))
    }));
    let from_cache = first_bytes(Box::new(move |number| {
        let mut buffer = cache.take()?;
        buffer.bytes_mut()[0] = number;
        let packet = buffer.share(1)?;
        Ok(u64::from(black_box(packet).payload()[0]))
    }));
    let zeroed = first_bytes(Box::new(|number| {
        let mut buffer = vec![0u8; ROOM];
        buffer[0] = number;
        Ok(u64::from(black_box(buffer)[0]))
    }));
    let reserved = first_bytes(Box::new(|number| {
        let mut buffer = Vec::with_capacity(ROOM);
        buffer.push(number);
        Ok(u64::from(black_box(buffer)[0]))
    }));
    compare(
        "take a packet of 2 KiB and give it back",
        vec![
            contender("BufferPool", TIMES, from_pool),
            contender("BufferCache of a NodeBufferPool", TIMES, from_cache),
            contender("vec![0; 2048]", TIMES, zeroed),
            contender("Vec::with_capacity(2048)", TIMES, reserved),
        ],
    )
}

/// A message that says its number, and what a reader makes of it.
fn write_message(place: &mut [u8], number: u64) {
    place[..8].copy_from_slice(&number.to_le_bytes());
    place[8..].fill(number as u8);
}

fn read_message(message: &[u8]) -> u64 {
    let number = message.first_chunk().expect("eight bytes");
    u64::from_le_bytes(*number) + u64::from(message[message.len() - 1])
}

fn packet(pool: &BufferPool, number: u64) -> Option<HFTPacketRef> {
    let mut buffer = pool.take().ok()?;
    write_message(&mut buffer.bytes_mut()[..MESSAGE_BYTES], number);
    Some(buffer.share(MESSAGE_BYTES).expect("it fits"))
}

fn copied(number: u64) -> Vec<u8> {
    let mut message = vec![0; MESSAGE_BYTES];
    write_message(&mut message, number);
    message
}

/// Pushes as many as there is room for, then takes them, in one thread: what the structures cost without waiting.
fn in_turns<T>(
    mut make: impl FnMut(u64) -> T,
    mut push: impl FnMut(T) -> bool,
    mut take: impl FnMut(&mut u64) -> usize,
) -> Outcome {
    let (mut sum, mut number) = (0, 0);
    while number < HANDED_OVER {
        for _ in 0..64 {
            assert!(push(make(number)), "there is room for 64");
            number += 1;
        }
        let mut taken = 0;
        while taken < 64 {
            taken += take(&mut sum);
        }
    }
    Ok(sum)
}

/// Waits for another thread: a moment by itself, which is enough where that one runs, then by letting others run.
#[derive(Default)]
struct Patience(u32);

impl Patience {
    const SPINS: u32 = 500;

    fn wait(&mut self) {
        self.0 += 1;
        if self.0 > Self::SPINS {
            thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

/// Makes messages in another thread, and takes them here. What `push` gives back is pushed again.
fn between_threads<T>(
    mut make: impl FnMut(u64) -> Option<T> + Send + 'static,
    mut push: impl FnMut(T) -> Result<(), T> + Send + 'static,
    mut take: impl FnMut(&mut u64) -> usize,
) -> Outcome {
    let maker = thread::spawn(move || {
        for number in 0..HANDED_OVER {
            let mut patience = Patience::default();
            let mut made = make(number);
            while let Some(refused) = match made.take() {
                Some(message) => push(message).err().map(Some),
                None => Some(None),
            } {
                patience.wait();
                made = refused.or_else(|| make(number));
            }
        }
    });
    let (mut sum, mut taken) = (0, 0);
    let mut patience = Patience::default();
    while taken < HANDED_OVER {
        match take(&mut sum) {
            0 => patience.wait(),
            count => {
                taken += count as u64;
                patience = Patience::default();
            }
        }
    }
    maker.join().map_err(|_| "the maker stopped")?;
    Ok(sum)
}

fn ring_of<T>(is_single: bool) -> Result<Ring<T>, Box<dyn Error>> {
    let config = RingConfig::of(IN_FLIGHT);
    Ok(match is_single {
        true => PacketRingBuffer::single(config)?,
        false => PacketRingBuffer::many(config)?,
    })
}

type Ring<T> = (proofbook_net::PacketProducer<T>, PacketRingBuffer<T>);

fn polled(ring: &mut PacketRingBuffer<HFTPacketRef>, sum: &mut u64) -> usize {
    let mut count = 0;
    for packet in ring.poll(0).into_iter().flatten() {
        *sum += read_message(packet.payload());
        count += 1;
    }
    count
}

fn counted(message: Option<Vec<u8>>, sum: &mut u64) -> usize {
    message.map_or(0, |message| {
        *sum += read_message(&message);
        1
    })
}

fn hand_over_in_turns() -> Result<(), Box<dyn Error>> {
    let ring = |is_single| {
        move || {
            let pool = BufferPool::new(1, IN_FLIGHT, ROOM)?;
            let (mut producer, mut ring) = ring_of(is_single)?;
            in_turns(
                |number| packet(&pool, number).expect("a buffer is free"),
                |packet| producer.push(packet, 0).is_ok(),
                |sum| polled(&mut ring, sum),
            )
        }
    };
    let standard = || {
        let (sender, receiver) = mpsc::sync_channel(IN_FLIGHT);
        let push = |message| sender.try_send(message).is_ok();
        in_turns(copied, push, |sum| counted(receiver.try_recv().ok(), sum))
    };
    let crossbeam = || {
        let (sender, receiver) = crossbeam_channel::bounded(IN_FLIGHT);
        let push = |message| sender.try_send(message).is_ok();
        in_turns(copied, push, |sum| counted(receiver.try_recv().ok(), sum))
    };
    compare(
        "make a packet of 200 bytes and hand it over, in one thread",
        vec![
            contender("PacketRingBuffer::single", HANDED_OVER, ring(true)),
            contender("PacketRingBuffer::many", HANDED_OVER, ring(false)),
            contender("Vec<u8>, std::sync::mpsc", HANDED_OVER, standard),
            contender("Vec<u8>, crossbeam-channel", HANDED_OVER, crossbeam),
        ],
    )
}

fn hand_over_between_threads() -> Result<(), Box<dyn Error>> {
    let ring = |is_single| {
        move || {
            let pool = BufferPool::new(1, 2 * IN_FLIGHT, ROOM)?;
            let (mut producer, mut ring) = ring_of(is_single)?;
            between_threads(
                move |number| packet(&pool, number),
                move |packet| producer.push(packet, 0),
                |sum| polled(&mut ring, sum),
            )
        }
    };
    let standard = || {
        let (sender, receiver) = mpsc::sync_channel(IN_FLIGHT);
        between_threads(
            |number| Some(copied(number)),
            move |message| match sender.try_send(message) {
                Err(TrySendError::Full(message)) => Err(message),
                _ => Ok(()),
            },
            |sum| counted(receiver.try_recv().ok(), sum),
        )
    };
    let crossbeam = || {
        let (sender, receiver) = crossbeam_channel::bounded(IN_FLIGHT);
        between_threads(
            |number| Some(copied(number)),
            move |message| match sender.try_send(message) {
                Err(crossbeam_channel::TrySendError::Full(message)) => Err(message),
                _ => Ok(()),
            },
            |sum| counted(receiver.try_recv().ok(), sum),
        )
    };
    compare(
        "make a packet of 200 bytes and hand it to another thread",
        vec![
            contender("PacketRingBuffer::single", HANDED_OVER, ring(true)),
            contender("PacketRingBuffer::many", HANDED_OVER, ring(false)),
            contender("Vec<u8>, std::sync::mpsc", HANDED_OVER, standard),
            contender("Vec<u8>, crossbeam-channel", HANDED_OVER, crossbeam),
        ],
    )
}

fn end_of(bytes: &[u8]) -> Result<Option<usize>, Box<dyn Error>> {
    Ok((bytes.len() >= MESSAGE_BYTES).then_some(MESSAGE_BYTES))
}

/// Whether there may be more; where there is nothing now, the other thread may run.
fn is_going_on(filled: Filled) -> bool {
    if filled == Filled::Nothing {
        thread::yield_now();
    }
    filled != Filled::Ended
}

/// All messages out of a receiver, where they lie.
fn borrowed<M: StreamBytes>(mut receiver: Receiver<M>, mut source: impl Source) -> Outcome {
    let mut sum = 0;
    while is_going_on(receiver.fill(&mut source)?) {
        while let Some(message) = receiver.next_message(end_of)? {
            sum += read_message(message);
        }
    }
    assert_eq!(receiver.statistics().messages, STREAMED as u64);
    Ok(sum)
}

/// All messages out of a receiver, as packets, the latest of which are kept for a while.
fn shared(pool: &BufferPool, mut source: impl Source) -> Outcome {
    let mut receiver = Receiver::new(PooledBytes::new(pool.clone())?);
    let (mut sum, mut kept) = (0, VecDeque::with_capacity(IN_FLIGHT));
    while is_going_on(receiver.fill(&mut source)?) {
        while let Some(packet) = receiver.next_packet(0, end_of)? {
            sum += read_message(packet.as_slice().expect("it is one"));
            kept.truncate(IN_FLIGHT - 1);
            kept.push_front(packet);
        }
    }
    Ok(sum)
}

/// The way that copies: from a buffer into a vector, from there into a vector for each message.
fn copying(mut source: impl Read) -> Outcome {
    let (mut sum, mut kept) = (0, VecDeque::with_capacity(IN_FLIGHT));
    let (mut room, mut waiting) = (vec![0; STREAM_ROOM], Vec::new());
    loop {
        let count = match source.read(&mut room) {
            Ok(0) => return Ok(sum),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::yield_now();
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        waiting.extend_from_slice(&room[..count]);
        let mut done = 0;
        while let Some(length) = end_of(&waiting[done..])? {
            let message = waiting[done..done + length].to_vec();
            done += length;
            sum += read_message(&message);
            kept.truncate(IN_FLIGHT - 1);
            kept.push_front(message);
        }
        waiting.drain(..done);
    }
}

fn receive_from_memory(stream: &[u8]) -> Result<(), Box<dyn Error>> {
    let messages = STREAMED as u64;
    let pool = BufferPool::new(1, 16, STREAM_ROOM)?;
    let mirrored = || borrowed(Receiver::new(MirroredBytes::new(STREAM_ROOM)?), stream);
    let pooled = || borrowed(Receiver::new(PooledBytes::new(pool.clone())?), stream);
    compare(
        "receive a message of 200 bytes, from a stream in memory",
        vec![
            contender("Receiver, MirroredBytes, borrowed", messages, mirrored),
            contender("Receiver, PooledBytes, borrowed", messages, pooled),
            contender("Receiver, PooledBytes, shared packets", messages, || {
                shared(&pool, stream)
            }),
            contender("read, copy, a Vec<u8> each", messages, || copying(stream)),
        ],
    )
}

/// Sends the stream from another thread, and receives it here.
fn over_loopback(stream: &'static [u8], run: impl FnOnce(&TcpStream) -> Outcome) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let writer = thread::spawn(move || TcpStream::connect(address)?.write_all(stream));
    let (socket, _) = listener.accept()?;
    socket.set_nonblocking(true)?;
    let outcome = run(&socket)?;
    writer.join().map_err(|_| "the writer stopped")??;
    Ok(outcome)
}

fn receive_over_loopback(stream: &'static [u8]) -> Result<(), Box<dyn Error>> {
    let messages = STREAMED as u64;
    let pool = BufferPool::new(1, 16, STREAM_ROOM)?;
    let mirror = || MirroredBytes::new(STREAM_ROOM).map(Receiver::new);
    let mirrored = || over_loopback(stream, |socket| borrowed(mirror()?, socket));
    let stamped = || {
        over_loopback(stream, |socket| {
            stamps::request(socket)?;
            borrowed(mirror()?, Stamped(socket))
        })
    };
    let packets = || over_loopback(stream, |socket| shared(&pool, socket));
    compare(
        "receive a message of 200 bytes, over loopback, pipelined",
        vec![
            contender("Receiver, MirroredBytes, borrowed", messages, mirrored),
            contender("the same with the kernel's times", messages, stamped),
            contender("Receiver, PooledBytes, shared packets", messages, packets),
            contender("read, copy, a Vec<u8> each", messages, || {
                over_loopback(stream, |socket| copying(socket))
            }),
        ],
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut stream = vec![0; STREAMED * MESSAGE_BYTES];
    for (number, place) in stream.chunks_mut(MESSAGE_BYTES).enumerate() {
        write_message(place, number as u64);
    }
    let stream: &'static [u8] = stream.leak();
    buffers()?;
    hand_over_in_turns()?;
    hand_over_between_threads()?;
    receive_from_memory(stream)?;
    receive_over_loopback(stream)
}
