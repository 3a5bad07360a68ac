//! The agreement reached on real order flow, figure by figure. `docs/REPLAY.md` explains every difference by its record.

mod common;

use std::collections::BTreeMap;

use common::{assert_accounted, checked};
use proofbook_replay::{replay, InitialBook, Mode, Options, Report};
use proofbook_testkit::files::data;

const AAPL_50: &str = "lobster/AAPL_2012-06-21_34200000_36000000_message_50.csv";
const AAPL_10: &str = "lobster/AAPL_2012-06-21_34200000_57600000_message_10.first999.csv";
const AMZN_5: &str = "lobster/AMZN_2012-06-21_34200000_57600000_message_5.first1000.csv";
const AMZN_1: &str = "lobster/AMZN_2012-06-21_34200000_57600000_message_1.csv";
const BITSTAMP: &str = "bitstamp/2015-05-01.first33600.log.xz";
const ES_SNAPSHOT: &str = "databento/esh4-glbx-mdp3-20231224.mbo.dbn.zst";
const ES_TWO_SECONDS: &str =
    "databento/orderbooks_mbo_2024-05-08T00-00-00_2024-05-08T00-00-02.dbn.zst";

fn best(report: &Report) -> (&str, &str) {
    let book = &report.final_book;
    (
        book.best_bid
            .as_ref()
            .map_or("none", |best| best.price.as_str()),
        book.best_ask
            .as_ref()
            .map_or("none", |best| best.price.as_str()),
    )
}

#[test]
fn lobster_half_hour_goes_through_every_state() {
    let Some(file) = data(AAPL_50) else { return };
    let report = checked(&file, Mode::Rebuild);
    assert_accounted(&report);
    assert_eq!(report.failure, None);
    assert_eq!(
        (report.records, report.applied, report.unapplied_total),
        (42_203, 41_080, 0)
    );
    assert_eq!((report.compared, report.mismatches), (13_082, 0));
    assert_eq!(report.compared_unit, "states");
    assert_eq!(report.figures["early_orders"], 50);
    assert_eq!(report.figures["states_that_the_file_does_not_have"], 0);
    assert_eq!(best(&report), ("585.90", "586.13"));
}

#[test]
fn lobster_half_hour_needs_the_orders_from_before_it() {
    let Some(file) = data(AAPL_50) else { return };
    let options = Options {
        initial: InitialBook::Empty,
        check: true,
        ..Options::default()
    };
    let report = replay(&[file], &options, &mut |_| true).expect("the file can be replayed");
    assert!(
        report.mismatches > 0,
        "a comparison that cannot fail proves nothing"
    );
    assert!(report.unapplied["unknown_order"] > 0);
    assert!(report.failure.is_some());
}

#[test]
fn lobster_half_hour_hits_the_same_makers() {
    let Some(file) = data(AAPL_50) else { return };
    let report = checked(&file, Mode::Match);
    assert_accounted(&report);
    assert_eq!(report.failure, None);
    assert_eq!(
        (report.fills, report.same_maker),
        (Some(2_079), Some(2_060))
    );
    assert_eq!(report.figures["explained_by_an_older_reference_number"], 15);
    assert_eq!(report.figures["final_orders_that_differ"], 0);
    let others: Vec<u64> = report
        .differences
        .iter()
        .filter(|difference| !difference.what.contains("older reference number"))
        .map(|difference| difference.record)
        .collect();
    assert_eq!(others, [2_411, 2_419, 2_420, 36_332]);
}

#[test]
fn lobster_rows_follow_from_one_another() {
    let expected: [(&str, u64, u64, u64, u64); 3] = [
        (AAPL_10, 998, 318, 983, 241),
        (AMZN_5, 999, 334, 0, 0),
        (AMZN_1, 57_514, 13_953, 0, 0),
    ];
    for (name, rows, entered, free_best, free_full) in expected {
        let Some(file) = data(name) else { return };
        let report = checked(&file, Mode::Rebuild);
        assert_accounted(&report);
        assert_eq!(report.failure, None, "{name}");
        assert_eq!((report.compared, report.mismatches), (rows, 0), "{name}");
        assert_eq!(report.compared_unit, "rows");
        let figure = |figure: &str| report.figures[figure];
        assert_eq!(
            figure("rows_where_a_level_entered_from_beyond_the_depth"),
            entered,
            "{name}"
        );
        assert_eq!(figure("rows_beyond_the_last_message"), 0);
        if free_best > 0 {
            assert_eq!(
                figure("free_rebuild_rows_that_agree_at_the_best"),
                free_best
            );
            assert_eq!(
                figure("free_rebuild_rows_that_agree_at_full_depth"),
                free_full
            );
        }
    }
}

#[test]
fn one_wrong_row_is_found() {
    let Some(messages) = data(AAPL_10) else {
        return;
    };
    let Some(rows) = data(&AAPL_10.replace("message", "orderbook")) else {
        return;
    };
    let text = std::fs::read_to_string(rows).expect("the file can be read");
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    lines[500] = lines[500].replacen(",", "1,", 1);
    let wrong = common::scratch("one_wrong_row.csv", lines.join("\n").as_bytes());
    let options = Options {
        book: Some(wrong),
        check: true,
        ..Options::default()
    };
    let report = replay(&[messages], &options, &mut |_| true).expect("the files can be replayed");
    // The row does not follow from the one before, and the one after does not follow from it.
    assert_eq!(report.mismatches, 2);
    let records: Vec<u64> = report
        .differences
        .iter()
        .map(|difference| difference.record)
        .collect();
    assert_eq!(records, [501, 502]);
    assert!(report.failure.is_some());
}

#[test]
fn a_file_of_best_levels_says_that_it_cannot_test_queues() {
    let Some(file) = data(AMZN_1) else { return };
    let report = checked(&file, Mode::Match);
    assert_accounted(&report);
    assert!(report
        .notes
        .iter()
        .any(|note| note.contains("only the best levels")));
    assert!(report.failure.is_some());
}

#[test]
fn bitstamp_agrees_with_the_exchanges_own_books() {
    let Some(file) = data(BITSTAMP) else { return };
    let report = checked(&file, Mode::Rebuild);
    assert_accounted(&report);
    assert_eq!(report.failure, None);
    assert_eq!(report.records, 33_600);
    assert_eq!((report.compared, report.mismatches), (27_624, 48));
    assert_eq!(report.compared_unit, "levels");
    assert_eq!(
        report.unapplied,
        BTreeMap::from([("unknown_order".to_string(), 17)])
    );
    let matched = checked(&file, Mode::Match);
    assert_accounted(&matched);
    assert_eq!(matched.failure, None);
    assert_eq!((matched.fills, matched.same_maker), (Some(343), Some(343)));
    assert_eq!(matched.figures["fills_without_orders"], 16);
    assert_eq!(matched.figures["final_orders_that_differ"], 0);
}

#[test]
fn databento_snapshots_give_the_published_figures() {
    let Some(file) = data(ES_TWO_SECONDS) else {
        return;
    };
    let report = checked(&file, Mode::Rebuild);
    assert_accounted(&report);
    assert_eq!(report.failure, None);
    assert_eq!((report.records, report.unapplied_total), (13_796, 0));
    let book = &report.final_book;
    assert_eq!(
        (book.orders, book.bid_levels, book.ask_levels),
        (13_598, 976, 571)
    );
    assert_eq!(best(&report), ("5214.00", "5214.25"));
    assert_eq!(book.symbol.as_deref(), Some("ESM4"));
    assert_eq!(book.tick, "0.25");
    let matched = checked(&file, Mode::Match);
    assert_eq!(matched.failure, None);
    assert_eq!((matched.fills, matched.same_maker), (Some(5), Some(5)));

    let Some(file) = data(ES_SNAPSHOT) else {
        return;
    };
    let report = checked(&file, Mode::Rebuild);
    assert_eq!(
        (report.records, report.applied, report.final_book.orders),
        (8_725, 8_725, 8_725)
    );
    assert_eq!(best(&report), ("4799.00", "4799.50"));
}

#[test]
fn every_version_of_dbn_is_read() {
    for name in [
        "test_data.mbo.dbn",
        "test_data.mbo.dbz",
        "test_data.mbo.v1.dbn.zst",
        "test_data.mbo.v3.dbn.zst",
    ] {
        let Some(file) = data(&format!("databento/{name}")) else {
            return;
        };
        let report = checked(&file, Mode::Rebuild);
        assert_accounted(&report);
        assert_eq!(report.format, "dbn");
        assert_eq!(report.final_book.symbol.as_deref(), Some("ESH1"), "{name}");
        assert_eq!(
            report.records_by_kind,
            BTreeMap::from([("C cancel".to_string(), 2)])
        );
        // Two cancels of orders that the file never added: nothing applies, and that is no success.
        assert_eq!(report.unapplied["unknown_order"], 2);
        assert!(report.failure.is_some(), "{name}");
    }
}

#[test]
fn itch_without_orders_is_counted_and_is_no_success() {
    let Some(file) = data("itch/sample.itch") else {
        return;
    };
    let report = replay(&[file], &Options::default(), &mut |_| true).expect("the file can be read");
    assert_accounted(&report);
    let expected = [
        ("H trading_action", 3),
        ("R stock_directory", 993),
        ("S system_event", 1),
        ("Y reg_sho", 3),
    ];
    let expected = expected.map(|(kind, count)| (kind.to_string(), count));
    assert_eq!(report.records_by_kind, BTreeMap::from(expected));
    assert!(report
        .failure
        .expect("nothing was replayed")
        .contains("order events"));
}

#[test]
fn captured_packets_are_read() {
    let folder = "itch/omi/Nasdaq/Nasdaq.Equities.TotalView.Itch.v5.0";
    let expected = [
        ("AddOrderNoMpidAttributionMessage", "A add", 1),
        ("OrderExecutedMessage", "E executed", 1),
        ("OrderDeleteMessage", "D delete", 1),
        ("OrderReplaceMessage", "U replace", 1),
        ("NetOrderImbalanceIndicatorMessage", "I imbalance", 1),
    ];
    for (name, kind, count) in expected {
        let Some(file) = data(&format!("{folder}/{name}.pcap")) else {
            return;
        };
        let report =
            replay(&[file], &Options::default(), &mut |_| true).expect("the capture can be read");
        assert_accounted(&report);
        assert_eq!(
            report.records_by_kind,
            BTreeMap::from([(kind.to_string(), count)]),
            "{name}"
        );
    }
    let Some(file) = data(&format!("{folder}/Multiple.Packets.pcap")) else {
        return;
    };
    let report =
        replay(&[file], &Options::default(), &mut |_| true).expect("the capture can be read");
    assert!(report.records > 2, "{}", report.summary());
}
