//! The ring between threads: batches by number and by time, back-pressure, order, and histories that must have an order.

#[path = "../../memory/tests/objects/mod.rs"]
mod objects;

use std::collections::VecDeque;
use std::sync::Barrier;
use std::thread;

use objects::soak_factor;
use proofbook_memory::numa::{self, CpuSet, NodeId, Placement, Topology};
use proofbook_net::{BufferPool, NetError, PacketProducer, PacketRingBuffer, RingConfig};
use proofbook_testkit::linearizability::{check, Entry, Log, Model, Recorder, Refusal};

fn config(capacity: usize, batch_threshold: usize, batch_timeout_ns: u64) -> RingConfig {
    RingConfig {
        batch_threshold,
        batch_timeout_ns,
        ..RingConfig::of(capacity)
    }
}

/// Both kinds of a ring.
fn both<T>(config: &RingConfig) -> [(PacketProducer<T>, PacketRingBuffer<T>); 2] {
    [
        PacketRingBuffer::single(config.clone()).expect("a small ring"),
        PacketRingBuffer::many(config.clone()).expect("a small ring"),
    ]
}

fn polled(ring: &mut PacketRingBuffer<u64>, now_ns: u64) -> Option<Vec<u64>> {
    ring.poll(now_ns).map(Iterator::collect)
}

#[test]
fn a_batch_is_handed_over_when_it_is_full() {
    for (mut producer, mut ring) in both(&config(8, 3, 1_000)) {
        producer.push(1, 100).expect("there is room");
        producer.push(2, 200).expect("there is room");
        assert_eq!(polled(&mut ring, 300), None);
        producer.push(3, 300).expect("there is room");
        producer.push(4, 300).expect("there is room");
        assert_eq!(polled(&mut ring, 300), Some(vec![1, 2, 3]));
        assert_eq!(polled(&mut ring, 300), None, "the fourth waits for others");
    }
}

#[test]
fn a_batch_is_handed_over_when_its_first_packet_has_waited_long_enough() {
    for (mut producer, mut ring) in both(&config(8, 3, 1_000)) {
        assert_eq!(polled(&mut ring, u64::MAX), None, "no packet, no batch");
        producer.push(1, 100).expect("there is room");
        assert_eq!(polled(&mut ring, 1_099), None);
        producer.push(2, 1_099).expect("there is room");
        assert_eq!(polled(&mut ring, 1_100), Some(vec![1, 2]));
        producer.push(3, 2_000).expect("there is room");
        assert_eq!(
            polled(&mut ring, 2_999),
            None,
            "each batch has its own first packet"
        );
        assert_eq!(
            polled(&mut ring, 50),
            None,
            "a clock that went back is no wait"
        );
        assert_eq!(polled(&mut ring, 3_000), Some(vec![3]));
    }
}

#[test]
fn a_full_ring_gives_the_packet_back() {
    let pool = BufferPool::new(1, 4, 64).expect("a small pool");
    for (mut producer, mut ring) in both(&config(2, 2, 0)) {
        let packet = || {
            pool.take()
                .expect("four are free")
                .share(8)
                .expect("it fits")
        };
        producer.push(packet(), 0).expect("there is room");
        producer.push(packet(), 0).expect("there is room");
        let refused = producer.push(packet(), 0).expect_err("it is full");
        assert_eq!(refused.payload_length(), 8);
        assert_eq!(ring.poll(0).map(Iterator::count), Some(2));
        producer.push(refused, 0).expect("there is room again");
        drop((producer, ring));
        assert_eq!(pool.statistics().in_use, 0, "what was left went back too");
    }
}

#[test]
fn a_ring_whose_producers_are_gone_is_closed() {
    let (producer, mut ring) = PacketRingBuffer::many(config(4, 4, 1_000)).expect("a small ring");
    let mut another = producer.another().expect("there may be many");
    drop(producer);
    assert!(!ring.is_closed());
    another.push(7u64, 0).expect("there is room");
    drop(another);
    assert!(ring.is_closed());
    assert_eq!(ring.take_all().collect::<Vec<_>>(), [7]);
    assert_eq!(ring.take_all().count(), 0);

    let (producer, ring) = PacketRingBuffer::<u64>::single(config(4, 4, 0)).expect("a small ring");
    assert!(producer.another().is_none() && !ring.is_closed());
    drop(producer);
    assert!(ring.is_closed());
}

#[test]
fn bad_rings_are_refused() {
    for capacity in [0, 1, 3] {
        let refusal = PacketRingBuffer::<u64>::single(config(capacity, 1, 0));
        assert!(matches!(refusal, Err(NetError::Capacity(_))), "{capacity}");
    }
    for threshold in [0, 1 << 20] {
        let refusal = PacketRingBuffer::<u64>::many(config(4, threshold, 0));
        assert!(
            matches!(refusal, Err(NetError::OutOfRange { .. })),
            "{threshold}"
        );
    }
}

#[test]
fn sides_share_no_cache_lines() {
    for pair in both::<u64>(&config(4, 4, 0)) {
        let (producer, ring) = &pair;
        let places = [
            std::ptr::from_ref(producer).addr(),
            std::ptr::from_ref(ring).addr(),
        ];
        assert!(places.iter().all(|place| place % 128 == 0));
        assert!(places[0].abs_diff(places[1]) >= 128);
    }
}

#[test]
fn a_consumer_stays_where_it_is_settled() {
    let allowed = numa::thread_cpus().expect("Linux says where a thread may run");
    let first = allowed.iter().next().expect("it may run somewhere");
    let mut cpus = CpuSet::new();
    cpus.insert(first).expect("it is a processor");
    let one_cpu = RingConfig {
        cpu_affinity: Some(cpus.clone()),
        ..config(4, 4, 0)
    };
    let on_machine = Topology::detect().expect("Linux lists its nodes");
    let on_node = RingConfig {
        numa_node: Some(NodeId(0)),
        ..config(4, 4, 0)
    };
    let of_node = on_machine.nodes()[0].cpus.clone();
    for (config, expected) in [(one_cpu, cpus), (on_node.clone(), of_node)] {
        let on_machine = on_machine.clone();
        let settled = thread::spawn(move || {
            let placement = config.settle(&on_machine);
            let (mut producer, mut ring) = PacketRingBuffer::many(config).expect("a small ring");
            producer.push(1, 0).expect("there is room");
            assert_eq!(polled(&mut ring, 0), Some(vec![1]));
            (placement, numa::thread_cpus())
        });
        let (placement, where_it_runs) = settled.join().expect("it settles");
        assert_eq!(placement, Ok(Placement::Placed));
        // A machine may keep the process from some processors of the node.
        let where_it_runs = where_it_runs.expect("Linux says where a thread may run");
        assert!(
            where_it_runs.iter().all(|cpu| expected.contains(cpu)),
            "{where_it_runs}"
        );
    }
    let simulated = Topology::simulated(1, 1).expect("one node");
    assert_eq!(on_node.settle(&simulated), Ok(Placement::Simulated));
    let elsewhere = RingConfig {
        numa_node: Some(NodeId(1)),
        ..config(4, 4, 0)
    };
    assert!(elsewhere.settle(&simulated).is_err());
}

#[test]
fn packets_of_many_threads_arrive_once_and_in_each_ones_order() {
    const THREADS: usize = 3;
    let packets = 15_000 * soak_factor();
    let pool = BufferPool::new(1, 256, 64).expect("a small pool");
    let (producer, mut ring) = PacketRingBuffer::many(config(64, 16, 0)).expect("a small ring");
    let makers: Vec<_> = (0..THREADS)
        .map(|id| {
            let (mut producer, pool) = (producer.another().expect("many"), pool.clone());
            thread::spawn(move || {
                for number in 0..packets {
                    let mut buffer = pool
                        .take()
                        .expect("more than the ring and the batches hold");
                    buffer.bytes_mut()[..9]
                        .copy_from_slice(&[&[id as u8][..], &number.to_le_bytes()].concat());
                    let mut packet = buffer.share(9).expect("nine bytes fit");
                    while let Err(refused) = producer.push(packet, number) {
                        packet = refused;
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    drop(producer);
    let mut next = [0; THREADS];
    loop {
        let is_closed = ring.is_closed();
        let batch = ring.take_all();
        if batch.len() == 0 {
            if is_closed {
                break;
            }
            thread::yield_now();
        }
        for packet in batch {
            let (id, number) = packet.payload().split_at(1);
            let number = u64::from_le_bytes(number.try_into().expect("eight bytes"));
            assert_eq!(number, next[usize::from(id[0])]);
            next[usize::from(id[0])] += 1;
        }
    }
    makers
        .into_iter()
        .for_each(|maker| maker.join().expect("its checks hold"));
    assert_eq!(next, [packets; THREADS]);
    assert_eq!(pool.statistics().in_use, 0);
}

/// What a thread asks of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Push(u64),
    /// A batch of this length at most.
    Take(usize),
}

/// What it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Pushed(bool),
    Took(Vec<u64>),
}

/// The ring, one operation after another.
///
/// A refused push and a short batch are bounds, as `LockFreeQueue` says: a push is refused where the ring is full or a pop is not finished, a
/// batch is short where a push is not finished. So a batch is a beginning of what waits; with the consumer alone it has all of it.
struct Queue {
    capacity: usize,
}

impl Model for Queue {
    type State = VecDeque<u64>;
    type Operation = Asked;
    type Outcome = Answer;

    fn initial(&self) -> VecDeque<u64> {
        VecDeque::new()
    }

    fn step(
        &self,
        waiting: &VecDeque<u64>,
        asked: &Asked,
        answer: &Answer,
    ) -> Option<VecDeque<u64>> {
        let mut waiting = waiting.clone();
        match (asked, answer) {
            (Asked::Push(packet), Answer::Pushed(true)) => {
                waiting.push_back(*packet);
                (waiting.len() <= self.capacity).then_some(waiting)
            }
            (Asked::Push(_), Answer::Pushed(false)) => {
                (waiting.len() == self.capacity).then_some(waiting)
            }
            (Asked::Take(limit), Answer::Took(batch)) => {
                let taken: Vec<u64> = waiting.drain(..batch.len().min(waiting.len())).collect();
                (taken == *batch && batch.len() <= *limit).then_some(waiting)
            }
            _ => None,
        }
    }
}

const BATCH: usize = 1;

fn push_some(producer: &mut PacketProducer<u64>, log: &mut Log<'_, Asked, Answer>, id: u64) {
    for number in 0..6 {
        let packet = id * 100 + number;
        log.record(Asked::Push(packet), |_| {
            Answer::Pushed(producer.push(packet, 0).is_ok())
        });
    }
}

#[test]
fn each_history_has_an_order() {
    const PRODUCERS: u64 = 2;
    let mut refusals = 0;
    for seed in 0..150 * soak_factor() {
        let capacity = 2 << (seed % 2);
        let recorder = Recorder::new();
        // Batches of one: while a longer one is taken out its places are free one by one, which is no one instant.
        let (producer, mut ring) =
            PacketRingBuffer::many(config(capacity, BATCH, 0)).expect("a small ring");
        let start = Barrier::new(PRODUCERS as usize + 1);
        let mut entries: Vec<Entry<Asked, Answer>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..PRODUCERS)
                .map(|id| {
                    let mut producer = producer.another().expect("many");
                    let (start, mut log) = (&start, recorder.log());
                    scope.spawn(move || {
                        start.wait();
                        push_some(&mut producer, &mut log, id);
                        log.into_entries()
                    })
                })
                .collect();
            let mut log = recorder.log();
            start.wait();
            for _ in 0..8 {
                log.record(Asked::Take(BATCH), |_| {
                    Answer::Took(ring.take_all().collect())
                });
            }
            let joined = threads.into_iter().map(|thread| thread.join());
            let mut entries: Vec<_> = joined
                .flat_map(|entries| entries.expect("it pushes"))
                .collect();
            entries.extend(log.into_entries());
            entries
        });
        let mut log = recorder.log();
        while !matches!(
            log.record(Asked::Take(BATCH), |_| Answer::Took(ring.take_all().collect())),
            Answer::Took(batch) if batch.is_empty()
        ) {}
        entries.extend(log.into_entries());
        let is_refusal = |entry: &&Entry<Asked, Answer>| entry.outcome == Answer::Pushed(false);
        refusals += entries.iter().filter(is_refusal).count();
        if let Err(refusal) = check(&Queue { capacity }, &entries) {
            panic!("seed {seed}: {refusal}");
        }
    }
    assert!(
        refusals > 0,
        "no ring was ever full: the histories show too little"
    );
}

#[test]
fn a_packet_that_comes_twice_or_overtakes_is_noticed() {
    let entry = |called, operation, outcome| Entry {
        thread: 0,
        called,
        returned: called + 1,
        operation,
        outcome,
    };
    let pushes = [
        entry(1, Asked::Push(1), Answer::Pushed(true)),
        entry(3, Asked::Push(2), Answer::Pushed(true)),
    ];
    for wrong in [vec![2], vec![1, 1]] {
        let taken = entry(5, Asked::Take(2), Answer::Took(wrong));
        let history: Vec<_> = pushes.iter().cloned().chain([taken]).collect();
        let refusal = check(&Queue { capacity: 2 }, &history).expect_err("no order explains it");
        assert!(
            matches!(refusal, Refusal::NotLinearizable { .. }),
            "{refusal}"
        );
    }
}
