//! The radix tree against an ordered map, with readers that hold earlier trees, and with threads.
#![cfg(not(loom))]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use proofbook_books::radix::{
    Depth, Entry, PublishingConfig, RadixPriceIndex, RadixView, DEPTH_MAX,
};
use proofbook_testkit::workload::Random;

type Map = BTreeMap<u64, u64>;

fn index(readers_max: usize, waiting_max: usize) -> RadixPriceIndex<u64> {
    let config = PublishingConfig {
        readers_max,
        waiting_max,
    };
    RadixPriceIndex::new(config).expect("a possible number of readers")
}

/// Ranks that lie together in different ways: how many bits they spread over, from which number on.
const SHAPES: [(u32, u64); 6] = [
    (3, 0),
    (8, u64::MAX - 255),
    (8, (1 << 63) - 128),
    (20, 0),
    (40, 1 << 60),
    (64, 0),
];

fn rank(random: &mut Random, (bits, base): (u32, u64)) -> u64 {
    match random.below(200) {
        0 => 0,
        1 => u64::MAX,
        // Few different digits in high places, so that nodes skip digits.
        2..=60 if bits == 64 => random.next_u64() & 0x8000_0000_f000_0003,
        _ => base.wrapping_add(random.next_u64() >> (64 - bits)),
    }
}

fn same(what: &str, map: &Map, view: RadixView<'_, u64>, probe: u64) {
    let pair = |entry: Entry<u64>| (entry.rank, entry.value);
    assert_eq!(view.get(probe), map.get(&probe).copied(), "{what}: {probe}");
    let after = map.range(probe..).find(|(&rank, _)| rank > probe);
    assert_eq!(
        view.after(probe).map(pair),
        after.map(|(&rank, &value)| (rank, value)),
        "{what}: after {probe}"
    );
    let first = map.first_key_value().map(|(&rank, &value)| (rank, value));
    assert_eq!(view.first().map(pair), first, "{what}: first");
}

fn same_all(what: &str, map: &Map, view: RadixView<'_, u64>) {
    let found: Vec<(u64, u64)> = view.iter().map(|entry| (entry.rank, entry.value)).collect();
    let expected: Vec<(u64, u64)> = map.iter().map(|(&rank, &value)| (rank, value)).collect();
    assert_eq!(found, expected, "{what}");
    assert_eq!(view.is_empty(), map.is_empty(), "{what}");
    let depth: Depth = view.depth();
    assert_eq!(depth.values.iter().sum::<u64>(), map.len() as u64, "{what}");
    assert!(depth.nodes < map.len().max(1) as u64, "{what}: {depth:?}");
    assert!(depth.children >= 2 * depth.nodes, "{what}: {depth:?}");
}

/// Sets and removes at random, publishes now and then, and holds some of what was published.
fn run(seed: u64, shape: (u32, u64), steps: u64) {
    let what = format!("seed {seed}, shape {shape:?}");
    let mut random = Random::new(seed);
    let mut index = index(3, 1 << 20);
    let readers: Vec<_> = (0..3)
        .map(|_| index.readers().register().expect("a place for each"))
        .collect();
    let mut held = [None, None, None];
    let (mut map, mut published) = (Map::new(), Map::new());
    for step in 0..steps {
        let rank = rank(&mut random, shape);
        let grows = random.below(10) < if step / 512 % 2 == 0 { 8 } else { 2 };
        if grows {
            assert_eq!(index.set(rank, step), map.insert(rank, step), "{what}");
        } else {
            let rank = match map.range(rank..).next() {
                Some((&next, _)) if random.below(4) > 0 => next,
                _ => rank,
            };
            assert_eq!(index.remove(rank), map.remove(&rank), "{what}");
        }
        assert_eq!(index.len(), map.len(), "{what}");
        same(&what, &map, index.view(), rank);
        if random.below(3) == 0 {
            index.publish().expect("there is room for all");
            published.clone_from(&map);
        }
        if random.below(8) == 0 {
            let place = random.below(3) as usize;
            // Pinned again before it is unpinned a reader would keep its old epoch.
            drop(held[place].take());
            held[place] = Some((readers[place].pin(), published.clone()));
        }
        if step % 256 == 0 {
            for (tree, map) in held.iter().flatten() {
                same_all(&what, map, tree.view());
            }
            same_all(&what, &map, index.view());
            index
                .verify()
                .unwrap_or_else(|error| panic!("{what}: {error}"));
        }
    }
    held = [None, None, None];
    assert!(held.iter().all(Option::is_none));
    let ranks: Vec<u64> = map.keys().copied().collect();
    for rank in ranks {
        index.remove(rank);
    }
    assert!(index.is_empty() && index.view().is_empty());
    // Each publication takes back a little of what nobody holds.
    for step in 0..1_000 {
        index.set(step, step);
        index.publish().expect("there is room for all");
        index.remove(step);
        index.publish().expect("there is room for all");
    }
    let statistics = index.statistics();
    assert!(statistics.waiting < 600, "{what}: {statistics:?}");
    assert_eq!(
        statistics.used, statistics.waiting,
        "{what}: nodes are lost"
    );
}

#[test]
fn behaves_as_an_ordered_map_and_published_trees_never_change() {
    for (seed, shape) in (1..).zip(SHAPES) {
        run(seed, shape, 6_000);
    }
}

#[test]
fn ranks_at_the_ends_and_with_every_parting_digit() {
    let mut index = index(1, 1 << 10);
    let mut map = Map::new();
    for digit in 0..16 {
        for rank in [
            1 << (4 * digit),
            u64::MAX << (4 * digit),
            (1u64 << (4 * digit)) - 1,
        ] {
            assert_eq!(index.set(rank, digit), map.insert(rank, digit));
            same_all("ends", &map, index.view());
        }
    }
    for probe in [
        0,
        1,
        2,
        u64::MAX / 2,
        u64::MAX / 2 + 1,
        u64::MAX - 1,
        u64::MAX,
    ] {
        same("ends", &map, index.view(), probe);
    }
    index.verify().expect("all is in place");
}

#[test]
fn depth_follows_the_digits_in_which_ranks_part() {
    let mut one = index(1, 1 << 10);
    one.set(7, 7);
    assert_eq!(one.view().depth().nodes_max(), 0, "one value needs no node");
    // Each of these parts from the ones before in another digit: a node for each.
    let mut deepest = index(1, 1 << 10);
    deepest.set(0, 0);
    for digit in 0..DEPTH_MAX {
        deepest.set(1 << (4 * digit), 1);
    }
    let depth = deepest.view().depth();
    assert_eq!(depth.nodes_max(), DEPTH_MAX);
    assert_eq!(depth.nodes, DEPTH_MAX as u64);
    assert_eq!(depth.values[DEPTH_MAX], 2);
    // 256 neighbours, far from zero: two digits.
    let mut dense = index(1, 1 << 10);
    (0..256).for_each(|rank| {
        dense.set((1 << 63) + rank, rank);
    });
    let depth = dense.view().depth();
    assert_eq!(
        (depth.nodes_max(), depth.nodes_mean_thousandths()),
        (2, 2000)
    );
    assert_eq!((depth.nodes, depth.children), (17, 16 + 256));
}

#[test]
fn many_changes_between_two_publications_copy_each_node_once() {
    let mut index = index(1, 1 << 20);
    (0..4096).for_each(|rank| {
        index.set(rank, rank);
    });
    assert_eq!(index.costs().copies, 0, "nothing was published yet");
    index.publish().expect("nobody reads");
    let before = index.costs();
    for round in 0..100 {
        (0..16).for_each(|rank| {
            index.set(rank, round);
        });
    }
    let after = index.costs();
    assert_eq!(
        after.copies - before.copies,
        3 + 16,
        "the way and the leaves"
    );
    assert_eq!(after.changes - before.changes, 1600);
    assert_eq!(after.accesses - before.accesses, 4 * 1600);
}

#[test]
fn a_reader_that_stays_stops_publications_alone_and_memory_stays_bounded() {
    const WAITING_MAX: usize = 500;
    let mut index = index(2, WAITING_MAX);
    let readers = index.readers();
    let (slow, quick) = (
        readers.register().expect("a place"),
        readers.register().expect("a place"),
    );
    assert!(readers.register().is_err(), "there are two readers at most");
    index.set(0, 0);
    index.publish().expect("nobody reads");
    let stays = slow.pin();
    let mut random = Random::new(1);
    let mut refused = 0;
    let mut used_max = 0;
    for step in 1..20_000u64 {
        index.set(random.below(64), step);
        index.set(0, step);
        refused += u64::from(index.publish().is_err());
        used_max = used_max.max(index.statistics().used);
        let seen = quick.pin().view().get(0).expect("it is always there");
        assert!(seen <= step && (refused > 0 || seen == step));
    }
    let statistics = index.statistics();
    assert!(refused > 15_000, "{statistics:?}");
    assert_eq!(statistics.refused, refused);
    assert!(
        statistics.waiting_high_water < WAITING_MAX + 100,
        "{statistics:?}"
    );
    assert!(used_max < 2 * WAITING_MAX, "{used_max}");
    assert_eq!(stays.view().get(0), Some(0));
    drop(stays);
    index.publish().expect("the reader went on");
    assert_eq!(slow.pin().view().get(0), Some(19_999));
}

#[test]
fn readers_outlive_the_writer() {
    let mut index = index(1, 1 << 10);
    let reader = index.readers().register().expect("a place");
    index.set(5, 50);
    index.publish().expect("nobody reads");
    drop(index);
    assert_eq!(reader.pin().view().get(5), Some(50));
}

/// Every published tree holds each of these ranks with one value; whoever sees two values sees a torn tree.
#[test]
fn threads_see_whole_trees_in_their_order() {
    const RANKS: u64 = 40;
    let rounds: u64 = if std::env::var_os("PROOFBOOK_SOAK").is_some() {
        500_000
    } else {
        4_000
    };
    let mut index = index(3, 1 << 12);
    let readers = index.readers();
    let (is_done, has_looked) = (AtomicBool::new(false), AtomicBool::new(false));
    let spread =
        |number: u64, round: u64| (number << 56) + ((number * number) << 20) + number + round % 3;
    std::thread::scope(|scope| {
        let running = [(); 3].map(|()| {
            let reader = readers.register().expect("a place for each");
            let (is_done, has_looked) = (&is_done, &has_looked);
            scope.spawn(move || {
                let (mut last, mut looks) = (0, 0);
                while !is_done.load(Ordering::Relaxed) {
                    let pinned = reader.pin();
                    let entries: Vec<Entry<u64>> = pinned.view().iter().collect();
                    let Some(first) = entries.first() else {
                        continue;
                    };
                    let round = first.value;
                    assert!(round >= last, "round {round} was seen after {last}");
                    last = round;
                    assert_eq!(entries.len() as u64, RANKS, "round {round}");
                    for (number, entry) in (0..).zip(&entries) {
                        assert_eq!((entry.rank, entry.value), (spread(number, round), round));
                    }
                    looks += 1;
                    has_looked.store(true, Ordering::Relaxed);
                }
                looks
            })
        });
        for round in 1..=rounds {
            // Readers that did not run so far are waited for, amid the rounds.
            while round == rounds / 2 && !has_looked.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            for number in 0..RANKS {
                index.remove(spread(number, round - 1));
                index.set(spread(number, round), round);
            }
            while index.publish().is_err() {
                std::thread::yield_now();
            }
            if round % 64 == 0 {
                std::thread::yield_now();
            }
        }
        is_done.store(true, Ordering::Relaxed);
        // Joined: the thread sanitizer does not see that a scope waits for its threads.
        let looks = running.map(|thread| thread.join().expect("no reader fails"));
        assert!(looks.iter().sum::<u64>() > 0, "no reader saw anything");
    });
    let statistics = index.statistics();
    assert_eq!(statistics.published, rounds);
}
