"""Arrays in and out of many books, without a copy where their layout fits.

``batch`` takes commands from whatever holds them: arrays of NumPy, tables of Arrow, arrays of a GPU (CuPy, PyTorch,
numba) through ``__cuda_array_interface__``, anything with ``__array_interface__`` or DLPack, and plain bytes. Words
that lie row by row are taken as they are: a change of them by their owner is seen here. Others are refused rather than
copied behind the caller's back. Offsets are copied: kernels trust them, so nobody may change them once they were
checked.

``events`` shows encoded events by field; ``event_tables`` makes tables of Arrow of them.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from proofbook.errors import InputError
from proofbook.gpu.commands import COMMAND, Batch, Offsets, concatenated
from proofbook.gpu.kernels.layout import COMMAND_WORDS, EVENT_WORDS, Words
from proofbook.types import ArrowArray, ArrowStream

EVENT = np.dtype(
    [
        ("event", "u1"),
        ("side", "u1"),
        ("reason", "u1"),
        ("flags", "u1"),
        ("zero", "<u4"),
        ("order_id", "<u8"),
        ("other_id", "<u8"),
        ("price", "<i8"),
        ("quantity", "<u8"),
        ("open", "<u8"),
        ("priority", "<u8"),
    ]
)
"""The fields of an event's seven words: of a trade, the order is the maker, the other the taker; of an accepted
order, the other is its account."""

_DLPACK_CPU = 1
_DLPACK_CUDA_HOST = 3
_SHAPE = f"uint64[rows, {COMMAND_WORDS}] row by row"


def batch(
    source: Any,
    offsets: npt.ArrayLike | None = None,
    *,
    books: int | None = None,
    clocks: Words | None = None,
) -> Batch:
    """Commands of many books, from whatever holds them.

    Args:
        source: a ``Batch``; an Arrow table with the columns of `docs/tables.md` and ``book``; one array for each book;
            an array ``uint64[rows, 9]`` (or ``int64``, whose bits are taken) of NumPy, of a GPU, or through DLPack; or
            bytes, 72 for each command.
        offsets: ``[books + 1]``: where the rows of each book begin; not with a batch or a table, needless for one book.
        books: how many books there are, for a table; checked for all others.
        clocks: ``uint64[books]``, the time of each book, for rows of a table that give none.

    Raises:
        InputError: a source that holds no commands, an array that does not lie row by row, or offsets that do not
            divide it.
    """
    if isinstance(source, Batch):
        # Its arrays may have changed since it was made.
        rows = source.commands
        if isinstance(rows, np.ndarray) or hasattr(rows, "__cuda_array_interface__"):
            rows = words(rows)
        found = Batch(rows, _offsets(source.offsets))
    elif _is_arrow(source):
        from proofbook.gpu.tables import commands_of

        found = commands_of(source, books=books, clocks=clocks)
    elif isinstance(source, Sequence) and not isinstance(source, bytes | bytearray | memoryview):
        found = concatenated([words(part) for part in source])
    else:
        rows = words(source)
        bounds = [0, rows.shape[0]] if offsets is None else offsets
        return _checked(Batch(rows, _offsets(bounds)), books)
    if offsets is not None:
        raise InputError("offsets: expected none with a batch, a table or one array for each book: they say it")
    return _checked(found, books)


def _checked(found: Batch, books: int | None) -> Batch:
    if books is not None and found.books != books:
        raise InputError(f"expected commands of {books} books; received those of {found.books}")
    return found


def _offsets(values: npt.ArrayLike) -> Offsets:
    try:
        offsets = np.asarray(values)
    except ValueError as error:
        raise InputError(f"offsets: expected one dimension of integers; received what is no array: {error}") from None
    if offsets.dtype.kind not in "iu":
        raise InputError(f"offsets: expected integers; received {offsets.dtype}")
    return np.array(offsets, dtype=np.int64)


def _is_arrow(source: object) -> TypeGuard[ArrowStream | ArrowArray]:
    return hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__")


def words(source: Any) -> Any:
    """Commands as an array ``uint64[rows, 9]`` where they lie: of NumPy, or for a GPU's memory of numba.

    Raises:
        InputError: it holds no commands, or not row by row.
    """
    if hasattr(source, "__cuda_array_interface__"):
        return _on_device(source)
    return _by_rows(_host_array(source))


def _host_array(source: Any) -> npt.NDArray[Any]:
    if isinstance(source, np.ma.MaskedArray):
        raise InputError(f"commands: expected {_SHAPE}; received a masked array")
    if isinstance(source, np.ndarray):
        return source
    if isinstance(source, bytes | bytearray | memoryview):
        whole = memoryview(source)
        if whole.nbytes % COMMAND.itemsize or not whole.c_contiguous:
            received = f"{whole.nbytes}{'' if whole.c_contiguous else ' with gaps'}"
            raise InputError(f"commands: expected {COMMAND.itemsize} bytes for each; received {received}")
        return np.frombuffer(whole, COMMAND)
    if hasattr(source, "__dlpack__"):
        return _of_dlpack(source)
    if hasattr(source, "__array_interface__") or hasattr(source, "__array__"):
        try:
            return np.asarray(source)
        except (TypeError, ValueError) as error:
            raise InputError(f"commands: expected {_SHAPE}; received what is no array: {error}") from None
    raise InputError(f"commands: expected {_SHAPE}, a table, or bytes; received {type(source).__name__}")


def _of_dlpack(source: Any) -> npt.NDArray[Any]:
    expected = "DLPack in the CPU's memory, or an array with __cuda_array_interface__"
    try:
        device = source.__dlpack_device__()[0]
        if device in (_DLPACK_CPU, _DLPACK_CUDA_HOST):
            return np.from_dlpack(source)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
        received = f"one that cannot be read: {type(error).__name__}: {error}"
        raise InputError(f"commands: expected {expected}; received {received}") from error
    raise InputError(f"commands: expected {expected}; received device {int(device)}")


def _by_rows(array: npt.NDArray[Any]) -> Words:
    if array.dtype == COMMAND:
        if array.ndim != 1 or not array.flags.c_contiguous:
            raise InputError(f"commands: expected one dimension without gaps; received shape {array.shape}")
        return array.view(np.uint64).reshape(-1, COMMAND_WORDS)
    is_words = array.dtype in (np.uint64, np.int64) and array.dtype.isnative
    if not is_words or array.ndim != 2 or array.shape[1] != COMMAND_WORDS or not array.flags.c_contiguous:
        order = "" if array.flags.c_contiguous else ", not row by row"
        raise InputError(f"commands: expected {_SHAPE}; received {array.dtype}{list(array.shape)}{order}")
    return array.view(np.uint64)


def _on_device(source: Any) -> Any:
    """An array of a GPU, where it lies."""
    interface = source.__cuda_array_interface__
    try:
        shape, strides, kind = tuple(interface["shape"]), interface.get("strides"), interface["typestr"]
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"commands: expected {_SHAPE}; received a GPU's array without shape or type: {interface!r}"
        ) from error
    is_words = kind in ("<u8", "<i8")
    rows_bytes = 8 * COMMAND_WORDS
    if not is_words or len(shape) != 2 or shape[1] != COMMAND_WORDS or strides not in (None, (rows_bytes, 8)):
        raise InputError(f"commands: expected {_SHAPE}; received {kind}{list(shape)}, strides {strides}")
    from proofbook.gpu.kernels.compile import is_simulated

    if is_simulated():
        # The simulator's memory is the host's: the same address, as an array that its kernels take.
        size = shape[0] * rows_bytes
        memory = (ctypes.c_uint8 * size).from_address(interface["data"][0]) if size else b""
        array = np.frombuffer(memory, np.uint64).reshape(shape)
        _keep(memory, source)
        return array
    if importlib.util.find_spec("numba_cuda") is None:
        expected = "an array in the host's memory, or numba-cuda, which reads a GPU's"
        raise InputError(f"commands: expected {expected}; received an array of a GPU, and numba-cuda is not installed")
    from numba import cuda

    try:
        held: Any = cuda.as_cuda_array(source)
    except Exception as error:  # the driver's own errors are of many classes
        received = f"one that cannot be read: {' '.join(str(error).split())}"
        raise InputError(
            f"commands: expected an array in the memory of this machine's GPU; received {received}"
        ) from error
    return held if kind == "<u8" else held.view(np.uint64)


def _keep(memory: Any, owner: Any) -> None:
    """Let the memory's owner live as long as what looks into it."""
    if memory:
        memory._owner = owner


def events(encoded: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
    """Encoded events ``uint64[..., 7]`` by field, without a copy: ``EVENT[...]``.

    Raises:
        InputError: an array that is none of events, or whose events do not lie word by word.
    """
    if not isinstance(encoded, np.ndarray):
        raise InputError(f"events: expected uint64[..., {EVENT_WORDS}]; received {type(encoded).__name__}")
    is_fit = encoded.dtype == np.uint64 and encoded.shape[-1:] == (EVENT_WORDS,) and encoded.strides[-1] == 8
    if not is_fit:
        raise InputError(f"events: expected uint64[..., {EVENT_WORDS}]; received {encoded.dtype}{list(encoded.shape)}")
    return encoded.view(EVENT)[..., 0]


def kept(encoded: npt.NDArray[np.uint64], counts: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The events of a step by field, without the room that was not used, and the book of each.

    Args:
        encoded: ``uint64[books, capacity, 7]``.
        counts: how many events each book has.
    """
    capacity = encoded.shape[1]
    used = np.minimum(counts, capacity).astype(np.int64)
    is_used = np.arange(capacity)[None, :] < used[:, None]
    return events(encoded)[is_used], np.repeat(np.arange(len(used)), used)
