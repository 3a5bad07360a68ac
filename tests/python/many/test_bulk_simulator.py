"""The CUDA forms of sorting, import, states and aggregation, in numba-cuda's simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda")

PROGRAM = Path(__file__).with_name("simulated_bulk.py")


def test_both_forms_do_on_a_simulated_gpu_what_the_engine_does() -> None:
    found = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": found}
    command = [sys.executable, str(PROGRAM), "plain", "far", "one"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stdout) == (0, "equal\n"), done.stderr
