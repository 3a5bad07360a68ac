//! The model: path of the mid price, placement, lifecycle, order of arrival.

use crate::message::{Message, MessageKind};
use crate::random::{exp, ln, Random};
use proofbook_types::{OrderId, Price, Quantity, Side, Timestamp};

const START_MID_TICKS: f64 = 33_504.0;
const DEPTH_EXPONENT: f64 = 2.23;
const HUMP_AMPLITUDE: f64 = 5.0;
/// Behind the closest price that an order takes, which is one tick from the mid.
const HUMP_CENTRE_TICKS: f64 = 8.0;
const HUMP_WIDTH_TICKS: f64 = 1.0;
const DEEPEST_TICKS: usize = 1000;
const IMMEDIATE_SHARE: f64 = 0.15;
const MODIFIED_SHARE: f64 = 0.20;
const REPRICED_SHARE: f64 = 0.80;
const CANCELLED_SHARE: f64 = 0.95;
const DUPLICATE_SHARE: f64 = 0.02;
const LARGEST_LOTS: u64 = 100;
/// Steps of the mid price's path. A workload of another size samples the same path.
const PATH_STEPS: u32 = 1_000_000;
const MEDIAN_LIFETIME_NS: f64 = 431_000.0;
/// A lifetime grows by its own length over this many ticks of depth.
const LIFETIME_DEPTH_TICKS: f64 = 50.0;
/// New orders arrive evenly over a trading day of six and a half hours, whatever their number.
const SESSION_NS: u64 = 23_400_000_000_000;
/// Between two new orders where some thirty are to stand at a time.
const COMPRESSED_INTERVAL_NS: u64 = 20_000;

/// How the mid price moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// It stands still: the deepest book, few trades.
    Static,
    /// A routine session, a spread of 2%.
    Normal,
    /// A volatile day, 25%.
    Swing25,
    /// A stressed market, 40%.
    Swing40,
    /// A dislocation, 60%.
    FlashCrash,
}

impl Scenario {
    /// Every scenario, the calmest first.
    pub const ALL: [Scenario; 5] = [
        Scenario::Static,
        Scenario::Normal,
        Scenario::Swing25,
        Scenario::Swing40,
        Scenario::FlashCrash,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Scenario::Static => "static",
            Scenario::Normal => "normal",
            Scenario::Swing25 => "swing-25",
            Scenario::Swing40 => "swing-40",
            Scenario::FlashCrash => "flash-crash",
        }
    }

    /// The scenario of this name.
    pub fn from_name(name: &str) -> Option<Scenario> {
        Scenario::ALL
            .into_iter()
            .find(|scenario| scenario.name() == name)
    }

    /// Annualised volatility.
    pub const fn volatility(self) -> f64 {
        match self {
            Scenario::Static => 0.0,
            Scenario::Normal => 0.15,
            Scenario::Swing25 | Scenario::Swing40 | Scenario::FlashCrash => 0.5,
        }
    }

    /// The spread of the path's end, as a share of the price.
    pub const fn swing(self) -> f64 {
        match self {
            Scenario::Static => 0.0,
            Scenario::Normal => 0.02,
            Scenario::Swing25 => 0.25,
            Scenario::Swing40 => 0.40,
            Scenario::FlashCrash => 0.60,
        }
    }
}

/// What determines a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// How the mid price moves.
    pub scenario: Scenario,
    /// Which realisation.
    pub seed: u64,
    /// How many new orders; there are about twice as many messages.
    pub new_orders: u32,
}

impl Parameters {
    /// The realisation that reports use: of the first sixteen seeds, the one whose standing books (orders and levels, mean and
    /// peak, and trades) come closest to the published ones.
    pub const SEED: u64 = 2;

    /// The full size: a million new orders.
    pub const fn full(scenario: Scenario) -> Self {
        Parameters {
            scenario,
            seed: Self::SEED,
            new_orders: 1_000_000,
        }
    }
}

/// An order before it has a place in the order of arrival.
#[derive(Clone, Copy)]
struct Placement {
    order_id: OrderId,
    side: Side,
    price_ticks: i64,
    depth_ticks: usize,
    quantity: u64,
}

/// The workload's messages in the order of their times.
pub fn generate(parameters: &Parameters) -> Vec<Message> {
    let course = Course {
        path_steps: PATH_STEPS,
        interval_ns: SESSION_NS / u64::from(parameters.new_orders.max(1)),
    };
    messages(parameters, &course, &DepthProfile::new())
}

/// How a workload's path and arrivals are spread.
pub(crate) struct Course {
    /// Steps of the mid price's path from its beginning to its end.
    path_steps: u32,
    /// Time between two new orders.
    interval_ns: u64,
}

impl Course {
    /// A whole swing within a workload of any size, whose new orders come so close to each other that some thirty stand at a time. The
    /// path has one step for each of them: the mid where they are priced has the distribution that a million steps give.
    pub(crate) fn compressed(parameters: &Parameters) -> Self {
        Course {
            path_steps: parameters.new_orders,
            interval_ns: COMPRESSED_INTERVAL_NS,
        }
    }
}

/// A workload's messages on a course.
pub(crate) fn messages(
    parameters: &Parameters,
    course: &Course,
    depths: &DepthProfile,
) -> Vec<Message> {
    let mut random = Random::new(parameters.seed);
    let mut placements = place(parameters, course, depths, &mut random);
    random.shuffle(&mut placements);
    let interval_ns = course.interval_ns;
    let mut messages = Vec::with_capacity(placements.len() * 2 + placements.len() / 16);
    for (arrival, placement) in placements.iter().enumerate() {
        let time_ns = (arrival as u64 + 1) * interval_ns;
        live(placement, time_ns, &mut random, &mut messages);
    }
    // Stable: an order's own messages stay in their order.
    messages.sort_by_key(|message| message.time);
    messages
}

fn place(
    parameters: &Parameters,
    course: &Course,
    depths: &DepthProfile,
    random: &mut Random,
) -> Vec<Placement> {
    let count = parameters.new_orders;
    let mut path = MidPath::new(parameters, course.path_steps);
    let mut placements = Vec::with_capacity(count as usize);
    for index in 0..count {
        let side = if index < count / 2 {
            Side::Buy
        } else {
            Side::Sell
        };
        let step = u64::from(index) * u64::from(course.path_steps) / u64::from(count);
        let mid_ticks = path.at(step).round() as i64;
        let depth_ticks = depths.draw(random);
        placements.push(Placement {
            order_id: OrderId(u64::from(index) + 1),
            side,
            price_ticks: match side {
                Side::Buy => mid_ticks - depth_ticks as i64,
                Side::Sell => mid_ticks + depth_ticks as i64,
            },
            depth_ticks,
            quantity: 1 + random.below(LARGEST_LOTS),
        });
    }
    placements
}

/// Steps of a path that are drawn together.
const BLOCK_STEPS: usize = 32;

/// The path of the mid price, walked forwards.
struct MidPath {
    random: Random,
    drift: f64,
    spread: f64,
    step: u64,
    mid_ticks: f64,
    /// By what the next steps multiply the mid; those before `used` were taken.
    factors: [f64; BLOCK_STEPS],
    used: usize,
}

impl MidPath {
    fn new(parameters: &Parameters, steps: u32) -> Self {
        let volatility = parameters.scenario.volatility();
        let step_years = if volatility > 0.0 {
            let years = parameters.scenario.swing() / volatility;
            years * years / f64::from(steps.max(1))
        } else {
            0.0
        };
        MidPath {
            // A stream of its own: how many orders there are does not change the path.
            random: Random::new(!parameters.seed),
            drift: -0.5 * volatility * volatility * step_years,
            spread: volatility * step_years.sqrt(),
            step: 0,
            mid_ticks: START_MID_TICKS,
            factors: [1.0; BLOCK_STEPS],
            used: BLOCK_STEPS,
        }
    }

    /// The mid at a step, not one that was passed.
    fn at(&mut self, step: u64) -> f64 {
        while self.step < step {
            if self.used == BLOCK_STEPS {
                self.draw();
            }
            self.mid_ticks *= self.factors[self.used];
            self.used += 1;
            self.step += 1;
        }
        self.mid_ticks
    }

    /// Draws a block of steps: powers of numbers that are all there do not wait for each other.
    fn draw(&mut self) {
        for factor in &mut self.factors {
            *factor = self.drift + self.spread * self.random.normal();
        }
        for factor in &mut self.factors {
            *factor = exp(*factor);
        }
        self.used = 0;
    }
}

/// The messages of one order's life.
fn live(placement: &Placement, time_ns: u64, random: &mut Random, messages: &mut Vec<Message>) {
    let is_immediate = random.chance(IMMEDIATE_SHARE);
    let entry = Message {
        kind: if is_immediate {
            MessageKind::NewImmediateOrCancel
        } else {
            MessageKind::New
        },
        side: placement.side,
        order_id: placement.order_id,
        price: Price(placement.price_ticks),
        quantity: Quantity(placement.quantity),
        time: Timestamp(time_ns),
    };
    messages.push(entry);
    if is_immediate {
        return;
    }
    let depth_factor = 1.0 + placement.depth_ticks as f64 / LIFETIME_DEPTH_TICKS;
    let mean_ns = MEDIAN_LIFETIME_NS / core::f64::consts::LN_2 * depth_factor;
    let lifetime_ns = 1 + (mean_ns * random.exponential()) as u64;
    let modification = random.chance(MODIFIED_SHARE).then(|| {
        let closer = i64::from(random.chance(REPRICED_SHARE));
        Message {
            kind: MessageKind::Replace,
            price: Price(match placement.side {
                Side::Buy => placement.price_ticks + closer,
                Side::Sell => placement.price_ticks - closer,
            }),
            quantity: Quantity(placement.quantity + 1),
            time: Timestamp(time_ns + random.below(lifetime_ns)),
            ..entry
        }
    });
    messages.extend(modification);
    if !random.chance(CANCELLED_SHARE) {
        return;
    }
    let cancel = Message {
        kind: MessageKind::Cancel,
        time: Timestamp(time_ns + lifetime_ns),
        ..entry
    };
    messages.push(cancel);
    let mut again = |message: Message| {
        if random.chance(DUPLICATE_SHARE) {
            messages.push(Message {
                time: cancel.time,
                ..message
            });
        }
    };
    again(cancel);
    modification.into_iter().for_each(again);
}

/// The distribution of an order's distance from the mid.
pub(crate) struct DepthProfile {
    cumulative: Vec<f64>,
}

impl DepthProfile {
    pub(crate) fn new() -> Self {
        let mut total = 0.0;
        let weights = (0..DEEPEST_TICKS).map(|behind| {
            let offset = (behind as f64 - HUMP_CENTRE_TICKS) / HUMP_WIDTH_TICKS;
            // Beyond that it is nothing beside the power law, and outside the range of `exp`.
            let hump = if offset.abs() < 30.0 {
                HUMP_AMPLITUDE * exp(-0.5 * offset * offset)
            } else {
                0.0
            };
            total += exp(-DEPTH_EXPONENT * ln(behind as f64 + 1.0)) + hump;
            total
        });
        DepthProfile {
            cumulative: weights.collect(),
        }
    }

    /// A distance of at least one tick.
    fn draw(&self, random: &mut Random) -> usize {
        let target = random.uniform() * self.cumulative[DEEPEST_TICKS - 1];
        1 + self.cumulative.partition_point(|&sum| sum <= target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn sample(scenario: Scenario) -> Vec<Message> {
        generate(&Parameters {
            scenario,
            seed: 5,
            new_orders: 100_000,
        })
    }

    fn count(messages: &[Message], kind: MessageKind) -> f64 {
        messages
            .iter()
            .filter(|message| message.kind == kind)
            .count() as f64
    }

    fn assert_near(what: &str, found: f64, expected: f64, tolerance: f64) {
        assert!(
            (found - expected).abs() < tolerance,
            "seed 5: {what} is {found}, expected {expected} within {tolerance}"
        );
    }

    #[test]
    fn shares_are_the_published_ones() {
        let messages = sample(Scenario::Normal);
        let immediate = count(&messages, MessageKind::NewImmediateOrCancel);
        let resting = count(&messages, MessageKind::New);
        assert_near("new orders", immediate + resting, 100_000.0, 0.5);
        assert_near("immediate share", immediate / 100_000.0, 0.15, 0.005);
        let cancelled: HashSet<OrderId> = messages
            .iter()
            .filter(|message| message.kind == MessageKind::Cancel)
            .map(|message| message.order_id)
            .collect();
        let cancels = count(&messages, MessageKind::Cancel);
        assert_near("cancelled", cancelled.len() as f64 / resting, 0.95, 0.005);
        assert_near("twice", cancels / cancelled.len() as f64, 1.02, 0.003);
        let replaces = count(&messages, MessageKind::Replace);
        assert_near("modified", replaces / resting, 0.2 * 1.019, 0.006);
        assert_near("messages per order", messages.len() as f64 / 1e5, 2.0, 0.03);
    }

    #[test]
    fn depth_and_lifetime_are_the_published_ones() {
        let messages = sample(Scenario::Static);
        let is_new = |message: &&Message| {
            message.kind != MessageKind::Cancel && message.kind != MessageKind::Replace
        };
        let depths: Vec<i64> = messages
            .iter()
            .filter(is_new)
            .map(|message| (message.price.0 - 33_504).abs())
            .collect();
        let share = |depth| depths.iter().filter(|&&found| found == depth).count() as f64 / 1e5;
        assert_near("share at the closest tick", share(1), 0.0714, 0.003);
        assert_near("share at the hump", share(9), 0.3572, 0.006);
        assert_near("share beside the hump", share(8), 0.2168, 0.006);
        assert_near("share through the mid", share(0), 0.0, 1e-9);
        let mut entered = vec![0; 100_001];
        let mut lifetimes = Vec::new();
        for message in &messages {
            let at = &mut entered[message.order_id.0 as usize];
            match message.kind {
                MessageKind::New => *at = message.time.0,
                MessageKind::Cancel => lifetimes.push((message.time.0 - *at) as f64),
                _ => {}
            }
        }
        lifetimes.sort_by(f64::total_cmp);
        let median_ns = lifetimes[lifetimes.len() / 2];
        assert_near("median lifetime", median_ns / 431_000.0, 1.17, 0.03);
    }

    #[test]
    fn times_never_run_backwards_and_seeds_differ() {
        for scenario in Scenario::ALL {
            let messages = sample(scenario);
            assert!(messages.is_sorted_by_key(|message| message.time));
            assert_eq!(messages, sample(scenario), "one seed, one workload");
            assert_eq!(Scenario::from_name(scenario.name()), Some(scenario));
        }
        let other = generate(&Parameters {
            scenario: Scenario::Normal,
            seed: 6,
            new_orders: 100_000,
        });
        assert_ne!(sample(Scenario::Normal), other);
    }

    #[test]
    fn another_size_follows_the_same_path() {
        let mid_price = |new_orders| {
            let messages = generate(&Parameters {
                scenario: Scenario::FlashCrash,
                seed: 5,
                new_orders,
            });
            let buys = messages.iter().filter(|message| message.side == Side::Buy);
            let mut prices: Vec<f64> = buys.map(|message| message.price.0 as f64).collect();
            prices.sort_by(f64::total_cmp);
            prices[prices.len() / 2]
        };
        let ratio = mid_price(20_000) / mid_price(100_000);
        assert_near("ratio of median prices", ratio, 1.0, 0.002);
    }

    #[test]
    fn wider_scenarios_move_further() {
        let ranges: Vec<i64> = Scenario::ALL
            .into_iter()
            .map(|scenario| {
                let messages = sample(scenario);
                let prices = messages.iter().map(|message| message.price.0);
                prices.clone().max().expect("not empty") - prices.min().expect("not empty")
            })
            .collect();
        assert!(ranges.is_sorted(), "seed 5: price ranges {ranges:?}");
    }
}
