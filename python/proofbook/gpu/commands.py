"""Commands of many books as arrays: builders that take whole columns, and batches of commands with the book of each.

A command is nine words (`crates/types/src/command.rs`), little-endian; a batch is ``commands: uint64[rows, 9]`` with
``offsets: int64[books + 1]``: the commands of book ``b`` are the rows ``offsets[b]`` to ``offsets[b + 1]``, in order.

Each builder takes scalars and one-dimensional arrays of one length, and gives one row for each element:

>>> from proofbook.gpu import commands
>>> rows = commands.limit([1, 2], ["buy", "sell"], price=[99, 101], quantity=10)
>>> rows.shape
(2, 9)
>>> rows.view(commands.COMMAND)["price"].ravel().tolist()
[99, 101]
>>> batch = commands.grouped([1, 0], rows, books=3)
>>> batch.offsets.tolist(), batch.rows(1).view(commands.COMMAND)["order_id"].ravel().tolist()
([0, 1, 2, 2], [1])

Invariants: integers are exact, floats are refused; what a command does not use is zero: it has one encoding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from proofbook.errors import InputError
from proofbook.gpu.kernels.layout import COMMAND_WORDS, Words
from proofbook.gpu.market import is_whole, require_whole

Offsets: TypeAlias = npt.NDArray[np.int64]
"""Where the rows of each book begin, and where the last one's end."""
Column: TypeAlias = npt.ArrayLike
"""One value for all rows, or one for each."""

COMMAND = np.dtype(
    [
        ("action", "u1"),
        ("side", "u1"),
        ("kind", "u1"),
        ("time_in_force", "u1"),
        ("self_trade", "u1"),
        ("flags", "u1"),
        ("zero", "<u2"),
        ("time", "<u8"),
        ("order_id", "<u8"),
        ("account", "<u8"),
        ("price", "<i8"),
        ("stop_price", "<i8"),
        ("quantity", "<u8"),
        ("display", "<u8"),
        ("expiry", "<u8"),
    ]
)
"""The fields of a command's nine words."""

FLAG_POST_ONLY = 1
FLAG_DISPLAY = 2
FLAG_PRICE = 4
FLAG_QUANTITY = 8
FLAG_STOP_PRICE = 16

Codes: TypeAlias = Mapping[str, int]
"""Words of the interface and their codes."""

ACTIONS: Codes = {
    "submit": 1,
    "cancel": 2,
    "mass_cancel": 3,
    "reduce": 4,
    "replace": 5,
    "sweep": 6,
    "halt": 7,
    "resume": 8,
    "open_auction": 9,
    "uncross": 10,
}
SIDES: Codes = {"buy": 0, "sell": 1}
KINDS: Codes = {"market": 0, "limit": 1, "stop": 2, "stop_limit": 3}
TIMES_IN_FORCE: Codes = {"gtc": 0, "ioc": 1, "fok": 2, "gtd": 3}
SELF_TRADES: Codes = {
    "allow": 0,
    "cancel_newest": 1,
    "cancel_oldest": 2,
    "cancel_both": 3,
    "decrement_and_cancel": 4,
}

BOOKS_MAX = 1 << 24
"""The most books of a pool."""

_SIGNED_MAX = (1 << 63) - 1
_UNSIGNED_MAX = (1 << 64) - 1


def _first(mask: npt.NDArray[np.bool_]) -> int:
    return int(np.argmax(mask))


def _integers(name: str, values: Column) -> npt.NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(f"{name}: expected an integer in every row; received a masked array")
    array = np.asarray(values)
    # NumPy makes floats of an empty list, and of a list with whole numbers on both sides of 2^63.
    if array.dtype.kind in "fO" and isinstance(values, Sequence) and all(map(is_whole, values)):
        array = np.array([int(value) for value in values], object)
    elif array.dtype.kind not in "iu" or array.ndim > 1:
        received = f"{array.dtype} with {array.ndim} dimensions"
        raise InputError(f"{name}: expected an integer, or one dimension of them; received {received}")
    return array


def _within(name: str, array: npt.NDArray[Any], low: int, low_text: str, high: int, high_text: str) -> None:
    for is_outside, expected in ((array < low, low_text), (array > high, high_text)):
        if is_outside.any():
            row = _first(np.atleast_1d(is_outside))
            raise InputError(f"row {row}: {name} must be {expected}; received {np.atleast_1d(array)[row]}")


def unsigned(name: str, values: Column) -> Words:
    """Integers from 0 to 2^64 - 1.

    Raises:
        InputError: they are no integers, or one is negative.
    """
    array = _integers(name, values)
    if array.dtype.kind != "u":
        _within(name, array, 0, "0 or more", _UNSIGNED_MAX, "below 2^64")
    return array.astype(np.uint64, copy=False)


def signed(name: str, values: Column) -> npt.NDArray[np.int64]:
    """Integers from -2^63 to 2^63 - 1.

    Raises:
        InputError: they are no integers, or one is larger.
    """
    array = _integers(name, values)
    if array.dtype.kind != "i":
        _within(name, array, -_SIGNED_MAX - 1, "-2^63 or more", _SIGNED_MAX, "below 2^63")
    return array.astype(np.int64, copy=False)


def codes(name: str, values: Column, words: Codes) -> npt.NDArray[np.uint8]:
    """Words, or their codes, as codes.

    Raises:
        InputError: one is none of them.
    """
    array = np.asarray(values)
    if array.ndim > 1:
        raise InputError(f"{name}: expected a word, or one dimension of them; received {array.ndim} dimensions")
    if not array.size:
        return np.zeros(array.shape, np.uint8)
    if array.dtype.kind in "UO":
        found = np.full(array.shape, 255, np.uint8)
        for word, code in words.items():
            found[array == word] = code
    elif array.dtype.kind in "iu":
        is_known = np.isin(array, list(words.values()))
        found = np.where(is_known, array, 255).astype(np.uint8)
    else:
        raise InputError(f"{name}: expected words or their codes; received {array.dtype}")
    if (found == 255).any():
        row = _first(np.atleast_1d(found) == 255)
        received = np.atleast_1d(array)[row]
        raise InputError(f"row {row}: {name} must be one of {', '.join(words)}; received {received!s}")
    return found


def empty(rows: int) -> npt.NDArray[Any]:
    """Room for commands, all zero, by field: ``words_of`` gives it as words."""
    return np.zeros(rows, COMMAND)


def words_of(fields: npt.NDArray[Any]) -> Words:
    """Commands by field as words, without a copy."""
    return fields.view(np.uint64).reshape(-1, COMMAND_WORDS)


def _filled(action: str, columns: Mapping[str, npt.NDArray[Any]]) -> Words:
    lengths = {name: len(column) for name, column in columns.items() if column.ndim}
    rows = next(iter(lengths.values()), 1)
    for name, length in lengths.items():
        if length != rows:
            first = next(iter(lengths))
            raise InputError(f"{name}: expected {rows} rows, as {first} has; received {length}")
    fields = empty(rows)
    fields["action"] = ACTIONS[action]
    for name, column in columns.items():
        fields[name] = column
    return words_of(fields)


def limit(
    order_id: Column,
    side: Column,
    price: Column,
    quantity: Column,
    *,
    account: Column = 0,
    time: Column = 0,
    time_in_force: Column = "gtc",
    post_only: bool | npt.NDArray[np.bool_] = False,
    self_trade: Column = "allow",
) -> Words:
    """Limit orders.

    Args:
        order_id: not that of a live order.
        side: ``"buy"`` or ``"sell"``, or 0 and 1.
        price: limit prices in ticks.
        quantity: in lots.
        account: whose order it is; 0: nobody's.
        time: nanoseconds, not falling within a book.
        time_in_force: ``"gtc"``, ``"ioc"`` or ``"fok"``, or 0, 1 and 2.
        post_only: whether to reject rather than trade on entry.
        self_trade: one of ``SELF_TRADES``.

    Returns:
        ``uint64[rows, 9]``.

    Raises:
        InputError: a value that is none of the column's, or columns of different lengths.
    """
    lasting = {word: code for word, code in TIMES_IN_FORCE.items() if word != "gtd"}
    return _filled(
        "submit",
        {
            "order_id": unsigned("order_id", order_id),
            "side": codes("side", side, SIDES),
            "kind": np.asarray(KINDS["limit"]),
            "price": signed("price", price),
            "quantity": unsigned("quantity", quantity),
            "account": unsigned("account", account),
            "time": unsigned("time", time),
            "time_in_force": codes("time_in_force", time_in_force, lasting),
            "flags": _booleans("post_only", post_only) * np.uint8(FLAG_POST_ONLY),
            "self_trade": codes("self_trade", self_trade, SELF_TRADES),
        },
    )


def _booleans(name: str, values: bool | npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    array = np.asarray(values)
    if array.dtype != np.bool_ or array.ndim > 1:
        received = f"{array.dtype} with {array.ndim} dimensions"
        raise InputError(f"{name}: expected a boolean, or one dimension of them; received {received}")
    return array


def market(
    order_id: Column,
    side: Column,
    quantity: Column,
    *,
    account: Column = 0,
    time: Column = 0,
    time_in_force: Column = "ioc",
    self_trade: Column = "allow",
) -> Words:
    """Market orders. The columns are those of ``limit``; the time in force is ``"ioc"`` or ``"fok"``."""
    at_once = {word: code for word, code in TIMES_IN_FORCE.items() if word in ("ioc", "fok")}
    return _filled(
        "submit",
        {
            "order_id": unsigned("order_id", order_id),
            "side": codes("side", side, SIDES),
            "quantity": unsigned("quantity", quantity),
            "account": unsigned("account", account),
            "time": unsigned("time", time),
            "time_in_force": codes("time_in_force", time_in_force, at_once),
            "self_trade": codes("self_trade", self_trade, SELF_TRADES),
        },
    )


def cancel(order_id: Column, *, time: Column = 0) -> Words:
    """Cancels of live orders."""
    return _filled("cancel", {"order_id": unsigned("order_id", order_id), "time": unsigned("time", time)})


def mass_cancel(account: Column, *, time: Column = 0) -> Words:
    """Cancels of every live order of an account."""
    return _filled("mass_cancel", {"account": unsigned("account", account), "time": unsigned("time", time)})


def reduce(order_id: Column, quantity: Column, *, time: Column = 0) -> Words:
    """Reductions of open quantities, by so many lots."""
    columns = {"order_id": order_id, "quantity": quantity, "time": time}
    return _filled("reduce", {name: unsigned(name, column) for name, column in columns.items()})


def replace(
    order_id: Column, *, price: Column | None = None, quantity: Column | None = None, time: Column = 0
) -> Words:
    """Changes of orders: a new limit price, a new open quantity, or both, for all rows alike."""
    columns: dict[str, npt.NDArray[Any]] = {
        "order_id": unsigned("order_id", order_id),
        "time": unsigned("time", time),
    }
    flags = 0
    if price is not None:
        columns["price"], flags = signed("price", price), flags | FLAG_PRICE
    if quantity is not None:
        columns["quantity"], flags = unsigned("quantity", quantity), flags | FLAG_QUANTITY
    return _filled("replace", {**columns, "flags": np.asarray(flags, np.uint8)})


def sweep(time: Column) -> Words:
    """Advances of the clock."""
    return _filled("sweep", {"time": unsigned("time", time)})


@dataclass(frozen=True, slots=True)
class Batch:
    """Commands of many books.

    Attributes:
        commands: ``uint64[rows, 9]``, book after book; on a GPU it may be an array of the device.
        offsets: ``int64[books + 1]``: where the rows of each book begin, and where the last one's end.
    """

    commands: Any
    offsets: Offsets

    def __post_init__(self) -> None:
        """Refuse what is no array of commands, and offsets that do not divide its rows among books."""
        shape: tuple[int, ...] = getattr(self.commands, "shape", ())
        dtype = getattr(self.commands, "dtype", None)
        if len(shape) != 2 or shape[1] != COMMAND_WORDS or dtype not in (np.uint64, np.int64):
            received = type(self.commands).__name__ if dtype is None else f"{dtype}{list(shape)}"
            raise InputError(f"commands: expected uint64[rows, {COMMAND_WORDS}]; received {received}")
        if self.offsets.dtype != np.int64 or self.offsets.ndim != 1 or len(self.offsets) == 0:
            received = f"{self.offsets.dtype}{list(self.offsets.shape)}"
            raise InputError(f"offsets: expected int64[books + 1]; received {received}")
        rows = self.commands.shape[0]
        if self.offsets[0] != 0 or self.offsets[-1] != rows:
            received = f"{self.offsets[0]} and {self.offsets[-1]}"
            raise InputError(
                f"offsets: expected 0 as the first and {rows}, the number of rows, as the last; received {received}"
            )
        # Compared, not subtracted: a difference of 64 bits may wrap around.
        falls = self.offsets[1:] < self.offsets[:-1]
        if falls.any():
            book = _first(falls)
            received = f"{self.offsets[book]} and then {self.offsets[book + 1]}"
            raise InputError(f"offsets: expected none below the one before; received {received} for book {book}")

    def __len__(self) -> int:
        """How many commands the books take."""
        return int(self.offsets[-1])

    @property
    def books(self) -> int:
        """How many books they are for."""
        return len(self.offsets) - 1

    @property
    def longest(self) -> int:
        """Commands of the book that gets most."""
        return int(np.diff(self.offsets).max(initial=0))

    def rows(self, book: int) -> Any:
        """The commands of a book, without a copy.

        Raises:
            InputError: there is no book of that number.
        """
        book = require_whole("book", book, 0, self.books - 1)
        return self.commands[int(self.offsets[book]) : int(self.offsets[book + 1])]

    def of_books(self, first: int, last: int) -> Batch:
        """The same for as many books, of which only ``first`` to before ``last`` get commands; without a copy."""
        start, end = self.offsets[first], self.offsets[last]
        return Batch(self.commands[int(start) : int(end)], np.clip(self.offsets, start, end) - start)

    def parts(self, rows_max: int) -> Iterator[Batch]:
        """The batch in parts of about so many rows at most, each for some of the books; without a copy.

        A book's commands are never divided: a book with more rows than that is a part of its own.
        """
        first = 0
        while first < self.books:
            end = int(np.searchsorted(self.offsets, self.offsets[first] + rows_max, side="right")) - 1
            last = max(min(end, self.books), first + 1)
            yield self.of_books(first, last)
            first = last


def grouped(book: Column, commands: Words, *, books: int) -> Batch:
    """Commands that name their book as a batch; within a book their order stays.

    Args:
        book: the book of each row, 0 to ``books - 1``.
        commands: ``uint64[rows, 9]``; not copied where the books already rise.
        books: how many there are.

    Raises:
        InputError: a book that is not there, or not one for each row.
    """
    if not is_whole(books) or not 0 <= books <= BOOKS_MAX:
        raise InputError(f"books: expected 0 to {BOOKS_MAX}; received {books}")
    numbers = signed("book", book)
    if numbers.ndim == 0:
        numbers = np.full(len(commands), numbers)
    if len(numbers) != len(commands):
        raise InputError(f"book: expected {len(commands)} rows, as many as commands; received {len(numbers)}")
    is_outside = (numbers < 0) | (numbers >= books)
    if is_outside.any():
        row = _first(is_outside)
        raise InputError(f"row {row}: book must be 0 to {books - 1}; received {numbers[row]}")
    if (np.diff(numbers) < 0).any():
        commands = commands[np.argsort(numbers, kind="stable")]
    offsets = np.zeros(books + 1, np.int64)
    np.cumsum(np.bincount(numbers, minlength=books), out=offsets[1:])
    return Batch(commands, offsets)


def concatenated(parts: Sequence[Words]) -> Batch:
    """One array of commands for each book, as a batch."""
    for book, part in enumerate(parts):
        if part.ndim != 2 or part.shape[1] != COMMAND_WORDS or part.dtype != np.uint64:
            received = f"{part.dtype}{list(part.shape)}"
            raise InputError(f"commands of book {book}: expected uint64[rows, {COMMAND_WORDS}]; received {received}")
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    return Batch(np.concatenate([np.empty((0, COMMAND_WORDS), np.uint64), *parts]), offsets)
