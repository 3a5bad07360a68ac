//! What was measured, as one object of JSON.

use hdrhistogram::Histogram;

/// Latencies are told apart up to this one.
const LATENCY_NS_MAX: u64 = 200_000_000_000;

/// What was measured.
pub struct Figures {
    /// From when a request was due to its first report.
    pub latency: Histogram<u64>,
    /// From when a request was due to when it was written: what this program itself was late.
    pub delay: Histogram<u64>,
    pub finished_ns: u64,
    pub reports: u64,
}

impl Figures {
    pub fn new() -> Self {
        Figures {
            latency: histogram(),
            delay: histogram(),
            finished_ns: 0,
            reports: 0,
        }
    }

    /// Prints them, with the hash over each client's reports.
    pub fn print(&self, requests: usize, hashes: &[u64]) {
        let seconds = self.finished_ns as f64 / 1e9;
        let hashes: Vec<String> = hashes
            .iter()
            .map(|hash| format!("\"{hash:016x}\""))
            .collect();
        println!(
            r#"{{"requests":{requests},"reports":{},"seconds":{seconds},"requests_per_s":{:.1},"hashes":[{}],"latency":{},"generator_delay":{}}}"#,
            self.reports,
            requests as f64 / seconds,
            hashes.join(","),
            histogram_json(&self.latency),
            histogram_json(&self.delay),
        );
    }
}

pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("the bounds are valid")
}

fn histogram_json(histogram: &Histogram<u64>) -> String {
    let at = |quantile| histogram.value_at_quantile(quantile);
    // Eight points for each nine of the quantile, down to one in a million.
    let curve: Vec<String> = (0..=48)
        .map(|step| 1.0 - 10f64.powf(-f64::from(step) / 8.0))
        .map(|quantile| format!("[{quantile},{}]", at(quantile)))
        .collect();
    format!(
        r#"{{"count":{},"mean_ns":{:.1},"min_ns":{},"p50_ns":{},"p90_ns":{},"p99_ns":{},"p999_ns":{},"p9999_ns":{},"max_ns":{},"curve":[{}]}}"#,
        histogram.len(),
        histogram.mean(),
        histogram.min(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(0.9999),
        histogram.max(),
        curve.join(",")
    )
}
