//! The queues.

use proofbook_memory::queue::ring;

use crate::fragile::{survive, Live};

#[test]
fn what_an_iterator_gave_before_it_panicked_is_in_the_ring() {
    let live = Live::default();
    let (mut sender, mut receiver) = ring::channel(8).expect("a power of two");
    let mut values = (0..).map(|number| {
        assert!(number < 3, "the fourth is none");
        live.sound()
    });
    survive(|| {
        sender.push_each(&mut values);
    });
    drop(sender);
    assert_eq!(live.now(), 3);
    assert_eq!(receiver.pop_each(8, drop), 3);
    assert!(receiver.is_closed());
    assert_eq!(live.now(), 0);
}
