//! Reclamation by epochs (Fraser, "Practical lock-freedom", 2004, section 5.2.3).
//!
//! A thread pins the epoch while it uses a structure. What it takes out then goes into its bag of that epoch. The epoch
//! advances when every pinned thread has seen it; three epochs later nobody can hold what was in the bag, which is emptied. Three
//! bags are enough, since the fourth epoch finds the first one's ripe.
//!
//! Why it exists beside [`crate::hazard`]: one announcement covers all that a reader walks over, which is what lists and trees need.
//! The price is that one thread that stays pinned stops the epoch, and with it all freeing.
//!
//! # A thread that stalls while pinned
//!
//! Plain epochs have no bound on memory then. Who takes things out cannot free them: the stalled thread may still hold any of
//! them. It cannot be unpinned from outside either: schemes that do so (neutralization, Brown 2015) interrupt it by a signal and jump out of
//! its reads, which no safe reference in Rust survives. What can be done safely is to stop making garbage, and this is what a
//! [`StallPolicy`] says: each thread holds at most so many retired things, and [`Participant::pin_with_room`] gives an error *before* a
//! writer changes anything where there is no room for what it will retire. Readers are never refused, and as soon as the
//! stalled thread goes on everything is freed. Who needs writers to go on beside a stalled reader needs hazard pointers.
//!
//! - [`EpochBasedReclamation`] is what the threads of one structure, or of several, share;
//! - [`Participant`] is one thread's part in it, with its bags;
//! - [`EpochGuard`] is a pinned epoch; references that it gives live no longer than it does;
//! - [`Published`] is one value, such as the root of an immutable tree, safe to use as it is.
//!
//! Who retires frees, a few things for each; no thread of its own does. Where one should, it registers and calls [`Participant::collect`].
//!
//! ```
//! use proofbook_memory::epoch::{EpochBasedReclamation, Published, StallPolicy};
//!
//! let policy = StallPolicy::Refuse { retired_per_thread_max: 64 };
//! let epochs = EpochBasedReclamation::new(4, policy)?;
//! let root = Published::new(&epochs, vec![1, 2]);
//! let participant = epochs.register()?;
//! let guard = participant.pin_with_room(1)?;
//! let before = root.load(&guard);
//! root.replace(&guard, vec![1, 2, 3]).expect("there is room for one");
//! assert_eq!(before, &[1, 2]);
//! assert_eq!(root.load(&guard), &[1, 2, 3]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What the compiler refuses: a reference that outlives its guard, or what was published; a guard that is refreshed while a reference holds to it, or that is in
//! another thread; a value that borrows something.
//!
//! ```compile_fail,E0505
//! # use proofbook_memory::epoch::{EpochBasedReclamation, Published, StallPolicy};
//! # let policy = StallPolicy::Refuse { retired_per_thread_max: 2 };
//! # let epochs = EpochBasedReclamation::new(1, policy).expect("possible settings");
//! # let record = Published::new(&epochs, 1);
//! # let participant = epochs.register().expect("it is the first");
//! let guard = participant.pin();
//! let seen = record.load(&guard);
//! drop(guard);
//! println!("{seen}");
//! ```
//!
//! ```compile_fail,E0505
//! # use proofbook_memory::epoch::{EpochBasedReclamation, Published, StallPolicy};
//! # let policy = StallPolicy::Refuse { retired_per_thread_max: 2 };
//! # let epochs = EpochBasedReclamation::new(1, policy).expect("possible settings");
//! # let record = Published::new(&epochs, 1);
//! # let participant = epochs.register().expect("it is the first");
//! let guard = participant.pin();
//! let seen = record.load(&guard);
//! drop(record);
//! println!("{seen}");
//! ```
//!
//! ```compile_fail,E0502
//! # use proofbook_memory::epoch::{EpochBasedReclamation, Published, StallPolicy};
//! # let policy = StallPolicy::Refuse { retired_per_thread_max: 2 };
//! # let epochs = EpochBasedReclamation::new(1, policy).expect("possible settings");
//! # let record = Published::new(&epochs, 1);
//! # let participant = epochs.register().expect("it is the first");
//! let mut guard = participant.pin();
//! let seen = record.load(&guard);
//! guard.refresh();
//! println!("{seen}");
//! ```
//!
//! ```compile_fail,E0277
//! # use proofbook_memory::epoch::{EpochBasedReclamation, StallPolicy};
//! # let policy = StallPolicy::Refuse { retired_per_thread_max: 2 };
//! # let epochs = EpochBasedReclamation::new(1, policy).expect("possible settings");
//! # let participant = epochs.register().expect("it is the first");
//! let guard = participant.pin();
//! std::thread::scope(|scope| scope.spawn(move || drop(guard)).join());
//! ```
//!
//! ```compile_fail,E0597
//! # use proofbook_memory::epoch::{EpochBasedReclamation, Published, StallPolicy};
//! # let policy = StallPolicy::Refuse { retired_per_thread_max: 2 };
//! # let epochs = EpochBasedReclamation::new(1, policy).expect("possible settings");
//! let text = "lent".to_owned();
//! Published::new(&epochs, text.as_str());
//! ```

mod bags;
mod guard;
mod manager;
mod participant;
mod policy;
mod published;

pub use guard::EpochGuard;
pub use manager::{EpochBasedReclamation, EpochStatistics, THREADS_MAX};
pub use participant::Participant;
pub use policy::{Refused, SettingsError, StallPolicy, Stalled, RETIRED_PER_THREAD_MIN};
pub use published::{NotReplaced, Published};

/// Epochs after which a bag can be emptied. A thread pinned in the epoch `e` takes something out; a reader that holds it is pinned in
/// `e + 1` at the latest; it keeps the epoch from getting beyond `e + 2`.
const EPOCHS_UNTIL_FREE: u64 = 3;
