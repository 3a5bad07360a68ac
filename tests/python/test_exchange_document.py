"""The examples of the guide to the web's interfaces, run against an exchange."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

pytest.importorskip("litestar")

from exchange_process import Process

ROOT = Path(__file__).resolve().parents[2]


def test_the_guides_examples(tmp_path: Path) -> None:
    process = Process(tmp_path / "exchange")
    try:
        failures, examples = doctest.testfile(
            str(ROOT / "docs/API.md"), module_relative=False, globs={"url": process.url}
        )
        assert failures == 0 and examples > 20
    finally:
        assert process.stop() == 0, process.errors()
