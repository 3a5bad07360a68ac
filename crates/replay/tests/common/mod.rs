//! Files for tests: real ones where they are at hand, and scratch ones.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use proofbook_replay::{replay, ErrorKind, Mode, Options, ReplayError, Report};

/// Where real order flow lies: `PROOFBOOK_DATA`, else beside the project.
pub fn data(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PROOFBOOK_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = folder.join(path);
    if file.is_file() {
        return Some(file);
    }
    println!(
        "skipped: {} is not there; set PROOFBOOK_DATA to the folder of real order flow",
        file.display()
    );
    None
}

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
