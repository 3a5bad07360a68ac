//! Marks by which a program that runs under valgrind's callgrind says what is to be counted: instructions, data accesses, misses of
//! simulated caches.
//!
//! A mark is a sequence of instructions that does nothing on a processor and that valgrind recognizes ("client requests", valgrind's manual, section
//! 3.1). So the same operations that are timed natively are counted under the simulator, which writes one file for each mark.

use proofbook_bench::{BookMarket, Contender, Value};
use proofbook_books::{NamedBook, Structure, Visitor};
use proofbook_types::Command;
use proofbook_workload::{generate, Parameters, Scenario};

use crate::meter::{Meter, Unread};
use crate::operation::{Axis, Operation};
use crate::standing::{Standing, Trading};

/// Operations of a stretch.
const STRETCH: usize = 16;

/// Stretches before those that are counted.
const WARM_UPS: usize = 32;

/// The name of what is counted for whole commands, next to the names of operations.
pub const COMMAND: &str = "command";

mod request {
    //! Valgrind's own calls.
    #![allow(unsafe_code)] // one sequence of instructions

    use std::ffi::CStr;

    /// Requests of callgrind: the letters C and T, then a number.
    const CALLGRIND: u64 = ((b'C' as u64) << 24) | ((b'T' as u64) << 16);
    const ZERO_STATS: u64 = CALLGRIND + 1;
    const TOGGLE_COLLECT: u64 = CALLGRIND + 2;
    const DUMP_STATS_AT: u64 = CALLGRIND + 3;
    const START_INSTRUMENTATION: u64 = CALLGRIND + 4;
    const STOP_INSTRUMENTATION: u64 = CALLGRIND + 5;
    /// Every tool answers this: how deep the program runs inside of valgrind.
    const RUNNING_ON_VALGRIND: u64 = 0x1001;

    #[cfg(target_arch = "x86_64")]
    fn ask(request: u64, argument: u64) -> u64 {
        let arguments = [request, argument, 0, 0, 0, 0];
        let mut answer = 0u64;
        // SAFETY: natively four rotations of rdi by 128 bits in all, and an exchange of a register with itself: nothing changes, and the
        // answer stays 0. Under valgrind the arguments are read through rax, and rdx gets the answer.
        unsafe {
            std::arch::asm!(
                "rol rdi, 3",
                "rol rdi, 13",
                "rol rdi, 61",
                "rol rdi, 51",
                "xchg rbx, rbx",
                in("rax") arguments.as_ptr(),
                inout("rdx") answer,
                out("rdi") _,
            );
        }
        answer
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn ask(_request: u64, _argument: u64) -> u64 {
        0
    }

    pub fn is_simulated() -> bool {
        ask(RUNNING_ON_VALGRIND, 0) > 0
    }

    pub fn begin() {
        ask(START_INSTRUMENTATION, 0);
    }

    pub fn end() {
        ask(STOP_INSTRUMENTATION, 0);
    }

    pub fn zero() {
        ask(ZERO_STATS, 0);
    }

    pub fn toggle() {
        ask(TOGGLE_COLLECT, 0);
    }

    pub fn dump(name: &CStr) {
        ask(DUMP_STATS_AT, name.as_ptr() as u64);
    }
}

/// Switches the counting on and off.
struct Marks;

impl Meter for Marks {
    fn start(&mut self) {
        request::toggle();
    }

    fn stop(&mut self) {
        request::toggle();
    }
}

/// What runs under the simulator.
pub struct Simulation<'a> {
    /// Sizes of the books.
    pub sizes: &'a [usize],
    /// Stretches of each operation.
    pub samples: usize,
    /// Commands of the flow that is counted whole.
    pub commands: usize,
}

/// Runs everything with marks; says how many operations are behind each.
///
/// # Errors
/// Nobody simulates.
pub fn simulate(books: &[Structure], simulation: &Simulation<'_>) -> Result<Value, String> {
    if !request::is_simulated() {
        return Err("expected to run under valgrind".to_owned());
    }
    let members = books.iter().map(|book| {
        let counted = Counted(simulation);
        (book.name().to_owned(), book.visit(counted))
    });
    Ok(Value::Object(members.collect()))
}

struct Counted<'a>(&'a Simulation<'a>);

impl Visitor for Counted<'_> {
    type Output = Value;

    fn visit<B: NamedBook>(self) -> Value {
        let simulation = self.0;
        let mut counts = Vec::new();
        for axis in Axis::ALL {
            for &size in simulation.sizes {
                let mut standing = Standing::<B>::new(axis.shape(size));
                let mut trading = Trading::<B>::new(axis.shape(size));
                for operation in Operation::ALL.into_iter().filter(|one| one.is_on(axis)) {
                    let name = format!(
                        "{} {} {size} {}",
                        B::STRUCTURE.name(),
                        axis.name(),
                        operation.name()
                    );
                    let most = if operation.is_matched() {
                        trading.stretch_max(operation)
                    } else {
                        standing.stretch_max(operation)
                    };
                    let count = STRETCH.min(most);
                    marked(&name, WARM_UPS, simulation.samples, |meter| {
                        if operation.is_matched() {
                            trading.stretch(operation, count, meter);
                        } else {
                            standing.stretch(operation, count, meter);
                        }
                    });
                    counts.push((name, Value::from(count * simulation.samples.max(1))));
                }
            }
        }
        let name = format!("{} flow 0 {COMMAND}", B::STRUCTURE.name());
        let mut whole = WholeCommands::<B>::new(simulation.commands);
        marked(&name, 1, 1, |meter| whole.stretch(meter));
        counts.push((name, Value::from(simulation.commands)));
        Value::Object(counts)
    }
}

/// Runs stretches with marks, after some without: the simulated caches are empty when the simulator begins.
fn marked(name: &str, warm_ups: usize, samples: usize, mut stretch: impl FnMut(&mut dyn Meter)) {
    let name = std::ffi::CString::new(name).expect("names have no zero byte");
    request::begin();
    for _ in 0..warm_ups {
        stretch(&mut Unread);
    }
    request::zero();
    for _ in 0..samples.max(1) {
        stretch(&mut Marks);
    }
    request::dump(&name);
    request::end();
}

/// A market and commands of the normal scenario, so many for a warm-up and as many for the meter.
pub struct WholeCommands<B> {
    market: BookMarket<B>,
    commands: Vec<Command>,
    per_stretch: usize,
    done: usize,
}

impl<B: NamedBook> WholeCommands<B> {
    /// Two stretches of so many commands.
    pub fn new(per_stretch: usize) -> Self {
        let parameters = Parameters {
            scenario: Scenario::Normal,
            seed: 2,
            new_orders: u32::try_from(per_stretch * 2).unwrap_or(u32::MAX),
        };
        let messages = generate(&parameters);
        let commands = messages.iter().take(per_stretch * 2);
        WholeCommands {
            market: BookMarket::new(),
            commands: commands.map(BookMarket::<B>::prepare).collect(),
            per_stretch,
            done: 0,
        }
    }

    /// The next stretch.
    pub fn stretch(&mut self, meter: &mut dyn Meter) {
        let commands = &self.commands[self.done..self.done + self.per_stretch];
        self.done += self.per_stretch;
        meter.start();
        for command in commands {
            self.market.apply(command);
        }
        meter.stop();
        std::hint::black_box(self.market.fills());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_do_nothing_on_a_processor() {
        assert!(!request::is_simulated());
        request::begin();
        request::zero();
        request::toggle();
        request::dump(c"nothing");
        request::end();
        let simulation = Simulation {
            sizes: &[10],
            samples: 1,
            commands: 10,
        };
        assert_eq!(
            simulate(&[Structure::Ladder], &simulation),
            Err("expected to run under valgrind".to_owned())
        );
    }
}
