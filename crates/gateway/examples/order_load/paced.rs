//! The open loop for measurements in which others need the processors: one thread asks and sleeps until the next request is due, another waits for answers. So an
//! answer is timed when a thread that slept has it, as with any client.
//!
//! Each request leaves a row in a file: when it was due, when its first report was there (nanoseconds since 1970, so that other programs can compare their own
//! times with them), its entry in the exchange's log, and 1 if it traded; each 8 bytes, little-endian.

use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::client::{now_ns, Client, Incoming, Outgoing};
use crate::figures::{histogram, Figures};
use crate::flow::{self, Flow};
use crate::OUTGOING_BYTES_MAX;

/// The first request is due so long after the start, so that both threads are there.
const LEAD_NS: u64 = 20_000_000;
/// The system's clock may have moved against the steady one by so much in a run: what setting it would do is more.
const CLOCK_NS_MAX: u64 = 2_000_000;
/// Where the kernel is asked to wake a thread when it said, and not up to 50 microseconds later (proc(5)).
const TIMER_SLACK: &str = "/proc/self/timerslack_ns";

/// How often requests are due, and how many.
pub struct Pace {
    every_ns: f64,
    count: usize,
}

impl Pace {
    pub fn new(rate_per_s: f64, seconds: f64) -> Self {
        Pace {
            every_ns: 1e9 / rate_per_s,
            count: flow::whole((rate_per_s * seconds) as usize),
        }
    }
}

/// When requests are due.
struct Schedule<'p> {
    pace: &'p Pace,
    start_ns: u64,
}

impl Schedule<'_> {
    fn due_ns(&self, request: usize) -> u64 {
        self.start_ns + (request as f64 * self.pace.every_ns) as u64
    }
}

/// Asks at a pace, and prints the figures. Of the two flows one asks and one checks.
pub fn run(client: Client, flows: [Flow; 2], pace: &Pace, file: &Path) -> Client {
    client.wait(true);
    // Where it may not be had, requests are later, and the generator's delay says so.
    let _ = std::fs::write(TIMER_SLACK, "1");
    let Client {
        mut outgoing,
        mut incoming,
    } = client;
    let [asking, mut checking] = flows;
    let steady = Instant::now();
    let begun_ns = now_ns();
    let schedule = Schedule {
        pace,
        start_ns: begun_ns + LEAD_NS,
    };
    let mut figures = Figures::new();
    let (delay, rows) = std::thread::scope(|scope| {
        let taking = scope.spawn(|| take(&mut incoming, &mut checking, &schedule, &mut figures));
        let delay = ask(&mut outgoing, &asking, &schedule);
        (delay, taking.join().expect("answers as they should be"))
    });
    figures.delay = delay;
    let moved_ns = (now_ns() - begun_ns).abs_diff(steady.elapsed().as_nanos() as u64);
    assert!(
        moved_ns < CLOCK_NS_MAX,
        "expected a clock that nobody sets, received one that moved by {moved_ns} ns"
    );
    std::fs::write(file, rows).expect("a file that can be written");
    figures.print(pace.count, &[checking.hash()]);
    Client { outgoing, incoming }
}

fn ask(outgoing: &mut Outgoing, flow: &Flow, schedule: &Schedule) -> Histogram<u64> {
    let mut delay = histogram();
    for request in 0..schedule.pace.count {
        let due_ns = schedule.due_ns(request);
        let early_ns = due_ns.saturating_sub(now_ns());
        if early_ns > 0 {
            outgoing.flush();
            std::thread::sleep(Duration::from_nanos(early_ns));
        }
        let waiting_bytes = flow.write(request, outgoing);
        delay.saturating_record(now_ns().saturating_sub(due_ns));
        if waiting_bytes >= OUTGOING_BYTES_MAX {
            outgoing.flush();
        }
    }
    outgoing.flush();
    delay
}

/// Takes all answers; the rows.
fn take(
    incoming: &mut Incoming,
    flow: &mut Flow,
    schedule: &Schedule,
    figures: &mut Figures,
) -> Vec<u8> {
    let mut rows = Vec::with_capacity(schedule.pace.count * 32);
    let mut done = 0;
    while done < schedule.pace.count {
        assert!(incoming.fill(), "expected answers, received none in time");
        let now_ns = now_ns();
        while let Some(report) = incoming.next_report() {
            let answer = flow.check(&report);
            figures.reports += 1;
            if let Some(request) = answer.acknowledges {
                let due_ns = schedule.due_ns(request);
                let latency_ns = now_ns.saturating_sub(due_ns);
                figures.latency.saturating_record(latency_ns);
                let is_trading = u64::from(flow::is_trading(request));
                for value in [due_ns, now_ns, report.entry(), is_trading] {
                    rows.extend_from_slice(&value.to_le_bytes());
                }
            }
            done = answer.done;
        }
        figures.finished_ns = now_ns.saturating_sub(schedule.start_ns);
    }
    rows
}
