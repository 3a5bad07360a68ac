//! A limit of messages per second: a token bucket in integers.
//!
//! It is kept as the time at which the bucket will be full again (the generic cell rate algorithm, ITU-T I.371): a message moves that time on by its
//! cost, and is refused where that were further away than a whole bucket. No timer fills anything; the state is one number.

use crate::settings::{ThrottleSettings, SECOND_NS};

const MESSAGES_PER_SECOND_MAX: u32 = 1_000_000;

/// A token bucket.
#[derive(Clone, Debug)]
pub struct Throttle {
    cost_ns: u64,
    bucket_ns: u64,
    full_at_ns: u64,
}

impl Throttle {
    /// A full bucket.
    ///
    /// # Panics
    /// Without a burst, or with a rate out of 1 to 1,000,000: the operator's mistake, found at start.
    pub fn new(settings: ThrottleSettings) -> Self {
        let rate = settings.messages_per_second;
        assert!(
            (1..=MESSAGES_PER_SECOND_MAX).contains(&rate) && settings.burst > 0,
            "expected 1 to {MESSAGES_PER_SECOND_MAX} messages per second and a burst of at least 1, received {rate} and {}",
            settings.burst
        );
        let cost_ns = SECOND_NS.div_ceil(u64::from(rate));
        Throttle {
            cost_ns,
            bucket_ns: cost_ns * u64::from(settings.burst),
            full_at_ns: 0,
        }
    }

    /// Takes a token; whether there was one. A clock that goes back gives none.
    pub fn take(&mut self, now_ns: u64) -> bool {
        let full_at_ns = self.full_at_ns.max(now_ns).saturating_add(self.cost_ns);
        if full_at_ns.saturating_sub(now_ns) > self.bucket_ns {
            return false;
        }
        self.full_at_ns = full_at_ns;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Excess;

    /// Over any stretch of time no more pass than the burst and what the rate gives, and as many do.
    #[test]
    fn as_many_pass_as_burst_and_rate_give() {
        let settings = ThrottleSettings {
            messages_per_second: 8,
            burst: 5,
            excess: Excess::Reject,
        };
        let mut throttle = Throttle::new(settings);
        let start_ns = 1_000 * SECOND_NS;
        let at_once = (0..100).filter(|_| throttle.take(start_ns)).count();
        assert_eq!(at_once, 5);
        let in_a_second = (1..=1_000u64)
            .filter(|ms| throttle.take(start_ns + ms * 1_000_000))
            .count();
        assert_eq!(in_a_second, 8);
        let later = (0..100)
            .filter(|_| throttle.take(start_ns + 60 * SECOND_NS))
            .count();
        assert_eq!(later, 5, "a bucket is never fuller than full");
        assert!(!throttle.take(start_ns), "a clock that goes back");
    }
}
