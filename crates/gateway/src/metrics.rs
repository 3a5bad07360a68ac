//! What a reactor counts: one writer, any number of readers, no lock and nothing allocated on the way.
//!
//! A histogram has buckets of equal width within each power of two (as HdrHistogram has; Gil Tene), so that a value is known to one part in eight, whatever its
//! size.
//!
//! Invariant: the reactor alone writes. So a counter is a load and a store, without a locked instruction; a reader sees each number whole, and numbers beside each
//! other from slightly different times.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets of a power of two, as a power of two.
const SUBBUCKET_BITS: u32 = 3;
const SUBBUCKETS: usize = 1 << SUBBUCKET_BITS;

/// Values from this power of two on are counted in the last bucket: 2^37 ns are 137 s.
const VALUE_BITS_MAX: u32 = 37;

/// Buckets of a histogram.
pub const BUCKETS: usize = SUBBUCKETS * (VALUE_BITS_MAX - SUBBUCKET_BITS + 1) as usize + 1;

/// A number that only goes up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Its value.
    pub fn get(&self) -> u64 {
        // Relaxed: nothing is read that a counter would guard.
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn add(&self, count: u64) {
        self.set(self.get().wrapping_add(count));
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// How often values were how large.
#[derive(Debug)]
pub struct Histogram {
    buckets: [Counter; BUCKETS],
    sum: Counter,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            buckets: std::array::from_fn(|_| Counter::default()),
            sum: Counter::default(),
        }
    }
}

/// The bucket that a value is counted in.
fn bucket_of(value: u64) -> usize {
    let bits = u64::BITS - value.leading_zeros();
    if bits <= SUBBUCKET_BITS {
        return value as usize;
    }
    // The bits behind the first one say which part of its power of two.
    let shift = bits - SUBBUCKET_BITS - 1;
    let part = (value >> shift) as usize - SUBBUCKETS;
    (SUBBUCKETS * (shift as usize + 1) + part).min(BUCKETS - 1)
}

impl Histogram {
    #[inline]
    pub(crate) fn record(&self, value: u64) {
        self.buckets[bucket_of(value)].add(1);
        self.sum.add(value);
    }

    /// The largest value of a bucket; the last one has no end.
    pub fn bound(bucket: usize) -> Option<u64> {
        if bucket + 1 >= BUCKETS {
            return None;
        }
        let (power, part) = (bucket / SUBBUCKETS, bucket % SUBBUCKETS);
        Some(match power {
            0 => part as u64,
            _ => (((SUBBUCKETS + part + 1) as u64) << (power - 1)) - 1,
        })
    }

    /// How many values each bucket has.
    pub fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.buckets.iter().map(Counter::get)
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts().sum()
    }

    /// The sum of all values.
    pub fn sum(&self) -> u64 {
        self.sum.get()
    }

    /// A value that this share of all values does not exceed, to the width of a bucket; none where there are no values.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.counts().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Histogram::bound(bucket.min(BUCKETS - 2))
    }
}

/// What a reactor counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Messages of the application that clients sent.
    pub messages_in: Counter,
    /// Messages of the application that sessions were told, whether or not they were connected.
    pub messages_out: Counter,
    /// Bytes that were read.
    pub bytes_in: Counter,
    /// Bytes that were sent.
    pub bytes_out: Counter,
    /// Connections that are open now.
    pub connections: Counter,
    /// Connections that were taken.
    pub connections_taken: Counter,
    /// Connections that were closed at once, since there were too many.
    pub connections_refused: Counter,
    /// Entries of the log.
    pub entries: Counter,
    /// Of these, requests that the exchange refused.
    pub refusals: Counter,
    /// Requests of handles that were taken.
    pub requests: Counter,
    /// Requests of handles that waited when a turn took some.
    pub requests_waiting: Counter,
    /// Times that the log was made to acknowledge what it had.
    pub commits: Counter,
    /// Snapshots that were begun.
    pub snapshots: Counter,
    /// From the first read of a turn that had something to do to what it sent, in nanoseconds.
    pub turn_ns: Histogram,
    /// How long the log took to acknowledge, in nanoseconds.
    pub commit_ns: Histogram,
    /// How long a snapshot held the reactor up, in nanoseconds.
    pub snapshot_ns: Histogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_and_are_an_eighth_wide() {
        let mut next = 0;
        for bucket in 0..BUCKETS - 1 {
            let bound = Histogram::bound(bucket).expect("it is not the last");
            assert_eq!(bucket_of(next), bucket, "{next}");
            assert_eq!(bucket_of(bound), bucket, "{bound}");
            assert!((bound - next) * 8 <= next, "{next} to {bound}");
            next = bound + 1;
        }
        assert_eq!(next, 1 << VALUE_BITS_MAX);
        assert_eq!(bucket_of(next), BUCKETS - 1);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        assert_eq!(Histogram::bound(BUCKETS - 1), None);
    }

    #[test]
    fn quantiles_are_those_of_the_values_within_a_bucket() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for value in 1..=1_000 {
            histogram.record(value);
        }
        assert_eq!((histogram.count(), histogram.sum()), (1_000, 500_500));
        for (share, expected) in [(0.5, 500), (0.99, 990), (0.0, 1)] {
            let found = histogram.quantile(share).expect("there are values");
            assert!(
                (expected..=expected + expected / 8).contains(&found),
                "{found}"
            );
        }
    }
}
