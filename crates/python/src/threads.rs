//! Threads that share a list of work, while Python goes on and can interrupt them.
//!
//! Invariant: items are claimed in their order, so that whoever stops the work knows that every item before theirs was claimed.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

use crate::errors::InputError;

/// How often Python is asked whether it has a signal for us.
const SIGNALS_EVERY: Duration = Duration::from_millis(50);
/// The most threads that a call may ask for.
const THREADS_MAX: usize = 1024;
/// Each thread claims about so many times: often enough that all end together, seldom enough that claims cost nothing.
const CLAIMS_PER_THREAD: usize = 32;
/// The most items of a claim.
const CLAIM_MAX: usize = 64;

/// How many threads are meant: all that the machine has unless told otherwise.
///
/// # Errors
/// None, or more than there may be.
pub fn thread_count(asked: Option<usize>) -> PyResult<usize> {
    match asked {
        None => Ok(std::thread::available_parallelism().map_or(1, NonZero::get)),
        Some(threads) if (1..=THREADS_MAX).contains(&threads) => Ok(threads),
        Some(threads) => Err(InputError::new_err(format!(
            "threads must be 1 to {THREADS_MAX}; received {threads}"
        ))),
    }
}

/// How many of `items` a thread takes at a time.
pub fn claim_size(items: usize, threads: usize) -> usize {
    (items / (threads * CLAIMS_PER_THREAD)).clamp(1, CLAIM_MAX)
}

/// What is still to be done.
pub struct Work<I> {
    items: Mutex<I>,
    is_stopped: AtomicBool,
}

impl<I: Iterator> Work<I> {
    /// The next item; nothing if all are claimed, or the work was stopped.
    pub fn claim(&self) -> Option<I::Item> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        // Relaxed: it is set and read under the lock of the items, or by whom it does not matter to see it late.
        if self.is_stopped.load(Ordering::Relaxed) {
            return None;
        }
        items.next()
    }

    /// Lets nothing more be claimed.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

/// Lets so many threads work, detached from Python; gives what each of them gives.
///
/// # Errors
/// What a signal raised, Ctrl-C above all; the work was stopped then.
pub fn in_threads<I, T>(
    py: Python<'_>,
    threads: usize,
    items: I,
    worker: impl Fn(&Work<I>) -> T + Sync,
) -> PyResult<Vec<T>>
where
    I: Iterator + Send,
    T: Send,
{
    let work = Work {
        items: Mutex::new(items),
        is_stopped: AtomicBool::new(false),
    };
    let (work, worker) = (&work, &worker);
    py.detach(|| {
        std::thread::scope(|scope| {
            // Nothing is sent: the channel closes when the last thread ends, in whatever way.
            let (running, ended) = channel::<()>();
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    let running = running.clone();
                    scope.spawn(move || {
                        let _running = running;
                        worker(work)
                    })
                })
                .collect();
            drop(running);
            let mut raised = None;
            while ended.recv_timeout(SIGNALS_EVERY) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = Python::attach(|py| py.check_signals()) {
                    work.stop();
                    raised = Some(error);
                }
            }
            let results = workers.into_iter().map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            let results: Vec<T> = results.collect();
            raised.map_or(Ok(results), Err)
        })
    })
}
