//! The operations of a simulated disk, each with its fate.

use std::io;
use std::rc::Rc;

use super::{Fate, Inode, NameChange, SimulatedDisk, SimulatedFile, SimulatedLock, State};
use crate::storage::{Storage, StoredFile};

impl Storage for SimulatedDisk {
    type File = SimulatedFile;
    type Lock = SimulatedLock;

    fn lock(&self) -> io::Result<Option<SimulatedLock>> {
        let life = self.life();
        let mut state = self.state.borrow_mut();
        let fate = state.next(life)?;
        if fate != Fate::Done {
            return State::finish(fate, None);
        }
        if state.is_locked {
            return Ok(None);
        }
        state.is_locked = true;
        Ok(Some(SimulatedLock {
            state: Rc::clone(&self.state),
            life,
        }))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let life = self.life();
        let mut state = self.state.borrow_mut();
        let fate = state.next(life)?;
        State::finish(fate, state.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<SimulatedFile> {
        let life = self.life();
        let mut state = self.state.borrow_mut();
        let fate = state.next(life)?;
        if state.names.contains_key(name) {
            return State::finish(fate, ()).and(Err(io::ErrorKind::AlreadyExists.into()));
        }
        let inode = state.inodes.len();
        if fate == Fate::Done || state.random.one_in(2) {
            state.inodes.push(Inode::default());
            let name = name.to_owned();
            state.change(NameChange::Create { name, inode });
        }
        let file = SimulatedFile {
            state: Rc::clone(&self.state),
            inode,
            life,
        };
        State::finish(fate, file)
    }

    fn open(&self, name: &str, _is_writable: bool) -> io::Result<SimulatedFile> {
        let life = self.life();
        let mut state = self.state.borrow_mut();
        let fate = state.next(life)?;
        let Some(&inode) = state.names.get(name) else {
            return State::finish(fate, ()).and(Err(io::ErrorKind::NotFound.into()));
        };
        let file = SimulatedFile {
            state: Rc::clone(&self.state),
            inode,
            life,
        };
        State::finish(fate, file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let life = self.life();
        let mut state = self.state.borrow_mut();
        let fate = state.next(life)?;
        if !state.names.contains_key(from) {
            return State::finish(fate, ()).and(Err(io::ErrorKind::NotFound.into()));
        }
        if fate == Fate::Done || state.random.one_in(2) {
            state.change(NameChange::Rename {
                from: from.to_owned(),
                to: to.to_owned(),
            });
        }
        State::finish(fate, ())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let life = self.life();
        let mut state = self.state.borrow_mut();
        let fate = state.next(life)?;
        if !state.names.contains_key(name) {
            return State::finish(fate, ()).and(Err(io::ErrorKind::NotFound.into()));
        }
        if fate == Fate::Done || state.random.one_in(2) {
            let name = name.to_owned();
            state.change(NameChange::Remove { name });
        }
        State::finish(fate, ())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let life = self.life();
        let mut state = self.state.borrow_mut();
        let fate = state.next(life)?;
        if fate == Fate::Done {
            state.durable_names = state.names.clone();
            state.unsynced.clear();
        } else {
            state.settle_names(false);
        }
        State::finish(fate, ())
    }

    fn describe(&self) -> String {
        String::from("a simulated disk")
    }
}

impl StoredFile for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        let mut state = self.state.borrow_mut();
        let fate = state.next(self.life)?;
        State::finish(fate, state.inodes[self.inode].shown.len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state.borrow_mut();
        let fate = state.next(self.life)?;
        let short_one_in = state.plan.short_one_in;
        let mut wanted = bytes.len();
        if short_one_in > 0 && wanted > 1 && state.random.one_in(short_one_in) {
            wanted = 1 + state.random.below(wanted as u64 - 1) as usize;
        }
        let shown = &state.inodes[self.inode].shown;
        let from = (offset as usize).min(shown.len());
        let count = wanted.min(shown.len() - from);
        bytes[..count].copy_from_slice(&shown[from..from + count]);
        State::finish(fate, count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state.borrow_mut();
        let fate = state.next(self.life)?;
        let short_one_in = state.plan.short_one_in;
        let mut count = bytes.len();
        let is_short = short_one_in > 0 && state.random.one_in(short_one_in);
        if (is_short || fate != Fate::Done) && count > 1 {
            count = 1 + state.random.below(count as u64 - 1) as usize;
        }
        if let Some(capacity) = state.plan.capacity_bytes {
            let length = state.inodes[self.inode].shown.len() as u64;
            let others = state.used_bytes().saturating_sub(length);
            let room = capacity.saturating_sub(others).max(length);
            count = count.min(room.saturating_sub(offset) as usize);
            if count == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        // A write that a kill interrupts stops at a page, as the system copies pages; a failed one wherever it likes.
        if fate == Fate::Stopped {
            let end = (offset + count as u64) / 4096 * 4096;
            count = end.saturating_sub(offset).min(count as u64) as usize;
        }
        state.inodes[self.inode].write(&bytes[..count], offset);
        State::finish(fate, count)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let fate = state.next(self.life)?;
        if fate == Fate::Done || state.random.one_in(2) {
            state.inodes[self.inode].truncate(length);
        }
        State::finish(fate, ())
    }

    fn sync(&self) -> io::Result<()> {
        let mut guard = self.state.borrow_mut();
        let state = &mut *guard;
        let fate = state.next(self.life)?;
        let inode = &mut state.inodes[self.inode];
        match fate {
            Fate::Done => inode.sync(),
            Fate::Failed => inode.fail_sync(&mut state.random),
            // Sectors on their way when everything stops are settled by the restart.
            Fate::Stopped => {}
        }
        State::finish(fate, ())
    }
}
