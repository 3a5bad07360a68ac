"""Thousands of independent books at once, on the threads of a CPU or on a GPU.

>>> import proofbook.gpu
>>> books = proofbook.gpu.Books(1000, orders=64, device="cpu")
>>> len(books), books.device
(1000, 'cpu')

Nothing of this is imported by ``import proofbook``. It needs numba: ``pip install "proofbook[many]"``; a GPU needs
numba-cuda too: ``pip install "proofbook[gpu]"``.
"""

from __future__ import annotations

import importlib.util

from proofbook.gpu.backends import NUMBA_MISSING, Backend, choose, missing

if importlib.util.find_spec("numba") is None:
    raise ImportError(NUMBA_MISSING)

from proofbook.gpu.balance import Distributor
from proofbook.gpu.books import Books
from proofbook.gpu.hot import HotBook
from proofbook.gpu.market import Market
from proofbook.gpu.metrics import Metrics, Timing
from proofbook.gpu.overlap import Overlap, measure_overlap
from proofbook.gpu.queries import Depth
from proofbook.gpu.results import Step

__all__ = [
    "Backend",
    "Books",
    "Depth",
    "Distributor",
    "HotBook",
    "Market",
    "Metrics",
    "Overlap",
    "Step",
    "Timing",
    "choose",
    "measure_overlap",
    "missing",
]
