"""The mark of a function that runs on the device.

A marked function is a plain Python function until ``compile`` makes machine code of it. So the source of a kernel is
one module like any other, which imports what it calls by name, and no module of it needs numba or a GPU to be read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

Inlining = Literal["always", "free"]
"""Whether every caller takes the function in, or the compiler decides."""

_MARK = "__proofbook_inlining__"

Function = TypeVar("Function", bound=Callable[..., Any])


def device(function: Function) -> Function:
    """Marks a function that kernels call and that every caller takes in."""
    setattr(function, _MARK, "always")
    return function


def device_call(function: Function) -> Function:
    """Marks a function that kernels call seldom: it need not stand at every place that calls it."""
    setattr(function, _MARK, "free")
    return function


def inlining_of(function: object) -> Inlining | None:
    """How a marked function is called; ``None`` where it is not marked."""
    inlining: Inlining | None = getattr(function, _MARK, None)
    return inlining
