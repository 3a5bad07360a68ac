//! How much memory the process has used, and how much a prover may use.

use sp1_core_executor::SP1CoreOpts;

/// The most memory that this process ever held at once, in bytes; `None` where the system does not say.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What the core prover holds besides the shard that it is at, in MiB. Measured: 1.9 GB.
const BASE_MIB: u64 = 2_000;
/// MiB that it holds for each million cells of a shard's tables. Measured: 61 MB.
const MIB_PER_MILLION_CELLS: u64 = 64;
/// A shard has at least so many cells: with less, tables of a fixed size are most of it.
const CELLS_MIN: u64 = 1 << 24;

/// How much memory a prover may take, and what follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryLimit {
    /// GiB; `None` leaves SP1's own defaults.
    pub gib: Option<u64>,
}

impl MemoryLimit {
    /// Options of the core prover: a long run is cut into shards, each proven for itself, that are smaller the less
    /// memory there is. Every further shard costs time and makes the proof longer, so a limit that is not needed is none.
    pub fn core_options(self) -> SP1CoreOpts {
        let mut options = SP1CoreOpts::default();
        if let Some(gib) = self.gib {
            let mebibytes = gib.saturating_mul(1024).saturating_sub(BASE_MIB);
            let cells = (mebibytes / MIB_PER_MILLION_CELLS).saturating_mul(1_000_000);
            let threshold = &mut options.sharding_threshold.element_threshold;
            *threshold = (*threshold).min(cells.max(CELLS_MIN));
        }
        options
    }

    /// Sets the options that SP1's client for compressed proofs reads from the environment: with a limit, one thing at a time,
    /// and no proof is verified that is only a step (the last one is). That takes about 14 GiB, which no option lowers much;
    /// without a limit it is about 18. What is set already stays.
    ///
    /// To be called before there are other threads.
    pub fn set_worker_options(self) {
        if self.gib.is_none() {
            return;
        }
        let no_intermediates = "SP1_WORKER_VERIFY_INTERMEDIATES";
        if std::env::var_os(no_intermediates).is_none() {
            std::env::set_var(no_intermediates, "false");
        }
        for name in [
            "SP1_WORKER_NUM_CORE_WORKERS",
            "SP1_WORKER_CORE_BUFFER_SIZE",
            "SP1_WORKER_NUM_SETUP_WORKERS",
            "SP1_WORKER_NUM_PREPARE_REDUCE_WORKERS",
            "SP1_WORKER_NUM_DEFERRED_WORKERS",
            "SP1_WORKER_NORMALIZE_PROGRAM_CACHE_SIZE",
            "SP1_WORKER_NUM_RECURSION_EXECUTOR_WORKERS",
            "SP1_WORKER_RECURSION_EXECUTOR_BUFFER_SIZE",
            "SP1_WORKER_NUM_RECURSION_PROVER_WORKERS",
            "SP1_WORKER_RECURSION_PROVER_BUFFER_SIZE",
        ] {
            if std::env::var_os(name).is_none() {
                std::env::set_var(name, "1");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_memory_gives_smaller_shards() {
        let cells = |gib| {
            MemoryLimit { gib }
                .core_options()
                .sharding_threshold
                .element_threshold
        };
        let default = cells(None);
        assert_eq!(cells(Some(1)), CELLS_MIN);
        assert!(cells(Some(4)) < cells(Some(8)));
        assert!(cells(Some(8)) < default);
        assert_eq!(cells(Some(64)), default);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_covers_what_was_held() {
        let held = std::hint::black_box(vec![1u8; 32 << 20]);
        let peak = peak_memory_bytes().expect("Linux says it");
        assert!(peak >= held.len() as u64);
    }
}
