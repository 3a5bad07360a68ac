//! Models of how a market moves between nodes while commands come: every order in which the threads can act.
#![cfg(loom)]

use loom::thread;
use proofbook_books::numa::{
    CrossNodeChannels, Market, MarketCell, MarketId, NodeStatistics, NodeWorker, Report, Residence,
    Seat,
};
use proofbook_memory::numa::{NodeId, Topology};
use proofbook_memory::sync::Arc;
use proofbook_types::{Action, Command, EventSink, Timestamp};

/// A market that knows where it was moved to.
struct Placed;

impl Market for Placed {
    fn apply(&mut self, _command: &Command, _events: &mut impl EventSink) {}

    fn move_to(&mut self, _seat: &Seat) -> Residence {
        Residence::default()
    }
}

type Cell = Arc<MarketCell<Placed>>;
type Channels = Arc<CrossNodeChannels<Placed>>;

fn command(number: u64) -> Command {
    Command {
        time: Timestamp(number),
        action: Action::Sweep,
    }
}

/// Tries every order of acting in which no thread is interrupted more often than that.
fn model(interruptions_max: usize, run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(interruptions_max);
    builder.check(run);
}

/// A market on the first of two nodes, and what goes between them.
struct Machine {
    cell: Cell,
    channels: Channels,
    topology: Arc<Topology>,
}

impl Machine {
    fn new() -> Self {
        let topology = Topology::simulated(2, 1).expect("a topology within its bounds");
        let cell = MarketCell::new(MarketId(1), Placed, NodeId(0), 2).expect("a power of two");
        let channels = CrossNodeChannels::new(2, 2, 8).expect("powers of two");
        Machine {
            cell: Arc::new(cell),
            channels: Arc::new(channels),
            topology: Arc::new(topology),
        }
    }

    fn worker(&self, node: u32) -> NodeWorker<Placed> {
        let seat = Seat::take(&self.topology, NodeId(node)).expect("the topology has the node");
        let statistics = Arc::new(NodeStatistics::default());
        NodeWorker::new(seat, Arc::clone(&self.channels), statistics)
    }

    /// What a thread does that submits or moves.
    fn hands(&self) -> (Cell, Channels) {
        (Arc::clone(&self.cell), Arc::clone(&self.channels))
    }

    /// Runs whatever has a token, and checks that nothing is left and everything came out in order. Gives the node of each command, and where the
    /// market was moved to.
    fn settle(&self, workers: &mut [NodeWorker<Placed>], commands: u64) -> Vec<NodeId> {
        while workers.iter_mut().any(NodeWorker::step) {}
        let waiting = self.cell.waiting();
        assert_eq!(
            (waiting.commands, waiting.moves),
            (0, 0),
            "work without a token"
        );
        let mut node = NodeId(0);
        let mut moves = Vec::new();
        let mut next = 1;
        while let Some(report) = self.channels.next_report() {
            match report {
                Report::Applied(batch) => {
                    assert_eq!(batch.node, node, "applied where the market is");
                    for outcome in batch.outcomes() {
                        assert_eq!(outcome.sequence, next);
                        assert_eq!(*outcome.command, command(next));
                        next += 1;
                    }
                }
                Report::Moved(moved) => {
                    assert_eq!(moved.sequence, next - 1);
                    node = moved.to;
                    moves.push(node);
                }
                Report::Failed(failure) => panic!("{failure:?}"),
            }
        }
        assert_eq!(next, commands + 1, "each command once");
        assert_eq!(self.cell.owner(), node);
        moves
    }
}

fn submit((cell, channels): &(Cell, Channels), number: u64) {
    let has_token = cell.push(command(number)).expect("there is room");
    if has_token {
        channels.pass(cell.owner(), Arc::clone(cell));
    }
}

fn request_move((cell, channels): &(Cell, Channels), node: u32) {
    let has_token = cell
        .request_move(NodeId(node))
        .expect("no other move is under way");
    if has_token {
        channels.pass(cell.owner(), Arc::clone(cell));
    }
}

#[test]
fn commands_that_come_while_a_market_moves_are_applied_in_order() {
    model(2, || {
        let machine = Machine::new();
        let hands = machine.hands();
        let mut first = machine.worker(0);
        let submitting = thread::spawn(move || {
            submit(&hands, 1);
            submit(&hands, 2);
        });
        let leaving = thread::spawn(move || {
            first.step();
            first.step();
            first
        });
        request_move(&machine.hands(), 1);
        submitting.join().expect("no panic");
        let first = leaving.join().expect("no panic");
        let mut workers = [first, machine.worker(1)];
        assert_eq!(machine.settle(&mut workers, 2), [NodeId(1)]);
    });
}

#[test]
fn two_workers_never_have_one_market() {
    model(2, || {
        let machine = Machine::new();
        let hands = machine.hands();
        let mut workers = [machine.worker(0), machine.worker(1)];
        request_move(&hands, 1);
        let [first, second] = &mut workers;
        let mut second = core::mem::replace(second, machine.worker(1));
        let arriving = thread::spawn(move || {
            second.step();
            second.step();
            second
        });
        submit(&hands, 1);
        first.step();
        submit(&hands, 2);
        workers[1] = arriving.join().expect("no panic");
        assert_eq!(machine.settle(&mut workers, 2), [NodeId(1)]);
    });
}

#[test]
fn a_market_comes_back_while_its_first_node_still_lets_it_go() {
    model(2, || {
        let machine = Machine::new();
        let hands = machine.hands();
        let mut workers = [machine.worker(0), machine.worker(1)];
        request_move(&hands, 1);
        workers[0].step();
        let mut second = machine.worker(1);
        let arriving = thread::spawn(move || {
            second.step();
            second.step();
        });
        // As soon as the first move has ended, the next one is accepted.
        let is_back = match hands.0.request_move(NodeId(0)) {
            Ok(has_token) => {
                if has_token {
                    hands.1.pass(hands.0.owner(), Arc::clone(&hands.0));
                }
                true
            }
            Err(target) => {
                assert_eq!(target, NodeId(1));
                false
            }
        };
        submit(&hands, 1);
        workers[0].step();
        arriving.join().expect("no panic");
        let expected: &[NodeId] = if is_back {
            &[NodeId(1), NodeId(0)]
        } else {
            &[NodeId(1)]
        };
        assert_eq!(machine.settle(&mut workers, 1), expected);
    });
}
