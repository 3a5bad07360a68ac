//! What a replay found: counts of every record, agreement with the oracle, and the final state.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::oracle::Comparison;
use crate::record::Record;

/// How many differences a report lists; all are counted.
pub const DIFFERENCES_LISTED_MAX: usize = 200;

/// Something that a record explains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The record, counted from 1.
    pub record: u64,
    /// What was expected and what was received.
    pub what: String,
}

/// Differences: all counted, the first ones listed.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    /// How many there are.
    pub total: u64,
    /// The first [`DIFFERENCES_LISTED_MAX`].
    pub listed: Vec<Difference>,
}

impl Differences {
    /// Notes one.
    pub fn note(&mut self, record: u64, what: impl FnOnce() -> String) {
        self.total += 1;
        if self.listed.len() < DIFFERENCES_LISTED_MAX {
            self.listed.push(Difference {
                record,
                what: what(),
            });
        }
    }
}

/// Counts of records. Every record is applied, informational or unapplied.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Records by kind.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Records that changed the book, or were checked against it as the exchange's own word.
    pub applied: u64,
    /// Records that have no effect on a book of orders.
    pub informational: u64,
    /// Records that could not be applied, by reason.
    pub unapplied: BTreeMap<&'static str, u64>,
    /// The first of these.
    pub unapplied_examples: Differences,
    /// Records that are orders' events.
    pub order_events: u64,
}

impl Counts {
    /// Counts a record by its kind.
    pub fn record(&mut self, record: &Record) {
        self.kind(record.kind);
        self.order_events += u64::from(record.event.is_order_event());
    }

    /// Counts one of a kind.
    pub fn kind(&mut self, kind: &'static str) {
        *self.by_kind.entry(kind).or_insert(0) += 1;
    }

    /// Counts a record that could not be applied.
    pub fn unapplied(&mut self, record: u64, reason: &'static str, what: impl FnOnce() -> String) {
        *self.unapplied.entry(reason).or_insert(0) += 1;
        self.unapplied_examples.note(record, what);
    }

    /// Records in all.
    pub fn records(&self) -> u64 {
        self.by_kind.values().sum()
    }

    /// Records that could not be applied.
    pub fn unapplied_total(&self) -> u64 {
        self.unapplied.values().sum()
    }
}

/// The best level of a side, in natural units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Best {
    /// Its price.
    pub price: String,
    /// What is shown at it.
    pub quantity: String,
}

/// The state in which one instrument ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FinalBook {
    /// The instrument's name.
    pub symbol: Option<String>,
    /// What one tick is worth.
    pub tick: String,
    /// What one lot is worth.
    pub lot: String,
    /// The best bid.
    pub best_bid: Option<Best>,
    /// The best ask.
    pub best_ask: Option<Best>,
    /// Levels of bids.
    pub bid_levels: u64,
    /// Levels of asks.
    pub ask_levels: u64,
    /// Orders.
    pub orders: u64,
    /// In match mode the digest of the market's state; in rebuild mode BLAKE3 over what stands in the book.
    pub digest: String,
}

impl FinalBook {
    fn content(&self) -> String {
        format!(
            "{} orders, {} bid and {} ask levels",
            self.orders, self.bid_levels, self.ask_levels
        )
    }
}

/// What a replay found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The format's name.
    pub format: String,
    /// `rebuild` or `match`.
    pub mode: String,
    /// What held the orders.
    pub engine: String,
    /// The files that were read.
    pub files: Vec<String>,
    /// The order book file that was compared with.
    pub book: Option<String>,
    /// The instrument with the most order events; its final book follows.
    #[serde(flatten)]
    pub final_book: FinalBook,
    /// How many instruments there are.
    pub instruments: u64,
    /// Records in all.
    pub records: u64,
    /// Records by kind.
    pub records_by_kind: BTreeMap<String, u64>,
    /// Records applied.
    pub applied: u64,
    /// Records without an effect on a book of orders.
    pub informational: u64,
    /// Records that could not be applied, by reason.
    pub unapplied: BTreeMap<String, u64>,
    /// Records that could not be applied.
    pub unapplied_total: u64,
    /// The first records that could not be applied.
    pub unapplied_examples: Vec<Difference>,
    /// What was compared.
    pub compared_unit: String,
    /// How many of them.
    pub compared: u64,
    /// How many of them differ.
    pub mismatches: u64,
    /// The share that agrees, where something was compared.
    pub agreement: Option<f64>,
    /// In match mode: executions in reality.
    pub fills: Option<u64>,
    /// In match mode: of these, how many hit the same resting order for the same quantity.
    pub same_maker: Option<u64>,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// How many differences there are.
    pub differences_total: u64,
    /// Further figures, by name.
    pub figures: BTreeMap<String, u64>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// How long the replay took.
    pub seconds: f64,
    /// Records per second.
    pub records_per_s: f64,
    /// Why the replay counts as failed, if it does.
    pub failure: Option<String>,
}

impl Report {
    /// Takes over the counts of records.
    pub fn take_counts(&mut self, counts: Counts) {
        let named = |map: &BTreeMap<&'static str, u64>| -> BTreeMap<String, u64> {
            map.iter()
                .map(|(name, count)| ((*name).to_string(), *count))
                .collect()
        };
        self.records = counts.records();
        self.records_by_kind = named(&counts.by_kind);
        self.applied = counts.applied;
        self.informational = counts.informational;
        self.unapplied = named(&counts.unapplied);
        self.unapplied_total = counts.unapplied_total();
        self.unapplied_examples = counts.unapplied_examples.listed;
    }

    /// Takes over what was compared.
    pub(crate) fn take_comparison(&mut self, comparison: Comparison) {
        self.compared = comparison.compared;
        self.mismatches = comparison.mismatches;
        self.differences_total = comparison.differences.total;
        self.differences = comparison.differences.listed;
    }

    /// The sum of two reports, with the final book of the first.
    pub(crate) fn merged(mut self, other: Report) -> Report {
        let add = |into: &mut BTreeMap<String, u64>, from: BTreeMap<String, u64>| {
            for (name, count) in from {
                *into.entry(name).or_insert(0) += count;
            }
        };
        let sum = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a + b).or(a).or(b);
        if self.format != other.format {
            self.format = format!("{}, {}", self.format, other.format);
        }
        if self.compared_unit != other.compared_unit {
            self.compared_unit = format!("{}, {}", self.compared_unit, other.compared_unit);
        }
        self.files.extend(other.files);
        self.instruments += other.instruments;
        self.records += other.records;
        add(&mut self.records_by_kind, other.records_by_kind);
        self.applied += other.applied;
        self.informational += other.informational;
        add(&mut self.unapplied, other.unapplied);
        self.unapplied_total += other.unapplied_total;
        self.unapplied_examples.extend(other.unapplied_examples);
        self.compared += other.compared;
        self.mismatches += other.mismatches;
        self.agreement = (self.compared > 0)
            .then(|| self.compared.saturating_sub(self.mismatches) as f64 / self.compared as f64);
        self.fills = sum(self.fills, other.fills);
        self.same_maker = sum(self.same_maker, other.same_maker);
        self.differences.extend(other.differences);
        self.differences_total += other.differences_total;
        add(&mut self.figures, other.figures);
        self.notes.extend(other.notes);
        self.seconds += other.seconds;
        self.records_per_s = self.records as f64 / self.seconds.max(f64::MIN_POSITIVE);
        self.failure = match (self.failure, other.failure) {
            (Some(mine), Some(theirs)) => Some(format!("{mine}; {theirs}")),
            (mine, theirs) => mine.or(theirs),
        };
        self
    }

    /// One JSON object on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a report has only names, numbers and finite fractions")
    }

    /// A few readable lines.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            writeln!(text, "{name:<16} {value}").expect("writing to a string cannot fail");
        };
        line("files", self.files.join(", "));
        line("format, mode", format!("{}, {}", self.format, self.mode));
        if let Some(symbol) = &self.final_book.symbol {
            line(
                "instrument",
                format!("{symbol} ({} in all)", self.instruments),
            );
        }
        line(
            "records",
            format!("{} {}", self.records, list(&self.records_by_kind)),
        );
        line(
            "applied",
            format!(
                "{}, without effect on the book {}",
                self.applied, self.informational
            ),
        );
        line(
            "not applied",
            format!("{} {}", self.unapplied_total, list(&self.unapplied)),
        );
        line(
            "compared",
            format!(
                "{} {}, {} differ",
                self.compared, self.compared_unit, self.mismatches
            ),
        );
        if let (Some(fills), Some(same)) = (self.fills, self.same_maker) {
            line(
                "fills",
                format!("{fills}, {same} hit the same resting order"),
            );
        }
        let side = |best: &Option<Best>| match best {
            Some(best) => format!("{} x {}", best.price, best.quantity),
            None => "none".to_string(),
        };
        let book = &self.final_book;
        line(
            "best bid, ask",
            format!("{} / {}", side(&book.best_bid), side(&book.best_ask)),
        );
        line("book", format!("{}, on {}", book.content(), self.engine));
        line("digest", book.digest.clone());
        line(
            "speed",
            format!("{:.0} records/s, {:.3} s", self.records_per_s, self.seconds),
        );
        for note in &self.notes {
            line("note", note.clone());
        }
        if let Some(failure) = &self.failure {
            line("failed", failure.clone());
        }
        text
    }
}

fn list(map: &BTreeMap<String, u64>) -> String {
    if map.is_empty() {
        return String::new();
    }
    let parts: Vec<String> = map
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    format!("({})", parts.join(", "))
}
