//! What a market did in one batch, and the roots of the two lists that say so.

use proofbook_commitment::list::LIST_MAX;
use proofbook_commitment::node::{self, seven, Preimage};
use proofbook_commitment::sponge::start;
use proofbook_commitment::{Digest, Tag};
use proofbook_poseidon2_simd::{Kernel, Words, LANES};
use proofbook_transition::Observer;
use proofbook_types::{Command, Event};

use crate::wide::hash_each;

/// A batch's commands, each with its events.
#[derive(Clone, Debug, Default)]
pub struct Record {
    commands: Vec<Command>,
    events: Vec<Event>,
    /// For each command, where its events end.
    ends: Vec<usize>,
}

/// The roots of a batch's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListRoots {
    /// Root of the list of commands.
    pub commands: Digest,
    /// Root of the list of events.
    pub events: Digest,
}

/// Writes down what it is told.
impl Observer for Record {
    #[inline]
    fn command(&mut self, command: &Command) {
        self.commands.push(*command);
        self.ends.push(self.events.len());
    }

    #[inline]
    fn event(&mut self, _command: &Command, event: Event) {
        self.events.push(event);
        let end = self.ends.last_mut().expect("an event follows its command");
        *end = self.events.len();
    }
}

impl Record {
    /// Forgets everything, but keeps the memory.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.events.clear();
        self.ends.clear();
    }

    /// The commands.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// All events.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Each command with its events.
    pub fn iter(&self) -> impl Iterator<Item = (&Command, &[Event])> {
        let mut start = 0;
        self.commands
            .iter()
            .zip(&self.ends)
            .map(move |(command, &end)| {
                let events = &self.events[start..end];
                start = end;
                (command, events)
            })
    }

    /// The roots of both lists.
    ///
    /// # Panics
    /// Where there are more than 2^24 commands: no list is as long.
    pub fn roots(&self, kernel: Kernel) -> ListRoots {
        let count = self.commands.len();
        let mut leaves = Leaves {
            commands: vec![Digest::EMPTY; count.max(1)],
            events: vec![Digest::EMPTY; count.max(1)],
        };
        hash_each(
            kernel,
            count,
            &mut leaves.commands,
            |_, index| node::command(&self.commands[index].words()),
            |leaves, index, digest| leaves[index] = digest,
        );
        self.hash_events(kernel, &mut leaves.events);
        leaves.roots(kernel, count)
    }

    /// The leaves of the list of events. A command's events are absorbed one after another, so each lane has a command at a time and
    /// takes the next one when it is done.
    fn hash_events(&self, kernel: Kernel, leaves: &mut [Digest]) {
        let mut waiting = self.iter().map(|(_, events)| events).enumerate();
        let mut states: [Words<8>; 2] = [[[0; LANES]; 8]; 2];
        let mut lanes: [Option<Leaf>; 2 * LANES] = [const { None }; 2 * LANES];
        loop {
            let mut used = 0;
            for (lane, place) in lanes.iter_mut().enumerate() {
                let state = &mut states[lane / LANES];
                let within = lane % LANES;
                if place.is_none() {
                    let Some((index, events)) = waiting.next() else {
                        continue;
                    };
                    *place = Some(Leaf::new(index, events));
                    for (word, value) in state.iter_mut().zip(start(Tag::Events, 0)) {
                        word[within] = value;
                    }
                }
                let Some(leaf) = place else { continue };
                for (word, value) in state.iter_mut().zip(leaf.next_block()) {
                    word[within] = value;
                }
                used = lane + 1;
            }
            if used == 0 {
                return;
            }
            kernel.permute_two(&mut states, used);
            for (lane, place) in lanes.iter_mut().enumerate() {
                if let Some(leaf) = place.take_if(|leaf| leaf.is_done) {
                    let state = &states[lane / LANES];
                    let digest = core::array::from_fn(|word| state[word][lane % LANES]);
                    leaves[leaf.index] = Digest(digest);
                }
            }
        }
    }
}

/// A leaf of the list of events in the making: two blocks for each event, and one with their number.
struct Leaf<'a> {
    index: usize,
    count: usize,
    rest: core::slice::Iter<'a, Event>,
    second_half: Option<[u64; 4]>,
    is_done: bool,
}

impl<'a> Leaf<'a> {
    fn new(index: usize, events: &'a [Event]) -> Self {
        Leaf {
            index,
            count: events.len(),
            rest: events.iter(),
            second_half: None,
            is_done: false,
        }
    }

    #[inline]
    fn next_block(&mut self) -> [u64; 4] {
        if let Some(block) = self.second_half.take() {
            return block;
        }
        match self.rest.next() {
            Some(event) => {
                let [first, second] = seven(&event.words());
                self.second_half = Some(second);
                first
            }
            None => {
                self.is_done = true;
                [self.count as u64, 0, 0, 0]
            }
        }
    }
}

/// The leaves of both lists; later the tops of their subtrees.
struct Leaves {
    commands: Vec<Digest>,
    events: Vec<Digest>,
}

impl Leaves {
    fn list(&mut self, is_events: bool) -> &mut Vec<Digest> {
        if is_events {
            &mut self.events
        } else {
            &mut self.commands
        }
    }

    /// The roots of both lists of `count` leaves, layer by layer: neighbours become one, and a last one without neighbour
    /// goes on to the next layer as it is. That is the tree of RFC 6962.
    fn roots(mut self, kernel: Kernel, count: usize) -> ListRoots {
        let mut width = count;
        while width > 1 {
            let pairs = width / 2;
            hash_each(
                kernel,
                2 * pairs,
                &mut self,
                |leaves, index| {
                    let is_events = index >= pairs;
                    let list = if is_events {
                        &leaves.events
                    } else {
                        &leaves.commands
                    };
                    let left = 2 * (index - if is_events { pairs } else { 0 });
                    Preimage {
                        tag: Tag::ListNode,
                        parameter: 0,
                        blocks: [list[left].0, list[left + 1].0],
                    }
                },
                |leaves, index, digest| {
                    let is_events = index >= pairs;
                    leaves.list(is_events)[index - if is_events { pairs } else { 0 }] = digest;
                },
            );
            if width % 2 == 1 {
                self.commands[pairs] = self.commands[width - 1];
                self.events[pairs] = self.events[width - 1];
            }
            width = width.div_ceil(2);
        }
        let length = u32::try_from(count)
            .ok()
            .filter(|&count| count <= LIST_MAX)
            .expect("a list has at most 2^24 leaves");
        hash_each(
            kernel,
            2,
            &mut self,
            |leaves, index| Preimage {
                tag: Tag::ListRoot,
                parameter: length,
                blocks: [[leaves.commands[0], leaves.events[0]][index].0],
            },
            |leaves, index, digest| leaves.list(index == 1)[0] = digest,
        );
        ListRoots {
            commands: self.commands[0],
            events: self.events[0],
        }
    }
}
