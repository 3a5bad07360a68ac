//! Latency histograms by type of command.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use proofbook_types::{Action, Command, NewOrder, OrderKind, TimeInForce};

/// Longer latencies are counted as this: ten seconds.
const LATENCY_NS_MAX: u64 = 10_000_000_000;
/// Readings of the clock that its own cost is the median of.
const CLOCK_READINGS: usize = 10_001;

/// The types of commands that a report tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CommandType {
    /// A limit order that may rest.
    Limit,
    /// A limit order that is immediate or cancel.
    ImmediateOrCancel,
    /// A limit order that is fill or kill.
    FillOrKill,
    /// A limit order that shows a part of itself.
    Iceberg,
    /// A market order.
    Market,
    /// A stop or stop-limit order.
    Stop,
    /// A cancel.
    Cancel,
    /// A mass cancel.
    MassCancel,
    /// A reduction.
    Reduce,
    /// A replace.
    Replace,
    /// A sweep.
    Sweep,
    /// Halt, resume, opening of an auction, uncross.
    Phase,
}

impl CommandType {
    /// Every type, in the order of reports.
    pub const ALL: [CommandType; 12] = [
        CommandType::Limit,
        CommandType::ImmediateOrCancel,
        CommandType::FillOrKill,
        CommandType::Iceberg,
        CommandType::Market,
        CommandType::Stop,
        CommandType::Cancel,
        CommandType::MassCancel,
        CommandType::Reduce,
        CommandType::Replace,
        CommandType::Sweep,
        CommandType::Phase,
    ];

    /// The stable name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            CommandType::Limit => "limit",
            CommandType::ImmediateOrCancel => "ioc",
            CommandType::FillOrKill => "fok",
            CommandType::Iceberg => "iceberg",
            CommandType::Market => "market",
            CommandType::Stop => "stop",
            CommandType::Cancel => "cancel",
            CommandType::MassCancel => "mass_cancel",
            CommandType::Reduce => "reduce",
            CommandType::Replace => "replace",
            CommandType::Sweep => "sweep",
            CommandType::Phase => "phase",
        }
    }

    /// The type of a command.
    pub fn of(command: &Command) -> CommandType {
        match command.action {
            Action::New(order) => CommandType::of_order(&order),
            Action::Cancel { .. } => CommandType::Cancel,
            Action::MassCancel { .. } => CommandType::MassCancel,
            Action::Reduce { .. } => CommandType::Reduce,
            Action::Replace { .. } => CommandType::Replace,
            Action::Sweep => CommandType::Sweep,
            Action::Halt | Action::Resume | Action::OpenAuction | Action::Uncross => {
                CommandType::Phase
            }
        }
    }

    fn of_order(order: &NewOrder) -> CommandType {
        match (order.kind, order.time_in_force) {
            (OrderKind::Market, _) => CommandType::Market,
            (OrderKind::Stop { .. } | OrderKind::StopLimit { .. }, _) => CommandType::Stop,
            (_, TimeInForce::ImmediateOrCancel) => CommandType::ImmediateOrCancel,
            (_, TimeInForce::FillOrKill) => CommandType::FillOrKill,
            _ if order.display.is_some() => CommandType::Iceberg,
            _ => CommandType::Limit,
        }
    }
}

/// Latencies of one type of command, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencySummary {
    /// How many commands were measured.
    pub count: u64,
    /// Their mean.
    pub mean_ns: f64,
    /// Half were no slower.
    pub p50_ns: u64,
    /// 99% were no slower.
    pub p99_ns: u64,
    /// 99.9% were no slower.
    pub p999_ns: u64,
    /// The slowest.
    pub max_ns: u64,
}

/// Histograms of latencies, by type of command.
#[derive(Clone, Debug)]
pub struct Latencies {
    histograms: Vec<Histogram<u64>>,
    all: Histogram<u64>,
    clock_ns: u64,
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("the bounds are constant and valid")
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What one measurement costs by itself: the median difference of two readings of the clock, one after the other.
fn clock_cost_ns() -> u64 {
    let mut costs: Vec<u64> = (0..CLOCK_READINGS)
        .map(|_| nanoseconds(Instant::now().elapsed()))
        .collect();
    costs.sort_unstable();
    costs[CLOCK_READINGS / 2]
}

impl Latencies {
    /// Empty histograms, and a clock whose cost is measured.
    pub fn new() -> Self {
        Latencies {
            histograms: CommandType::ALL.map(|_| histogram()).to_vec(),
            all: histogram(),
            clock_ns: clock_cost_ns(),
        }
    }

    /// What one measurement costs by itself; it is part of every latency.
    pub fn clock_ns(&self) -> u64 {
        self.clock_ns
    }

    /// Counts one latency.
    #[inline]
    pub fn record(&mut self, kind: CommandType, duration: Duration) {
        let latency_ns = nanoseconds(duration);
        self.histograms[kind as usize].saturating_record(latency_ns);
        self.all.saturating_record(latency_ns);
    }

    /// The latencies of a type, `None` where no command was of it.
    pub fn of(&self, kind: CommandType) -> Option<LatencySummary> {
        summary(&self.histograms[kind as usize])
    }

    /// The latencies of all commands, `None` where there was none.
    pub fn all(&self) -> Option<LatencySummary> {
        summary(&self.all)
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Latencies::new()
    }
}

fn summary(histogram: &Histogram<u64>) -> Option<LatencySummary> {
    (!histogram.is_empty()).then(|| LatencySummary {
        count: histogram.len(),
        mean_ns: histogram.mean(),
        p50_ns: histogram.value_at_quantile(0.5),
        p99_ns: histogram.value_at_quantile(0.99),
        p999_ns: histogram.value_at_quantile(0.999),
        max_ns: histogram.max(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut latencies = Latencies::new();
        assert!(latencies.of(CommandType::Cancel).is_none());
        for latency_ns in 1..=1000 {
            latencies.record(CommandType::Cancel, Duration::from_nanos(latency_ns));
        }
        let summary = latencies
            .of(CommandType::Cancel)
            .expect("1000 were recorded");
        assert_eq!(summary.count, 1000);
        assert_eq!(
            (summary.p50_ns, summary.p99_ns, summary.max_ns),
            (500, 990, 1000)
        );
        assert_eq!(latencies.all().map(|all| all.count), Some(1000));
        assert!(latencies.of(CommandType::Limit).is_none());
    }

    #[test]
    fn types_have_names_of_their_own_in_the_order_of_their_numbers() {
        for (index, kind) in CommandType::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            let same = CommandType::ALL
                .iter()
                .filter(|other| other.name() == kind.name());
            assert_eq!(same.count(), 1);
        }
    }
}
