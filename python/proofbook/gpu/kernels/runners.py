"""Where kernels over whole pools run: a GPU or its simulator here, the CPU's workers with their backend."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from proofbook.gpu.kernels.compile import Target, compiled

Form = Literal["book", "group"]
"""Whether a book has a thread of the GPU or a block of them."""

WORKERS = 1 << 14
"""Books that a GPU checks at a time: more than its cores can have in flight."""


class Runner(Protocol):
    """Where kernels run, and memory for them there."""

    @property
    def target(self) -> Target:
        """What kernels are compiled for."""

    def empty(self, shape: int | tuple[int, ...]) -> Any:
        """Memory for words, with anything in it."""

    def give(self, array: npt.NDArray[Any]) -> Any:
        """The array where kernels can read and write it."""

    def take(self, array: Any) -> npt.NDArray[Any]:
        """What kernels wrote, for the host."""

    def run(self, name: str, count: int, *arguments: Any) -> None:
        """Runs the entry with this name over ``count`` items."""

    def run_with_scratch(self, name: str, count: int, words: int, *arguments: Any) -> None:
        """The same, with so many words of work space for each worker."""


class CudaRunner:
    """An NVIDIA GPU, or numba-cuda's simulator.

    Args:
        form: whether a book that is built has a thread or, as a group, a block of threads.
        workers: the most threads, or groups, that build books at a time; each has work space of its own.
        stream: where kernels are queued; a stream of numba-cuda, 0 for the usual one.
    """

    target: Target = "cuda"

    def __init__(self, form: Form = "group", workers: int = WORKERS, stream: Any = 0) -> None:
        self.form = form
        self.workers = workers
        self.stream = stream

    def empty(self, shape: int | tuple[int, ...]) -> Any:
        """Memory of the device."""
        from numba import cuda

        return cuda.device_array(shape, dtype=np.uint64, stream=self.stream)

    def give(self, array: npt.NDArray[Any]) -> Any:
        """A copy on the device."""
        from numba import cuda

        return cuda.to_device(array, stream=self.stream)

    def take(self, array: Any) -> npt.NDArray[Any]:
        """A copy in memory of the host, once the stream has come so far."""
        taken: npt.NDArray[Any] = array.copy_to_host(stream=self.stream)
        if self.stream:
            self.stream.synchronize()
        return taken

    def run(self, name: str, count: int, *arguments: Any) -> None:
        """Queues a kernel with as many threads as it needs."""
        from proofbook.gpu.kernels import bulk_cuda

        blocks, threads = bulk_cuda.shape_of(name, count, self.form, arguments)
        if blocks:
            name = f"{name}_group" if self.form == "group" and name in bulk_cuda.TWO_FORMS else name
            compiled(getattr(bulk_cuda, name), "cuda")[blocks, threads, self.stream](*arguments)

    def run_with_scratch(self, name: str, count: int, words: int, *arguments: Any) -> None:
        """The same; no more workers than the work space is for."""
        scratch = self.empty((max(1, min(count, self.workers)), words))
        self.run(name, len(scratch), *arguments, scratch)
