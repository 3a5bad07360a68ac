//! Flow for many books at once: a small flow for each, which depends on the seed and the book's number alone.
//!
//! A book's flow of a scenario is the first so many messages of a workload of its own: the same model, with two changes that make sense of
//! a small size. The whole swing happens within the book's flow, on a path of its own with one step for each new order: the path's
//! increments are normal, so that this samples the distribution of the million steps exactly. And a new order comes every 20 µs rather than
//! every 23 ms, so that about thirty stand at a time: at the pace of a trading day each would be gone before the next one came, and
//! only those that are never cancelled, one for every 40 messages, would stand.

use proofbook_types::Command;

use crate::generate::{messages, Course, DepthProfile};
use crate::mixed::MixedFlow;
use crate::{Message, Parameters, Random, Scenario};

/// What the flow of each of many books is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowKind {
    /// That of a scenario.
    Scenario(Scenario),
    /// Random commands of every kind that many books at once take, with bad ones among them.
    Mixed,
}

impl FlowKind {
    /// The name of the mixed flow; the others have their scenario's.
    const MIXED_NAME: &'static str = "mixed";

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<FlowKind> {
        if name == FlowKind::MIXED_NAME {
            return Some(FlowKind::Mixed);
        }
        Scenario::from_name(name).map(FlowKind::Scenario)
    }

    /// Every name, for messages.
    pub fn names() -> String {
        let scenarios = Scenario::ALL.map(Scenario::name).join(", ");
        format!("{scenarios}, {}", FlowKind::MIXED_NAME)
    }
}

/// The flows of any number of books.
pub struct ManyFlows {
    kind: FlowKind,
    /// Commands of each book.
    commands: u32,
    /// Stands for the seed among the seeds of books.
    seed_word: u64,
    depths: DepthProfile,
}

impl ManyFlows {
    /// Flows of `commands` commands for each book.
    pub fn new(kind: FlowKind, seed: u64, commands: u32) -> Self {
        ManyFlows {
            kind,
            commands,
            seed_word: Random::new(seed).next_u64(),
            depths: DepthProfile::new(),
        }
    }

    /// The flow of a book.
    pub fn book(&self, book: u64) -> impl Iterator<Item = Command> {
        // An odd multiplier: different books have different seeds.
        let seed = self.seed_word ^ book.wrapping_mul(0xd134_2543_de82_ef95);
        let (scenario, mixed) = match self.kind {
            FlowKind::Scenario(scenario) => (self.scenario_messages(scenario, seed), None),
            FlowKind::Mixed => (Vec::new(), Some(MixedFlow::new(seed))),
        };
        let scenario = scenario.into_iter().map(|message| message.command());
        let mixed = mixed.into_iter().flatten();
        scenario.chain(mixed).take(self.commands as usize)
    }

    /// At least as many messages as a book gets commands.
    fn scenario_messages(&self, scenario: Scenario, seed: u64) -> Vec<Message> {
        let (all, half) = (self.commands, self.commands / 2);
        // An order has about two messages, and its first ones never come alone: half as many orders and some more are nearly always
        // enough, and as many always.
        let usual = (half + half / 8).saturating_add(32).min(all);
        let mut workloads = [usual, all].into_iter().map(|new_orders| {
            let parameters = Parameters {
                scenario,
                seed,
                new_orders,
            };
            messages(&parameters, &Course::compressed(&parameters), &self.depths)
        });
        workloads
            .find(|messages| messages.len() >= all as usize)
            .expect("each new order has at least one message")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofbook_types::{Action, COMMAND_WORDS};
    use std::collections::HashSet;

    fn kinds() -> Vec<FlowKind> {
        let mut kinds: Vec<_> = Scenario::ALL.map(FlowKind::Scenario).into();
        kinds.push(FlowKind::Mixed);
        kinds
    }

    fn words(flows: &ManyFlows, book: u64) -> Vec<[u64; COMMAND_WORDS]> {
        flows.book(book).map(|command| command.words()).collect()
    }

    #[test]
    fn every_book_has_as_many_commands_as_asked_for_and_a_flow_of_its_own() {
        for kind in kinds() {
            for commands in [0, 1, 2, 31, 100, 1000] {
                let flows = ManyFlows::new(kind, 7, commands);
                let books: Vec<_> = (0..40).map(|book| words(&flows, book)).collect();
                assert!(books.iter().all(|flow| flow.len() == commands as usize));
                let different: HashSet<_> = books.iter().collect();
                if commands >= 31 {
                    assert_eq!(different.len(), books.len(), "seed 7, {kind:?}");
                    let other = ManyFlows::new(kind, 8, commands);
                    assert_ne!(words(&other, 3), books[3], "seeds 7 and 8, {kind:?}");
                }
                let again = ManyFlows::new(kind, 7, commands);
                assert_eq!(words(&again, 39), books[39], "seed 7, {kind:?}");
            }
        }
    }

    #[test]
    fn a_book_of_a_scenario_sees_the_whole_swing_and_holds_orders() {
        let range = |scenario| {
            let flows = ManyFlows::new(FlowKind::Scenario(scenario), 3, 400);
            let mut total = 0;
            for book in 0..50 {
                let prices: Vec<i64> = flows.book(book).filter_map(new_price).collect();
                let lowest = prices.iter().min().expect("there are new orders");
                total += prices.iter().max().expect("there are new orders") - lowest;
            }
            total / 50
        };
        let standing: i64 = (0..50).map(standing_orders).sum();
        assert!((25..60).contains(&(standing / 50)), "seed 3: {standing}");
        let ranges = Scenario::ALL.map(range);
        assert!(ranges.is_sorted(), "seed 3: mean ranges {ranges:?}");
        // A spread of 2% of 33,504 ticks, and the depth of the book around it.
        assert!((700..4_000).contains(&ranges[1]), "seed 3: {ranges:?}");
        assert!(ranges[4] > 5_000, "seed 3: {ranges:?}");
    }

    #[test]
    fn a_flow_of_one_message_for_each_order_would_still_be_long_enough() {
        // Sizes at which the usual number of orders is below that of commands.
        for commands in [73, 100, 5_000] {
            let flows = ManyFlows::new(FlowKind::Scenario(Scenario::Normal), 1, commands);
            for book in 0..20 {
                let messages = flows.scenario_messages(Scenario::Normal, book);
                assert!(messages.len() >= commands as usize, "book {book}");
                assert!(messages.is_sorted_by_key(|message| message.time));
            }
        }
    }

    /// Orders of a book's flow that are entered and not cancelled; where the mid stands still, hardly any trades.
    fn standing_orders(book: u64) -> i64 {
        let flows = ManyFlows::new(FlowKind::Scenario(Scenario::Static), 3, 400);
        let mut live = HashSet::new();
        for command in flows.book(book) {
            match command.action {
                Action::New(order) if order.time_in_force.rests() => {
                    live.insert(order.order_id);
                }
                Action::Cancel { order_id } => {
                    live.remove(&order_id);
                }
                _ => {}
            }
        }
        live.len() as i64
    }

    fn new_price(command: Command) -> Option<i64> {
        match command.action {
            Action::New(order) => order.kind.price().map(|price| price.0),
            _ => None,
        }
    }

    #[test]
    fn names_lead_to_their_flows() {
        assert_eq!(FlowKind::from_name("mixed"), Some(FlowKind::Mixed));
        for scenario in Scenario::ALL {
            let found = FlowKind::from_name(scenario.name());
            assert_eq!(found, Some(FlowKind::Scenario(scenario)));
            assert!(FlowKind::names().contains(scenario.name()));
        }
        assert_eq!(FlowKind::from_name("calm"), None);
    }
}
