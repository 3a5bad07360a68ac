"""How books are cut into chunks of about equal work."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CHUNKS_PER_THREAD = 8
"""Enough that the last chunk of a step is a small part of it."""

BOOK_WORK = 2
"""What a book costs a step besides its commands, in commands: its header and the ends of its queues are fetched."""


def chunk_bounds(offsets: npt.NDArray[np.int64], threads: int) -> npt.NDArray[np.int64]:
    """The first book of each chunk, and at the end the number of books; no chunk is empty.

    Args:
        offsets: for each book its first row of commands, and at the end the number of rows.
        threads: how many threads share the work.
    """
    books = len(offsets) - 1
    if books < 0 or threads < 1:
        raise ValueError(
            f"chunks: expected offsets and at least one thread; received {len(offsets)} offsets, {threads} threads"
        )
    work = (offsets - offsets[0]) + BOOK_WORK * np.arange(books + 1, dtype=np.int64)
    chunks = min(books, CHUNKS_PER_THREAD * threads)
    if chunks == 0:
        return np.zeros(1, dtype=np.int64)
    targets = work[-1] * np.arange(1, chunks, dtype=np.int64) // chunks
    inner = np.searchsorted(work, targets)
    return np.unique(np.concatenate(([0], inner, [books]))).astype(np.int64)
