//! Clients that apply W and X, strictly, hold what the book has: after random flow of every kind of entry, with requests in the midst, clients that read slowly and
//! connections that end. The flow is the one that the exchange's own tests use.

use std::collections::BTreeMap;

use proofbook_book::Book;
use proofbook_exchange::{Entry, Instrument, NewOrder, OrderKind, Symbol};
use proofbook_fix::{
    tag, validate, Draft, Frame, Kernel, MessageEncoder, ParsedMessage, SIMDMessageParser,
    UserFields, Version, MESSAGE_BYTES_MAX,
};
use proofbook_journal::simulated::Random;
use proofbook_types::{AccountId, Price, Quantity, Queue, Side, TimeInForce};

use super::view::{Change, Shown, Touched, Update};
use super::watch::Print;
use super::write::{self, Item, Snapshot, SNAPSHOT_LEVELS_MAX, UPDATE_ENTRIES_MAX};
use super::*;
use crate::clients::{HOLD_BYTES, RESUME_BYTES};

#[path = "../../../exchange/tests/common/mod.rs"]
mod flow;

const SYMBOLS: [&str; 2] = ["AAA-CCC", "BBB-CCC"];

/// Ticks to lots and number of orders.
type Levels = BTreeMap<i64, (u64, u64)>;

/// What a client knows of a market through a request.
#[derive(Debug, Default)]
struct Held {
    sides: [Levels; 2],
    trades: Vec<String>,
    snapshots: u32,
}

/// A request that a client made.
#[derive(Clone, Debug)]
struct Asked {
    id: String,
    depth: usize,
    sides: [bool; 2],
    is_once: bool,
    markets: Vec<usize>,
}

struct Peer {
    encoder: MessageEncoder,
    parser: SIMDMessageParser,
    asked: Vec<Asked>,
    held: BTreeMap<(String, usize), Held>,
    rejects: Vec<u8>,
    /// Bytes that it has not read, or none while it is away.
    waiting: Option<usize>,
}

impl Peer {
    fn new(version: Version) -> Self {
        Peer {
            encoder: MessageEncoder::new(Kernel::detect(), version),
            parser: SIMDMessageParser::new(Kernel::detect()),
            asked: Vec::new(),
            held: BTreeMap::new(),
            rejects: Vec::new(),
            waiting: Some(0),
        }
    }

    /// Gives a message to a taker, once as bytes and valid by the dictionary.
    fn with_message<T>(
        &mut self,
        kind: &[u8],
        body: impl FnOnce(&mut Draft<'_>),
        take: impl FnOnce(&ParsedMessage<'_>, &mut Self) -> T,
    ) -> T {
        let version = self.encoder.version();
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        let mut draft = self.encoder.begin(&mut buffer, kind);
        draft.unsigned(34, 1).text(49, b"A");
        draft.timestamp(52, 0, proofbook_fix::Precision::Seconds);
        draft.text(56, b"B");
        body(&mut draft);
        let bytes = draft.finish().expect("it fits").to_vec();
        let mut parser =
            std::mem::replace(&mut self.parser, SIMDMessageParser::new(Kernel::detect()));
        let Frame::Whole(frame) = parser.frame(&bytes) else {
            panic!("a whole message");
        };
        let message = parser.parse(frame).expect("it is well formed");
        let valid = validate(version.dictionary(), &message, UserFields::Refused);
        let text = String::from_utf8_lossy(&bytes).replace('\x01', "|");
        assert!(valid.is_ok(), "{valid:?} of {text}");
        let result = take(&message, self);
        self.parser = parser;
        result
    }

    fn take(&mut self, message: &ParsedMessage<'_>) {
        let text = |tag| {
            let field = message.get(tag).expect("it is there");
            String::from_utf8_lossy(field.value).into_owned()
        };
        let id = text(tag::MD_REQ_ID);
        match message.message_type() {
            b"Y" => self
                .rejects
                .push(text(tag::MD_REQ_REJ_REASON).as_bytes()[0]),
            b"W" => {
                let market = market_of(&text(tag::SYMBOL));
                let held = self.held.entry((id, market)).or_default();
                held.sides = Default::default();
                held.snapshots += 1;
                for entry in entries(message) {
                    held.apply(b"0", &entry, market);
                }
            }
            b"X" => {
                for entry in entries(message) {
                    let market = market_of(&entry.text(tag::SYMBOL));
                    let held = self.held.get_mut(&(id.clone(), market));
                    let action = entry.text(tag::MD_UPDATE_ACTION);
                    let held = held.expect("a snapshot comes first");
                    held.apply(action.as_bytes(), &entry, market);
                }
            }
            other => panic!("{}", other.escape_ascii()),
        }
    }
}

/// An entry of W or X.
struct Fields(BTreeMap<i32, String>);

impl Fields {
    fn text(&self, tag: i32) -> String {
        self.0.get(&tag).cloned().unwrap_or_default()
    }

    /// A decimal, without its point.
    fn number(&self, tag: i32) -> u64 {
        let text = self.text(tag).replace('.', "");
        text.parse().unwrap_or_else(|_| panic!("tag {tag}: {text}"))
    }
}

fn entries(message: &ParsedMessage<'_>) -> Vec<Fields> {
    let version = Version::from_begin_string(message.begin_string()).expect("a version");
    let definition = version.dictionary().message(message.message_type());
    let group = definition
        .expect("a message")
        .body
        .group(tag::NO_MD_ENTRIES);
    let entries = message.group(group.expect("a group")).expect("entries");
    let fields = entries.map(|entry| {
        let fields = entry.fields();
        let texts = fields.map(|field| (field.tag, String::from_utf8_lossy(field.value).into()));
        Fields(texts.collect())
    });
    fields.collect()
}

fn market_of(symbol: &str) -> usize {
    let found = SYMBOLS.iter().position(|one| *one == symbol);
    found.expect("a symbol")
}

impl Held {
    fn apply(&mut self, action: &[u8], entry: &Fields, market: usize) {
        let kind = entry.text(tag::MD_ENTRY_TYPE);
        if kind == "2" {
            self.trades.push(entry.text(tag::MD_ENTRY_ID));
            return;
        }
        let side = &mut self.sides[usize::from(kind == "1")];
        let price = entry.number(tag::MD_ENTRY_PX) as i64;
        let decimals = [2, 3][market];
        let size = entry.text(tag::MD_ENTRY_SIZE);
        let point = size.find('.').map_or(0, |at| size.len() - at - 1);
        let level = |entry: &Fields| {
            assert_eq!(point, decimals, "{size}");
            (
                entry.number(tag::MD_ENTRY_SIZE),
                entry.number(tag::NUMBER_OF_ORDERS),
            )
        };
        let before = match action {
            b"0" => side.insert(price, level(entry)).is_none(),
            b"1" => side.insert(price, level(entry)).is_some(),
            _ => side.remove(&price).is_some(),
        };
        assert!(before, "action {} of {kind} {price}", action.escape_ascii());
    }
}

struct Peers(Vec<Peer>);

impl Clients for Peers {
    fn waiting_bytes(&self, client: usize) -> Option<usize> {
        self.0[client].waiting
    }

    fn send(
        &mut self,
        client: usize,
        kind: &[u8],
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Result<bool, SendError> {
        let peer = &mut self.0[client];
        if peer.waiting.is_none() {
            return Ok(false);
        }
        peer.with_message(kind, body, |message, peer| {
            peer.waiting = peer.waiting.map(|waiting| waiting + message.bytes().len());
            peer.take(message);
        });
        Ok(true)
    }
}

/// An exchange with its market data and clients.
struct World {
    core: flow::Core,
    data: MarketData,
    peers: Peers,
    requests: u32,
}

impl World {
    fn new(core: flow::Core) -> Self {
        let versions = [Version::Fix42, Version::Fix44, Version::Fix44];
        World {
            core,
            data: MarketData::default(),
            peers: Peers(versions.map(Peer::new).into()),
            requests: 0,
        }
    }

    fn apply(&mut self, entry: &Entry) {
        self.data.before(&entry.action, &self.core);
        let mut outcomes = Vec::new();
        self.core
            .apply(entry, &mut |outcome| outcomes.push(outcome));
        for outcome in &outcomes {
            self.data.observe(self.core.sequence(), outcome);
        }
    }

    fn flush(&mut self) {
        let flushed = self.data.flush(&self.core, &mut self.peers);
        flushed.expect("peers take everything");
    }

    /// Flushes until nothing more is sent, with clients that read everything.
    fn settle(&mut self) {
        loop {
            for peer in &mut self.peers.0 {
                peer.waiting = peer.waiting.map(|_| 0);
            }
            self.flush();
            if self
                .peers
                .0
                .iter()
                .all(|peer| peer.waiting.unwrap_or(0) == 0)
            {
                return;
            }
        }
    }

    fn ask(&mut self, client: usize, asked: &Asked, type_and_mode: (&[u8], Option<&[u8]>)) {
        let (data, core) = (&mut self.data, &self.core);
        let body = |draft: &mut Draft<'_>| {
            let depth = if asked.depth == usize::MAX {
                0
            } else {
                asked.depth
            };
            draft.text(tag::MD_REQ_ID, asked.id.as_bytes());
            draft.text(tag::SUBSCRIPTION_REQUEST_TYPE, type_and_mode.0);
            draft.unsigned(tag::MARKET_DEPTH, depth as u64);
            if let Some(mode) = type_and_mode.1 {
                draft.text(tag::MD_UPDATE_TYPE, mode);
            }
            let sides = [b'0', b'1'].into_iter().zip(asked.sides);
            let types: Vec<u8> = sides
                .filter_map(|(kind, is_on)| is_on.then_some(kind))
                .collect();
            draft.unsigned(tag::NO_MD_ENTRY_TYPES, types.len() as u64 + 1);
            for kind in types.into_iter().chain([b'2']) {
                draft.char(tag::MD_ENTRY_TYPE, kind);
            }
            draft.unsigned(tag::NO_RELATED_SYM, asked.markets.len() as u64);
            for &market in &asked.markets {
                draft.text(tag::SYMBOL, SYMBOLS[market].as_bytes());
            }
        };
        self.peers.0[client].with_message(b"V", body, |message, _| {
            data.ask(client, message, core).expect("it has an id");
        });
    }

    fn subscribe(&mut self, client: usize, random: &mut Random) {
        self.requests += 1;
        let depths = [1, 2, 5, usize::MAX];
        let form = random.below(4);
        let asked = Asked {
            id: format!("r{}", self.requests),
            depth: depths[random.below(4) as usize],
            sides: [[true; 2], [true, false], [false, true]][random.below(3) as usize],
            is_once: form == 0,
            markets: [vec![0], vec![1], vec![1, 0]][random.below(3) as usize].clone(),
        };
        let forms: [(&[u8], Option<&[u8]>); 4] = [
            (b"0", None),
            (b"1", Some(b"0")),
            (b"1", Some(b"1")),
            (b"1", Some(b"1")),
        ];
        self.ask(client, &asked, forms[form as usize]);
        self.peers.0[client].asked.push(asked);
    }

    fn unsubscribe(&mut self, client: usize, random: &mut Random) {
        let count = self.peers.0[client].asked.len() as u64;
        if count == 0 {
            return;
        }
        let asked = &mut self.peers.0[client].asked;
        let asked = asked.swap_remove(random.below(count) as usize);
        for market in &asked.markets {
            self.peers.0[client]
                .held
                .remove(&(asked.id.clone(), *market));
        }
        if !asked.is_once {
            self.ask(client, &asked, (b"2", None));
        }
    }

    fn disconnect(&mut self, client: usize) {
        self.data.forget(client);
        let peer = &mut self.peers.0[client];
        peer.asked.clear();
        peer.held.clear();
        // It logs on again.
        peer.waiting = Some(0);
    }

    fn expected(&self, market: usize, side: Side, depth: usize) -> Levels {
        let (_, matching) = self
            .core
            .market(MarketId(market as u32 + 1))
            .expect("a market");
        let (book, mut levels, mut after) = (matching.book(), Levels::new(), None);
        while let Some(level) = book.next_level(Queue::resting(side), after) {
            if levels.len() == depth {
                break;
            }
            after = Some(level.price);
            levels.insert(level.price.0, (level.displayed.0, u64::from(level.orders)));
        }
        levels
    }

    /// Every subscription holds just what the book has.
    fn check(&self, what: &str) {
        for (client, peer) in self.peers.0.iter().enumerate() {
            assert_eq!(peer.rejects, b"", "{what}: client {client}");
            for asked in peer.asked.iter().filter(|asked| !asked.is_once) {
                for &market in &asked.markets {
                    let held = &peer.held[&(asked.id.clone(), market)];
                    for side in Side::BOTH {
                        let is_asked = asked.sides[side as usize];
                        let depth = if is_asked { asked.depth } else { 0 };
                        let expected = self.expected(market, side, depth);
                        let held = &held.sides[side as usize];
                        assert_eq!(*held, expected, "{what}: client {client}, {asked:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn clients_hold_the_book_after_random_flow() {
    let seeds = if std::env::var_os("PROOFBOOK_SOAK").is_some() {
        2_000
    } else {
        40
    };
    for seed in 0..seeds {
        let mut random = Random::new(seed ^ 0x5EED);
        let mut flow = flow::Flow::new(seed);
        let mut world = World::new(flow::core());
        for entry in flow::setup() {
            let first = flow.next();
            assert_eq!(first.action, entry);
            world.apply(&first);
        }
        for turn in 0..300 {
            for _ in 0..random.below(12) {
                let client = random.below(3) as usize;
                match random.below(60) {
                    0 => world.subscribe(client, &mut random),
                    1 if random.one_in(2) => world.unsubscribe(client, &mut random),
                    2 if random.one_in(8) => world.disconnect(client),
                    3..=5 => {
                        let waiting = [0, RESUME_BYTES + 1, HOLD_BYTES + 1];
                        let waiting = waiting[random.below(3) as usize];
                        world.peers.0[client].waiting = Some(waiting);
                    }
                    _ => {
                        let entry = flow.next();
                        world.apply(&entry);
                    }
                }
            }
            world.flush();
            if random.one_in(3) {
                world.settle();
                world.check(&format!("seed {seed}, turn {turn}"));
            }
        }
        for client in 0..3 {
            world.disconnect(client);
        }
        assert!(
            world.data.watches.is_empty(),
            "seed {seed}: nothing is watched any more"
        );
    }
}

/// A new order that rests in the second market, behind the ones of the other side.
fn resting_order(number: u32, random: &mut Random) -> Entry {
    let side = Side::BOTH[random.below(2) as usize];
    let base = if side == Side::Buy { 0 } else { 5_000 };
    let price = Price(base + 5 * (1 + random.below(900) as i64));
    let order = NewOrder {
        account: AccountId(1),
        session: 1,
        client_id: flow::client_id(&format!("o{number}")),
        market: MarketId(2),
        side,
        quantity: Quantity(2 + 2 * random.below(50)),
        kind: OrderKind::Limit { price },
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        display: None,
        self_trade: None,
    };
    flow::entry(2, Action::New(order))
}

#[test]
fn a_deep_book_comes_in_parts_while_it_changes() {
    let mut random = Random::new(7);
    let terms = proofbook_exchange::ExchangeTerms {
        orders_max: 10_000,
        ..flow::terms()
    };
    let mut world = World::new(Exchange::new(terms).expect("terms"));
    let deposits = (1..=3).map(|asset| Action::Deposit(flow::transfer(1, asset, 1 << 60)));
    for action in flow::setup().into_iter().chain(deposits) {
        world.apply(&flow::entry(1, action));
    }
    for number in 0..3_000 {
        world.apply(&resting_order(number, &mut random));
    }
    assert!(world.expected(1, Side::Buy, usize::MAX).len() > 4 * SNAPSHOT_LEVELS_MAX);
    let asked = Asked {
        id: "deep".to_owned(),
        depth: usize::MAX,
        sides: [true; 2],
        is_once: false,
        markets: vec![1],
    };
    world.ask(1, &asked, (b"1", Some(b"1")));
    world.peers.0[1].asked.push(asked.clone());
    let key = (asked.id, 1);
    let (mut parts, mut number_of_orders) = (0, 3_000);
    let is_whole = |world: &World| {
        let held = world.peers.0[1].held.get(&key);
        let sides = || Side::BOTH.map(|side| world.expected(1, side, usize::MAX));
        held.is_some_and(|held| held.sides == sides())
    };
    while !is_whole(&world) {
        // Room for one message alone.
        world.peers.0[1].waiting = Some(RESUME_BYTES);
        for _ in 0..20 {
            number_of_orders += 1;
            world.apply(&resting_order(number_of_orders, &mut random));
        }
        world.flush();
        parts += 1;
    }
    assert!(parts > 8, "{parts}");
    // All of it goes in one turn, which is more than may wait: the client is sent a new snapshot.
    world.peers.0[1].waiting = Some(HOLD_BYTES - 1_000);
    let mass_cancel = Action::MassCancel {
        account: AccountId(1),
        session: 1,
        market: None,
    };
    world.apply(&flow::entry(3, mass_cancel));
    world.flush();
    world.settle();
    world.check("after a mass cancel");
    assert_eq!(world.peers.0[1].held[&key].snapshots, 2);
}

#[test]
fn the_longest_numbers_fit_a_message() {
    let mut world = World::new(flow::core());
    for action in flow::setup() {
        world.apply(&flow::entry(1, action));
    }
    let (instrument, _) = world.core.market(MarketId(1)).expect("a market");
    let instrument = Instrument {
        symbol: Symbol::new(b"LONGEST-SYMBOL16").expect("16 bytes"),
        price_decimals: 18,
        quantity_decimals: 18,
        ..*instrument
    };
    let at = Touched::new(Side::Buy, Price((1 << 44) - 1));
    let shown = Shown {
        quantity: u64::MAX,
        orders: u32::MAX,
    };
    let print = Print {
        entry: u64::MAX,
        number: u32::MAX,
        price: at.price(),
        quantity: Quantity(u64::MAX),
        time_ns: u64::MAX,
    };
    let levels = vec![(at, shown); 2 * SNAPSHOT_LEVELS_MAX];
    let id = [b'x'; 64];
    let snapshot = Snapshot {
        levels: &levels,
        last: Some((at.price(), Some(&print))),
    };
    let update = Update::Change(shown);
    // The header has four names of 64 bytes at most.
    let room = MESSAGE_BYTES_MAX - 48 - 4 * 70 - 200;
    let mut encoder = MessageEncoder::new(Kernel::detect(), Version::Fix44);
    let mut buffer = vec![0; room];
    let mut draft = encoder.begin(&mut buffer, b"W");
    write::snapshot(&mut draft, &id, &instrument, &snapshot);
    draft.finish().expect("a snapshot fits");
    for item in [Item::Trade(&print), Item::Level(Change { at, update })] {
        let mut draft = encoder.begin(&mut buffer, b"X");
        write::update(&mut draft, &id, &instrument, &[item; UPDATE_ENTRIES_MAX]);
        draft.finish().expect("an update fits");
    }
}
