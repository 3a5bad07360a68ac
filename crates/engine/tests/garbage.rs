//! Journals that no crash leaves: overwritten, cut, filled with noise, files exchanged. Whatever is read from one is a
//! prefix of what was written, and nothing panics.

mod common;

use common::{digest_after, is_soak, Workload};
use proofbook_book::Reference;
use proofbook_books::Ladder;
use proofbook_engine::{inspect, Engine};
use proofbook_journal::simulated::{Random, SimulatedClock, SimulatedDisk};
use proofbook_journal::{scan, Options, SyncPolicy, RECORD_BYTES};
use proofbook_types::Command;

/// The files of a journal in six segments with two snapshots.
fn files(seed: u64) -> (Vec<(String, Vec<u8>)>, Vec<Command>) {
    let commands = Workload::new(seed).take(280);
    let disk = SimulatedDisk::new(seed);
    let options = Options {
        policy: SyncPolicy::Group {
            commands_max: 10,
            delay_ns_max: u64::MAX,
        },
        segment_bytes_max: 512 + 50 * RECORD_BYTES as u64,
    };
    let clock = SimulatedClock::default();
    let book = Ladder::default();
    let mut engine = Engine::create(disk.clone(), clock, common::config(), options, book)
        .expect("the disk is new");
    for piece in commands.chunks(70) {
        engine
            .submit_batch(piece, &mut |_, _| {})
            .expect("the disk is sound");
        if piece[0] != commands[210] {
            engine.snapshot().expect("the disk is sound");
        }
    }
    engine.close(&mut |_, _| {}).expect("the disk is sound");
    let files = disk.files().into_iter().map(|name| {
        let bytes = disk.contents(&name).expect("it is there");
        (name, bytes)
    });
    (files.collect(), commands)
}

fn spoil(random: &mut Random, files: &mut [(String, Vec<u8>)]) {
    let index = random.below(files.len() as u64) as usize;
    let other = random.below(files.len() as u64) as usize;
    let length = files[index].1.len() as u64;
    let kind = random.below(7);
    if kind == 0 {
        files[index].1 = files[other].1.clone();
        return;
    }
    let bytes = &mut files[index].1;
    if length == 0 {
        return;
    }
    let at = random.below(length) as usize;
    let count = (1 + random.below(600) as usize).min(length as usize - at);
    match kind {
        1 => bytes.truncate(at),
        2 => bytes[at..at + count].fill(0),
        3 => bytes.extend_from_within(at..at + count),
        4 => {
            bytes.drain(at..at + count);
        }
        // A number that is far off, where numbers are.
        5 => {
            let at = at / 8 * 8;
            let end = (at + 8).min(length as usize);
            bytes[at..end].fill(255);
        }
        _ => {
            for byte in &mut bytes[at..at + count] {
                *byte = random.next_number() as u8;
            }
        }
    }
}

#[test]
fn garbage_is_refused_or_gives_a_prefix() {
    let cases = if is_soak() { 300_000 } else { 6_000 };
    let (sound, commands) = files(1);
    let digests: Vec<[u8; 32]> = (0..=commands.len())
        .map(|count| digest_after(&commands[..count]))
        .collect();
    let (mut refused, mut read) = (0, 0);
    for seed in 0..cases {
        let mut random = Random::new(seed);
        let mut files = sound.clone();
        for _ in 0..=random.below(3) {
            spoil(&mut random, &mut files);
        }
        let disk = SimulatedDisk::new(seed);
        for (name, bytes) in files {
            if !random.one_in(40) {
                disk.put(&name, bytes);
            }
        }
        let mut found = Vec::new();
        let scanned = scan(&disk, 0, &mut |_, command, _| found.push(*command));
        assert!(commands.starts_with(&found), "seed {seed}: other commands");
        match (inspect(&disk, Reference::new), scanned) {
            (Ok((_, report)), Ok(_)) => {
                assert_eq!(report.last_sequence, found.len() as u64, "seed {seed}");
                assert_eq!(
                    report.digest,
                    digests[found.len()],
                    "seed {seed}: another state"
                );
                let is_whole = found.len() == commands.len();
                let is_told = report.truncated.is_some() || !report.warnings.is_empty();
                assert!(is_whole || is_told, "seed {seed}: shortened in silence");
                read += 1;
            }
            (Err(_), _) => refused += 1,
            (Ok(_), Err(error)) => panic!("seed {seed}: only the log is bad: {error}"),
        }
    }
    assert!(
        refused > cases / 4 && read > cases / 20,
        "{refused} refused, {read} read"
    );
}
