"""What the market maker takes for the price: a random walk that is drawn back to where it began.

>>> walk = Walk(Decimal("60000"), seed=7)
>>> prices = [walk.step() for _ in range(1000)]
>>> min(prices) > 50_000 and max(prices) < 70_000 and len(set(prices)) > 900
True
"""

from __future__ import annotations

import random
from decimal import Decimal

STEP = 0.0004
"""The size of a usual step, as a part of the price."""
DRAWN_BACK = 0.003
"""The part of the distance to the beginning that a step goes back."""


class Walk:
    """A price that moves.

    Args:
        start: where it begins.
        seed: where all its steps come from.
    """

    def __init__(self, start: Decimal, seed: int) -> None:
        self._start = float(start)
        self._draw = random.Random(seed)
        self.price = self._start

    def step(self) -> float:
        """The next price. It is an opinion, so that it may be a float; orders have exact prices."""
        back = DRAWN_BACK * (self._start - self.price)
        self.price += back + self._draw.gauss(0, STEP) * self.price
        return self.price
