//! What an inclusion file shows is what the market did, and nothing else can be made of one.

use std::collections::HashMap;

use proofbook_book::{Book, Reference};
use proofbook_commitment::poseidon2::ORDER;
use proofbook_commitment::{Portable, PublicValues};
use proofbook_ledger::{Ledger, Question, Record};
use proofbook_matching::MatchingEngine;
use proofbook_receipts::{command_digest, Fill, Inclusion, InclusionError};
use proofbook_serving::{BatchRecord, Request, Server, ServingError};
use proofbook_testkit::flow::RandomFlow;
use proofbook_transition::Observer as _;
use proofbook_types::{AccountId, Event, MarketConfig, OrderId, Queue, Side};

const SIZES: [usize; 4] = [40, 1, 90, 60];

/// A market with its batches, and the engine after the last of them.
struct Market {
    config: MarketConfig,
    batches: Vec<BatchRecord>,
    engine: MatchingEngine<Reference>,
}

fn market(seed: u64) -> Market {
    let mut flow = RandomFlow::new(seed);
    let config = flow.market().config;
    let mut engine = MatchingEngine::new(config, Reference::new()).expect("a market");
    let mut ledger = Ledger::<Portable>::new(config);
    let mut seal = |size| {
        let mut record = Record::default();
        for command in flow.by_ref().take(size) {
            record.command(&command);
            engine.apply(&command, &mut |event| record.event(&command, event));
        }
        let values = ledger.close(&record);
        BatchRecord::new(&values, record).expect("its own record")
    };
    let batches = SIZES.map(&mut seal).into();
    Market {
        config,
        batches,
        engine,
    }
}

impl Market {
    /// The file that shows what is asked of the batches from `first` on, as bytes.
    fn serve(&self, first: u64, request: &Request) -> Vec<u8> {
        let mut server = Server::new(self.config);
        let mut parts = Vec::new();
        for batch in &self.batches {
            let record = BatchRecord::decode(&batch.encode()).expect("it is one");
            if record.values().batch < first {
                server.follow(&record).expect("it follows");
            } else {
                parts.push(server.open(&record, request).expect("it follows"));
            }
        }
        Inclusion::new(parts).expect("a file").encode()
    }

    fn values(&self, batch: u64) -> &PublicValues {
        self.batches[batch as usize - 1].values()
    }

    /// Whether these bytes are a file that shows something of these batches.
    fn takes(&self, bytes: &[u8]) -> bool {
        Inclusion::decode(bytes).is_ok_and(|file| {
            file.parts().iter().all(|part| {
                let number = part.values.batch;
                let known = (1..=self.batches.len() as u64).contains(&number);
                known && part.check(self.values(number)).is_ok()
            })
        })
    }

    /// All fills of an account in a batch, by whoever sees everything.
    fn fills(&self, batch: u64, account: AccountId) -> Vec<(u32, OrderId, Side, u64)> {
        let mut owners: HashMap<OrderId, AccountId> = HashMap::new();
        let mut found = Vec::new();
        for record in &self.batches[..batch as usize] {
            for (position, (_, events)) in (0..).zip(record.record().iter()) {
                for event in events {
                    match *event {
                        Event::Accepted {
                            order_id, account, ..
                        } => {
                            owners.insert(order_id, account);
                        }
                        Event::Trade {
                            maker_id,
                            taker_id,
                            taker_side,
                            quantity,
                            ..
                        } if record.values().batch == batch => {
                            let sides = [(maker_id, taker_side.opposite()), (taker_id, taker_side)];
                            for (id, side) in sides {
                                if owners[&id] == account {
                                    found.push((position, id, side, quantity.0));
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
        found
    }
}

fn plain(fill: &Fill) -> (u32, OrderId, Side, u64) {
    (fill.position, fill.order_id, fill.side, fill.quantity.0)
}

#[test]
fn every_command_is_shown_where_it_stands() {
    for seed in 0..10 {
        let market = market(seed);
        for batch in &market.batches {
            let values = batch.values();
            for ((command, events), sequence) in batch
                .record()
                .iter()
                .zip(values.first_sequence..=values.last_sequence)
            {
                let request = Request {
                    sequences: vec![sequence],
                    ..Request::default()
                };
                let bytes = Inclusion::new(vec![batch.open_commands(&request)])
                    .expect("a file")
                    .encode();
                let file = Inclusion::decode(&bytes).expect("a file");
                let shown = file.parts()[0].check(values).expect("it holds");
                let opened = shown.command(sequence).expect("it is shown");
                assert_eq!(
                    (&opened.command, &opened.events[..]),
                    (command, events),
                    "seed {seed}"
                );
                let next = shown.command(sequence + 1).map(|_| ());
                let error = next.expect_err("only one is opened");
                assert!(matches!(
                    error,
                    InclusionError::NotShown | InclusionError::NotInBatch { .. }
                ));
            }
        }
    }
}

#[test]
fn commands_are_found_by_their_hash() {
    let market = market(3);
    let batch = &market.batches[2];
    let wanted = batch.record().commands()[17];
    let request = Request {
        commands: vec![command_digest(&wanted)],
        ..Request::default()
    };
    let part = batch.open_commands(&request);
    let shown = part.check(batch.values()).expect("it holds");
    assert!(shown.opened().iter().any(|opened| opened.position == 17));
    assert!(shown.opened().iter().all(|opened| opened.command == wanted));
}

#[test]
fn places_and_depth_are_the_markets() {
    for seed in 0..20 {
        let market = market(seed);
        let book = market.engine.book();
        let mut ids = Vec::new();
        for queue in Queue::ALL {
            let mut slot = book.best(queue);
            while let Some(found) = slot {
                ids.push(book.id(found));
                slot = book.next(found);
            }
        }
        let absent = OrderId(0xdead_beef_dead_beef);
        let mut state: Vec<Question> = ids.iter().map(|&id| Question::Ahead(id)).collect();
        state.push(Question::Ahead(absent));
        state.extend(Queue::ALL.map(|queue| Question::Depth(queue, 2)));
        let request = Request {
            state,
            ..Request::default()
        };
        let bytes = market.serve(4, &request);
        let file = Inclusion::decode(&bytes).expect("a file");
        let shown = file.parts()[0].check(market.values(4)).expect("it holds");
        for id in ids {
            let slot = book.find(id).expect("live");
            let place = shown.order(id.0).expect("shown").expect("live");
            assert_eq!(place.order, book.order(slot), "seed {seed}");
            let ahead = shown.ahead(id.0).expect("shown").expect("live");
            assert_eq!(ahead.orders, book.place(slot).orders_ahead, "seed {seed}");
        }
        assert_eq!(shown.order(absent.0), Ok(None));
        for queue in Queue::ALL {
            let best = book.next_level(queue, None);
            let depth = shown.depth(queue, 2).expect("shown");
            let first = depth.first().map(|(price, level)| (*price, level.orders));
            assert_eq!(
                first,
                best.map(|best| (best.price, best.orders)),
                "seed {seed}"
            );
        }
        assert_eq!(
            shown.command(1).map(|_| ()).expect_err("another batch"),
            InclusionError::NotInBatch {
                expected: [
                    market.values(4).first_sequence,
                    market.values(4).last_sequence
                ],
                received: 1,
            }
        );
    }
}

#[test]
fn fills_are_the_accounts() {
    let (mut compact, mut complete, mut trades) = (0, 0, 0);
    for seed in 0..30 {
        let market = market(seed);
        for account in (0..6).map(AccountId) {
            for is_complete in [false, true] {
                let request = Request {
                    fills: Some(account),
                    is_complete,
                    ..Request::default()
                };
                let bytes = market.serve(1, &request);
                *(if is_complete {
                    &mut complete
                } else {
                    &mut compact
                }) += bytes.len();
                let file = Inclusion::decode(&bytes).expect("a file");
                for part in file.parts() {
                    let batch = part.values.batch;
                    let truth = market.fills(batch, account);
                    let shown = part.check(market.values(batch)).expect("it holds");
                    if !part.opens_something() {
                        assert!(truth.is_empty(), "seed {seed}");
                        continue;
                    }
                    let found = match shown.fills(account) {
                        Ok(found) => found,
                        Err(error) => panic!("seed {seed}: {error}"),
                    };
                    trades += truth.len();
                    let all: Vec<_> = found.fills.iter().map(plain).collect();
                    if is_complete {
                        assert!(found.is_complete, "seed {seed}");
                        assert!(
                            found.fills.iter().all(|fill| fill.is_certain),
                            "seed {seed}"
                        );
                        assert_eq!(all, truth, "seed {seed}");
                    }
                    for fill in found.fills.iter().filter(|fill| fill.is_certain) {
                        assert!(truth.contains(&plain(fill)), "seed {seed}: {fill:?}");
                    }
                    assert!(truth.iter().all(|fill| all.contains(fill)), "seed {seed}");
                }
            }
        }
    }
    assert!(
        trades > 500 && compact < complete,
        "{trades} trades, {compact} < {complete} bytes"
    );
}

#[test]
fn completeness_takes_all_of_a_batch_and_its_owners() {
    let market = market(5);
    let account = AccountId(1);
    let request = Request {
        fills: Some(account),
        is_complete: true,
        ..Request::default()
    };
    let file = Inclusion::decode(&market.serve(3, &request)).expect("a file");
    let part = &file.parts()[0];
    let without = part.without_states();
    let shown = without.check(market.values(3)).expect("it still holds");
    let found = shown.fills(account).expect("it is open");
    let full = part.check(market.values(3)).expect("it holds");
    assert!(full.fills(account).expect("it is open").is_complete);
    assert!(
        !found.is_complete,
        "whose the older orders are is not shown"
    );
}

#[test]
fn every_changed_bit_is_refused() {
    let market = market(7);
    let ids = market.batches[2].record().commands().iter();
    let ids = ids.filter_map(|command| proofbook_receipts::outcome(command, &[]).order_id);
    let request = Request {
        sequences: vec![
            market.values(2).first_sequence,
            market.values(3).first_sequence + 3,
        ],
        state: ids.take(3).map(Question::Ahead).collect(),
        fills: Some(AccountId(1)),
        ..Request::default()
    };
    let bytes = market.serve(2, &request);
    assert!(market.takes(&bytes));
    let mut changed = bytes.clone();
    // A bit of every byte, another one each time.
    for byte in 0..bytes.len() {
        changed[byte] ^= 1 << (byte % 8);
        assert!(!market.takes(&changed), "byte {byte} of {}", bytes.len());
        changed[byte] = bytes[byte];
    }
    for length in (0..bytes.len()).step_by(5) {
        assert!(!market.takes(&bytes[..length]), "length {length}");
    }
    changed.push(0);
    assert!(!market.takes(&changed), "a byte too many");
}

#[test]
fn files_of_other_batches_and_forks_are_refused() {
    let (market, fork) = (market(8), market(9));
    let request = Request {
        sequences: vec![2],
        ..Request::default()
    };
    let part = market.batches[0].open_commands(&request);
    assert!(part.check(market.values(1)).is_ok());
    let refusal = |values: &PublicValues| part.check(values).map(|_| ()).expect_err("another");
    let (expected, received) = (2, 1);
    assert_eq!(
        refusal(market.values(2)),
        InclusionError::OtherBatch { expected, received }
    );
    let error = refusal(fork.values(1));
    assert!(error
        .to_string()
        .ends_with("others of that number (a fork)"));
    // Batches go up, and there is one at least.
    assert!(Inclusion::new(Vec::new()).is_err());
    assert!(Inclusion::new(vec![part.clone(), part.clone()]).is_err());
}

#[test]
fn records_are_what_was_sealed() {
    let market = market(11);
    let batch = &market.batches[0];
    let bytes = batch.encode();
    let follows = |bytes: &[u8]| -> Result<(), ServingError> {
        let record = BatchRecord::decode(bytes)?;
        Server::new(market.config).follow(&record)
    };
    assert_eq!(follows(&bytes), Ok(()));
    let mut changed = bytes.clone();
    for byte in 0..bytes.len() {
        changed[byte] ^= 1 << (byte % 8);
        assert!(follows(&changed).is_err(), "byte {byte}");
        changed[byte] = bytes[byte];
    }
    assert!(follows(&bytes[..bytes.len() - 1]).is_err());
    assert!(follows(&[&bytes[..], &[0]].concat()).is_err());
    let second = BatchRecord::decode(&market.batches[1].encode()).expect("a record");
    let error = Server::new(market.config).follow(&second);
    let (expected, received) = (1, 2);
    assert_eq!(error, Err(ServingError::NotNext { expected, received }));
}

/// The part of a file whose bytes have one number, stated once in four bytes, changed.
fn with_number_changed(bytes: &[u8], place: usize, number: u32) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[place..place + 4].copy_from_slice(&number.to_le_bytes());
    changed
}

#[test]
fn an_order_count_beyond_the_field_is_refused() {
    // As a parameter of the hash, a count and the count plus the field's order have one digest: the root does not tell them apart.
    let mut tried = 0;
    for seed in 0..10 {
        let market = market(seed);
        for queue in Queue::ALL {
            let request = Request {
                state: vec![Question::Depth(queue, 1)],
                ..Request::default()
            };
            let bytes = market.serve(4, &request);
            let file = Inclusion::decode(&bytes).expect("a file");
            let shown = file.parts()[0].check(market.values(4)).expect("it holds");
            let depth = shown.depth(queue, 1).expect("shown");
            let Some((_, level)) = depth.first() else {
                continue;
            };
            let words = [level.key, level.displayed, level.hidden];
            let stated: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let place = bytes.windows(24).position(|window| window == stated);
            let place = place.expect("the level is in the file") + 24;
            assert!(market.takes(&with_number_changed(&bytes, place, level.orders)));
            let lie = with_number_changed(&bytes, place, level.orders + ORDER);
            assert!(!market.takes(&lie), "seed {seed}: {queue:?}");
            tried += 1;
        }
    }
    assert!(tried > 10, "{tried} levels");
}
