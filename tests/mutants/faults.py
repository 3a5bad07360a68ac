"""The faults that are planted: each a change of the rules' source that a market must not make.

A change names a file under ``crates`` and a text that stands there exactly once, however its lines are broken. Text
that is no longer found is an error: the fault has to be written anew for the new source, not left out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One replacement in one file."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Fault:
    """A named fault and the rule that it breaks."""

    name: str
    section: int
    changes: tuple[Change, ...]


def fault(name: str, section: int, *changes: tuple[str, str, str]) -> Fault:
    """A fault whose changes are file, old text and new text."""
    return Fault(name, section, tuple(Change(f"{path}.rs", old, new) for path, old, new in changes))


WORK, ENTER, AMEND = "matching/src/work", "matching/src/enter", "matching/src/amend"
AUCTION, STOPS, LIB = "matching/src/auction", "matching/src/stops", "matching/src/lib"
PHASE, ORDER = "matching/src/phase", "types/src/order"

NAMED = (
    fault(
        "sells ranked by the highest price",
        2,
        (ORDER, "matches!(self, Queue::Bids | Queue::SellStops)", "!matches!(self, Queue::BuyStops)"),
    ),
    fault(
        "a partly filled maker goes to the back",
        5,
        (
            WORK,
            "        self.book.fill(slot, quantity);\n",
            """        self.book.fill(slot, quantity);
        if !self.book.displayed(slot).is_zero() {
            let mut order = self.book.order(slot);
            self.book.remove(slot);
            order.priority = self.next_priority();
            self.book.insert(&order);
            return;
        }
""",
        ),
    ),
    fault(
        "the rest of an immediate or cancel order rests",
        5,
        (WORK, "} else if order.time_in_force.rests() {", "} else if order.time_in_force != TimeInForce::FillOrKill {"),
    ),
    fault(
        "self-trade prevention skips the second maker",
        7,
        (
            WORK,
            "        let prevents = order.account.is_some() && order.self_trade != SelfTradePrevention::Allow;\n"
            "        while",
            "        let mut prevents = order.account.is_some() && order.self_trade != SelfTradePrevention::Allow;\n"
            "        while",
        ),
        (WORK, "                continue;\n", "                prevents = false;\n                continue;\n"),
    ),
    fault(
        "the sum of a side's open quantity wraps",
        4,
        (
            ENTER,
            "self.open_quantity[new.side as usize]\n"
            "                .checked_add(new.quantity.0)\n"
            "                .ok_or(RejectReason::QuantityOverflow)?;",
            "",
        ),
        (
            LIB,
            "self.open_quantity[order.side as usize] += open.0;",
            "let sum = &mut self.open_quantity[order.side as usize];\n        *sum = sum.wrapping_add(open.0);",
        ),
    ),
)

MORE = (
    fault(
        "trades at the taker's price",
        5,
        (WORK, "self.last_trade = Some(price);", "let price = bound;\n            self.last_trade = Some(price);"),
    ),
    fault(
        "a refreshed iceberg keeps its priority",
        5,
        (WORK, "let priority = self.next_priority();", "let priority = self.book.order(slot).priority;"),
    ),
    fault(
        "an order lives an instant too long",
        3,
        ("book/src/lib", "if expiry <= now => Some(slot)", "if expiry < now => Some(slot)"),
    ),
    fault("an order may expire at once", 4, (ENTER, "if expiry <= self.clock {", "if expiry < self.clock {")),
    fault(
        "fill or kill counts beyond the limit", 6, (WORK, "if !order.side.accepts(bound, level.price) {", "if false {")
    ),
    fault(
        "fill or kill counts hidden quantity behind an own order",
        6,
        (WORK, "return (displayed, true);", "return (displayed + hidden, true);"),
    ),
    fault(
        "a buy stop needs a trade above its price",
        8,
        (STOPS, "Side::Buy => last >= stop_price,", "Side::Buy => last > stop_price,"),
    ),
    fault(
        "a sell stop needs a trade below its price",
        8,
        (STOPS, "Side::Sell => last <= stop_price,", "Side::Sell => last < stop_price,"),
    ),
    fault(
        "sell stops trigger before buy stops",
        8,
        (STOPS, "for side in Side::BOTH {", "for side in Side::BOTH.into_iter().rev() {"),
    ),
    fault(
        "an active stop-limit order ignores the collar",
        8,
        (STOPS, "if self.is_beyond_collar(order.side, price) {", "if false {"),
    ),
    fault("an active post-only order trades", 8, (STOPS, "order.post_only && ", "false && ")),
    fault(
        "the auction takes the higher of two near prices",
        12,
        (
            AUCTION,
            "if reference.0.abs_diff(other.nearest.0) < reference",
            "if reference.0.abs_diff(other.nearest.0) <= reference",
        ),
    ),
    fault(
        "the auction rounds the reference price up",
        12,
        (AUCTION, "if above_tick > tick_size - above_tick {", "if above_tick >= tick_size - above_tick {"),
    ),
    fault(
        "the auction leaves out hidden quantity",
        12,
        (
            AUCTION,
            "let open = |level: &Level| level.displayed.0 + level.hidden.0;",
            "let open = |level: &Level| level.displayed.0;",
        ),
    ),
    fault(
        "the auction leaves out the prices between orders",
        12,
        (AUCTION, "if next.0.abs_diff(price.0) > tick_size {", "if false {"),
    ),
    fault(
        "the auction prefers the larger surplus",
        12,
        (AUCTION, "other.surplus_abs < self.surplus_abs", "other.surplus_abs > self.surplus_abs"),
    ),
    fault(
        "the later order is an auction's maker",
        12,
        (AUCTION, "if bid.priority < ask.priority {", "if bid.priority > ask.priority {"),
    ),
    fault(
        "an auction leaves the last trade price", 12, (AUCTION, "                self.last_trade = Some(price);\n", "")
    ),
    fault("a market order ignores the collar", 5, (WORK, "self.collar_bound(side).unwrap_or(", "None.unwrap_or(")),
    fault("a limit order ignores the collar", 4, (ENTER, "if self.is_beyond_collar(new.side, price) {", "if false {")),
    fault(
        "a replace with equal terms keeps its place",
        10,
        (AMEND, "let keeps_priority = stays && open <", "let keeps_priority = stays && open <="),
    ),
    fault(
        "a replace with a new price keeps its place",
        10,
        (AMEND, "let keeps_priority = stays && open", "let keeps_priority = open"),
    ),
    fault(
        "a replace forgets what was filled",
        10,
        (AMEND, "filled.checked_add(open)", "filled.checked_add(Quantity::ZERO)"),
    ),
    fault(
        "a replace ignores post-only",
        10,
        (AMEND, "post_only && self.phase == Phase::Continuous", "post_only && self.phase == Phase::Halted"),
    ),
    fault(
        "a mass cancel goes from the highest id",
        9,
        (AMEND, "ids.sort_unstable();", "ids.sort_unstable();\n        ids.reverse();"),
    ),
    fault("a reduction by everything is too large", 9, (AMEND, "if quantity.0 > open {", "if quantity.0 >= open {")),
    fault(
        "cancel oldest cancels the newest",
        7,
        (
            WORK,
            "self.cancel_live(maker, reason, events);\n                open\n",
            "cancel_incoming(order, open, reason, events);\n                Quantity::ZERO\n",
        ),
    ),
    fault(
        "decrement leaves the maker's hidden quantity",
        7,
        (WORK, "let maker_open = self.book.order(maker).open();", "let maker_open = self.book.displayed(maker);"),
    ),
    fault(
        "orders without account are one account",
        7,
        (
            WORK,
            "order.account.is_some() && order.self_trade != SelfTradePrevention::Allow;\n        while",
            "order.self_trade != SelfTradePrevention::Allow;\n        while",
        ),
    ),
    fault(
        "one order more than the maximum",
        4,
        (
            ENTER,
            "self.book.len() >= self.config.max_orders as usize",
            "self.book.len() > self.config.max_orders as usize",
        ),
    ),
    fault(
        "the notional value wraps",
        4,
        (
            LIB,
            "u128::from(price.0.unsigned_abs()) * u128::from(quantity.0) > max",
            "u128::from(price.0.unsigned_abs().wrapping_mul(quantity.0)) > max",
        ),
    ),
    fault(
        "a slice too many",
        4,
        (
            ENTER,
            "display.0.saturating_mul(SLICES_MAX) < quantity.0",
            "(display.0.saturating_mul(SLICES_MAX)).saturating_add(1) < quantity.0",
        ),
    ),
    fault("a post-only order trades", 4, (ENTER, "new.post_only && self.phase == Phase::Continuous &&", "false &&")),
    fault("a market opens crossed", 11, (PHASE, "if self.is_crossed() {", "if false {")),
    fault(
        "the clock runs back",
        3,
        (
            LIB,
            "            return Err(RejectReason::ClockReversed);\n",
            "            self.clock = command.time;\n            return Err(RejectReason::ClockReversed);\n",
        ),
    ),
    fault(
        "numbers go on without end",
        3,
        (LIB, "const NUMBERS_END: u64 = 1 << 63;", "const NUMBERS_END: u64 = (1 << 63) + 20;"),
    ),
)
