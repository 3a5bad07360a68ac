"""How pools lie in memory, what terms they take, and how kernels are compiled from their source."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from kernel_flow import WORLDS

from proofbook.gpu.kernels import layout, match_cuda, words
from proofbook.gpu.kernels.compile import compiled, fingerprint
from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.layout import Capacity


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("orders", "levels"), [(1, 1), (3, 2), (7, 7), (256, 64)])
def test_the_parts_of_a_pool_are_views_that_cover_it(orders: int, levels: int, order: layout.Order) -> None:
    capacity = Capacity(orders, levels)
    pool = layout.new_pool(5, capacity, order)
    parts = layout.views(pool, capacity)
    for number, part in enumerate(parts):
        assert np.shares_memory(part, pool)
        part += np.uint64(1 + number)
    used = sum(part[0].size for part in parts)
    assert (pool != 0).sum() == 5 * used, "no word belongs to two parts"
    assert capacity.words - used < 16, "what is left only fills lines of both sides' keys and slots"
    assert all(start % 8 == 0 for start in layout.starts(capacity))
    assert layout.starts(capacity)[-1] + 8 * orders == capacity.words
    assert capacity.index_words >= 2 * orders


@pytest.mark.parametrize(
    ("orders", "levels", "text"),
    [(0, 1, "orders"), (layout.ORDERS_MAX + 1, 1, "orders"), (4, 5, "levels"), (4, 0, "levels"), (True, 1, "orders")],
)
def test_a_capacity_has_bounds(orders: int, levels: int, text: str) -> None:
    with pytest.raises(ValueError, match=f"{text}: expected .* received"):
        Capacity(orders, levels)


def test_levels_are_as_many_as_orders_up_to_a_bound() -> None:
    assert Capacity.of(10) == Capacity(10, 10)
    assert Capacity.of(100_000) == Capacity(100_000, layout.LEVELS_DEFAULT_MAX)
    assert Capacity.of(100, 7) == Capacity(100, 7)


@pytest.mark.parametrize(
    ("place", "value", "text"),
    [(0, 2 | 24 << 32, "version 1"), (0, 1 | 1 << 8 | 24 << 32, "continuous"), (0, 1 | 25 << 32, "max_orders 24")],
)
def test_terms_of_another_market_are_refused(place: int, value: int, text: str) -> None:
    config = WORLDS[0].config()
    config[place] = value
    with pytest.raises(ValueError, match=f"expected .*{text}.*received"):
        layout.terms_of(config, Capacity(24, 24))


@pytest.mark.parametrize("config", [[1] * 10, [1 << 64] + [0] * 10, [-1] + [0] * 10])
def test_terms_are_eleven_words(config: Sequence[int]) -> None:
    with pytest.raises(ValueError, match="expected the 11 words"):
        layout.terms_of(config, Capacity(24, 24))


def test_only_terms_without_limits_take_the_short_way() -> None:
    capacity = Capacity(24, 24)
    unlimited = layout.terms_of(WORLDS[0].config(), capacity)
    assert unlimited[layout.TERM_UNLIMITED] == 1
    for change in ({"tick": 2}, {"lot": 2}, {"max_quantity": 5}, {"max_notional": 5}, {"collar": 5}):
        terms = layout.terms_of(dataclasses.replace(WORLDS[0], **change).config(), capacity)
        assert terms[layout.TERM_UNLIMITED] == 0, change


def test_the_codes_of_both_tables_agree() -> None:
    assert int(words.NO_LEVEL) == layout.LEVELS_FULL
    assert int(layout.LEVELS_SELL) == int(layout.LEVELS_BUY) + 1
    assert int(layout.OPEN_SELL) == int(layout.OPEN_BUY) + 1


def test_a_usual_book_fits_into_shared_memory() -> None:
    assert Capacity.of(256).bytes + match_cuda.BATCH_BYTES <= 48 << 10


WHAT = 3


@device
def _twice(value: int) -> int:
    return WHAT * value


def _entry(value: int) -> int:
    return _twice(value) + WHAT


def _entry_with_module(value: int) -> int:
    return value + len(layout.__name__)


def test_constants_reach_every_function_of_a_kernel() -> None:
    assert compiled(_entry, "cpu", WHAT=5)(2) == 15
    assert compiled(_entry, "cpu", WHAT=7)(2) == 21
    assert _entry(2) == 9, "the source stays as it is"
    assert compiled(_entry, "cpu", WHAT=5) is compiled(_entry, "cpu", WHAT=5)


def test_a_kernel_names_functions_not_modules() -> None:
    value = 3
    with pytest.raises(TypeError, match="closure"):
        compiled(lambda: value, "cpu")
    with pytest.raises(TypeError, match="imported by name"):
        compiled(_entry_with_module, "cpu")
    with pytest.raises(TypeError, match="plain Python function"):
        compiled(len, "cpu")


def _renewed(function: Any, **names: Any) -> Any:
    """The function as it would be after a change of what it names."""
    return types.FunctionType(function.__code__, {**globals(), **names}, function.__name__)


@device
def _thrice(value: int) -> int:
    return WHAT * value * 3


def test_another_source_has_another_name_in_the_cache() -> None:
    assert fingerprint(_renewed(_entry)) == fingerprint(_entry)
    assert fingerprint(_renewed(_entry, WHAT=4)) != fingerprint(_entry)
    assert fingerprint(_renewed(_entry, _twice=_thrice)) != fingerprint(_entry)
    assert fingerprint(_renewed(_entry, _twice=device(_renewed(_twice, WHAT=4)))) != fingerprint(_entry)
    name = compiled(_entry, "cpu", WHAT=11).py_func.__qualname__
    assert "WHAT11" in name and fingerprint(_entry) in name
