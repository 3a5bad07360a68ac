//! Files and replays of tests.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use proofbook_replay::{replay, ErrorKind, Mode, Options, ReplayError, Report};

/// A scratch file with this content.
pub fn scratch(name: &str, content: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("the test's folder can be written");
    path
}

/// Replays with `check`.
pub fn checked(path: &Path, mode: Mode) -> Report {
    let options = Options {
        mode: Some(mode),
        check: true,
        ..Options::default()
    };
    replay(&[path.to_path_buf()], &options, &mut |_| true).expect("the file can be replayed")
}

/// Replays a file that must fail, and gives the error's kind and text.
pub fn failing(path: &Path) -> (ErrorKind, String) {
    let outcome = replay(&[path.to_path_buf()], &Options::default(), &mut |_| true);
    let error: ReplayError = outcome.expect_err("the file is broken");
    (error.kind(), error.to_string())
}

/// Every record is accounted for exactly once.
pub fn assert_accounted(report: &Report) {
    assert_eq!(
        report.records,
        report.applied + report.informational + report.unapplied_total,
        "{}",
        report.summary()
    );
    assert_eq!(report.records, report.records_by_kind.values().sum::<u64>());
    assert_eq!(
        report.unapplied_total,
        report.unapplied.values().sum::<u64>()
    );
}
