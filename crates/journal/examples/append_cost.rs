//! What an append costs under each policy, on the disk of a directory that is made for it and removed.
//!
//! `cargo run --release -p proofbook-journal --example append_cost -- DIRECTORY`
//!
//! Before anything is timed, a short log of each policy is read back and compared.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use proofbook_journal::{
    scan, Directory, Journal, Options, StoredFile, SyncPolicy, SystemClock, WriterLock,
    RECORD_BYTES,
};
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

const BATCH: usize = 256;

fn commands(count: u64) -> Vec<Command> {
    (1..=count)
        .map(|number| Command {
            time: Timestamp(number),
            action: Action::New(NewOrder {
                order_id: OrderId(number),
                account: AccountId(number % 100),
                side: Side::BOTH[(number % 2) as usize],
                quantity: Quantity(1 + number % 50),
                kind: OrderKind::Limit {
                    price: Price(1000 + (number % 64) as i64),
                },
                time_in_force: TimeInForce::GoodTillCancel,
                post_only: false,
                display: None,
                self_trade: SelfTradePrevention::Allow,
            }),
        })
        .collect()
}

fn group(commands_max: u64) -> SyncPolicy {
    SyncPolicy::Group {
        commands_max,
        delay_ns_max: u64::MAX,
    }
}

/// Appends commands to a new journal; nanoseconds for each, until all are acknowledged.
fn append(
    path: &Path,
    policy: SyncPolicy,
    commands: &[Command],
    is_batched: bool,
) -> Result<f64, Box<dyn Error>> {
    let lock = WriterLock::take(Directory::create(path)?)?;
    let options = Options {
        policy,
        ..Options::default()
    };
    let config = MarketConfig::default();
    let mut journal = Journal::create(lock, SystemClock::new(), config, options)?;
    let start = Instant::now();
    if is_batched {
        for batch in commands.chunks(BATCH) {
            let _ticket = journal.append_batch(batch)?;
        }
    } else {
        for command in commands {
            let _ticket = journal.append(command)?;
        }
    }
    journal.commit()?;
    let elapsed_ns = start.elapsed().as_nanos() as f64;
    if journal.acknowledged() != commands.len() as u64 {
        return Err("not every command was acknowledged".into());
    }
    journal.close()?;
    Ok(elapsed_ns / commands.len() as f64)
}

/// Reads a journal back; nanoseconds for each record.
fn read(path: &Path, commands: &[Command]) -> Result<f64, Box<dyn Error>> {
    let directory = Directory::open(path)?;
    let mut matching = 0u64;
    let start = Instant::now();
    let found = scan(&directory, 0, &mut |sequence, command, _| {
        matching += u64::from(commands.get(sequence as usize - 1) == Some(command));
    })?;
    let elapsed_ns = start.elapsed().as_nanos() as f64;
    if (matching, found.records) != (commands.len() as u64, commands.len() as u64) {
        return Err("the log does not hold the commands".into());
    }
    Ok(elapsed_ns / commands.len() as f64)
}

/// Nanoseconds for a write of one record and a sync, without any journal: what the disk itself costs.
fn bare_sync(path: &Path) -> Result<f64, Box<dyn Error>> {
    const COUNT: u64 = 100;
    let file = std::fs::File::create_new(path.join("bare"))?;
    let start = Instant::now();
    for index in 0..COUNT {
        StoredFile::write_at(&file, &[1; RECORD_BYTES], index * RECORD_BYTES as u64)?;
        file.sync()?;
    }
    Ok(start.elapsed().as_nanos() as f64 / COUNT as f64)
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args()
        .nth(1)
        .ok_or("usage: append_cost DIRECTORY")?;
    let root = Path::new(&root).join(format!("append-cost-{}", std::process::id()));
    let policies = [
        ("every command synced", SyncPolicy::EveryCommand, 200u64),
        ("group of 64", group(64), 6_400),
        ("group of 1024", group(1024), 400_000),
        ("group of 8192", group(8192), 2_000_000),
        ("group of 65536", group(65_536), 4_000_000),
        ("no sync", SyncPolicy::None, 4_000_000),
    ];
    std::fs::create_dir_all(&root)?;
    println!(
        "bare write and sync of one record: {:.0} ns",
        bare_sync(&root)?
    );
    for (index, (name, policy, count)) in policies.into_iter().enumerate() {
        let commands = commands(count);
        let check = root.join(format!("check-{index}"));
        append(&check, policy, &commands[..100], false)?;
        read(&check, &commands[..100])?;
        let single_ns = append(
            &root.join(format!("single-{index}")),
            policy,
            &commands,
            false,
        )?;
        let batch_path = root.join(format!("batch-{index}"));
        let batch_ns = append(&batch_path, policy, &commands, true)?;
        let read_ns = read(&batch_path, &commands)?;
        println!(
            "{name}: {single_ns:.0} ns per append, {batch_ns:.0} ns in batches of {BATCH} ({:.2} M commands/s), {read_ns:.0} ns per record read back",
            1000.0 / batch_ns
        );
    }
    std::fs::remove_dir_all(&root)?;
    Ok(())
}
