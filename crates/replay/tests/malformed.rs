//! Broken input gives one clear error with its place, and never a panic.

mod common;

use common::{failing, scratch};
use proofbook_replay::{detect, replay, ErrorKind, Options};
use proptest::prelude::*;

const MESSAGE: &str = "34200.1,1,11,100,5850000,1\n";

/// Replays text as a file and expects an error that contains each of these.
fn expect_error(name: &str, content: &[u8], kind: ErrorKind, parts: &[&str]) {
    let path = scratch(name, content);
    let (found, text) = failing(&path);
    assert_eq!(found, kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "expected {part:?} in {text:?}");
    }
    assert!(text.contains(name), "the error names the file: {text:?}");
}

#[test]
fn lobster_messages() {
    let cases = [
        ("columns", "34200.2,1,12,100,5850000\n", "received 5"),
        ("more", "34200.2,1,12,100,5850000,1,9\n", "received 7"),
        ("time", "noon,1,12,100,5850000,1\n", "time"),
        ("past", "-1.0,1,12,100,5850000,1\n", "time"),
        (
            "type",
            "34200.2,8,12,100,5850000,1\n",
            "expected 1 to 7, received 8",
        ),
        ("size", "34200.2,1,12,1e2,5850000,1\n", "size"),
        ("negative", "34200.2,1,12,-100,5850000,1\n", "size"),
        ("price", "34200.2,1,12,100,58.5,1\n", "price"),
        ("side", "34200.2,1,12,100,5850000,0\n", "direction"),
        ("large", "34200.2,1,12,100,9223372036854775808,1\n", "price"),
        ("blank", "\n", "received 1"),
    ];
    for (name, line, part) in cases {
        let text = format!("{MESSAGE}{MESSAGE}{line}");
        expect_error(
            &format!("lobster_{name}.csv"),
            text.as_bytes(),
            ErrorKind::Malformed,
            &["line 3", part],
        );
    }
}

#[test]
fn lobster_rows() {
    let messages = scratch("pair_message_1.csv", MESSAGE.repeat(3).as_bytes());
    let replay_with = |name: &str, rows: &str| {
        let options = Options {
            book: Some(scratch(name, rows.as_bytes())),
            ..Options::default()
        };
        let error = replay(std::slice::from_ref(&messages), &options, &mut |_| true)
            .expect_err("the rows are broken");
        error.to_string()
    };
    let row = "5850100,10,5850000,100\n";
    let text = replay_with("rows_columns.csv", &format!("{row}5850100,10\n{row}"));
    assert!(
        text.contains("line 2") && text.contains("expected 4 columns, received 2"),
        "{text}"
    );
    let text = replay_with(
        "rows_number.csv",
        &format!("{row}5850100,ten,5850000,100\n{row}"),
    );
    assert!(
        text.contains("line 2") && text.contains("column 2"),
        "{text}"
    );
    let text = replay_with("rows_messages.csv", "DBN");
    assert!(
        text.contains("expected a LOBSTER order book file, received dbn"),
        "{text}"
    );
    let error = replay(
        &[scratch("rows_alone.csv", row.as_bytes())],
        &Options::default(),
        &mut |_| true,
    );
    assert_eq!(
        error.expect_err("rows alone are nothing to replay").kind(),
        ErrorKind::Usage
    );
}

#[test]
fn bitstamp_lines() {
    let good = "1430438404518 order_created {\"price\": \"236.47\", \"amount\": \"2.0\", \"id\": 1, \"order_type\": 0}\n";
    let cases = [
        ("json", "1430438404519 order_created {\"price\"\n", "JSON"),
        ("field", "1430438404519 order_created {\"price\": \"1\"}\n", "JSON"),
        ("event", "1430438404519 order_eaten {}\n", "order_eaten"),
        ("time", "x order_created {}\n", "milliseconds"),
        ("price", "1 order_created {\"price\": \"2.345\", \"amount\": \"2.0\", \"id\": 1, \"order_type\": 0}\n", "2.345"),
        ("type", "1 order_created {\"price\": \"2.34\", \"amount\": \"2.0\", \"id\": 1, \"order_type\": 2}\n", "order_type"),
        ("amount", "1 order_created {\"price\": \"2.34\", \"amount\": \"-2.0\", \"id\": 1, \"order_type\": 1}\n", "amount"),
        ("parts", "1430438404519\n", "three parts"),
    ];
    for (name, line, part) in cases {
        let text = format!("{good}{line}");
        expect_error(
            &format!("bitstamp_{name}.log"),
            text.as_bytes(),
            ErrorKind::Malformed,
            &["line 2", part],
        );
    }
}

#[test]
fn unknown_and_empty_content() {
    let expected = ["expected LOBSTER", "received"];
    expect_error(
        "unknown.txt",
        b"hello, world",
        ErrorKind::UnknownFormat,
        &expected,
    );
    expect_error(
        "unknown.bin",
        &[0xFF; 100],
        ErrorKind::UnknownFormat,
        &expected,
    );
    expect_error(
        "unknown.csv",
        b"time,type,id,size,price,side\n",
        ErrorKind::UnknownFormat,
        &expected,
    );
    expect_error("empty.csv", b"", ErrorKind::NoOrderEvents, &["empty"]);
    let missing = std::path::Path::new("no/such/file.csv");
    assert_eq!(failing(missing).0, ErrorKind::Io);
    assert_eq!(
        failing(std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))).0,
        ErrorKind::Usage
    );
}

#[test]
fn databento_files() {
    expect_error(
        "short.dbn",
        b"DBN\x02\x10\x00\x00\x00abc",
        ErrorKind::Malformed,
        &["DBN metadata"],
    );
    expect_error(
        "version.dbn",
        b"DBN\xFF\x10\x00\x00\x00abcdefghijklmnop",
        ErrorKind::Malformed,
        &["DBN metadata"],
    );
    let mut dbz = vec![0x50, 0x2A, 0x4D, 0x18, 0x90, 0, 0, 0];
    dbz.extend(b"DBZ\x01");
    expect_error("short.dbz", &dbz, ErrorKind::Malformed, &["DBN metadata"]);
}

#[test]
fn compressed_files_that_are_cut_short() {
    use std::io::Write;
    let plain = MESSAGE.repeat(20_000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(plain.as_bytes())
        .expect("memory can be written");
    let gzip = gzip.finish().expect("memory can be written");
    let report = replay(
        &[scratch("whole.csv.gz", &gzip)],
        &Options::default(),
        &mut |_| true,
    )
    .expect("gzip is taken");
    assert_eq!(report.records, 20_000);
    let (kind, _) = failing(&scratch("cut.csv.gz", &gzip[..gzip.len() / 2]));
    assert_eq!(kind, ErrorKind::Malformed);
    let zstd = zstd::encode_all(plain.as_bytes(), 1).expect("memory can be written");
    let (kind, _) = failing(&scratch("cut.csv.zst", &zstd[..zstd.len() / 2]));
    assert_eq!(kind, ErrorKind::Malformed);
}

#[test]
fn the_caller_can_stop_the_work() {
    let path = scratch("long.csv", MESSAGE.repeat(50_000).as_bytes());
    let mut calls = 0;
    let error = replay(&[path], &Options::default(), &mut |progress| {
        calls += 1;
        assert!(progress.bytes_done <= progress.bytes_total);
        false
    })
    .expect_err("the callback said no");
    assert_eq!((error.kind(), calls), (ErrorKind::Cancelled, 1));
}

#[test]
fn what_cannot_be_applied_is_counted_by_reason() {
    let lines = [
        "1.0,1,11,100,5850000,1",                   // stands
        "1.1,1,11,100,5850000,1",                   // the same again
        "1.2,1,12,0,5850000,1",                     // nothing
        "1.3,4,11,101,5850000,1",                   // more than there is
        "1.4,2,11,10,5849900,1",                    // not where it stands
        "1.5,1,4611686018427387904,5,5850000,1",    // an id kept for the replay's own orders
        "1.6,3,11,100,5850000,1",                   // gone
        "1.7,1,13,18446744073709551615,5850100,-1", // beyond the format's numbers
    ];
    let path = scratch("unapplied.csv", lines[..7].join("\n").as_bytes());
    let report =
        replay(&[path], &Options::default(), &mut |_| true).expect("the file can be replayed");
    common::assert_accounted(&report);
    assert_eq!(
        (report.applied, report.unapplied_total),
        (2, 5),
        "{:?}",
        report.unapplied
    );
    for reason in [
        "duplicate_order",
        "zero_quantity",
        "more_than_there",
        "standing_differs",
        "reserved_id",
    ] {
        assert_eq!(
            report.unapplied[reason], 1,
            "{reason}: {:?}",
            report.unapplied_examples
        );
    }
    let (kind, text) = failing(&scratch("beyond.csv", lines.join("\n").as_bytes()));
    assert_eq!(kind, ErrorKind::Malformed);
    assert!(text.contains("line 8"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Random bytes behind each format's beginning: an error or a report, never a panic.
    #[test]
    fn random_bytes_never_panic(
        start in 0usize..9,
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let starts: [&[u8]; 9] = [
            b"", b"DBN\x02", b"DBN\x01\x40\x00\x00\x00", b"\x00\x0CS", b"PBCMDS\x00\x01", b"34200.1,1,1,1,1,1\n",
            b"\xA1\xB2\xC3\xD4", b"1 order_created {", b"P*M\x18\x90\x00\x00\x00DBZ\x01",
        ];
        let mut content = starts[start].to_vec();
        content.extend(&bytes);
        let path = scratch(&format!("random_{start}.bin"), &content);
        let _ = detect(&content);
        if let Ok(report) = replay(&[path], &Options::default(), &mut |_| true) {
            prop_assert_eq!(report.records, report.applied + report.informational + report.unapplied_total);
        }
    }

    /// A valid day with some bytes changed.
    #[test]
    fn changed_bytes_never_panic(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        matched in any::<bool>(),
    ) {
        let mut bytes = Vec::new();
        proofbook_replay::itch::generate(5, 400, &mut bytes).expect("memory can be written");
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let path = scratch("changed.itch", &bytes);
        let mode = if matched { proofbook_replay::Mode::Match } else { proofbook_replay::Mode::Rebuild };
        let options = Options { mode: Some(mode), ..Options::default() };
        if let Ok(report) = replay(&[path], &options, &mut |_| true) {
            prop_assert_eq!(report.records, report.applied + report.informational + report.unapplied_total);
        }
    }

    /// Lines that look like messages, with any numbers.
    #[test]
    fn any_messages_are_accounted(
        lines in proptest::collection::vec((1u8..8, 0u64..6, 0u64..40, -3i64..4, any::<bool>()), 1..80),
        matched in any::<bool>(),
    ) {
        let text: String = lines
            .iter()
            .enumerate()
            .map(|(at, (kind, id, size, price, buys))| {
                let side = if *buys { 1 } else { -1 };
                format!("{}.5,{kind},{id},{size},{},{side}\n", at / 3, price * 100)
            })
            .collect();
        let path = scratch("any.csv", text.as_bytes());
        let mode = if matched { proofbook_replay::Mode::Match } else { proofbook_replay::Mode::Rebuild };
        let options = Options { mode: Some(mode), ..Options::default() };
        let report = replay(&[path], &options, &mut |_| true).expect("every line is a message");
        prop_assert_eq!(report.records, lines.len() as u64);
        prop_assert_eq!(report.records, report.applied + report.informational + report.unapplied_total, "{}", text);
    }
}

#[test]
fn a_tick_is_no_more_than_one_whole_unit() {
    let path = scratch("tick.csv", MESSAGE.as_bytes());
    let report =
        replay(&[path], &Options::default(), &mut |_| true).expect("one message is a file");
    assert_eq!(report.final_book.tick, "1");
    assert_eq!(
        report.final_book.best_bid.expect("the order rests").price,
        "585"
    );
}

#[test]
fn states_that_only_one_side_has_are_differences() {
    let messages = scratch(
        "states_message_1.csv",
        b"1.0,1,1,100,5850000,1\n2.0,1,2,50,5850100,-1\n3.0,1,3,70,5850000,1\n",
    );
    let empty = "9999999999,0";
    let with = |name: &str, rows: &[&str]| {
        let options = Options {
            book: Some(scratch(name, rows.join("\n").as_bytes())),
            check: true,
            ..Options::default()
        };
        replay(std::slice::from_ref(&messages), &options, &mut |_| true)
            .expect("the files are whole")
    };
    let first = format!("{empty},5850000,100");
    let [second, third, strange] = [
        "5850100,50,5850000,100",
        "5850100,50,5850000,170",
        "5850100,50,5850000,9",
    ];
    let report = with("states_same.csv", &[&first, &first, second, third]);
    assert_eq!(
        (report.compared, report.mismatches),
        (3, 0),
        "{:?}",
        report.differences
    );
    let report = with("states_lost.csv", &[&first, third]);
    assert_eq!(
        (report.compared, report.mismatches),
        (3, 1),
        "{:?}",
        report.differences
    );
    let report = with("states_more.csv", &[&first, second, strange, third]);
    assert_eq!(
        (report.compared, report.mismatches),
        (4, 1),
        "{:?}",
        report.differences
    );
    assert!(report.failure.is_some());
}
