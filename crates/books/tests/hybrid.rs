//! Levels in tiers: whatever the policies do, results are those of the reference book; and they do what they say.

use std::collections::BTreeMap;

use proofbook_books::hybrid::{
    AdaptiveParams, EvictionPolicy, HybridConfig, HybridConfigError, HybridLevels, HybridReport,
    PromotionPolicy, TierName, VolumeShare, HOT_LEVELS_MIN, PROMOTION_GAP_ACCESSES,
    PROMOTION_MARGIN, WARM_LEVELS_MIN,
};
use proofbook_books::linked::{LevelRef, Levels, LinkedBook, OverLevels, Place, Rank, Tier};
use proofbook_books::simd::SimdTier;
use proofbook_books::skiplist::SkipListLevels;
use proofbook_books::{PagedLevels, RadixTier};
use proofbook_testkit::conformance::Pair;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::Random;
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity, Queue,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

/// A tier to be believed by reading, which holds as many levels as the code over it allows.
#[derive(Debug, Default)]
struct Map([BTreeMap<Rank, LevelRef>; 4]);

impl Tier for Map {
    const LEVELS_MAX: usize = usize::MAX;

    fn first(&self, queue: Queue) -> Option<Place> {
        let (&rank, &level) = self.0[queue as usize].first_key_value()?;
        Some(Place { rank, level })
    }

    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        self.0[queue as usize].get(&rank).copied()
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        let above = rank.checked_add(1)?;
        let (&rank, &level) = self.0[queue as usize].range(above..).next()?;
        Some(Place { rank, level })
    }

    fn insert(&mut self, queue: Queue, place: Place) {
        let before = self.0[queue as usize].insert(place.rank, place.level);
        assert_eq!(before, None, "no tier is given a level twice");
    }

    fn remove(&mut self, queue: Queue, rank: Rank) {
        let removed = self.0[queue as usize].remove(&rank);
        assert!(removed.is_some(), "no tier is asked for what it has not");
    }

    fn verify(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Tiers that this file and the ladder give.
type Tested = HybridLevels<Map, Map, OverLevels<PagedLevels>>;

/// The tiers of [`proofbook_books::HybridOrderBook`].
type Real = HybridLevels<SimdTier, OverLevels<SkipListLevels>, RadixTier>;

const PROMOTIONS: [PromotionPolicy; 4] = [
    PromotionPolicy::AccessFrequency(3),
    PromotionPolicy::AccessRecency(40),
    PromotionPolicy::VolumeWeighted(VolumeShare {
        parts: 1,
        whole: 200,
    }),
    PromotionPolicy::Adaptive(AdaptiveParams {
        threshold_min: 1,
        threshold_max: 9,
        step: 2,
        window_accesses: 128,
        margin: 1,
    }),
];

fn config(promotion: PromotionPolicy, eviction: EvictionPolicy) -> HybridConfig {
    HybridConfig {
        hot_levels: HOT_LEVELS_MIN,
        warm_levels: WARM_LEVELS_MIN,
        // The flows here are short.
        promotion_gap_accesses: 8,
        promotion,
        eviction,
        ..HybridConfig::default()
    }
}

fn levels_of<H, W, C>(config: HybridConfig) -> HybridLevels<H, W, C>
where
    H: Tier + Default,
    W: Tier + Default,
    C: Tier + Default,
{
    HybridLevels::with_config(config).expect("a configuration within its bounds")
}

fn maps(config: HybridConfig) -> Tested {
    levels_of(config)
}

fn real(config: HybridConfig) -> Real {
    levels_of(config)
}

/// Orders on many levels of both sides, a touch that wanders, sweeps through several levels, cancels anywhere.
struct Flow {
    random: Random,
    next_id: u64,
    middle: i64,
    live: Vec<OrderId>,
}

impl Flow {
    fn new(seed: u64) -> Self {
        Flow {
            random: Random::new(seed),
            next_id: 1,
            middle: 0,
            live: Vec::new(),
        }
    }

    fn action(&mut self) -> Action {
        self.middle += self.random.below(3) as i64 - 1;
        if self.random.below(10) < 4 && self.live.len() > 500 {
            let place = self.random.below(self.live.len() as u64) as usize;
            return Action::Cancel {
                order_id: self.live.swap_remove(place),
            };
        }
        let side = Side::BOTH[self.random.below(2) as usize];
        // Most near the touch, some far away; one in twelve reaches through the other side.
        let spread = [4, 30, 400][self.random.below(3) as usize];
        let distance = 1 + self.random.below(spread) as i64;
        let is_bold = self.random.below(12) == 0;
        let away = if is_bold { -distance.min(8) } else { distance };
        let price = match side {
            Side::Buy => Price(self.middle - away),
            Side::Sell => Price(self.middle + away),
        };
        let order_id = OrderId(self.next_id);
        self.next_id += 1;
        self.live.push(order_id);
        Action::New(NewOrder {
            order_id,
            account: AccountId(self.random.below(9)),
            side,
            quantity: Quantity(1 + self.random.below(if is_bold { 60 } else { 9 })),
            kind: OrderKind::Limit { price },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        })
    }
}

/// Runs the flow against the reference book and gives what the tiers did.
fn run<H, W, C>(
    levels: HybridLevels<H, W, C>,
    seed: u64,
    commands: u64,
    views: bool,
) -> HybridReport
where
    H: Tier,
    W: Tier,
    C: Tier,
{
    let config = *levels.config();
    let book = LinkedBook::with_levels(levels);
    let mut pair = Pair::new(MarketConfig::default(), book);
    let mut flow = Flow::new(seed);
    for number in 0..commands {
        let command = Command {
            time: Timestamp(10 * number),
            action: flow.action(),
        };
        let outcome = pair.apply(&command).and_then(|()| {
            if views && number % 97 == 0 {
                pair.compare_states()?;
                pair.compare_views()?;
                pair.check()?;
            }
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("seed {seed}, {config:?}, command {number} {command:?}: {error}");
        }
    }
    let report = pair.tested().book().levels().report();
    let levels: u64 = report.levels.iter().sum();
    assert_eq!(
        report.begun.iter().sum::<u64>(),
        report.lookups.absent,
        "a level begins where none was found"
    );
    assert!(levels > 100, "seed {seed}: only {levels} levels");
    report
}

#[test]
fn every_policy_gives_the_results_of_the_reference() {
    for (seed, promotion) in (1..).zip(PROMOTIONS) {
        for eviction in EvictionPolicy::ALL {
            let config = config(promotion, eviction);
            let report = run(real(config), seed, 3_000, true);
            let what = format!("seed {seed}, {promotion:?}, {eviction:?}: {report:?}");
            assert!(report.promotions.iter().all(|&moves| moves > 0), "{what}");
            assert!(report.evictions.iter().all(|&moves| moves > 0), "{what}");
            assert!(report.accesses.iter().all(|&uses| uses > 0), "{what}");
            assert!(report.lookups.found.iter().all(|&hits| hits > 0), "{what}");
            assert!(report.prefetches > 0, "{what}");
            assert!(report.predictions.right > 0, "{what}");
            assert!(report.predictions.wrong > 0, "{what}");
            // What moves where follows from the commands, whatever the tiers are made of.
            let others = run(maps(config), seed, 3_000, false);
            assert_eq!(report, others, "{what}");
        }
    }
}

/// Commands of every kind to random markets: few levels, but stops, icebergs, expiries, auctions, and every view compared.
#[test]
fn every_policy_passes_random_flow() {
    let markets = match std::env::var_os("PROOFBOOK_SOAK") {
        Some(_) => 30,
        None => 1,
    };
    for promotion in PROMOTIONS {
        for eviction in EvictionPolicy::ALL {
            for seed in 1..=markets {
                let config = config(promotion, eviction);
                let flow = RandomFlow::new(seed);
                let book = LinkedBook::with_levels(real(config));
                let mut pair = Pair::new(flow.market().config, book);
                for (number, command) in flow.take(800).enumerate() {
                    let outcome = pair.step(&command).and_then(|()| pair.check());
                    if let Err(error) = outcome {
                        panic!("seed {seed}, {config:?}, command {number} {command:?}: {error}");
                    }
                }
            }
        }
    }
}

#[test]
fn other_commands_give_other_moves() {
    let config = config(PROMOTIONS[3], EvictionPolicy::LeastFrequentlyUsed);
    let reports = [7, 8].map(|seed| run(maps(config), seed, 2_000, false));
    assert_ne!(reports[0], reports[1]);
}

#[test]
fn an_adaptive_threshold_moves_within_its_bounds() {
    let config = config(PROMOTIONS[3], EvictionPolicy::default());
    let report = run(maps(config), 5, 3_000, false);
    let threshold = report.threshold.expect("the policy counts uses");
    assert!((1..=9).contains(&threshold), "{report:?}");
    assert!(report.adaptations > 10, "{report:?}");
}

#[test]
fn what_is_used_most_is_found_in_the_hot_tier() {
    let hot = |prefetch_levels| {
        let config = HybridConfig {
            prefetch_levels,
            ..config(PROMOTIONS[0], EvictionPolicy::LeastRecentlyUsed)
        };
        run(maps(config), 3, 6_000, false)
    };
    let (with, without) = (hot(4), hot(0));
    assert_eq!((without.prefetches, without.predictions.made), (0, 0));
    // A third of the orders goes far away, where no cache helps; eight levels chosen blindly would see one use in twenty.
    let permille = with.hot_permille().expect("levels were used");
    assert!(permille > 400, "{permille}: {with:?}");
}

/// One order at a rank: its level begins and is used once.
fn enter(levels: &mut Tested, rank: Rank) -> LevelRef {
    let level = levels.occupy(Queue::Asks, rank);
    levels.update(Queue::Asks, level, |data| data.append(1, 5, 0));
    level
}

#[test]
fn levels_go_where_the_rules_of_the_tiers_say() {
    let mut levels = maps(HybridConfig {
        prefetch_levels: 2,
        promotion_gap_accesses: 0,
        ..config(
            PromotionPolicy::AccessFrequency(2),
            EvictionPolicy::FarthestFromTouch,
        )
    });
    let ranks = 1000..1000 + (HOT_LEVELS_MIN + WARM_LEVELS_MIN + 3) as u64;
    ranks.clone().for_each(|rank| {
        enter(&mut levels, rank);
    });
    let tier = |levels: &Tested, rank| levels.tier_of(Queue::Asks, rank).expect("it is there");
    assert_eq!(levels.report().levels, [8, 64, 3]);
    assert_eq!(tier(&levels, 1008), TierName::Warm);
    assert_eq!(tier(&levels, 1072), TierName::Cold);
    // A second use moves a cold level up by one tier, and the farthest warm one down.
    enter(&mut levels, 1072);
    assert_eq!(tier(&levels, 1072), TierName::Warm);
    assert_eq!(tier(&levels, 1071), TierName::Cold);
    enter(&mut levels, 1072);
    assert_eq!(tier(&levels, 1072), TierName::Hot);
    assert_eq!(tier(&levels, 1007), TierName::Warm);
    // A better best begins hot.
    enter(&mut levels, 999);
    assert_eq!(tier(&levels, 999), TierName::Hot);
    assert_eq!(tier(&levels, 1072), TierName::Warm);
    // The best is worn down: from the second level on, the two behind it are brought in.
    for rank in 999..1008 {
        let best = levels.best(Queue::Asks).expect("there are levels");
        assert_eq!(best.rank, rank);
        levels.vacate(Queue::Asks, best.level);
    }
    let report = levels.report();
    assert_eq!((report.predictions.made, report.predictions.right), (9, 6));
    assert_eq!(report.prefetches, 4);
    assert!((1008..1011).all(|rank| tier(&levels, rank) == TierName::Hot));
    assert_eq!(tier(&levels, 1011), TierName::Warm);
    levels.verify().expect("everything is in its place");
}

/// Moves up while a thousand levels are used one after another, again and again.
fn moves_of_levels_used_alike(config: HybridConfig) -> u64 {
    const LEVELS: u64 = 1000;
    let mut levels = maps(config);
    for number in 0..20 * LEVELS {
        // The stride and their number have no common factor: each of them comes in each round.
        enter(&mut levels, 10_000 + 371 * number % LEVELS);
    }
    levels.verify().expect("everything is in its place");
    let report = levels.report();
    assert_eq!(report.accesses.iter().sum::<u64>(), 20 * LEVELS);
    report.promotions.iter().sum()
}

#[test]
fn levels_used_alike_do_not_change_places() {
    let moves = |margin, promotion_gap_accesses| {
        moves_of_levels_used_alike(HybridConfig {
            promotion: PromotionPolicy::Adaptive(AdaptiveParams {
                margin,
                ..AdaptiveParams::default()
            }),
            promotion_gap_accesses,
            ..HybridConfig::default()
        })
    };
    // Neither the gap nor the threshold prevents it, the margin does.
    assert!(moves(0, 0) > 2_000);
    assert_eq!(moves(PROMOTION_MARGIN, 0), 0);
    // The gap holds back every policy.
    let gap = PROMOTION_GAP_ACCESSES;
    assert!((1..=20_000 / u64::from(gap)).contains(&moves(0, gap)));
    let always = HybridConfig {
        promotion: PromotionPolicy::AccessFrequency(1),
        ..HybridConfig::default()
    };
    let moves = moves_of_levels_used_alike(always);
    assert!(
        (100..=1 + 20_000 / u64::from(gap)).contains(&moves),
        "{moves}"
    );
}

fn assert_refused(config: HybridConfig, expected: HybridConfigError) {
    let error = Tested::with_config(config).err();
    assert_eq!(error, Some(expected));
    let text = expected.to_string();
    let received = expected.received.to_string();
    assert!(
        text.contains(expected.parameter) && text.contains(&received),
        "{text}"
    );
}

fn error(parameter: &'static str, min: u64, max: u64, received: u64) -> HybridConfigError {
    HybridConfigError {
        parameter,
        expected_min: min,
        expected_max: max,
        received,
    }
}

#[test]
fn sizes_out_of_their_bounds_are_refused() {
    let sized = |hot_levels, warm_levels, prefetch_levels| HybridConfig {
        hot_levels,
        warm_levels,
        prefetch_levels,
        ..HybridConfig::default()
    };
    assert_refused(sized(7, 64, 0), error("hot_levels", 8, 16, 7));
    assert_refused(sized(17, 64, 0), error("hot_levels", 8, 16, 17));
    assert_refused(sized(8, 63, 0), error("warm_levels", 64, 128, 63));
    assert_refused(sized(8, 129, 0), error("warm_levels", 64, 128, 129));
    assert_refused(sized(8, 64, 5), error("prefetch_levels", 0, 4, 5));
}

#[test]
fn policies_out_of_their_bounds_are_refused() {
    let refused = |promotion, expected| {
        let config = HybridConfig {
            promotion,
            ..HybridConfig::default()
        };
        assert_refused(config, expected);
    };
    let share = |parts, whole| PromotionPolicy::VolumeWeighted(VolumeShare { parts, whole });
    let adaptive = |threshold_min, threshold_max, step, window_accesses| {
        PromotionPolicy::Adaptive(AdaptiveParams {
            threshold_min,
            threshold_max,
            step,
            window_accesses,
            margin: 0,
        })
    };
    let (any, most) = (u64::MAX, u32::MAX.into());
    refused(
        PromotionPolicy::AccessFrequency(0),
        error("AccessFrequency", 1, any, 0),
    );
    refused(share(1, 0), error("VolumeShare::whole", 1, any, 0));
    refused(share(4, 3), error("VolumeShare::parts", 0, 3, 4));
    refused(
        adaptive(0, 3, 1, 9),
        error("AdaptiveParams::threshold_min", 1, any, 0),
    );
    refused(
        adaptive(4, 3, 1, 9),
        error("AdaptiveParams::threshold_max", 4, most, 3),
    );
    refused(
        adaptive(1, 3, 0, 9),
        error("AdaptiveParams::step", 1, most, 0),
    );
    refused(
        adaptive(1, 3, 1, 0),
        error("AdaptiveParams::window_accesses", 1, any, 0),
    );
}
