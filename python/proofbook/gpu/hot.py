"""A hot book: one book of a pool that is also a ``proofbook.Book``, and how the two are kept the same.

The ``Book`` answers at once, one command after another; the pool's book takes the same commands in batches. Commands go
either way: those that are given here are applied to the ``Book`` and wait for the next batch of the pool; those that
the pool gets for this book are applied to the ``Book`` after the batch. The sequence of a state, which counts its
commands, is its version: before anything is handed over, both versions must be what they should be.

Invariants:
- the pool's sequence plus the commands that wait is the book's sequence, or ``OutOfStepError`` says what each has, and
  nothing more is applied;
- no more commands wait than ``pending_max``: the one that would be one more sends all of them first;
- neither can reject what the other takes: a hot book has room for as many price levels as orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from proofbook.errors import InputError, OutOfStepError
from proofbook.gpu import checks
from proofbook.gpu.arrays import words
from proofbook.gpu.commands import COMMAND
from proofbook.gpu.kernels.layout import Capacity, Words
from proofbook.gpu.market import require_whole

if TYPE_CHECKING:
    from proofbook import Book
    from proofbook.gpu.books import Books

PENDING_MAX = 4096
"""Commands that wait for the pool at most, where nobody says."""

PENDING_END = 1 << 24
"""The most that anybody may say."""

NEW, MASS_CANCEL, REDUCE, REPLACE = 1, 3, 4, 5
MARKET = 0
POST_ONLY, PRICE, QUANTITY, STOP_PRICE = 1, 4, 8, 16


def table_of_commands(rows: Words) -> pa.Table:
    """Encoded commands as the table that ``Book.apply`` takes: what a command does not have is null."""
    fields = rows.view(COMMAND).reshape(-1)
    action, flags = fields["action"], fields["flags"]
    is_new, is_replace = action == NEW, action == REPLACE

    def column(name: str, given: npt.NDArray[np.bool_]) -> pa.Array:
        return pa.array(fields[name], mask=~given)

    return pa.table(
        {
            "action": pa.array(action),
            "time": pa.array(fields["time"]),
            "order_id": column("order_id", (action != MASS_CANCEL) & (action <= REPLACE)),
            "account": column("account", is_new | (action == MASS_CANCEL)),
            "side": column("side", is_new),
            "kind": column("kind", is_new),
            "price": column("price", (is_new & (fields["kind"] != MARKET)) | (is_replace & (flags & PRICE != 0))),
            "stop_price": column("stop_price", is_replace & (flags & STOP_PRICE != 0)),
            "quantity": column("quantity", is_new | (action == REDUCE) | (is_replace & (flags & QUANTITY != 0))),
            "time_in_force": column("time_in_force", is_new),
            "post_only": pa.array(flags & POST_ONLY != 0, mask=~is_new),
            "self_trade": column("self_trade", is_new),
        }
    )


def require_room(capacity: Capacity) -> None:
    """Refuses books that may reject what a ``proofbook.Book`` takes.

    Raises:
        InputError: they have fewer price levels than orders.
    """
    if capacity.levels < capacity.orders:
        raise InputError(
            f"a hot book: expected books with as many levels as orders, {capacity.orders}, so that neither rejects "
            f"what the other takes; received {capacity.levels} levels"
        )


class HotBook:
    """A ``proofbook.Book`` and a book of a pool that take the same commands. ``Books.place_hot`` makes it.

    Attributes:
        book: the ``proofbook.Book``. Ask it whatever you like; give commands to this object, or to the pool.
        number: the number of the book in the pool.
    """

    def __init__(self, books: Books, number: int, book: Book, pending_max: int = PENDING_MAX) -> None:
        self.book = book
        self.number = number
        self._books = books
        self._pending_max = require_whole("pending_max", pending_max, 1, PENDING_END)
        self._pending: list[Words] = []
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many commands the pool has not got yet."""
        return self._waiting

    @property
    def sequence(self) -> int:
        """The version of the book's state: how many commands it has taken."""
        return self.book.sequence

    def apply(self, commands: Any) -> pa.Table:
        """Applies commands to the book at once, and to the pool's with its next batch.

        Args:
            commands: encodings, as ``proofbook.gpu.commands`` makes them: ``uint64[rows, 9]``.

        Returns:
            The events, as ``Book.apply`` gives them.

        Raises:
            InputError: a command that books of a pool do not take; nothing was applied.
            OutOfStepError: the book or the pool's has taken other commands.
        """
        rows = checks.as_written(words(commands))
        checks.raise_for_flaw(rows, self._books.backend.check(rows, 0, len(rows)))
        with self._books.held():
            self.require_same_version()
            if self._waiting + len(rows) > self._pending_max:
                self.flush()
            events = self.book.apply(table_of_commands(rows))
            self._pending.append(rows.copy())
            self._waiting += len(rows)
            if self._waiting > self._pending_max:
                self.flush()
            return events

    def flush(self) -> None:
        """Gives the pool's book every command that waits.

        Raises:
            OutOfStepError: the book or the pool's has taken other commands.
        """
        with self._books.held():
            self.require_same_version()
            if self._waiting:
                rows = np.concatenate(self._pending)
                self._pending.clear()
                self._waiting = 0
                self._books.apply_to_one(self.number, rows)
                self.require_same_version()

    def follow(self, rows: Words) -> None:
        """Applies to the book what the pool's book has just taken; the pool calls it."""
        self.book.apply(table_of_commands(rows))
        self.require_same_version()

    def require_same_version(self) -> None:
        """Compares sequences, which costs nothing.

        Raises:
            OutOfStepError: they are not what they should be.
        """
        expected = self._books.sequence(self.number) + self._waiting
        if self.book.sequence != expected:
            raise OutOfStepError(
                f"book {self.number}: expected sequence {expected} of the hot book, that of the pool's book with "
                f"{self._waiting} commands that wait; received {self.book.sequence}"
            )

    def require_same_state(self) -> None:
        """Sends what waits, and compares the digests of both states.

        Raises:
            OutOfStepError: they differ.
        """
        with self._books.held():
            self.flush()
            expected, received = self.book.digest(), self._books.digest(self.number)
            if expected != received:
                raise OutOfStepError(
                    f"book {self.number}: expected the digest {expected.hex()} of the hot book; the pool's book has "
                    f"{received.hex()}, both at sequence {self.book.sequence}"
                )

    def release(self) -> Book:
        """Sends what waits and gives the book free: from now on, neither follows the other."""
        with self._books.held():
            self.flush()
            self._books.release_hot(self.number)
            return self.book
