//! The full self-check of a list that nobody changes: every level found again from the nodes of the lowest one.

use proofbook_memory::sync::Ordering;

use super::link::Link;
use super::node::{NodeRef, MAX_HEIGHT};
use super::walk::{link_to, Walk};

/// Checks a list; gives how many nodes it has.
pub(super) fn verify<V>(walk: Walk<'_, V>) -> Result<usize, String> {
    let head = walk.head();
    // The link of each level that the next node which reaches it has to be under.
    let mut cells: [_; MAX_HEIGHT] = core::array::from_fn(|level| &head.links()[level]);
    let mut count = 0;
    let mut last: Option<u64> = None;
    let mut next = walk.lowest();
    while let Some(node) = next {
        let key = node.key();
        if last.is_some_and(|last| key <= last) {
            return Err(format!("key {key} comes after {last:?}"));
        }
        if node.height() != head.height_of(key) || !node.is_built_and_there() {
            return Err(format!(
                "the node of key {key} has height {} of {}, or is not complete",
                node.height(),
                head.height_of(key)
            ));
        }
        for (level, cell) in node.links().iter().enumerate() {
            check_link(cells[level].load(Ordering::Relaxed), Some(node))
                .map_err(|fault| format!("level {level} before key {key}: {fault}"))?;
            cells[level] = cell;
        }
        last = Some(key);
        count += 1;
        next = walk.lowest_after(node);
    }
    for (level, cell) in cells.iter().enumerate() {
        check_link(cell.load(Ordering::Relaxed), None)
            .map_err(|fault| format!("level {level} at its end: {fault}"))?;
    }
    Ok(count)
}

/// A link leads where it should, and has no mark.
fn check_link<V>(link: Link<V>, expected: Option<NodeRef<'_, V>>) -> Result<(), String> {
    if link != link.plain() {
        return Err(format!("expected no marks, received {link:?}"));
    }
    // Only a node of the lowest level is looked at; what else a link might lead to is not known to be one.
    if link != link_to(expected) {
        return Err(format!(
            "expected the node of key {:?}, received {link:?}",
            expected.map(NodeRef::key)
        ));
    }
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::link::Link;
    use super::super::node::LinkCell;
    use super::super::{LockFreeSkipList, SkipListConfig};
    use super::*;

    /// Puts another link into a cell, checks, and puts the right one back.
    fn with_fault(list: &LockFreeSkipList<u32>, cell: &LinkCell<u32>, fault: Link<u32>) -> String {
        let right = cell.load(Ordering::Relaxed);
        cell.set(fault);
        let found = list.verify();
        cell.set(right);
        found.expect_err("a link is wrong")
    }

    #[test]
    fn finds_wrong_links_on_every_level() {
        let list = LockFreeSkipList::new(SkipListConfig::default()).expect("the default");
        let handle = list.handle().expect("the first");
        for key in 0..100 {
            assert_eq!(handle.insert(key, 0), Ok(true));
        }
        assert_eq!(list.verify(), Ok(100));
        let end = Link::to(core::ptr::null_mut());
        // SAFETY: nothing is removed here.
        #[allow(unsafe_code)]
        let walk = unsafe { list.head().walk() };
        let mut next = walk.lowest();
        while let Some(node) = next {
            next = walk.lowest_after(node);
            for (level, cell) in node.links().iter().enumerate() {
                let right = cell.load(Ordering::Relaxed);
                let found = with_fault(&list, cell, right.removed());
                assert!(found.starts_with(&format!("level {level} ")), "{found}");
                let beside = if right == end { node.link() } else { end };
                // A lowest level that goes round is not looked at: it would not end.
                if level > 0 {
                    with_fault(&list, cell, beside);
                }
            }
        }
        let popped = list.head().links()[0].load(Ordering::Relaxed).popped();
        with_fault(&list, &list.head().links()[0], popped);
        assert_eq!(list.verify(), Ok(100));
    }
}
