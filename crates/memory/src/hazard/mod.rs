//! Hazard pointers (Michael, "Hazard pointers: safe memory reclamation for lock-free objects", 2004).
//!
//! A reader writes the address of what it is about to use into one of its own hazard pointers, where all can see it, and looks
//! whether the thing is still reachable; if it is, it stays until the hazard pointer is cleared. Who takes a thing out of a structure
//! retires it. Once a thread has retired many, it reads all hazard pointers and frees those that none of them names.
//!
//! Why it exists beside [`crate::epoch`]: a reader holds back only what it names, for as long as it likes, so that a stalled reader
//! costs [`MAX_HAZARDS_PER_THREAD`] things and not all that is retired from then on. The price is one announcement for each thing.
//!
//! - [`OptimizedHazardPointerManager`] is what the threads of one structure, or of several, share;
//! - [`Participant`] is one thread's part in it: its hazard pointers and what it has retired;
//! - [`Hazard`] is one hazard pointer; a reference that it protects lives no longer than it does;
//! - [`Published`] is one value that is read often and replaced now and then, safe to use as it is.
//!
//! ```
//! use proofbook_memory::hazard::{OptimizedHazardPointerManager, Published};
//!
//! let manager = OptimizedHazardPointerManager::new(4)?;
//! let record = Published::new(&manager, "first".to_owned());
//! let participant = manager.register()?;
//! let mut hazard = participant.hazard().expect("none is in use yet");
//! let seen = record.load(&mut hazard);
//! record.replace(&participant, "second".to_owned());
//! assert_eq!(seen, "first");
//! assert_eq!(record.load(&mut hazard), "second");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Bounds: at most [`OptimizedHazardPointerManager::threads_max`] participants at a time, each with that many hazard pointers. A
//! participant looks for what it can free when it holds as many retired things as the threshold says, and keeps at most one for
//! each hazard pointer there is: [`OptimizedHazardPointerManager::retired_max`] bounds all that waits.
//!
//! What the compiler refuses: a second reference through one hazard pointer, a reference or a hazard pointer that outlives what it rests on, a hazard
//! pointer in another thread, a value that threads must not share, and a value without a size, since all of these have one address.
//!
//! ```compile_fail,E0499
//! # use proofbook_memory::hazard::{OptimizedHazardPointerManager, Published};
//! # let manager = OptimizedHazardPointerManager::new(1).expect("one thread");
//! # let (first, second) = (Published::new(&manager, 1), Published::new(&manager, 2));
//! # let participant = manager.register().expect("it is the first");
//! let mut hazard = participant.hazard().expect("none is in use yet");
//! let (first, second) = (first.load(&mut hazard), second.load(&mut hazard));
//! println!("{first} {second}");
//! ```
//!
//! ```compile_fail,E0505
//! # use proofbook_memory::hazard::{OptimizedHazardPointerManager, Published};
//! # let manager = OptimizedHazardPointerManager::new(1).expect("one thread");
//! # let record = Published::new(&manager, 1);
//! # let participant = manager.register().expect("it is the first");
//! let mut hazard = participant.hazard().expect("none is in use yet");
//! let seen = record.load(&mut hazard);
//! drop(hazard);
//! println!("{seen}");
//! ```
//!
//! ```compile_fail,E0505
//! # use proofbook_memory::hazard::OptimizedHazardPointerManager;
//! # let manager = OptimizedHazardPointerManager::new(1).expect("one thread");
//! # let participant = manager.register().expect("it is the first");
//! let mut hazard = participant.hazard().expect("none is in use yet");
//! drop(participant);
//! hazard.clear();
//! ```
//!
//! ```compile_fail,E0277
//! # use proofbook_memory::hazard::OptimizedHazardPointerManager;
//! # let manager = OptimizedHazardPointerManager::new(1).expect("one thread");
//! # let participant = manager.register().expect("it is the first");
//! let mut hazard = participant.hazard().expect("none is in use yet");
//! std::thread::scope(|scope| scope.spawn(move || hazard.clear()).join());
//! ```
//!
//! ```compile_fail,E0277
//! # use proofbook_memory::hazard::{OptimizedHazardPointerManager, Published};
//! # let manager = OptimizedHazardPointerManager::new(1).expect("one thread");
//! Published::new(&manager, std::cell::Cell::new(1));
//! ```
//!
//! ```compile_fail,E0080
//! # use proofbook_memory::hazard::{OptimizedHazardPointerManager, Published};
//! # let manager = OptimizedHazardPointerManager::new(1).expect("one thread");
//! Published::new(&manager, ());
//! ```

mod guard;
mod manager;
mod participant;
mod published;
mod threshold;

pub use guard::Hazard;
pub use manager::{OptimizedHazardPointerManager, ReclamationStatistics, THREADS_MAX};
pub use participant::{HazardsExhausted, Participant};
pub use published::Published;
pub use threshold::BATCH_SIZE;

/// Hazard pointers of one thread: one cache line of them. Models try every order of all accesses, and can do with two.
pub const MAX_HAZARDS_PER_THREAD: usize = if cfg!(loom) { 2 } else { 8 };
