"""How much one key, address or connection may ask for in a time: token buckets, as many as are needed and no more."""

from __future__ import annotations

import math
import time
from collections import OrderedDict

from proofbook.exchange.failures import failure

BUCKETS_MAX = 100_000
"""Names that a set of buckets knows at once; the one unused longest is forgotten, which leaves it a full bucket."""


class Bucket:
    """Tokens that come back at a rate; each request takes one."""

    __slots__ = ("_burst", "_rate_per_s", "_tokens", "_updated_s")

    def __init__(self, rate_per_s: float, burst: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = burst
        self._updated_s = now_s

    def take(self, now_s: float) -> float:
        """Take a token: 0, or how many seconds there is none."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._updated_s) * self._rate_per_s)
        self._updated_s = now_s
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate_per_s


class Buckets:
    """A bucket for each name that comes."""

    def __init__(self, what: str, rate_per_s: float, burst: float, buckets_max: int = BUCKETS_MAX) -> None:
        self._what = what
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._buckets_max = buckets_max
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, name: str, now_s: float | None = None) -> None:
        """Take a token of a name's bucket.

        Raises:
            ApiError: there is none; the error says when there will be one.
        """
        now = time.monotonic() if now_s is None else now_s
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= self._buckets_max:
                self._buckets.popitem(last=False)
            bucket = self._buckets[name] = Bucket(self._rate_per_s, self._burst, now)
        else:
            self._buckets.move_to_end(name)
        wait_s = bucket.take(now)
        if wait_s > 0:
            raise failure(
                "too_many_requests",
                expected=f"at most {self._rate_per_s:g} a second for {self._what}",
                received=f"one more; wait {wait_s:.3f} s",
                retry_after_s=max(1, math.ceil(wait_s)),
            )
