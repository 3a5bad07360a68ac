"""Every command of `docs/MANY.md` runs, in its order, and so does every example."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")
pytest.importorskip("gymnasium", reason="the packages of the extra `many` are not installed")

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "MANY.md"
FENCE = re.compile(r"^```(?P<kind>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK_S_MAX = 600

if not GUIDE.exists():
    pytest.skip("the guide is not beside the tests", allow_module_level=True)

BLOCKS = [(match["kind"], match["text"]) for match in FENCE.finditer(GUIDE.read_text())]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the examples, and with `proofbook` and `python` on the path."""
    where = tmp_path_factory.mktemp("guide")
    (where / "examples").symlink_to(ROOT / "examples")
    (where / "bin").mkdir()
    for name, arguments in (("proofbook", "-m proofbook "), ("python", "")):
        program = where / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        program.chmod(0o755)
    return where


def run(text: str, kind: str, folder: Path) -> str:
    command = [sys.executable, "-c", text] if kind == "python" else ["bash", "-euc", text]
    environment = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=BLOCK_S_MAX
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_guide_has_blocks_of_each_kind() -> None:
    assert {kind for kind, _ in BLOCKS} == {"text", "bash", "python"}


def test_every_command_of_the_guide_runs(folder: Path) -> None:
    printed = [run(text, kind, folder) for kind, text in BLOCKS if kind != "text"]
    whole = "\n".join(printed)
    assert re.search(r"the engine +EQUAL", whole), whole
    (report,) = [json.loads(line) for line in whole.splitlines() if line.startswith('{"source"')]
    assert report["digests_equal"] is True
    assert report["commands"] == 200 * 500
    assert re.search(r"ticks x lots on average, positions -?\d+ to \d+", whole), whole
    for name in ("market_making/market_making.png", "impact/impact.png", "replay_symbols/books.png"):
        assert (folder / "out" / name).read_bytes().startswith(b"\x89PNG"), name
    assert "every book equals the engine's" in whole


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("market_making.py --markets 10", "--markets: expected 200 or more; received 10"),
        ("market_making.py --markets 200 --seed -1", "--seed: expected 0 or more; received -1"),
        ("market_making.py --markets 200 --steps 1048576", "steps: expected a whole number from 1 to 1048575"),
        ("impact.py --books 40 --groups 1", "--groups: expected 2 or more; received 1"),
        ("impact.py --books 3 --groups 16 --device cpu", "expected two sizes at least with two markets each"),
        ("replay_symbols.py none.itch", "none.itch: expected a file that can be read"),
        ("replay_symbols.py --quick --stretches 0", "stretches: expected a whole number from 1"),
    ],
)
def test_what_an_example_cannot_do_is_one_sentence(script: str, message: str, folder: Path) -> None:
    name, *arguments = script.split()
    command = [sys.executable, str(folder / "examples" / "many" / name), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=BLOCK_S_MAX)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"error: {message}" in done.stderr


def test_a_sweep_is_reproducible_and_depends_on_its_parameters(folder: Path) -> None:
    script = "python examples/many/market_making.py --quick --device cpu --seed {} --out {}"
    for seed, out in ((3, "one"), (3, "two"), (4, "three")):
        run(script.format(seed, out), "bash", folder)
    one, two, three = ((folder / out / "market_making.json").read_text() for out in ("one", "two", "three"))
    assert one == two != three
    rows = json.loads(one)
    assert len({row["earned"] for row in rows}) > len(rows) // 2
    assert {row["spread"] for row in rows} > {0, 1, 10}


def test_impact_rises_with_size(folder: Path) -> None:
    run("python examples/many/impact.py --quick --device cpu --out impact", "bash", folder)
    report = json.loads((folder / "impact" / "impact.json").read_text())
    impacts = [row["impact"] for row in report["sizes"]]
    assert 0.2 < report["exponent"] < 0.9
    assert impacts[-1] > 2 * impacts[0] > 0
