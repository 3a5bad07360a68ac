//! The processor's own counters, where the machine lets a program read them: Linux's `perf_event_open`.
//!
//! Virtual machines often have none. Then there is a reason instead of figures, and the caller may simulate the caches.

use proofbook_bench::Value;
use proofbook_books::{NamedBook, Structure, Visitor};

use crate::marks::{WholeCommands, COMMAND};
use crate::meter::{Meter, Unread};
use crate::operation::{Axis, Operation};
use crate::standing::{Standing, Trading};

/// Operations of a stretch: starting and stopping the counters is small beside them.
const STRETCH: usize = 256;

/// What the counters say of every operation on a book of a size.
struct Counting<'a> {
    size: usize,
    samples: usize,
    commands: usize,
    counters: &'a mut Counters,
}

/// Every operation of a book, counted; an object with `error` where the machine does not count.
pub fn report(book: Structure, size: usize, samples: usize, commands: usize) -> Value {
    match Counters::open() {
        Ok(mut counters) => book.visit(Counting {
            size,
            samples,
            commands,
            counters: &mut counters,
        }),
        Err(error) => Value::object([("error", Value::from(error))]),
    }
}

impl Visitor for Counting<'_> {
    type Output = Value;

    fn visit<B: NamedBook>(self) -> Value {
        let Counting {
            size,
            samples,
            commands,
            counters,
        } = self;
        let mut axes = vec![("empty_stretch".to_owned(), counters.empty())];
        for axis in Axis::ALL {
            let shape = axis.shape(size);
            let mut standing = Standing::<B>::new(shape);
            let mut trading = Trading::<B>::new(shape);
            let mut operations = Vec::new();
            for operation in Operation::ALL.into_iter().filter(|one| one.is_on(axis)) {
                let most = if operation.is_matched() {
                    trading.stretch_max(operation)
                } else {
                    standing.stretch_max(operation)
                };
                let count = STRETCH.min(most);
                let mut stretch = |meter: &mut dyn Meter| {
                    if operation.is_matched() {
                        trading.stretch(operation, count, meter);
                    } else {
                        standing.stretch(operation, count, meter);
                    }
                };
                stretch(&mut Unread);
                counters.reset();
                for _ in 0..samples.max(1) {
                    stretch(counters);
                }
                let figures = counters.per_operation(samples.max(1) * count);
                operations.push((operation.name().to_owned(), figures));
            }
            axes.push((axis.name().to_owned(), Value::Object(operations)));
        }
        let mut whole = WholeCommands::<B>::new(commands);
        whole.stretch(&mut Unread);
        counters.reset();
        whole.stretch(counters);
        let figures = counters.per_operation(commands);
        axes.push(("flow".to_owned(), Value::object([(COMMAND, figures)])));
        Value::Object(axes)
    }
}

#[cfg(target_os = "linux")]
pub use linux::Counters;

#[cfg(target_os = "linux")]
mod linux {
    use perf_event::events::{Cache, CacheOp, CacheResult, Hardware, WhichCache};
    use perf_event::{Builder, Counter, Group};
    use proofbook_bench::Value;

    use crate::meter::Meter;

    /// Instructions, loads, loads that missed the first level of data cache, and accesses that missed every cache.
    pub struct Counters {
        group: Group,
        instructions: Counter,
        accesses: Counter,
        level_1_misses: Counter,
        memory_misses: Counter,
    }

    fn reason(error: std::io::Error) -> String {
        format!("the processor's counters cannot be read here: {error}")
    }

    impl Counters {
        pub fn open() -> Result<Counters, String> {
            let mut group = Group::new().map_err(reason)?;
            let level_1 = |result| Cache {
                which: WhichCache::L1D,
                operation: CacheOp::READ,
                result,
            };
            let mut add = |builder: Builder<'_>| builder.group(&mut group).build().map_err(reason);
            let instructions = add(Builder::new().kind(Hardware::INSTRUCTIONS))?;
            let accesses = add(Builder::new().kind(level_1(CacheResult::ACCESS)))?;
            let level_1_misses = add(Builder::new().kind(level_1(CacheResult::MISS)))?;
            let memory_misses = add(Builder::new().kind(Hardware::CACHE_MISSES))?;
            Ok(Counters {
                group,
                instructions,
                accesses,
                level_1_misses,
                memory_misses,
            })
        }

        pub fn reset(&mut self) {
            self.group.reset().expect("the counters were opened");
        }

        /// What an empty stretch counts: part of every stretch.
        pub fn empty(&mut self) -> Value {
            const TIMES: usize = 1000;
            self.reset();
            for _ in 0..TIMES {
                self.start();
                self.stop();
            }
            self.per_operation(TIMES)
        }

        pub fn per_operation(&mut self, operations: usize) -> Value {
            let counts = self.group.read().expect("the counters were opened");
            let each = |counter: &Counter| Value::from(counts[counter] as f64 / operations as f64);
            Value::object([
                ("instructions", each(&self.instructions)),
                ("accesses", each(&self.accesses)),
                ("level_1_misses", each(&self.level_1_misses)),
                ("memory_misses", each(&self.memory_misses)),
            ])
        }
    }

    impl Meter for Counters {
        fn start(&mut self) {
            self.group.enable().expect("the counters were opened");
        }

        fn stop(&mut self) {
            self.group.disable().expect("the counters were opened");
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub use elsewhere::Counters;

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use proofbook_bench::Value;

    use crate::meter::Meter;

    /// Counters that are never opened.
    pub enum Counters {}

    impl Counters {
        pub fn open() -> Result<Counters, String> {
            Err("the processor's counters are read on Linux alone".to_owned())
        }

        pub fn reset(&mut self) {
            match *self {}
        }

        pub fn empty(&mut self) -> Value {
            match *self {}
        }

        pub fn per_operation(&mut self, _operations: usize) -> Value {
            match *self {}
        }
    }

    impl Meter for Counters {
        fn start(&mut self) {
            match *self {}
        }

        fn stop(&mut self) {
            match *self {}
        }
    }
}
