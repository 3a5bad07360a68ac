"""The guide to its end: the fill that is traded there is proven, and checked with the commands of the guide.

`make test-proofs` runs this: it takes four and a half minutes on two cores.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

import guide

pytest.importorskip("litestar", reason="the packages of the extra `exchange` are not installed")


def test_the_fill_of_the_guide_is_proven(tmp_path: Path) -> None:
    printed = ""
    with guide.folder_of_the_guide(tmp_path) as environment:
        for block in guide.blocks():
            # Of the rest only what the proof is about.
            if block.kind == "bash prover" or "ETH-USD" in block.text or "proofbook balances" in block.text:
                printed += guide.run(block, tmp_path, environment)
    assert "filled: buy 0.5000 ETH-USD" in printed
    assert "1 proof holds, of market 2" in printed, printed
    assert "buy 5000 at 300000" in printed, printed
