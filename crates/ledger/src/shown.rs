//! Proofs about a market's committed state: which parts of its tries answer a question.

use std::collections::HashSet;

use proofbook_commitment::maps::{level_key, map_link, queue_link};
use proofbook_commitment::part::Part;
use proofbook_commitment::state_proof::{ShownId, ShownLevel, ShownOrder};
use proofbook_commitment::store::{child, kind, orders_link, Complete, Link, Node};
use proofbook_commitment::trie::Key as _;
use proofbook_commitment::{Digest, Map, Permutation, StateProof, Store};
use proofbook_types::{OrderId, Price, Queue};

use crate::ledger::Ledger;

/// What a proof about a state is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The order with an id, or that there is none.
    Order(OrderId),
    /// The order with an id and what is ahead of it at its price, or that there is none.
    Ahead(OrderId),
    /// The level of a queue at a price, or that there is none.
    Level(Queue, Price),
    /// The best levels of a queue, as many as asked.
    Depth(Queue, usize),
}

/// The nodes of a store that a proof opens.
struct Opened<'a, P> {
    store: &'a Store<P, Complete>,
    nodes: HashSet<usize>,
}

impl<P: Permutation> Opened<'_, P> {
    fn is_branch(&self, node: Node) -> bool {
        self.store.kind(node) == kind::BRANCH
    }

    /// Opens the path to the leaf that has the key, if any has; gives that leaf.
    fn path(&mut self, root: Link, key: u64) -> Option<Node> {
        let mut node = self.store.opened(root)?;
        loop {
            self.nodes.insert(node.0);
            if !self.is_branch(node) {
                return Some(node);
            }
            let bit = key.bit(self.store.parameter(node).into());
            node = self.store.opened(child(node, bit))?;
        }
    }

    /// Opens the first leaves under a link, as many as asked; gives how many there are.
    fn first(&mut self, link: Link, leaves: usize) -> usize {
        let Some(node) = self.store.opened(link).filter(|_| leaves > 0) else {
            return 0;
        };
        self.nodes.insert(node.0);
        if !self.is_branch(node) {
            return 1;
        }
        let found = self.first(child(node, 0), leaves);
        found + self.first(child(node, 1), leaves - found)
    }

    /// Opens all leaves under a link whose keys are not above a key, and the path to that key.
    fn up_to(&mut self, link: Link, key: u64) {
        let Some(node) = self.store.opened(link) else {
            return;
        };
        self.nodes.insert(node.0);
        if self.is_branch(node) {
            let bit = key.bit(self.store.parameter(node).into());
            if bit == 1 {
                self.first(child(node, 0), usize::MAX);
            }
            self.up_to(child(node, bit), key);
        }
    }

    /// Opens the way to an order; gives its level and priority.
    fn order(&mut self, id: OrderId) -> Option<(Node, u64)> {
        let entry = self.path(map_link(Map::Ids), id.0)?;
        if self.store.word(entry.0, 1) != id.0 {
            return None;
        }
        let queue = Queue::ALL[self.store.parameter(entry) as usize];
        let level = self.path(queue_link(queue), self.store.word(entry.0, 2))?;
        let priority = self.store.word(entry.0, 3);
        self.path(orders_link(level), priority)?;
        Some((level, priority))
    }

    fn answer(&mut self, question: Question) {
        match question {
            Question::Order(id) => {
                self.order(id);
            }
            Question::Ahead(id) => {
                if let Some((level, priority)) = self.order(id) {
                    self.up_to(orders_link(level), priority);
                }
            }
            Question::Level(queue, price) => {
                self.path(queue_link(queue), level_key(queue, price.0));
            }
            Question::Depth(queue, levels) => {
                self.first(queue_link(queue), levels);
            }
        }
    }

    /// The part of a trie that is open.
    fn part<L>(&self, link: Link, leaf: &impl Fn(Node) -> L) -> Part<L> {
        let open = self
            .store
            .opened(link)
            .filter(|node| self.nodes.contains(&node.0));
        let Some(node) = open else {
            return Part::Closed(self.store.digest(link));
        };
        if !self.is_branch(node) {
            return Part::Leaf(leaf(node));
        }
        let position = u8::try_from(self.store.parameter(node)).expect("positions are below 128");
        let children = [0, 1].map(|bit| self.part(child(node, bit), leaf));
        Part::Branch {
            position,
            children: Box::new(children),
        }
    }

    fn shown_order(&self, node: Node) -> ShownOrder {
        let words = &self.store.words()[node.0 + 1..];
        ShownOrder(*words.first_chunk().expect("a node has all of its words"))
    }

    fn shown_level(&self, node: Node) -> ShownLevel {
        let word = |offset| self.store.word(node.0, offset);
        ShownLevel {
            key: word(1),
            displayed: word(2),
            hidden: word(3),
            orders: self.store.parameter(node),
            members: self.part(orders_link(node), &|order| self.shown_order(order)),
        }
    }

    fn shown_id(&self, node: Node) -> ShownId {
        let word = |offset| self.store.word(node.0, offset);
        ShownId {
            id: word(1),
            queue: Queue::ALL[self.store.parameter(node) as usize],
            level_key: word(2),
            priority: word(3),
        }
    }
}

impl<P: Permutation> Ledger<P> {
    /// One proof that answers all questions about the state after the last batch. What several answers share is in it once.
    pub fn prove(&self, questions: &[Question]) -> StateProof {
        let header = self.header();
        let mut opened = Opened {
            store: &self.maps().store,
            nodes: HashSet::new(),
        };
        for &question in questions {
            opened.answer(question);
        }
        let [.., expiries, accounts]: [Digest; 7] = header.roots;
        StateProof {
            config: header.config,
            counters: header.counters,
            queues: Queue::ALL
                .map(|queue| opened.part(queue_link(queue), &|level| opened.shown_level(level))),
            ids: opened.part(map_link(Map::Ids), &|entry| opened.shown_id(entry)),
            others: [expiries, accounts],
        }
    }
}
