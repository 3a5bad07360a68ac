"""What a pool of books did and what it cost: counters since its start, and the figures of its last step.

Times are measured where the work is done: around each stage on a CPU and in the simulator, by events of the device on
a GPU. Stages of different parts overlap, so their sum may exceed the time that passed; the difference is what
overlapping saved at most, and ``overlapped_ns`` names it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from proofbook.errors import DeviceError
from proofbook.gpu.memory import MemoryManager, PoolStatistics


@dataclass
class Timing:
    """What one step cost.

    Attributes:
        wall_ns: from the call to its end.
        check_ns: holding the batch against what books take.
        copy_in_ns: commands to the device, all parts in sum.
        kernel_ns: matching, all parts in sum.
        copy_out_ns: counts and events from the device, all parts in sum.
        pipeline_ns: from the first copy to the last.
        bytes_in: bytes that were copied to the device.
        bytes_out: bytes that were copied from it.
        parts: into how many parts the batch was cut.
        worker_ns: time for which workers of a CPU were matching, in sum.
        workers: how many there are.
        move_ns: moving books from device to device, where there are several.
        moved_books: how many moved.
    """

    wall_ns: int = 0
    check_ns: int = 0
    copy_in_ns: int = 0
    kernel_ns: int = 0
    copy_out_ns: int = 0
    pipeline_ns: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    parts: int = 1
    worker_ns: int = 0
    workers: int = 0
    move_ns: int = 0
    moved_books: int = 0

    def add(self, other: Timing) -> None:
        """Adds what another device did at the same time: work in sum, time as that of the slower one."""
        for name in (
            "copy_in_ns",
            "kernel_ns",
            "copy_out_ns",
            "bytes_in",
            "bytes_out",
            "parts",
            "worker_ns",
            "workers",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.pipeline_ns = max(self.pipeline_ns, other.pipeline_ns)

    @property
    def busy_ns(self) -> int:
        """The stages in sum: what they would take one after another, if each took as long then."""
        return self.copy_in_ns + self.kernel_ns + self.copy_out_ns

    @property
    def overlapped_ns(self) -> int:
        """Time for which more than one stage was running."""
        return max(0, self.busy_ns - self.pipeline_ns)

    @property
    def worker_share(self) -> float:
        """How much of the kernel's time the workers of a CPU were matching: 1 where no worker waited for another."""
        return self.worker_ns / (self.workers * self.kernel_ns) if self.workers and self.kernel_ns else 0.0


@dataclass
class Counts:
    """What happened in all books together."""

    steps: int = 0
    commands: int = 0
    events: int = 0
    trades: int = 0
    traded_quantity: int = 0
    rejects: int = 0
    capacity_rejects: int = 0
    unsupported: int = 0
    events_lost: int = 0


@dataclass(eq=False)
class Metrics:
    """Counters of one pool of books.

    Attributes:
        device: the name of the device.
        memory: its pools of memory; those of several devices are added up.
        counts: what happened, since the start.
        total: what that cost, since the start.
        last: what the last step cost.
        occupancy: what is known of how well the device is used, by name; a GPU's compiler and driver tell, a CPU's
            workers are measured.
    """

    device: str
    memory: Sequence[MemoryManager]
    counts: Counts = field(default_factory=Counts)
    total: Timing = field(default_factory=lambda: Timing(parts=0))
    last: Timing = field(default_factory=Timing)
    occupancy: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def record(self, counts: Mapping[str, int], timing: Timing) -> None:
        """Adds a step."""
        with self._lock:
            self.counts.steps += 1
            for name, value in counts.items():
                setattr(self.counts, name, getattr(self.counts, name) + value)
            for term in fields(Timing):
                before = getattr(self.total, term.name)
                after = timing.workers if term.name == "workers" else before + getattr(timing, term.name)
                setattr(self.total, term.name, after)
            self.last = timing

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, for JSON."""
        with self._lock:
            seconds = self.total.wall_ns / 1e9
            moved = self.total.bytes_in + self.total.bytes_out
            commands = self.counts.commands
            return {
                "device": self.device,
                "counts": _plain(self.counts),
                "total": _timing(self.total),
                "last": _timing(self.last),
                "commands_per_second": commands / seconds if seconds else 0.0,
                "bytes_moved_per_command": moved / commands if commands else 0.0,
                "occupancy": dict(self.occupancy),
                "memory": self._memory(),
            }

    def _memory(self) -> dict[str, dict[str, int]]:
        every = [memory.statistics() for memory in self.memory]
        return {
            kind: {term.name: sum(getattr(each[kind], term.name) for each in every) for term in fields(PoolStatistics)}
            for kind in ("device", "host")
        }

    def prometheus(self) -> str:
        """Everything in the text format of Prometheus.

        Raises:
            DeviceError: prometheus-client is not installed.
        """
        try:
            from prometheus_client import CollectorRegistry, generate_latest
        except ImportError:
            raise DeviceError(
                'metrics as Prometheus text need prometheus-client: pip install "prometheus-client"'
            ) from None
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry).decode()

    def collect(self) -> Iterator[Any]:
        """The metrics as a collector of prometheus-client gives them: register this object with your own registry."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        now = self.as_dict()
        for name, value in now["counts"].items():
            family = CounterMetricFamily(
                f"proofbook_many_{name}", f"{name.replace('_', ' ')} of all books", labels=["device"]
            )
            family.add_metric([self.device], value)
            yield family
        for stage in ("wall", "check", "copy_in", "kernel", "copy_out", "overlapped"):
            text = f"time of steps: {stage.replace('_', ' ')}"
            family = CounterMetricFamily(f"proofbook_many_{stage}_seconds", text, labels=["device"])
            family.add_metric([self.device], now["total"][f"{stage}_ns"] / 1e9)
            yield family
        moved = CounterMetricFamily("proofbook_many_copied_bytes", "bytes copied", labels=["device", "direction"])
        moved.add_metric([self.device, "in"], now["total"]["bytes_in"])
        moved.add_metric([self.device, "out"], now["total"]["bytes_out"])
        yield moved
        occupancy = GaugeMetricFamily(
            "proofbook_many_occupancy", "how well the device is used", labels=["device", "figure"]
        )
        for name, value in now["occupancy"].items():
            occupancy.add_metric([self.device, name], value)
        yield occupancy
        for name in ("held_bytes", "in_use_bytes", "in_use_bytes_max", "limit_bytes"):
            gauge = GaugeMetricFamily(f"proofbook_many_memory_{name}", f"memory: {name}", labels=["device", "kind"])
            for kind, pool in now["memory"].items():
                gauge.add_metric([self.device, kind], pool[name])
            yield gauge
        for name in ("allocations", "reuses", "releases", "refusals"):
            family = CounterMetricFamily(f"proofbook_many_memory_{name}", f"memory: {name}", labels=["device", "kind"])
            for kind, pool in now["memory"].items():
                family.add_metric([self.device, kind], pool[name])
            yield family


def _plain(record: Any) -> dict[str, Any]:
    return {term.name: getattr(record, term.name) for term in fields(record)}


def _timing(timing: Timing) -> dict[str, Any]:
    return {**_plain(timing), "overlapped_ns": timing.overlapped_ns, "worker_share": timing.worker_share}
