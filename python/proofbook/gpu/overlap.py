"""What streams are worth: the same batch in parts that overlap, and in parts one after another."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from proofbook.errors import BrokenInvariantError
from proofbook.gpu.arrays import batch
from proofbook.gpu.books import Books
from proofbook.gpu.market import require_whole

REPEATS_MAX = 1000


@dataclass(frozen=True)
class Overlap:
    """Medians of steps of the same batch from the same state.

    Attributes:
        device: the name of the device.
        streams: how many parts were on their way at a time.
        sequence_ns: time of the pipeline where each stage waits for the one before.
        overlapped_ns: the same with streams.
        copy_in_ns: of that, copies to the device, in sum.
        kernel_ns: matching, in sum.
        copy_out_ns: copies from the device, in sum.
    """

    device: str
    streams: int
    sequence_ns: float
    overlapped_ns: float
    copy_in_ns: float
    kernel_ns: float
    copy_out_ns: float

    @property
    def saved_ns(self) -> float:
        """Time that overlapping saved; below zero where it cost some."""
        return self.sequence_ns - self.overlapped_ns

    @property
    def saved_share(self) -> float:
        """The same as a share of the time in sequence."""
        return self.saved_ns / self.sequence_ns


def measure_overlap(
    commands: Any,
    offsets: npt.ArrayLike | None = None,
    *,
    device: Any = "cpu",
    streams: int = 2,
    repeats: int = 5,
    **named: Any,
) -> Overlap:
    """Runs a batch through books with streams and without, in turn, and compares the times.

    Both end in the same states, which is checked first. The first run of each is not counted.

    Args:
        commands: as for ``Books.apply``.
        offsets: as for ``Books.apply``.
        device: the name of the device.
        streams: how many parts may be on their way at a time.
        repeats: how many runs are measured.
        named: as for ``Books``.

    Raises:
        BrokenInvariantError: the states differ.
    """
    require_whole("streams", streams, 2, 16)
    require_whole("repeats", repeats, 1, REPEATS_MAX)
    count = batch(commands, offsets).books
    with (
        Books(count, device=device, streams=1, **named) as plain,
        Books(count, device=device, streams=streams, **named) as overlapped,
    ):
        timings = []
        for _ in range(repeats + 1):
            plain.reset()
            overlapped.reset()
            timings.append([books.apply(commands, offsets, check=False).timing for books in (plain, overlapped)])
        if not np.array_equal(plain.digests(), overlapped.digests()):
            raise BrokenInvariantError("books with streams ended in other states than books without")
    sequence, own = zip(*timings[1:], strict=True)
    return Overlap(
        device,
        streams,
        median(each.pipeline_ns for each in sequence),
        median(each.pipeline_ns for each in own),
        median(each.copy_in_ns for each in own),
        median(each.kernel_ns for each in own),
        median(each.copy_out_ns for each in own),
    )
