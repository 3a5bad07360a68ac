//! Sets of processors, and the lists in which Linux writes them.

use std::fmt;

use super::NumaError;

/// Processors that a set can name: numbers below this. Linux builds for at most 8192.
pub const CPUS_MAX: usize = 8192;

const WORD_BITS: usize = u64::BITS as usize;

/// A set of processors by their numbers.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct CpuSet {
    /// Bit `n % 64` of word `n / 64` stands for processor `n`; the last word is never zero.
    words: Vec<u64>,
}

impl CpuSet {
    /// The set of no processor.
    pub fn new() -> CpuSet {
        CpuSet::default()
    }

    /// The set that a list such as `0-3,8,10-11` names; an empty list names none.
    ///
    /// # Errors
    /// Where the text is no such list, or names a processor that is not below [`CPUS_MAX`].
    pub fn parse(list: &str) -> Result<CpuSet, NumaError> {
        const EXPECTED: &str = "a list of processors such as 0-3,8";
        let malformed = || NumaError::Malformed {
            expected: EXPECTED,
            received: list.to_string(),
        };
        let mut set = CpuSet::new();
        for part in list.trim().split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: usize = first.parse().map_err(|_| malformed())?;
            let last: usize = last.parse().map_err(|_| malformed())?;
            if first > last {
                return Err(malformed());
            }
            // The last one first: one beyond the bound is refused before any of them is put in.
            set.insert(last)?;
            for cpu in first..last {
                set.insert(cpu)?;
            }
        }
        Ok(set)
    }

    /// Puts a processor in.
    ///
    /// # Errors
    /// Where it is not below [`CPUS_MAX`].
    pub fn insert(&mut self, cpu: usize) -> Result<(), NumaError> {
        if cpu >= CPUS_MAX {
            return Err(NumaError::Beyond {
                what: "number of a processor",
                limit: CPUS_MAX - 1,
                received: cpu,
            });
        }
        let word = cpu / WORD_BITS;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (cpu % WORD_BITS);
        Ok(())
    }

    /// Whether a processor is in the set.
    pub fn contains(&self, cpu: usize) -> bool {
        let word = self.words.get(cpu / WORD_BITS).copied().unwrap_or(0);
        word >> (cpu % WORD_BITS) & 1 == 1
    }

    /// How many processors it holds.
    pub fn len(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Its processors, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.words.len() * WORD_BITS).filter(|&cpu| self.contains(cpu))
    }

    /// The set that these words spell, as the operating system has them.
    #[cfg(target_os = "linux")]
    pub(super) fn from_words(words: &[u64]) -> CpuSet {
        let used = words
            .iter()
            .rposition(|&word| word != 0)
            .map_or(0, |last| last + 1);
        CpuSet {
            words: words[..used].to_vec(),
        }
    }

    /// Its words, as the operating system has them.
    #[cfg(target_os = "linux")]
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }
}

impl fmt::Display for CpuSet {
    /// As Linux writes it: runs of processors, joined by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cpus = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = cpus.next() {
            let mut last = first;
            while let Some(next) = cpus.next_if_eq(&(last + 1)) {
                last = next;
            }
            if first == last {
                write!(f, "{separator}{first}")?;
            } else {
                write!(f, "{separator}{first}-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

impl fmt::Debug for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CpuSet({self})")
    }
}
