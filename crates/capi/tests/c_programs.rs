//! The header, the C programs and the library agree: C programs are compiled against the header, linked with the shared
//! and with the static library, and run; the header's numbers and functions are compared with the library's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proofbook::Status;
use proofbook_book::Reference;
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, MarketConfig, NewOrder, OrderId, OrderKind, Phase, Price, Quantity, Queue,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

/// A file of this crate: cargo runs tests in the crate's folder.
fn crate_file(path: &str) -> PathBuf {
    PathBuf::from(path)
}

fn read(path: &str) -> String {
    let path = crate_file(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Where cargo put the libraries: beside the test, or one folder up. The newest, where both are there.
fn library(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let candidates = test.ancestors().skip(1).take(2).map(|dir| dir.join(name));
    let found = candidates.filter(|path| path.exists());
    let newest = found.max_by_key(|path| {
        let metadata = path.metadata().expect("the library is there");
        metadata.modified().expect("files have times here")
    });
    newest.unwrap_or_else(|| panic!("{name} is not near {}", test.display()))
}

fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Compiles a C program, links it with the library, runs it, and gives what it printed.
fn run_program(source: &str, linkage: &str) -> String {
    let compiler = std::env::var("CC").unwrap_or_else(|_| String::from("cc"));
    let name = format!("{}-{linkage}", source.replace(['/', '.'], "-"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut compile = Command::new(compiler);
    compile
        .args([
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-O1",
            "-I",
        ])
        .arg(crate_file("include"))
        .arg(crate_file(source))
        .arg("-o")
        .arg(&program);
    let mut execute = Command::new(&program);
    if linkage == "shared" {
        let library = library("libproofbook.so");
        execute.env(
            "LD_LIBRARY_PATH",
            library.parent().expect("it lies in a folder"),
        );
        compile.arg(library);
    } else {
        let system = ["-lpthread", "-ldl", "-lm"];
        compile.arg(library("libproofbook.a")).args(system);
    }
    run(&mut compile);
    String::from_utf8(run(&mut execute).stdout).expect("the programs print UTF-8")
}

#[test]
fn the_interface_behaves_as_the_header_says() {
    for linkage in ["shared", "static"] {
        assert_eq!(run_program("tests/c/interface.c", linkage), "ok\n");
    }
}

#[test]
fn the_header_is_cpp_too() {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| String::from("c++"));
    let strict = [
        "-std=c++11",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-fsyntax-only",
    ];
    run(Command::new(compiler)
        .args(strict)
        .args(["-x", "c++"])
        .arg(crate_file("include/proofbook.h")));
}

/// The digest of the example's market, over the reference book.
fn example_digest() -> String {
    let orders = [
        (1, Side::Sell, 10010, 5),
        (2, Side::Sell, 10020, 5),
        (3, Side::Buy, 10020, 7),
        (2, Side::Buy, 9990, 1),
    ];
    let mut market = MatchingEngine::new(MarketConfig::default(), Reference::new())
        .expect("the default terms make a market");
    for (time, (id, side, price, quantity)) in (1..).zip(orders) {
        let order = NewOrder {
            order_id: OrderId(id),
            account: AccountId::NONE,
            side,
            quantity: Quantity(quantity),
            kind: OrderKind::Limit {
                price: Price(price),
            },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        };
        let command = proofbook_types::Command {
            time: Timestamp(time * 100),
            action: Action::New(order),
        };
        market.apply(&command, &mut ());
    }
    let digest = proofbook_engine::digest(&market);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_example_prints_what_happened() {
    let expected = "1 accepted  order 1
1 placed    order 1
2 accepted  order 2
2 placed    order 2
3 accepted  order 3
3 trade     order 1 sold 5 at 10010 to order 3
3 trade     order 2 sold 2 at 10020 to order 3
4 rejected  order 2 duplicate_order
best ask: 3 lots at 10020
digest: ";
    let expected = format!("{expected}{}\n", example_digest());
    for linkage in ["shared", "static"] {
        assert_eq!(run_program("example/market.c", linkage), expected);
    }
}

/// The header's numbers by name.
fn defines() -> BTreeMap<String, i64> {
    let mut defines = BTreeMap::new();
    for line in read("include/proofbook.h").lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some("#define") {
            continue;
        }
        if let (Some(name), Some(value)) = (words.next(), words.next()) {
            if let Ok(value) = value.parse() {
                defines.insert(name.to_owned(), value);
            }
        }
    }
    defines
}

fn shouted(prefix: &str, name: &str) -> String {
    format!("PROOFBOOK_{prefix}_{}", name.to_uppercase())
}

#[test]
fn the_numbers_of_the_header_are_the_library_s() {
    let mut expected = BTreeMap::new();
    for &status in Status::ALL {
        let name = status
            .name()
            .to_str()
            .expect("names are ASCII")
            .to_uppercase();
        let prefix = if (status as i32) < 0 { "ERROR_" } else { "" };
        expected.insert(
            format!("PROOFBOOK_{prefix}{name}"),
            i64::from(status as i32),
        );
    }
    for phase in Phase::ALL {
        expected.insert(shouted("PHASE", phase.name()), phase as i64);
    }
    for (name, side) in [("BUY", Side::Buy), ("SELL", Side::Sell)] {
        expected.insert(shouted("SIDE", name), side as i64);
    }
    let queues = ["BIDS", "ASKS", "BUY_STOPS", "SELL_STOPS"];
    for (name, queue) in queues.into_iter().zip(Queue::ALL) {
        expected.insert(shouted("QUEUE", name), queue as i64);
    }
    for (name, prevention) in [
        ("ALLOW", SelfTradePrevention::Allow),
        ("CANCEL_NEWEST", SelfTradePrevention::CancelNewest),
        ("CANCEL_OLDEST", SelfTradePrevention::CancelOldest),
        ("CANCEL_BOTH", SelfTradePrevention::CancelBoth),
        (
            "DECREMENT_AND_CANCEL",
            SelfTradePrevention::DecrementAndCancel,
        ),
    ] {
        expected.insert(shouted("SELF_TRADE", name), prevention as i64);
    }
    let header = defines();
    for (name, value) in &expected {
        assert_eq!(header.get(name), Some(value), "{name}");
    }
    for prefix in ["PHASE", "SIDE", "QUEUE", "SELF_TRADE", "ERROR"] {
        let start = format!("PROOFBOOK_{prefix}_");
        let unknown = header
            .keys()
            .find(|name| name.starts_with(&start) && !expected.contains_key(*name));
        assert_eq!(unknown, None, "the library knows no such number");
    }
}

/// Names that follow `before` in a text, up to the opening parenthesis.
fn functions(text: &str, before: &str) -> BTreeSet<String> {
    let starts = text
        .match_indices(before)
        .map(|(at, _)| &text[at + before.len()..]);
    let names = starts.filter_map(|rest| rest.split_once('(').map(|(name, _)| name));
    names
        .filter(|name| name.starts_with("proofbook_") && !name.contains(char::is_whitespace))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_header_declares_what_the_library_exports() {
    let header = read("include/proofbook.h");
    let mut declared = functions(&header, "\nproofbook_status ");
    declared.extend(functions(&header, "\nconst char *"));
    let exported = functions(&read("src/lib.rs"), "extern \"C\" fn ");
    assert_eq!(declared, exported);
    assert!(declared.len() >= 20, "only {declared:?} were found");
    let program = read("tests/c/interface.c");
    for name in &declared {
        assert!(
            program.contains(&format!("{name}(")),
            "no C test calls {name}"
        );
    }
}
