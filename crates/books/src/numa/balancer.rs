//! Which node a market should live on: for new markets, and for those that have become too much for their node.
//!
//! It decides and does nothing else: it is given what was measured and gives back moves. Everything is an integer, so equal measurements give equal moves.

use std::collections::BTreeMap;
use std::fmt;

use proofbook_memory::numa::NodeId;

use super::market::MarketId;

/// What a node bears that has exactly its share, by its number of processors, of what all bear: utilisations are in thousandths of it.
pub const FAIR_PERMILLE: u64 = 1000;

/// How markets are spread over nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DistributionStrategy {
    /// New markets go from node to node in turn.
    RoundRobin,
    /// New markets go where there was least work (commands and events) for each processor, and of equal ones, where there are fewest markets.
    #[default]
    LeastLoaded,
    /// The same with traded lots in place of work.
    VolumeWeighted,
    /// A market's name alone says where it goes, and few go elsewhere where the number of nodes changes: rendezvous hashing (Thaler and
    /// Ravishankar, "Using name-based mappings to increase hit rates", 1998).
    Affinity,
}

/// When markets that live somewhere move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigrationPolicy {
    /// How far the utilisations of the nodes may lie apart, in thousandths of a fair share, before a market moves.
    pub threshold_permille: u64,
    /// Rounds of balancing, after a move, in which a market stays where it is.
    pub cooldown_rounds: u64,
    /// Moves of one round, at most; 0 for a policy that moves nothing.
    pub moves_max: usize,
}

impl Default for MigrationPolicy {
    fn default() -> Self {
        MigrationPolicy {
            threshold_permille: 250,
            cooldown_rounds: 4,
            moves_max: 1,
        }
    }
}

/// What a node is and bears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLoad {
    /// Its processors; a node that has none counts as having one.
    pub cpus: u64,
    /// Markets that live there.
    pub markets: u64,
    /// Commands and events of these since the last round.
    pub work: u64,
    /// Lots traded there since the last round.
    pub volume: u64,
    /// Its worker has ended: nothing goes there any more, and nothing can leave.
    pub is_closed: bool,
}

/// What a market was since the last round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketLoad {
    /// The market.
    pub market: MarketId,
    /// Where it lives.
    pub node: NodeId,
    /// Its commands and events.
    pub work: u64,
    /// Lots traded.
    pub volume: u64,
}

/// A market that should move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The market.
    pub market: MarketId,
    /// Where it is.
    pub from: NodeId,
    /// Where it should be.
    pub to: NodeId,
}

impl fmt::Display for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} to {}", self.market, self.from, self.to)
    }
}

/// Spreads markets over nodes.
#[derive(Clone, Debug)]
pub struct NumaLoadBalancer {
    distribution_strategy: DistributionStrategy,
    migration_policy: MigrationPolicy,
    node_utilization: Vec<u64>,
    next_node: usize,
    round: u64,
    /// Until which round a market stays where it is.
    staying: BTreeMap<MarketId, u64>,
}

/// A full round of utilisations: how much the nodes bear, and how much they can.
struct Nodes {
    /// None for a closed node.
    cpus: Vec<u64>,
    borne: Vec<u64>,
}

impl Nodes {
    fn utilization(&self, node: usize) -> u64 {
        let total: u128 = self.borne.iter().map(|&borne| u128::from(borne)).sum();
        let cpus: u128 = self.cpus.iter().map(|&cpus| u128::from(cpus)).sum();
        let fair = total * u128::from(self.cpus[node]);
        let borne = u128::from(self.borne[node]) * cpus;
        // Of nothing, everybody has a fair share.
        let permille = (borne * u128::from(FAIR_PERMILLE)).checked_div(fair);
        u64::try_from(permille.unwrap_or(u128::from(FAIR_PERMILLE))).unwrap_or(u64::MAX)
    }

    fn utilizations(&self) -> Vec<u64> {
        (0..self.cpus.len())
            .map(|node| self.utilization(node))
            .collect()
    }

    fn shift(&mut self, measure: u64, from: usize, to: usize) {
        self.borne[from] -= measure;
        self.borne[to] = self.borne[to].saturating_add(measure);
    }

    /// The utilisation of the fuller of two nodes if so much went from one to the other.
    fn fuller_after(&mut self, measure: u64, from: usize, to: usize) -> u64 {
        self.shift(measure, from, to);
        let fuller = self.utilization(from).max(self.utilization(to));
        self.shift(measure, to, from);
        fuller
    }
}

impl NumaLoadBalancer {
    /// A balancer that has seen nothing yet.
    pub fn new(strategy: DistributionStrategy, policy: MigrationPolicy) -> Self {
        NumaLoadBalancer {
            distribution_strategy: strategy,
            migration_policy: policy,
            node_utilization: Vec::new(),
            next_node: 0,
            round: 0,
            staying: BTreeMap::new(),
        }
    }

    /// How markets are spread.
    pub fn distribution_strategy(&self) -> DistributionStrategy {
        self.distribution_strategy
    }

    /// When markets move.
    pub fn migration_policy(&self) -> MigrationPolicy {
        self.migration_policy
    }

    /// What each node bore before the moves of the last round, in thousandths of its fair share; a closed one bears nothing of nothing, which is
    /// fair.
    pub fn node_utilization(&self) -> &[u64] {
        &self.node_utilization
    }

    /// What of a load counts.
    fn measure(&self, work: u64, volume: u64) -> u64 {
        match self.distribution_strategy {
            DistributionStrategy::VolumeWeighted => volume,
            _ => work,
        }
    }

    /// Where a new market goes; `None` where all nodes are closed.
    pub fn place(&mut self, market: MarketId, nodes: &[NodeLoad]) -> Option<NodeId> {
        let open = || (0..nodes.len()).filter(|&index| !nodes[index].is_closed);
        let node = match self.distribution_strategy {
            DistributionStrategy::RoundRobin => {
                let next = self.next_node;
                let node = open()
                    .find(|&node| node >= next)
                    .or_else(|| open().next())?;
                self.next_node = node + 1;
                Some(node)
            }
            DistributionStrategy::LeastLoaded | DistributionStrategy::VolumeWeighted => {
                let per_cpu = |count: u64, node: &NodeLoad| {
                    u128::from(count) * u128::from(FAIR_PERMILLE) / u128::from(node.cpus.max(1))
                };
                open().min_by_key(|&index| {
                    let node = &nodes[index];
                    let measure = self.measure(node.work, node.volume);
                    (per_cpu(measure, node), per_cpu(node.markets, node))
                })
            }
            DistributionStrategy::Affinity => {
                open().max_by_key(|&node| affinity(market, node as u64))
            }
        };
        node.map(|node| NodeId(node as u32))
    }

    /// Which markets should move now. Markets on their way already are not among `markets`.
    pub fn plan(&mut self, nodes: &[NodeLoad], markets: &[MarketLoad]) -> Vec<Migration> {
        self.round += 1;
        let round = self.round;
        self.staying.retain(|_, until| *until >= round);
        let open = |node: &NodeLoad, count: u64| if node.is_closed { 0 } else { count };
        let borne = |node: &NodeLoad| open(node, self.measure(node.work, node.volume));
        let cpus = |node: &NodeLoad| open(node, node.cpus.max(1));
        let mut state = Nodes {
            cpus: nodes.iter().map(cpus).collect(),
            borne: nodes.iter().map(borne).collect(),
        };
        self.node_utilization = state.utilizations();
        let mut migrations = Vec::new();
        while migrations.len() < self.migration_policy.moves_max {
            let Some(migration) = self.best_move(&mut state, markets) else {
                break;
            };
            let until = round + self.migration_policy.cooldown_rounds;
            self.staying.insert(migration.market, until);
            migrations.push(migration);
        }
        migrations
    }

    /// The move from the fullest node to the emptiest one that makes the fuller of the two least full, if one makes it less full than it is.
    fn best_move(&self, state: &mut Nodes, markets: &[MarketLoad]) -> Option<Migration> {
        let utilizations = state.utilizations();
        let open = || (0..utilizations.len()).filter(|&node| state.cpus[node] > 0);
        let from = open().max_by_key(|&node| (utilizations[node], usize::MAX - node))?;
        let to = open().min_by_key(|&node| utilizations[node])?;
        if utilizations[from] - utilizations[to] <= self.migration_policy.threshold_permille {
            return None;
        }
        let candidates = markets
            .iter()
            .filter(|load| load.node.index() == from && !self.staying.contains_key(&load.market));
        let moves = candidates.map(|load| {
            let measure = self.measure(load.work, load.volume).min(state.borne[from]);
            (state.fuller_after(measure, from, to), load.market, measure)
        });
        let (fuller, market, measure) = moves.min()?;
        if fuller >= utilizations[from] {
            return None;
        }
        state.shift(measure, from, to);
        Some(Migration {
            market,
            from: NodeId(from as u32),
            to: NodeId(to as u32),
        })
    }
}

/// How much a market likes a node: a number that depends on both alone, mixed as in Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators" (2014).
fn affinity(market: MarketId, node: u64) -> u64 {
    let mut mixed = market.0 ^ (node + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(cpus: &[u64]) -> Vec<NodeLoad> {
        let load = |&cpus| NodeLoad {
            cpus,
            ..NodeLoad::default()
        };
        cpus.iter().map(load).collect()
    }

    /// Markets with these nodes and works, and what the nodes bear then.
    fn loads(cpus: &[u64], markets: &[(u32, u64)]) -> (Vec<NodeLoad>, Vec<MarketLoad>) {
        let mut nodes = nodes(cpus);
        let mut list = Vec::new();
        for (number, &(node, work)) in (0..).zip(markets) {
            nodes[node as usize].work += work;
            nodes[node as usize].markets += 1;
            list.push(MarketLoad {
                market: MarketId(number),
                node: NodeId(node),
                work,
                volume: 0,
            });
        }
        (nodes, list)
    }

    fn places(strategy: DistributionStrategy, nodes: &[NodeLoad]) -> Vec<u32> {
        let mut balancer = NumaLoadBalancer::new(strategy, MigrationPolicy::default());
        let places =
            (0..6).map(|market| balancer.place(MarketId(market), nodes).map(|node| node.0));
        places.map(|node| node.expect("a node is open")).collect()
    }

    #[test]
    fn strategies_place_new_markets() {
        let mut nodes = nodes(&[4, 4, 4]);
        assert_eq!(
            places(DistributionStrategy::RoundRobin, &nodes),
            [0, 1, 2, 0, 1, 2]
        );
        for (node, (work, volume)) in nodes.iter_mut().zip([(50, 9), (20, 7), (30, 3)]) {
            (node.work, node.volume) = (work, volume);
        }
        assert_eq!(places(DistributionStrategy::LeastLoaded, &nodes), [1; 6]);
        assert_eq!(places(DistributionStrategy::VolumeWeighted, &nodes), [2; 6]);
        // Half of the processors bear as much: twice the load of each.
        nodes[1].cpus = 2;
        assert_eq!(places(DistributionStrategy::LeastLoaded, &nodes), [2; 6]);
        // Where there is no work, the markets count.
        for (node, markets) in nodes.iter_mut().zip([3, 2, 4]) {
            (node.work, node.markets, node.cpus) = (0, markets, 4);
        }
        assert_eq!(places(DistributionStrategy::LeastLoaded, &nodes), [1; 6]);
    }

    #[test]
    fn affinity_is_even_and_moves_few_markets_to_a_new_node() {
        const MARKETS: u64 = 6000;
        let mut balancer =
            NumaLoadBalancer::new(DistributionStrategy::Affinity, MigrationPolicy::default());
        let mut place = |market, count: usize| {
            let nodes = nodes(&vec![4; count]);
            balancer.place(MarketId(market), &nodes).expect("open").0
        };
        let mut counts = [0u64; 3];
        for market in 0..MARKETS {
            let (before, after) = (place(market, 3), place(market, 4));
            counts[before as usize] += 1;
            assert!(
                after == before || after == 3,
                "market {market} moved between old nodes"
            );
        }
        let fair = MARKETS / 3;
        assert!(
            counts.iter().all(|&count| count.abs_diff(fair) < fair / 10),
            "{counts:?}"
        );
    }

    #[test]
    fn moves_what_evens_the_nodes_out_best() {
        let policy = MigrationPolicy {
            moves_max: 5,
            ..MigrationPolicy::default()
        };
        let mut balancer = NumaLoadBalancer::new(DistributionStrategy::LeastLoaded, policy);
        let (nodes, markets) = loads(&[2, 2], &[(0, 500), (0, 310), (0, 90), (1, 100)]);
        let migrations = balancer.plan(&nodes, &markets);
        assert_eq!(balancer.node_utilization(), [1800, 200]);
        // 500 would leave 400 and 600, 310 leaves 590 and 410; 90 evens these out.
        let expected = [1, 2].map(|market| Migration {
            market: MarketId(market),
            from: NodeId(0),
            to: NodeId(1),
        });
        assert_eq!(migrations, expected);
    }

    #[test]
    fn stays_within_threshold_cooldown_and_sense() {
        let policy = MigrationPolicy {
            threshold_permille: 250,
            cooldown_rounds: 2,
            moves_max: 1,
        };
        let mut balancer = NumaLoadBalancer::new(DistributionStrategy::LeastLoaded, policy);
        let mut plan = |loads: (Vec<NodeLoad>, Vec<MarketLoad>)| {
            let migrations = balancer.plan(&loads.0, &loads.1);
            migrations
                .iter()
                .map(|migration| migration.market.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(plan(loads(&[2, 2], &[])), [0; 0]);
        assert_eq!(plan(loads(&[2, 2], &[(0, 560), (1, 440)])), [0; 0]);
        // One market alone is too much for any node: there is no sense in carrying it around.
        assert_eq!(plan(loads(&[2, 2], &[(0, 900), (1, 0)])), [0; 0]);
        // Three processors against one: a fair share is three quarters.
        assert_eq!(
            plan(loads(&[3, 1], &[(0, 400), (0, 350), (1, 250)])),
            [0; 0]
        );
        let busy = || loads(&[2, 2], &[(0, 600), (0, 300), (1, 100)]);
        assert_eq!(plan(busy()), [1]);
        // The best one has moved and stays; the other one is still better than nothing.
        assert_eq!(plan(busy()), [0]);
        assert_eq!(plan(busy()), [0; 0]);
        assert_eq!(plan(busy()), [1]);
    }

    #[test]
    fn closed_nodes_are_left_alone() {
        let (mut nodes, markets) = loads(&[2, 2, 2], &[(0, 600), (0, 300), (2, 200)]);
        nodes[1].is_closed = true;
        for strategy in [
            DistributionStrategy::RoundRobin,
            DistributionStrategy::LeastLoaded,
            DistributionStrategy::VolumeWeighted,
            DistributionStrategy::Affinity,
        ] {
            let places = places(strategy, &nodes);
            assert!(!places.contains(&1), "{strategy:?}: {places:?}");
        }
        let mut balancer = NumaLoadBalancer::new(
            DistributionStrategy::LeastLoaded,
            MigrationPolicy::default(),
        );
        let migrations = balancer.plan(&nodes, &markets);
        assert_eq!(migrations[0].to, NodeId(2));
        nodes.iter_mut().for_each(|node| node.is_closed = true);
        assert_eq!(balancer.place(MarketId(1), &nodes), None);
        assert_eq!(balancer.plan(&nodes, &markets), []);
    }
}
