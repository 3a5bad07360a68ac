//! A store that forgets with its process: for tests, and for sessions that are reset with each connection.

use std::collections::BTreeMap;

use super::{Numbers, Store, StoreError, NUMBER_MAX};

/// Numbers and the last messages, in memory.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    numbers: Numbers,
    messages: BTreeMap<u64, Box<[u8]>>,
    messages_max: usize,
}

impl MemoryStore {
    /// A store of the last `messages_max` application messages.
    pub fn new(messages_max: usize) -> Self {
        MemoryStore {
            numbers: Numbers::FIRST,
            messages: BTreeMap::new(),
            messages_max,
        }
    }
}

impl Store for MemoryStore {
    fn numbers(&self) -> Numbers {
        self.numbers
    }

    fn append(&mut self, message: Option<&[u8]>) -> Result<(), StoreError> {
        if self.numbers.outgoing > NUMBER_MAX {
            return Err(StoreError::Exhausted);
        }
        if let Some(bytes) = message {
            self.messages.insert(self.numbers.outgoing, bytes.into());
            if self.messages.len() > self.messages_max {
                self.messages.pop_first();
            }
        }
        self.numbers.outgoing += 1;
        Ok(())
    }

    fn append_transient(&mut self) -> Result<bool, StoreError> {
        self.append(None)?;
        Ok(false)
    }

    fn set_incoming(&mut self, next: u64) -> Result<(), StoreError> {
        self.numbers.incoming = next;
        Ok(())
    }

    fn set_logon_time(&mut self, time_ns: u64) -> Result<(), StoreError> {
        self.numbers.logon_time_ns = time_ns;
        Ok(())
    }

    fn reset(&mut self) -> Result<(), StoreError> {
        self.messages.clear();
        self.numbers = Numbers {
            logon_time_ns: self.numbers.logon_time_ns,
            ..Numbers::FIRST
        };
        Ok(())
    }

    fn next_stored(&self, from: u64) -> Option<u64> {
        self.messages
            .range(from..)
            .next()
            .map(|(number, _)| *number)
    }

    fn read(&mut self, number: u64, bytes: &mut Vec<u8>) -> Result<bool, StoreError> {
        bytes.clear();
        let message = self.messages.get(&number);
        bytes.extend_from_slice(message.map_or(&[], |message| message));
        Ok(message.is_some())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
