//! Orders for a FIX 4.4 server at an address, checked report by report and timed. The server may be ours (`serve`) or a peer: both get the same bytes, but for times.
//!
//! `order_load ADDRESS FIRST MODE`, where FIRST is the number of the first request (its ClOrdID), and MODE one of
//! - `fill COUNT`: orders that rest and stay, so that the book has some depth;
//! - `check COUNT`: requests one at a time;
//! - `pipelined CLIENTS OUT SECONDS`: each client has up to OUT requests out; one and 1 is a closed loop, one request at a time;
//! - `open RATE SECONDS`: requests are due at fixed times, whatever the server does, and each is timed from when it was due (so a server that stalls is charged with
//!   all that waits meanwhile: no coordinated omission);
//! - `paced RATE SECONDS FILE`: the same, by two threads that sleep whenever they can, so that the processors are left to others; FILE gets a row for each request.
//!
//! But for `paced`, one thread asks and looks for answers without a pause, so it takes one processor; it sleeps only where nothing is out and the next request is due much later. It prints one object of JSON: what was measured, and for each client a hash over ClOrdID, ExecType,
//! OrdStatus and quantities of all reports in order, which two servers that do the same have in common.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::{Duration, Instant};

mod client;
mod figures;
mod flow;
mod orders;
mod paced;

use client::Client;
use figures::Figures;
use flow::Flow;

const NAMES: [&[u8]; 2] = [b"ALICE", b"BOB"];
/// How long the last answers are waited for.
const PATIENCE_NS: u64 = 120_000_000_000;
/// Nobody sleeps nearer to the time at which a request is due: sleeping takes up to a tenth of a millisecond longer than it was asked for.
const AWAKE_NS: u64 = 200_000;
/// Bytes after which what was asked is sent before more is asked.
const OUTGOING_BYTES_MAX: usize = 32_768;
/// Requests out while the book is filled.
const FILLING_OUT: usize = 64;
/// Room that is made beforehand.
const REQUESTS_EXPECTED: usize = 2_000_000;
/// The numbers of the second client's requests are so far behind those of the first.
const CLIENT_REQUESTS_MAX: usize = 50_000_000;

/// When requests are made.
#[derive(Clone, Copy)]
enum Pace {
    /// At most so many of a client are out.
    Out(usize),
    /// One is due every so many nanoseconds.
    EveryNs(f64),
}

/// What is to be done.
struct Plan {
    address: SocketAddr,
    first: usize,
    clients: usize,
    pace: Pace,
    /// Requests of each client, at most.
    count: usize,
    /// Nothing is asked after this time.
    limit_ns: u64,
    is_filling: bool,
}

/// One client's run.
struct Run {
    client: Client,
    flow: Flow,
    asked: usize,
    /// When each request that was asked was due.
    due_ns: Vec<u64>,
    /// Requests that were answered in full.
    done: usize,
    /// All was asked.
    is_over: bool,
}

fn elapsed_ns(start: Instant) -> u64 {
    start.elapsed().as_nanos() as u64
}

impl Run {
    /// When the next request was due, if it is by now.
    fn due_ns(&mut self, plan: &Plan, now_ns: u64) -> Option<u64> {
        // It ends with a whole cycle, so that nothing is left in the book.
        let is_late = now_ns >= plan.limit_ns && flow::is_whole(self.asked);
        self.is_over |= self.asked == plan.count || is_late;
        if self.is_over {
            return None;
        }
        match plan.pace {
            Pace::Out(out) => (self.asked - self.done < out).then_some(now_ns),
            Pace::EveryNs(every_ns) => {
                let due_ns = (self.asked as f64 * every_ns) as u64;
                (due_ns <= now_ns).then_some(due_ns)
            }
        }
    }

    /// Until when nothing will happen.
    fn idle_until_ns(&self, plan: &Plan) -> u64 {
        match plan.pace {
            Pace::EveryNs(every_ns) if self.done == self.asked => {
                let due_ns = (self.asked as f64 * every_ns) as u64;
                due_ns.saturating_sub(AWAKE_NS)
            }
            _ => 0,
        }
    }

    fn ask(&mut self, plan: &Plan, start: Instant, figures: &mut Figures) {
        let mut now_ns = elapsed_ns(start);
        while let Some(due_ns) = self.due_ns(plan, now_ns) {
            let waiting_bytes = self.flow.write(self.asked, &mut self.client.outgoing);
            self.due_ns.push(due_ns);
            self.asked += 1;
            now_ns = elapsed_ns(start);
            figures.delay.saturating_record(now_ns - due_ns);
            if waiting_bytes >= OUTGOING_BYTES_MAX {
                break;
            }
        }
        self.client.outgoing.flush();
    }

    fn take_answers(&mut self, start: Instant, figures: &mut Figures) {
        if !self.client.incoming.fill() {
            return;
        }
        let now_ns = elapsed_ns(start);
        while let Some(report) = self.client.incoming.next_report() {
            let answer = self.flow.check(&report);
            figures.reports += 1;
            if let Some(request) = answer.acknowledges {
                let latency_ns = now_ns - self.due_ns[request];
                figures.latency.saturating_record(latency_ns);
            }
            self.done = answer.done;
        }
        figures.finished_ns = now_ns;
    }
}

fn drive(plan: &Plan, runs: &mut [Run]) -> Figures {
    let mut figures = Figures::new();
    let start = Instant::now();
    let mut asked_ns = 0;
    while runs.iter().any(|run| !run.is_over || run.done < run.asked) {
        for run in &mut *runs {
            run.ask(plan, start, &mut figures);
            if !run.is_over {
                asked_ns = elapsed_ns(start);
            }
            run.take_answers(start, &mut figures);
        }
        let idle_until_ns = runs.iter().map(|run| run.idle_until_ns(plan)).min();
        let idle_ns =
            idle_until_ns.map_or(0, |until_ns| until_ns.saturating_sub(elapsed_ns(start)));
        if idle_ns > 0 {
            std::thread::sleep(Duration::from_nanos(idle_ns));
        }
        let waited_ns = elapsed_ns(start).saturating_sub(asked_ns);
        assert!(
            waited_ns < PATIENCE_NS,
            "expected all answers {PATIENCE_NS} ns after the last request"
        );
    }
    figures
}

fn read<T: FromStr>(text: &str, name: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("expected {name}, received {text:?}"))
}

fn plan(words: &[&str]) -> Plan {
    let [address, first, mode @ ..] = words else {
        panic!("expected ADDRESS FIRST MODE, received {words:?}");
    };
    let mut plan = Plan {
        address: read(address, "ADDRESS"),
        first: read(first, "FIRST"),
        clients: 1,
        pace: Pace::Out(1),
        count: CLIENT_REQUESTS_MAX,
        limit_ns: u64::MAX,
        is_filling: false,
    };
    match mode {
        ["fill", count] => {
            plan.count = read(count, "COUNT");
            plan.pace = Pace::Out(FILLING_OUT);
            plan.is_filling = true;
        }
        ["check", count] => plan.count = flow::whole(read(count, "COUNT")),
        ["pipelined", clients, out, seconds] => {
            plan.clients = read(clients, "CLIENTS");
            let names = 1..=NAMES.len();
            assert!(
                names.contains(&plan.clients),
                "expected CLIENTS in {names:?}"
            );
            plan.pace = Pace::Out(read(out, "OUT"));
            plan.limit_ns = (read::<f64>(seconds, "SECONDS") * 1e9) as u64;
        }
        ["open", rate, seconds] => {
            let (rate, seconds): (f64, f64) = (read(rate, "RATE"), read(seconds, "SECONDS"));
            plan.pace = Pace::EveryNs(1e9 / rate);
            plan.count = flow::whole((rate * seconds) as usize);
        }
        other => panic!(
            "expected fill, check, pipelined, open or paced, with their numbers, received {other:?}"
        ),
    }
    plan
}

fn end(mut client: Client) {
    client.wait(true);
    client.outgoing.log_out();
    client.incoming.end();
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let [address, first, "paced", rate, seconds, file] = words[..] {
        let (rate, seconds) = (read(rate, "RATE"), read(seconds, "SECONDS"));
        let flow = |_| Flow::new(0, read(first, "FIRST"), false);
        let client = Client::on(read(address, "ADDRESS"), NAMES[0]);
        let pace = paced::Pace::new(rate, seconds);
        return end(paced::run(client, [(); 2].map(flow), &pace, file.as_ref()));
    }
    let plan = plan(&words);
    let run_of = |(place, name)| Run {
        client: Client::on(plan.address, name),
        flow: Flow::new(
            place,
            plan.first + place * CLIENT_REQUESTS_MAX,
            plan.is_filling,
        ),
        asked: 0,
        due_ns: Vec::with_capacity(plan.count.min(REQUESTS_EXPECTED)),
        done: 0,
        is_over: false,
    };
    let mut runs: Vec<Run> = (0..).zip(NAMES).take(plan.clients).map(run_of).collect();
    let figures = drive(&plan, &mut runs);
    let hashes: Vec<u64> = runs.iter().map(|run| run.flow.hash()).collect();
    figures.print(runs.iter().map(|run| run.done).sum(), &hashes);
    for run in runs {
        end(run.client);
    }
}
