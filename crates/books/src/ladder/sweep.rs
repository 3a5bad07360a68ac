//! Takes the nodes out of a trie that part nothing: those without levels below, and those with one child.
//!
//! They stand there because a level's death changes its node alone. This is done when there are twice as many nodes as after the last time
//! and some more, so that it costs a constant for each node that was made since, and the nodes of a trie are never more than twice the levels
//! that it has held at once, and these some.

use super::nodes::NONE;
use super::trie::Trie;
use crate::linked::RankedSlab;

/// Nodes that may come to those that part something.
const NODES_MORE: usize = 1024;

/// How many nodes there may be until the next sweep, if there are so many after the last one.
pub(super) fn nodes_max(nodes: usize) -> usize {
    2 * nodes + NODES_MORE
}

impl Trie {
    /// Takes out every node that parts nothing.
    #[cold]
    pub(super) fn sweep(&mut self, levels: &mut RankedSlab) {
        self.cache.clear();
        for node in self.nodes.made() {
            if !self.nodes.is_used(node) {
                continue;
            }
            // What is below a vacant child goes too, with its own turn.
            self.nodes.head_mut(node).vacant = 0;
            match self.nodes.head(node).occupied.count_ones() {
                0 => {
                    if self.root == node {
                        self.root = NONE;
                    }
                    self.nodes.free(node);
                }
                1 => self.splice(levels, node),
                _ => {}
            }
        }
        self.nodes_max = nodes_max(self.nodes.used());
    }

    /// Puts a node's only child in its place.
    fn splice(&mut self, levels: &mut RankedSlab, node: u32) {
        let head = *self.nodes.head(node);
        let child = self.nodes.child(node, head.first());
        self.hang(head.parent, head.prefix, child);
        self.set_parent(levels, child, head.parent);
        self.nodes.free(node);
    }
}
