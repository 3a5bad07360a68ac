"""The comparison with the oracle catches faults planted in the rules; ``run.py --all`` plants many more."""

from __future__ import annotations

import shutil

import pytest

from mutants.faults import MORE, NAMED, Change, Fault
from mutants.run import PlantingError, plant, run, sources


def test_every_fault_fits_the_source() -> None:
    files = sources()
    for fault in (*NAMED, *MORE):
        assert plant(files, fault) != files, fault.name


def test_a_fault_for_another_source_is_an_error() -> None:
    missing = Fault("of old", 0, (Change("matching/src/work.rs", "text that is not there", "text"),))
    with pytest.raises(PlantingError, match="0 times, not once"):
        plant(sources(), missing)
    common = Fault("everywhere", 0, (Change("matching/src/work.rs", "order", "text"),))
    with pytest.raises(PlantingError, match="not once"):
        plant(sources(), common)


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo builds the programs with planted faults; none is here")
def test_planted_faults_are_caught_and_nothing_else() -> None:
    control, *outcomes = run(NAMED, "mutants")
    assert not control.is_caught, control
    assert [outcome for outcome in outcomes if not outcome.is_caught] == []
    assert len(outcomes) == len(NAMED) == 5
