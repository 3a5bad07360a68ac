"""The columns of an Arrow table as NumPy arrays: cast whole, converted exactly, and what is given in each.

Invariant: every array has as many rows as the table, with zero where nothing is given.
"""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from proofbook.errors import InputError, TickError
from proofbook.gpu.commands import Codes

NOT_GIVEN = 255
"""Stands for no word in a column of codes."""

_DIGITS_MAX = 38
_TEXT_DECIMALS = 18
_EXACT = Context(prec=256)
"""Arithmetic in which no decimal of Arrow is rounded."""

Mask: TypeAlias = npt.NDArray[np.bool_]


class Columns:
    """A table's columns as NumPy arrays: values, zero where nothing is given, and what is given."""

    def __init__(self, table: pa.Table, units: dict[str, str | None]) -> None:
        self.rows: int = table.num_rows
        self._table = table
        self._units = units

    def _column(self, name: str) -> pa.Array | None:
        if name not in self._table.column_names:
            return None
        column = self._table[name].combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # what an empty table has
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)
        return None if pa.types.is_null(column.type) else column

    def _values(self, name: str, column: pa.Array, kind: pa.DataType) -> npt.NDArray[Any]:
        try:
            cast = pc.cast(column, kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"column {name!r}: {error}") from None
        if cast.null_count:
            cast = pc.fill_null(cast, False if pa.types.is_boolean(kind) else 0)
        values: npt.NDArray[Any] = cast.to_numpy(zero_copy_only=False)
        return values

    def given(self, name: str) -> Mask:
        """Which rows give a value."""
        column = self._column(name)
        if column is None:
            return np.zeros(self.rows, np.bool_)
        if not column.null_count:
            return np.ones(self.rows, np.bool_)
        given: Mask = column.is_valid().to_numpy(zero_copy_only=False)
        return given

    def codes(self, name: str, known: Codes) -> npt.NDArray[np.uint8]:
        """The codes of a column of words or of codes; ``NOT_GIVEN`` where there is none."""
        column = self._column(name)
        if column is None:
            return np.full(self.rows, NOT_GIVEN, np.uint8)
        kind = column.type
        found: npt.NDArray[np.uint8]
        if pa.types.is_dictionary(kind) and _is_text(kind.value_type):
            of_word = np.append(_places(column.dictionary, known), np.uint8(NOT_GIVEN))
            found = of_word[pc.fill_null(column.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)]
        elif _is_text(kind):
            found = _places(column, known)
        elif pa.types.is_integer(kind):
            values = self._values(name, column, pa.int64() if kind != pa.uint64() else kind)
            found = np.where(np.isin(values, list(known.values())), values, NOT_GIVEN - 1).astype(np.uint8)
        else:
            raise InputError(f"column {name!r} must hold words or their codes; received {kind}")
        found[~self.given(name)] = NOT_GIVEN
        if (found == NOT_GIVEN - 1).any():
            row = int(np.argmax(found == NOT_GIVEN - 1))
            received = column[row].as_py()
            raise InputError(f"row {row}: {name} must be one of {', '.join(known)}; received {received!s}")
        return found

    def booleans(self, name: str) -> Mask:
        """A column of booleans; not given is false."""
        column = self._column(name)
        if column is None:
            return np.zeros(self.rows, np.bool_)
        if not pa.types.is_boolean(column.type):
            raise InputError(f"column {name!r} must hold booleans; received {column.type}")
        return self._values(name, column, pa.bool_())

    def integers(self, name: str, kind: pa.DataType) -> npt.NDArray[Any]:
        """A column of integers of any type."""
        column = self._column(name)
        if column is None:
            return np.zeros(self.rows, kind.to_pandas_dtype())
        if not pa.types.is_integer(column.type):
            raise InputError(f"column {name!r} must hold integers; received {column.type}")
        return self._values(name, column, kind)

    def times(self, name: str) -> npt.NDArray[Any]:
        """Nanoseconds, or timestamps of any unit."""
        column = self._column(name)
        if column is None or not pa.types.is_timestamp(column.type):
            return self.integers(name, pa.uint64())
        try:
            whole = pc.cast(column, pa.timestamp("ns", column.type.tz)).cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise InputError(
                f"column {name!r}: expected times of which 64 bits hold the nanoseconds; {error}"
            ) from None
        return self._values(name, whole, pa.uint64())

    def scaled(self, name: str, unit: str, kind: pa.DataType) -> npt.NDArray[Any]:
        """Integers in units; or decimals or strings, converted exactly where the unit is known."""
        column = self._column(name)
        if column is None or pa.types.is_integer(column.type):
            return self.integers(name, kind)
        if not (_is_text(column.type) or pa.types.is_decimal(column.type)):
            expected = "integers in units, or exact decimals or strings (never floats)"
            raise InputError(f"column {name!r} must hold {expected}; received {column.type}")
        worth = self._units[unit]
        if worth is None:
            raise InputError(f"column {name!r}: expected integers, or a {unit}_unit with decimals; received none")
        return self._values(name, _in_units(name, column, unit_of(f"{unit}_unit", worth)), kind)


def _places(column: pa.Array, known: Codes) -> npt.NDArray[np.uint8]:
    """The code of each text; one less than ``NOT_GIVEN`` where it is none of the words."""
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.large_string())
    place = pc.index_in(column, value_set=pa.array(list(known), column.type))
    codes = np.array([*known.values(), NOT_GIVEN - 1], np.uint8)
    found: npt.NDArray[np.uint8] = codes[pc.fill_null(place, len(known)).to_numpy(zero_copy_only=False)]
    return found


def _is_text(kind: pa.DataType) -> bool:
    return any((pa.types.is_string(kind), pa.types.is_large_string(kind), pa.types.is_string_view(kind)))


def unit_of(name: str, text: str) -> Decimal:
    """What one tick or lot is worth.

    Raises:
        InputError: the text is no decimal above 0 that ``proofbook.Book`` takes as a unit.
    """
    try:
        unit = Decimal(text)
    except InvalidOperation:
        unit = Decimal(0)
    is_between = unit.is_finite() and 0 < unit < 1 << 63
    unit = unit.normalize(_EXACT) if is_between else unit
    decimals = max(0, -int(unit.as_tuple().exponent)) if is_between else 0
    if not is_between or decimals > _TEXT_DECIMALS or unit.scaleb(decimals, _EXACT) >= 1 << 63:
        raise InputError(f"{name}: expected a decimal above 0, with at most 18 decimals; received {text!r}")
    return unit


def _in_units(name: str, column: pa.Array, unit: Decimal) -> pa.Array:
    """Decimals or their texts, as whole numbers of units."""
    _, _, exponent = unit.as_tuple()
    decimals = max(0, -int(exponent))
    mantissa = int(unit.scaleb(decimals))
    try:
        if _is_text(column.type):
            column = pc.cast(column, pa.decimal128(_DIGITS_MAX, _TEXT_DECIMALS))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"column {name!r}: expected decimal numbers; {error}") from None
    given: Mask = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
    try:
        whole = pc.cast(column, pa.decimal128(_DIGITS_MAX, decimals))
    except pa.ArrowInvalid:
        # Some value is finer than the unit's decimals, or has more digits than the cast places.
        values = [value or Decimal(0) for value in column.to_pylist()]
        between = np.array([_EXACT.remainder(value, unit) != 0 for value in values])
        if between.any():
            raise _off(name, between, f"a multiple of {unit:f}", column, TickError) from None
        wide = np.array([abs(_EXACT.divide_int(value, unit)) >= 1 << 63 for value in values])
        raise _off(name, wide, "within 64 bits of units", column, InputError) from None
    words = np.frombuffer(whole.buffers()[1], np.int64)[2 * whole.offset :][: 2 * len(whole)].reshape(-1, 2)
    low, high = words[:, 0], words[:, 1]
    is_wide = given & (high != low >> 63)
    if is_wide.any():
        raise _off(name, is_wide, "within 64 bits of units", column, InputError)
    is_between = given & (low % mantissa != 0)
    if is_between.any():
        raise _off(name, is_between, f"a multiple of {unit:f}", column, TickError)
    return pa.array(low // mantissa, pa.int64(), mask=~given)


def _off(name: str, mask: Mask, expected: str, column: pa.Array, error: type[InputError]) -> InputError:
    row = int(np.argmax(mask))
    return error(f"row {row}: {name} must be {expected}; received {column[row].as_py():f}")
