//! Files for tests: real ones where they are at hand, and a folder that is there for one test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A file or folder of the test data, which lies in `PROOFBOOK_DATA`, else beside the project. Where it is absent, that is printed, and the test is
/// to be skipped.
pub fn data(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PROOFBOOK_DATA").map_or_else(
        // Cargo runs tests in the folder of their crate.
        || PathBuf::from("../../../shared/data"),
        PathBuf::from,
    );
    let found = folder.join(path);
    if found.exists() {
        return Some(found);
    }
    println!(
        "skipped: {} is not there; set PROOFBOOK_DATA to the folder of test data",
        found.display()
    );
    None
}

/// A folder that is there for one test, and goes when this is dropped.
#[derive(Debug)]
pub struct Temporary(PathBuf);

impl Temporary {
    /// A folder that no other test has.
    #[expect(
        clippy::new_without_default,
        reason = "it makes a folder, which nobody expects of a default"
    )]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("proofbook-{}-{next}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Temporary(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
