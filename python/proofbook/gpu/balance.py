"""How work is divided among devices: by how fast each one was, a bounded step at a time.

The books of a pool stand in one row, and each device has a contiguous piece of it. After a step, each device's speed
is known: commands by second, kept as an exponentially weighted rate. What the next step will bring is guessed from
the steps before, book by book, in the same way. The cuts between the pieces then move to where every device would
take equally long.

Invariants:
- the pieces cover every book once, in order;
- a cut moves by at most ``moves_max`` books at a time, and only if the slowest device would take longer than all
  together by more than ``tolerance``: moving books costs time too;
- no result depends on where the cuts are: a book does the same on every device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proofbook.errors import InputError
from proofbook.gpu.commands import BOOKS_MAX
from proofbook.gpu.market import require_whole

WEIGHT = 0.3
"""How much a new measurement counts against all before it."""

TOLERANCE = 0.05
"""How much longer than all together the slowest device may take before books move."""


def whole_shares(total: int, rates: Sequence[float]) -> list[int]:
    """Divides a whole number in proportion to the rates, by largest remainders; of equal ones, the first gets more.

    >>> whole_shares(10, [1.0, 1.0, 1.0]), whole_shares(1000, [3.0, 1.0])
    ([4, 3, 3], [750, 250])
    """
    are_numbers = all(isinstance(rate, int | float | np.integer | np.floating) for rate in rates)
    whole = sum(rates) if are_numbers else 0
    if not are_numbers or not rates or min(rates) < 0 or not 0 < whole < np.inf:
        raise InputError(f"rates: expected numbers from zero up, one of them above it; received {list(rates)}")
    exact = [total * rate / whole for rate in rates]
    shares = [int(share) for share in exact]
    order = sorted(range(len(rates)), key=lambda part: (shares[part] - exact[part], part))
    for part in order[: total - sum(shares)]:
        shares[part] += 1
    return shares


@dataclass(frozen=True)
class Move:
    """Books that go from one device to its neighbour.

    Attributes:
        first: the first book that moves.
        last: the one after the last.
        source: number of the device that has them.
        target: number of the device that gets them.
    """

    first: int
    last: int
    source: int
    target: int


class Distributor:
    """Divides the books of a pool among devices.

    Args:
        books: how many there are.
        devices: among how many devices.
        rates: what is known of their speeds at the start; equal where it is not given.
        moves_max: by how many books a cut moves at most; a sixteenth of all where it is not given.
        weight: how much a new measurement counts, above 0 and at most 1.
        tolerance: how much longer than all together the slowest device may take.
    """

    def __init__(
        self,
        books: int,
        devices: int,
        *,
        rates: Sequence[float] | None = None,
        moves_max: int | None = None,
        weight: float = WEIGHT,
        tolerance: float = TOLERANCE,
    ) -> None:
        require_whole("devices", devices, 1, BOOKS_MAX)
        self.books = require_whole("books", books, devices, BOOKS_MAX)
        if not isinstance(weight, int | float) or not 0 < weight <= 1:
            raise InputError(f"weight: expected a number above 0 and at most 1; received {weight!r}")
        if not isinstance(tolerance, int | float) or not tolerance >= 0:
            raise InputError(f"tolerance: expected zero or more; received {tolerance!r}")
        if rates is not None and (not isinstance(rates, Sequence) or isinstance(rates, str)):
            raise InputError(f"rates: expected {devices} numbers; received {rates!r}")
        if rates is not None and len(rates) != devices:
            raise InputError(f"rates: expected {devices}, one for each device; received {len(rates)}")
        self.moves_max = max(1, books // 16) if moves_max is None else require_whole("moves_max", moves_max, 1, books)
        self._weight = weight
        self._tolerance = tolerance
        self._rates: list[float | None] = [None] * devices
        self._loads: npt.NDArray[np.float64] | None = None
        # Every device keeps one book at least: one that has none would never be measured again.
        shares = [share + 1 for share in whole_shares(books - devices, rates or [1.0] * devices)]
        self.cuts = [0, *(int(cut) for cut in np.cumsum(shares))]

    @property
    def shares(self) -> list[int]:
        """How many books each device has."""
        return [last - first for first, last in zip(self.cuts, self.cuts[1:], strict=False)]

    @property
    def rates(self) -> list[float | None]:
        """Commands by second of each device; ``None`` before it was measured."""
        return list(self._rates)

    def record(self, device: int, commands: int, seconds: float) -> None:
        """Takes a measurement: so many commands in so many seconds. One without commands or time says nothing."""
        if commands <= 0 or seconds <= 0:
            return
        rate, before = commands / seconds, self._rates[device]
        self._rates[device] = rate if before is None else before + self._weight * (rate - before)

    def expect(self, counts: npt.NDArray[np.int64]) -> None:
        """Takes how many commands each book got: the guess for the next step."""
        if self._loads is None:
            self._loads = counts.astype(np.float64)
        else:
            self._loads += self._weight * (counts - self._loads)

    def moves(self) -> list[Move]:
        """Which books should move now; the cuts are where they will be afterwards."""
        known = [rate for rate in self._rates if rate is not None]
        if self._loads is None or not known:
            return []
        # One whose books got no commands yet is taken for as fast as the others are on the whole.
        usual = sum(known) / len(known)
        rates = [usual if rate is None else rate for rate in self._rates]
        # A little for each book, so that books without commands are divided too.
        sums = np.concatenate(([0.0], np.cumsum(self._loads + 1e-3)))
        together = sums[-1] / sum(rates)
        slowest = max((sums[last] - sums[first]) / rate for first, last, rate in self._pieces(rates))
        if slowest <= together * (1 + self._tolerance):
            return []
        wanted = np.cumsum(rates)[:-1] / sum(rates) * sums[-1]
        after = np.searchsorted(sums, wanted)
        return self._moved(np.where(wanted - sums[after - 1] < sums[after] - wanted, after - 1, after).tolist())

    def _pieces(self, rates: Sequence[float]) -> list[tuple[int, int, float]]:
        return list(zip(self.cuts[:-1], self.cuts[1:], rates, strict=True))

    def _moved(self, targets: Sequence[int]) -> list[Move]:
        """Moves each cut towards its target, and says which books change hands."""
        before = list(self.cuts)
        for at, target in enumerate(targets, start=1):
            step = max(-self.moves_max, min(self.moves_max, target - before[at]))
            # It stays between the old places of its neighbours, so that books only go to a neighbour.
            low = max(self.cuts[at - 1], before[at - 1]) + 1
            self.cuts[at] = min(max(before[at] + step, low), before[at + 1] - 1)
        moves = []
        for at in range(1, len(before) - 1):
            if self.cuts[at] > before[at]:
                moves.append(Move(before[at], self.cuts[at], source=at, target=at - 1))
            elif self.cuts[at] < before[at]:
                moves.append(Move(self.cuts[at], before[at], source=at - 1, target=at))
        return moves
