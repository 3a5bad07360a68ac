"""Every command of the guide runs, in its order, and shows what the guide says. Proofs are made in `tests/proofs`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("litestar", reason="the packages of the extra `exchange` are not installed")

import guide

from proofbook import proving
from proofbook.errors import ProverError

if not guide.GUIDE.exists():
    pytest.skip("the guide is not beside the tests", allow_module_level=True)


def test_the_guide_has_commands_of_each_kind() -> None:
    kinds = {block.kind for block in guide.blocks()}
    assert kinds == {"", "bash", "python", "bash prover"}


def test_every_command_of_the_guide_runs(tmp_path: Path) -> None:
    try:
        proving.find_prover()
        has_prover = True
    except ProverError:
        has_prover = False
    printed = ""
    with guide.folder_of_the_guide(tmp_path) as environment:
        for block in guide.blocks():
            if block.kind in ("bash", "python") and (has_prover or "proofbook prove" not in block.text):
                printed += guide.run(block, tmp_path, environment)
    assert re.search(r"filled: buy 0\.0100 BTC-USD limit at 75000\.00", printed), printed
    assert re.search(r"  traded 0\.\d+ at \d+\.\d\d, fee", printed)
    assert re.search(r"cancelled: buy 0\.0100 BTC-USD .*\(client id patient\)", printed)
    assert re.search(r"filled: buy 0\.5000 ETH-USD", printed)
    if not has_prover:
        pytest.skip("all but the batch was run: there is no prover (`make prover-executor`)")
    assert "nothing was proven" in printed
