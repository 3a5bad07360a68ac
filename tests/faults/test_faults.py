"""The scenarios in short; ``make faults`` runs them at full size."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from faults import scenarios
from faults.crowd import Reader
from faults.fix_session import BrokenError
from faults.scenarios import Figures, Load


def run(scenario: Coroutine[Any, Any, Figures]) -> Figures:
    """The figures of a scenario; one that cannot be run here is skipped with its reason."""
    try:
        return asyncio.run(scenario)
    except (PermissionError, FileNotFoundError) as error:
        pytest.skip(str(error))


@pytest.fixture
def seed() -> str:
    """Another one each time; a `BrokenError` prints it."""
    return str(time.time_ns())


def test_nothing_acknowledged_is_lost_or_doubled_by_kills(tmp_path: Path, seed: str) -> None:
    """A few kills in the midst of orders."""
    figures = run(scenarios.killed(tmp_path / "exchange", clients=4, web_clients=2, count=6, seed=seed))
    assert figures["kills"] == 6
    assert figures["requests"] > 100
    assert figures["web_orders"] > 10


def test_broken_messages_change_nothing(tmp_path: Path, seed: str) -> None:
    """Some thousands of them, beside a client that trades."""
    figures = run(scenarios.flooded(tmp_path / "exchange", 20_000, seed))
    assert figures["messages"] == 20_000
    assert figures["honest_requests_answered"] > 0


def test_a_storm_of_connections_passes(tmp_path: Path, seed: str) -> None:
    """Many connections that say nothing, or half of something."""
    figures = run(scenarios.stormed(tmp_path / "exchange", 600, seed))
    assert figures["opened"] > 300


def test_readers_are_told_everything_beside_those_who_do_not_read(tmp_path: Path, seed: str) -> None:
    """Each reader compares every checksum."""
    load = Load(fix=4, readers=12, slow=40, rate=20, seconds=4)
    figures = run(scenarios.crowded(tmp_path / "exchange", load, seed))
    assert figures["requests"] > 100


def test_a_full_disk_stops_acknowledgements_and_a_larger_one_goes_on(tmp_path: Path, seed: str) -> None:
    """It says that it is full."""
    figures = run(scenarios.starved(tmp_path / "exchange", seed))
    assert "space" in figures["said"]


def test_a_failed_sync_stops_acknowledgements_and_a_restart_goes_on(tmp_path: Path, seed: str) -> None:
    """It says what failed."""
    figures = run(scenarios.unsynced(tmp_path / "exchange", seed))
    assert "503" in figures["said"] or "status" in figures["said"]


def test_a_client_that_is_told_something_wrong_notices() -> None:
    """The check of readers fails where it must: a level that the server did not send changes the checksum."""
    reader = Reader()
    message = {
        "channel": "book",
        "type": "snapshot",
        "sequence": 1,
        "time_ns": 0,
        "bids": [["1.00", "2.000", 1]],
        "asks": [],
    }
    reader.bids = {"1.00": ("2.000", 1)}
    right = reader.checksum()
    reader.take(message | {"checksum": right})
    with pytest.raises(BrokenError):
        reader.take(message | {"checksum": right, "bids": [["1.00", "2.000", 2]]})
    with pytest.raises(BrokenError):
        reader.take(message | {"type": "delta", "previous": 7, "sequence": 8, "checksum": right})
