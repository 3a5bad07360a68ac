//! Messages that are sent now or never: they take a number while the peer is there and the output has room, and no resend has them.

mod common;

use common::peer::{field, outline, settings, Peer};
use proofbook_fix::{tag, MESSAGE_BYTES_MAX};
use proofbook_session::{FileBounds, FileStore, MemoryStore, Output, Store};
use proofbook_testkit::files::Temporary;

/// Sends one; its number, if it went out.
fn send<S: Store>(peer: &mut Peer<S>, text: &str) -> Option<u64> {
    let (session, output) = (&mut peer.session, &mut peer.output);
    let sent = session.send_transient(peer.now_ns, output, b"B", |draft| {
        draft.text(tag::HEADLINE, text.as_bytes());
    });
    sent.expect("the store works")
}

#[test]
fn they_go_out_while_the_peer_is_there_and_has_room() {
    let mut peer = Peer::new(settings(), MemoryStore::new(10));
    assert_eq!(send(&mut peer, "before the Logon"), None);
    peer.log_on(1, "");
    assert_eq!(send(&mut peer, "now"), Some(2));
    let written = peer.written();
    assert_eq!(outline(&written), "B2");
    assert_eq!(field(&written[0], "148"), "now");
    while peer.output.room().len() >= MESSAGE_BYTES_MAX {
        peer.output.commit(0..MESSAGE_BYTES_MAX);
    }
    assert_eq!(send(&mut peer, "without room"), None);
    assert!(peer.session.is_logged_on(), "that ends nothing");
    peer.closed();
    assert_eq!(send(&mut peer, "after the end"), None);
    assert_eq!(peer.session.numbers().outgoing, 3);
}

#[test]
fn a_resend_fills_their_numbers_also_after_a_restart() {
    let folder = Temporary::new();
    let open = || FileStore::open(folder.path(), FileBounds::default()).expect("a store");
    let mut peer = Peer::new(settings(), open());
    peer.log_on(1, "");
    for number in [2, 3] {
        assert_eq!(send(&mut peer, "news"), Some(number));
    }
    let order = peer.order(2, "");
    assert_eq!(outline(&peer.send(&order)), "B2 B3 D4");
    assert_eq!(send(&mut peer, "news"), Some(5));
    let request = peer.message("2", 3, "7=1|16=0|");
    let resent = peer.send(&request);
    assert_eq!(outline(&resent), "B5 41 D4 45");
    assert_eq!(field(&resent[1], "36"), "4");
    assert_eq!(field(&resent[3], "36"), "6");
    drop(peer);

    // A process that closes its store in order skips no number.
    let mut peer = Peer::new(settings(), open());
    assert_eq!(outline(&peer.log_on(4, "")), "A6");
    let request = peer.message("2", 5, "7=1|16=0|");
    assert_eq!(outline(&peer.send(&request)), "41 D4 45");
}
