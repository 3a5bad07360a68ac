"""What kernels find wrong with a state or with orders that are to become books, and how it is told.

A kernel writes a *report* of each book, a few words: the code of the first fault or 0, the row at fault, the word
that was received and one that says what was expected. Nothing of a pool is changed before every report has code 0.
``told`` makes a sentence of a report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from proofbook.gpu.kernels.layout import Words

REPORT_WORDS: Final = 12

# The words of a report. Those behind the first four say what a valid book needs when it is built.
REPORT_CODE = np.uint64(0)
REPORT_ROW = np.uint64(1)
REPORT_RECEIVED = np.uint64(2)
REPORT_EXPECTED = np.uint64(3)
REPORT_BASE = np.uint64(4)
"""Where the book's first row starts, in words."""
REPORT_GAP = np.uint64(5)
"""The number of rows behind which one word is passed over: the bids of a state; ``NO_GAP`` for plain rows."""
REPORT_ROWS = np.uint64(6)
REPORT_BIDS = np.uint64(7)
REPORT_LEVELS = np.uint64(8)
"""Price levels of bids; those of asks follow."""
REPORT_OPEN = np.uint64(10)
"""Open quantity of bids; that of asks follows."""

NO_GAP = np.uint64((1 << 64) - 1)
NO_ROW = np.uint64((1 << 64) - 1)
"""The fault is not one of a row."""

VALID = np.uint64(0)
# Of a state's header.
STATE_LENGTH = np.uint64(1)
OTHER_TERMS = np.uint64(2)
OTHER_PHASE = np.uint64(3)
HEADER_UNUSED = np.uint64(4)
SEQUENCE_RANGE = np.uint64(5)
PRIORITY_COUNTER = np.uint64(6)
LAST_TRADE_TICK = np.uint64(7)
TOO_MANY_ORDERS = np.uint64(8)
MORE_THAN_SEQUENCE = np.uint64(9)
WAITING_STOPS = np.uint64(10)
# Of a row.
SIDE_TAG = np.uint64(20)
TIME_IN_FORCE_TAG = np.uint64(21)
SELF_TRADE_TAG = np.uint64(22)
FLAGS_TAG = np.uint64(23)
NO_PRICE = np.uint64(24)
STOP_ORDER = np.uint64(25)
ICEBERG = np.uint64(26)
UNUSED_WORD = np.uint64(27)
NO_QUANTITY = np.uint64(28)
QUANTITY_LOTS = np.uint64(29)
QUANTITY_MAXIMUM = np.uint64(30)
FILLED_LOTS = np.uint64(31)
FILLED_RANGE = np.uint64(32)
PRICE_TICK = np.uint64(33)
NOTIONAL_MAXIMUM = np.uint64(34)
PRIORITY_RANGE = np.uint64(35)
WRONG_QUEUE = np.uint64(36)
OPEN_RANGE = np.uint64(37)
# Of the rows together.
NOT_SORTED = np.uint64(40)
EQUAL_PRIORITIES = np.uint64(41)
EQUAL_IDS = np.uint64(42)
TOO_MANY_LEVELS = np.uint64(43)
CROSSED = np.uint64(44)

TIMES_IN_FORCE = ("good till cancel", "immediate or cancel", "fill or kill", "good till date")
PHASES = ("continuous", "auction", "halted")

TEXTS: Final = {
    1: (
        "the state",
        "160 bytes and 96 for each order that it counts",
        "{received} bytes, {expected} orders counted in them",
    ),
    2: ("the market's terms", "the books' own, word {row} of them {expected:#x}", "{received:#x}"),
    3: ("the phase", "continuous, the only one of a pool's books", "{phase}"),
    4: ("the header", "zero in what a header does not use", "{received:#x}"),
    5: ("the sequence", "at most {expected}", "{received}"),
    6: ("the priority counter", "at least 1", "{received}"),
    7: ("the last trade's price", "a multiple of the tick size {expected}", "{received_signed}"),
    8: ("the number of orders", "at most {expected}, the capacity of a book", "{received}"),
    9: ("the number of orders", "at most {expected}, the commands that the market took", "{received}"),
    10: ("waiting stop orders", "none, since a pool's books hold no stops", "{received}"),
    20: ("the side", "0 (buy) or 1 (sell)", "{received}"),
    21: ("the time in force", "good till cancel, the only one that rests in a pool's books", "{time_in_force}"),
    22: ("the self-trade prevention", "at most 4", "{received}"),
    23: ("the tags", "no bits beside those of an order's terms", "{received:#x}"),
    24: ("the price", "one, as of every order that rests", "none"),
    25: ("the order", "no stop price, since a pool's books hold no stops", "one"),
    26: ("the order", "no display quantity, since a pool's books hold no icebergs", "one"),
    27: ("what the order does not use", "zero", "{received:#x}"),
    28: ("the open quantity", "above 0", "0"),
    29: ("the open quantity", "a multiple of the lot size {expected}", "{received}"),
    30: ("the open quantity", "at most {expected}, the market's maximum", "{received}"),
    31: ("the filled quantity", "a multiple of the lot size {expected}", "{received}"),
    32: ("the filled quantity", "at most {expected}, so that it fits 64 bits with the open quantity", "{received}"),
    33: ("the price", "a multiple of the tick size {expected}", "{received_signed}"),
    34: ("the price", "with the quantity {expected} within the market's maximum notional", "{received_signed}"),
    35: ("the priority number", "from 1 to below the priority counter {expected}", "{received}"),
    36: ("the side", "{expected}, that of its queue", "{received}"),
    37: ("the open quantity", "at most {expected}, so that its side's sum fits 64 bits", "{received}"),
    40: ("the order", "behind the row before it in price and time", "one that comes before it"),
    41: ("the priority number", "one that no other order has", "{received}, which row {expected} has too"),
    42: ("the order id", "one that no other order has", "{received}, which row {expected} has too"),
    43: ("price levels of a side", "at most {expected}, the capacity of a book", "{received}"),
    44: ("the best bid", "below the best ask {expected_signed}", "{received_signed}"),
}
"""For each code what is at fault, what was expected and what was received."""


def signed(word: int) -> int:
    """A word in two's complement as the number that it stands for."""
    return word - (1 << 64) if word >> 63 else word


def named(names: tuple[str, ...], number: int) -> str:
    """The name of a number, or the number where it has none."""
    return names[number] if number < len(names) else str(number)


@dataclass(frozen=True)
class Fault:
    """What is wrong with the first book at fault.

    Attributes:
        book: its number.
        row: the row at fault, as it was given; ``None`` where it is not one row.
        code: which rule.
        books: how many books have a fault.
    """

    book: int
    row: int | None
    code: int
    received: int
    expected: int
    books: int

    def __str__(self) -> str:
        """One sentence, with what was expected and what was received."""
        what, expected, received = TEXTS[self.code]
        values = {
            "row": self.row,
            "received": self.received,
            "expected": self.expected,
            "received_signed": signed(self.received),
            "expected_signed": signed(self.expected),
            "phase": named(PHASES, self.received),
            "time_in_force": named(TIMES_IN_FORCE, self.received),
        }
        place = (
            f"book {self.book}" if self.row is None or self.code == OTHER_TERMS else f"book {self.book}, row {self.row}"
        )
        more = "" if self.books == 1 else f" ({self.books} books have a fault)"
        return f"{place}: {what}: expected {expected.format(**values)}; received {received.format(**values)}{more}"


def first_fault(reports: Words) -> Fault | None:
    """The fault of the first book that has one; ``None`` where all are valid."""
    bad = np.flatnonzero(reports[:, int(REPORT_CODE)])
    if not len(bad):
        return None
    code, row, received, expected = (int(word) for word in reports[bad[0], :4])
    return Fault(int(bad[0]), None if row == NO_ROW else row, code, received, expected, len(bad))
