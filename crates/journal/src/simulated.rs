//! A disk and a clock for tests: everything that goes wrong does so by plan, from one seed, and so again and again.
//!
//! [`SimulatedDisk`] keeps what the system shows apart from what is durable. Each call to the disk is an
//! **operation** with a number; a [`Plan`] says at which of them the machine stops or the disk fails.
//! [`SimulatedDisk::restart`] brings it back as it would be after the process died (the system still has all writes)
//! or after the power was cut (each unsynced sector old or new, each unsynced name there or not, independently). A
//! sync that fails leaves writes that the system shows, or not, and that no later sync makes durable.
//!
//! The idea, to run a storage engine on a hostile disk that is all one seed, is that of `FoundationDB`'s and
//! `TigerBeetle`'s simulators.

mod clock;
mod inode;
mod random;
mod storage;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

pub use clock::SimulatedClock;
use inode::Inode;
pub use random::Random;

/// How a machine goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process dies: all that it wrote is still shown.
    Kill,
    /// The power is cut: what was not synced may be lost, sector by sector.
    PowerCut,
    /// The power is cut on a disk that may also tear a sector: the sector's first bytes are new, the others old.
    PowerCutTearing,
}

/// What goes wrong, and when.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The operation in whose midst everything stops.
    pub stop_at: Option<u64>,
    /// The operation that fails with an input/output error.
    pub fail_at: Option<u64>,
    /// So many bytes fit the disk.
    pub capacity_bytes: Option<u64>,
    /// One in so many reads and writes is short; 0 for none.
    pub short_one_in: u64,
}

/// A directory on a simulated disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    state: Rc<RefCell<State>>,
}

/// An open file on a simulated disk; dead once the disk has been restarted.
#[derive(Debug)]
pub struct SimulatedFile {
    state: Rc<RefCell<State>>,
    inode: usize,
    life: u64,
}

/// The lock of a simulated disk.
#[derive(Debug)]
pub struct SimulatedLock {
    state: Rc<RefCell<State>>,
    life: u64,
}

#[derive(Clone, Debug)]
enum NameChange {
    Create { name: String, inode: usize },
    Rename { from: String, to: String },
    Remove { name: String },
}

#[derive(Debug)]
struct State {
    random: Random,
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced: Vec<NameChange>,
    plan: Plan,
    operations: u64,
    life: u64,
    is_locked: bool,
    is_stopped: bool,
}

/// What becomes of an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    Failed,
    Stopped,
}

fn stopped() -> io::Error {
    io::Error::other("the simulated machine has stopped")
}

fn failed() -> io::Error {
    io::Error::other("simulated input/output error")
}

fn apply(names: &mut BTreeMap<String, usize>, change: &NameChange) {
    match change {
        NameChange::Create { name, inode } => {
            names.insert(name.clone(), *inode);
        }
        NameChange::Rename { from, to } => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        NameChange::Remove { name } => {
            names.remove(name);
        }
    }
}

impl State {
    /// Counts an operation and looks up its fate.
    fn next(&mut self, life: u64) -> io::Result<Fate> {
        if self.is_stopped || self.life != life {
            return Err(stopped());
        }
        self.operations += 1;
        if self.plan.stop_at == Some(self.operations) {
            self.is_stopped = true;
            return Ok(Fate::Stopped);
        }
        if self.plan.fail_at == Some(self.operations) {
            return Ok(Fate::Failed);
        }
        Ok(Fate::Done)
    }

    fn finish<T>(fate: Fate, value: T) -> io::Result<T> {
        match fate {
            Fate::Done => Ok(value),
            Fate::Failed => Err(failed()),
            Fate::Stopped => Err(stopped()),
        }
    }

    fn change(&mut self, change: NameChange) {
        apply(&mut self.names, &change);
        self.unsynced.push(change);
    }

    /// Each unsynced change of a name becomes durable or not.
    fn settle_names(&mut self, may_lose: bool) {
        let keeps_all = !may_lose || self.random.one_in(3);
        for change in std::mem::take(&mut self.unsynced) {
            if keeps_all || self.random.one_in(2) {
                apply(&mut self.durable_names, &change);
            } else if !may_lose {
                self.unsynced.push(change);
            }
        }
    }

    fn used_bytes(&self) -> u64 {
        self.names
            .values()
            .map(|&inode| self.inodes[inode].shown.len() as u64)
            .sum()
    }
}

impl SimulatedDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> Self {
        SimulatedDisk {
            state: Rc::new(RefCell::new(State {
                random: Random::new(seed),
                inodes: Vec::new(),
                names: BTreeMap::new(),
                durable_names: BTreeMap::new(),
                unsynced: Vec::new(),
                plan: Plan::default(),
                operations: 0,
                life: 0,
                is_locked: false,
                is_stopped: false,
            })),
        }
    }

    /// Says what goes wrong from now on. Operations are counted from 1 anew.
    pub fn set_plan(&self, plan: Plan) {
        let mut state = self.state.borrow_mut();
        state.plan = plan;
        state.operations = 0;
    }

    /// Operations since the plan was set.
    pub fn operations(&self) -> u64 {
        self.state.borrow().operations
    }

    /// Whether the plan has stopped the machine.
    pub fn is_stopped(&self) -> bool {
        self.state.borrow().is_stopped
    }

    /// Brings the machine back after a crash, without any plan. Files and locks of before are dead.
    pub fn restart(&self, crash: Crash) {
        let mut guard = self.state.borrow_mut();
        let state = &mut *guard;
        state.life += 1;
        state.is_stopped = false;
        state.is_locked = false;
        state.plan = Plan::default();
        state.operations = 0;
        if crash == Crash::Kill {
            return;
        }
        state.settle_names(true);
        state.names.clone_from(&state.durable_names);
        for inode in &mut state.inodes {
            inode.cut_power(&mut state.random, crash == Crash::PowerCutTearing);
        }
    }

    /// What a file shows, if it is there.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state.borrow();
        let &inode = state.names.get(name)?;
        Some(state.inodes[inode].shown.clone())
    }

    /// All names.
    pub fn files(&self) -> Vec<String> {
        self.state.borrow().names.keys().cloned().collect()
    }

    /// Makes a file hold exactly these bytes, durably.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state.borrow_mut();
        let inode = state.inodes.len();
        state.inodes.push(Inode::durable(bytes));
        state.names.insert(name.to_owned(), inode);
        state.durable_names.insert(name.to_owned(), inode);
    }

    /// Turns over one bit of a file, shown and durable.
    ///
    /// # Panics
    /// There is no such file or bit.
    pub fn flip(&self, name: &str, bit: u64) {
        let mut state = self.state.borrow_mut();
        let inode = state.names[name];
        state.inodes[inode].flip(bit);
    }

    fn life(&self) -> u64 {
        self.state.borrow().life
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        if state.life == self.life {
            state.is_locked = false;
        }
    }
}
