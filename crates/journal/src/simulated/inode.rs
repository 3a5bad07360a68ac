//! One file of a simulated disk: what is shown, what is durable, and which sectors differ.

use std::collections::BTreeSet;

use super::Random;
use crate::storage::SECTOR_BYTES;

const SECTOR: usize = SECTOR_BYTES as usize;

#[derive(Debug, Default)]
pub(super) struct Inode {
    /// What reads give.
    pub shown: Vec<u8>,
    /// What a power cut leaves for sure.
    durable: Vec<u8>,
    /// Sectors written since the last sync.
    unsynced: BTreeSet<usize>,
    /// Where the file was cut off since the last sync, at the lowest.
    cut_at: Option<usize>,
}

impl Inode {
    pub fn durable(bytes: Vec<u8>) -> Self {
        Inode {
            durable: bytes.clone(),
            shown: bytes,
            ..Inode::default()
        }
    }

    pub fn write(&mut self, bytes: &[u8], offset: u64) {
        if bytes.is_empty() {
            return;
        }
        let from = offset as usize;
        let end = from + bytes.len();
        if self.shown.len() < end {
            self.shown.resize(end, 0);
        }
        self.shown[from..end].copy_from_slice(bytes);
        self.unsynced.extend(from / SECTOR..=(end - 1) / SECTOR);
    }

    pub fn truncate(&mut self, length: u64) {
        let length = length as usize;
        self.shown.truncate(length);
        self.unsynced.retain(|&sector| sector * SECTOR < length);
        self.cut_at = Some(self.cut_at.map_or(length, |cut_at| cut_at.min(length)));
    }

    /// A sync: what was written since the last one is durable. What a failed sync dropped stays as it is.
    pub fn sync(&mut self) {
        if let Some(cut_at) = self.cut_at.take() {
            self.durable.truncate(cut_at);
        }
        for sector in std::mem::take(&mut self.unsynced) {
            self.copy_out(sector, SECTOR);
        }
        self.durable.resize(self.shown.len(), 0);
    }

    /// A sync that fails: of each unsynced sector, the disk has it, or only the system shows it, or it is gone from
    /// there too. No later sync knows of it.
    pub fn fail_sync(&mut self, random: &mut Random) {
        let unsynced = std::mem::take(&mut self.unsynced);
        for sector in unsynced {
            match random.below(3) {
                0 => self.copy_out(sector, SECTOR),
                1 => {}
                _ => self.forget(sector),
            }
        }
    }

    /// Makes the first `length` bytes of a sector durable.
    fn copy_out(&mut self, sector: usize, length: usize) {
        let from = sector * SECTOR;
        let end = (from + length).min(self.shown.len());
        if from < end {
            if self.durable.len() < end {
                self.durable.resize(end, 0);
            }
            self.durable[from..end].copy_from_slice(&self.shown[from..end]);
        }
    }

    /// Shows what the disk holds of a sector.
    fn forget(&mut self, sector: usize) {
        let from = sector * SECTOR;
        let end = (from + SECTOR).min(self.shown.len());
        for at in from..end {
            self.shown[at] = self.durable.get(at).copied().unwrap_or(0);
        }
    }

    /// What a power cut leaves: all, nothing, the first or any of the unsynced sectors.
    pub fn cut_power(&mut self, random: &mut Random, may_tear: bool) {
        if let Some(cut_at) = self.cut_at.take() {
            if random.one_in(2) {
                self.durable.truncate(cut_at);
            }
        }
        let unsynced: Vec<usize> = std::mem::take(&mut self.unsynced).into_iter().collect();
        let kind = random.below(4);
        let first = random.below(unsynced.len() as u64 + 1) as usize;
        for (index, &sector) in unsynced.iter().enumerate() {
            let survives = match kind {
                0 => true,
                1 => false,
                2 => index < first,
                _ => random.one_in(2),
            };
            if survives {
                self.copy_out(sector, SECTOR);
            } else if may_tear && random.one_in(4) {
                self.copy_out(sector, 1 + random.below(SECTOR_BYTES - 1) as usize);
            }
        }
        // The length may be known before the data, or only with it.
        if self.shown.len() > self.durable.len() && random.one_in(2) {
            self.durable.resize(self.shown.len(), 0);
        }
        self.shown.clone_from(&self.durable);
    }

    /// Turns over a bit, wherever it is held.
    pub fn flip(&mut self, bit: u64) {
        let (at, mask) = ((bit / 8) as usize, 1 << (bit % 8));
        self.shown[at] ^= mask;
        if let Some(byte) = self.durable.get_mut(at) {
            *byte ^= mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a failed sync dropped is shown, perhaps, but only writing it again and a sync make it durable.
    #[test]
    fn a_sync_does_not_make_up_for_a_failed_one() {
        let (mut lost, mut kept) = (0, 0);
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut inode = Inode::default();
            inode.write(&[1; SECTOR], 0);
            inode.fail_sync(&mut random);
            let was_shown = inode.shown == [1; SECTOR];
            inode.sync();
            inode.cut_power(&mut random, false);
            if was_shown && inode.shown != [1; SECTOR] {
                lost += 1;
            }
            inode.write(&[1; SECTOR], 0);
            inode.sync();
            inode.cut_power(&mut random, false);
            kept += u64::from(inode.shown == [1; SECTOR]);
        }
        assert!(lost > 20, "{lost}");
        assert_eq!(kept, 200);
    }
}
