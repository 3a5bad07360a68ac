//! The proven function, and the part of it that runs outside of a proof too.

use alloc::vec::Vec;

use proofbook_commitment::maps::ROOT_WORDS;
use proofbook_commitment::{
    node, Digest, Header, ListHasher, Maps, Permutation, PublicValues, Source, Store, Witness, MAPS,
};
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    Command, Counters, Event, EventSink, MarketConfig, COMMAND_WORDS, CONFIG_WORDS, COUNTER_WORDS,
};

use crate::batch::BATCH_WORDS;
use crate::book::TrieBook;
use crate::events::EventHasher;

/// Is told everything that happens in a batch, as it happens.
pub trait Observer {
    /// A command comes.
    fn command(&mut self, command: &Command);

    /// One of its events.
    fn event(&mut self, command: &Command, event: Event);
}

/// Ignores it.
impl Observer for () {
    #[inline]
    fn command(&mut self, _command: &Command) {}

    #[inline]
    fn event(&mut self, _command: &Command, _event: Event) {}
}

/// Applies a batch to a market and says what happened.
///
/// `batch` is the encoding of a [`BatchInput`](crate::BatchInput). `witness` is [`ROOT_WORDS`] words whose content does
/// not matter, then the nodes that the batch looks at, in the order in which it does.
///
/// # Panics
/// Where `batch` is no such encoding, or the witness is not exactly what the batch needs.
pub fn run<P: Permutation>(batch: &[u64], mut witness: Vec<u64>) -> PublicValues {
    let (head, commands) = batch
        .split_at_checked(BATCH_WORDS)
        .expect("a batch has a head");
    let number = head[0];
    let (config_words, rest) = head[1..]
        .split_first_chunk::<CONFIG_WORDS>()
        .expect("the head has a configuration");
    let (counter_words, roots) = rest
        .split_first_chunk::<COUNTER_WORDS>()
        .expect("the head has counters");
    let config = MarketConfig::from_words(config_words).expect("a canonical configuration");
    let mut header = Header {
        config: node::config(config_words).digest::<P>(),
        roots: [Digest::EMPTY; MAPS],
        counters: Counters::from_words(counter_words).expect("canonical counters"),
    };
    let end = witness.len();
    assert!(end >= ROOT_WORDS, "the witness begins with the roots");
    let links = witness[1..ROOT_WORDS].chunks_exact_mut(5);
    let roots = roots.chunks_exact(4).zip(links);
    for (root, (words, link)) in header.roots.iter_mut().zip(roots) {
        root.0.copy_from_slice(words);
        link[0] = 0;
        link[1..].copy_from_slice(words);
    }
    let store = Store::<P, _>::new(witness, Witness::new(ROOT_WORDS, end));
    let (commands, rest) = commands.as_chunks::<COMMAND_WORDS>();
    assert!(rest.is_empty(), "a batch has whole commands");
    let (values, book) = apply(number, &config, &header, store, commands, &mut ());
    assert!(
        book.into_maps().store.into_source().is_used_up(),
        "the witness has nodes that nobody looks at"
    );
    values
}

/// Hashes a command's events and passes them on.
struct Told<'a, P, O> {
    command: &'a Command,
    events: &'a mut EventHasher<P>,
    observer: &'a mut O,
}

impl<P: Permutation, O: Observer> EventSink for Told<'_, P, O> {
    #[inline(always)]
    fn event(&mut self, event: Event) {
        self.events.event(event);
        self.observer.event(self.command, event);
    }
}

/// Applies a batch's commands to a market whose nodes are in `store`; tells `observer`.
///
/// # Panics
/// Where the words of a command are no command, or the source has no node where one is needed.
pub fn apply<P: Permutation, S: Source>(
    number: u64,
    config: &MarketConfig,
    header: &Header,
    store: Store<P, S>,
    commands: &[[u64; COMMAND_WORDS]],
    observer: &mut impl Observer,
) -> (PublicValues, TrieBook<P, S>) {
    let before = &header.counters;
    let book = TrieBook::new(Maps::new(store), before.orders as usize);
    let mut engine =
        MatchingEngine::from_counters(*config, before, book).expect("terms of a market");
    let mut events = EventHasher::<P>::default();
    let mut list = ListHasher::<P>::default();
    for words in commands {
        list.push(node::command(words).digest::<P>());
        let decoded = Command::from_words(words);
        let command = decoded.as_ref().expect("a canonical command");
        observer.command(command);
        engine.apply(
            command,
            &mut Told {
                command,
                events: &mut events,
                observer,
            },
        );
        events.end_command();
    }
    let counters = engine.counters();
    let mut book = engine.into_book();
    let after = Header {
        config: header.config,
        roots: book.roots(),
        counters,
    };
    let values = PublicValues {
        market: config.market,
        config: header.config,
        batch: number,
        first_sequence: before.sequence + 1,
        last_sequence: counters.sequence,
        clock_before: before.clock.0,
        clock_after: counters.clock.0,
        previous_root: header.state_root::<P>(),
        new_root: after.state_root::<P>(),
        commands: list.count().into(),
        command_root: list.root(),
        events: events.events(),
        event_root: events.root(),
    };
    (values, book)
}
