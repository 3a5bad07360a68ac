//! The operations that books are compared by, and how a book grows while they are.

/// What is done to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// An order at a price that has a level.
    Insert,
    /// An order at a price that has none.
    InsertLevel,
    /// The first order of a level found by its id and taken out.
    CancelHead,
    /// One from the middle.
    CancelMiddle,
    /// The last one.
    CancelTail,
    /// The only order of a level, which goes with it.
    CancelLevel,
    /// The first order of a queue, and its price.
    Best,
    /// The ten best levels, one after another.
    Depth,
    /// The level at a price that has one.
    LookupHit,
    /// The level at a price that has none.
    LookupMiss,
    /// An incoming order, through the rules, that trades with one order and uses it up.
    MatchOne,
    /// An incoming order, through the rules, that uses up ten levels.
    Sweep,
}

/// Levels that [`Operation::Depth`] looks at and [`Operation::Sweep`] uses up.
pub const TOP_LEVELS: usize = 10;

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 12] = [
        Operation::Insert,
        Operation::InsertLevel,
        Operation::CancelHead,
        Operation::CancelMiddle,
        Operation::CancelTail,
        Operation::CancelLevel,
        Operation::Best,
        Operation::Depth,
        Operation::LookupHit,
        Operation::LookupMiss,
        Operation::MatchOne,
        Operation::Sweep,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Operation::Insert => "insert",
            Operation::InsertLevel => "insert_level",
            Operation::CancelHead => "cancel_head",
            Operation::CancelMiddle => "cancel_middle",
            Operation::CancelTail => "cancel_tail",
            Operation::CancelLevel => "cancel_level",
            Operation::Best => "best",
            Operation::Depth => "depth_10",
            Operation::LookupHit => "lookup_hit",
            Operation::LookupMiss => "lookup_miss",
            Operation::MatchOne => "match_one",
            Operation::Sweep => "sweep_10",
        }
    }

    /// Whether it means something in a book that grows this way.
    pub fn is_on(self, axis: Axis) -> bool {
        match self {
            Operation::CancelHead | Operation::CancelMiddle | Operation::CancelTail => {
                axis == Axis::Orders
            }
            Operation::CancelLevel | Operation::InsertLevel | Operation::Sweep => {
                axis == Axis::Levels
            }
            _ => true,
        }
    }

    /// Whether it goes through the rules rather than to the book alone.
    pub fn is_matched(self) -> bool {
        matches!(self, Operation::MatchOne | Operation::Sweep)
    }
}

/// How a book grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// By levels with one order each.
    Levels,
    /// By orders at ten prices, or as many as there are orders.
    Orders,
}

impl Axis {
    /// Both.
    pub const ALL: [Axis; 2] = [Axis::Levels, Axis::Orders];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Axis::Levels => "levels",
            Axis::Orders => "orders",
        }
    }

    /// Levels, and orders at each, of a book of this size.
    pub fn shape(self, size: usize) -> Shape {
        let levels = match self {
            Axis::Levels => size,
            Axis::Orders => size.min(TOP_LEVELS),
        };
        Shape {
            levels,
            orders_per_level: size / levels,
        }
    }
}

/// A book: levels side by side at every second price, the same number of orders at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Levels.
    pub levels: usize,
    /// Orders at each.
    pub orders_per_level: usize,
}

impl Shape {
    /// Orders in all.
    pub fn orders(self) -> usize {
        self.levels * self.orders_per_level
    }
}
