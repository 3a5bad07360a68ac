"""Devices by name: what each needs is one sentence where it is missing, and the base package imports none of it."""

from __future__ import annotations

import doctest
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")

from proofbook import DeviceError, InputError, gpu
from proofbook.gpu import backends

HERE = Path(__file__).parent

WITHOUT = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        return None
import importlib.util
known = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {names!r} else known(name, package)
sys.meta_path.insert(0, Absent())
"""


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != backends.SIMULATOR_VARIABLE}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_nothing_else_imports_what_many_books_need() -> None:
    code = """
import sys, proofbook, proofbook.cli, proofbook.testing
sys.exit(",".join(name for name in ("numba", "numba_cuda", "gymnasium", "llvmlite") if name in sys.modules) or None)
"""
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_without_numba_the_import_is_one_sentence() -> None:
    done = python(WITHOUT.format(names=("numba",)) + "import proofbook.gpu")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == ('ImportError: many books at once need numba: pip install "proofbook[many]"')


def test_without_numba_cuda_the_cpu_is_chosen_and_a_gpu_is_refused() -> None:
    code = """
from proofbook import DeviceError, gpu
print(gpu.choose("auto").name)
for name in ("gpu", "sim"):
    try:
        gpu.choose(name)
    except DeviceError as error:
        print(error)
"""
    done = python(WITHOUT.format(names=("numba_cuda",)) + code)
    assert done.stdout.splitlines() == [
        "cpu",
        "the device 'gpu' needs numba-cuda: pip install \"proofbook[gpu]\"",
        "the device 'sim' needs numba-cuda: pip install \"proofbook[gpu]\"",
    ], done.stderr


def test_a_machine_without_a_gpu_says_what_is_missing() -> None:
    pytest.importorskip("numba_cuda")
    reason = gpu.missing("gpu")
    if reason is None:
        pytest.skip("there is a GPU")
    assert reason.startswith("the device 'gpu' needs ")
    assert "\n" not in reason
    with pytest.raises(DeviceError) as caught:
        gpu.Books(2, device="gpu")
    assert str(caught.value) == reason
    assert gpu.choose("auto").name == "cpu"


@pytest.mark.parametrize(
    ("available", "gpus", "compiler", "expected"),
    [
        (False, 0, True, "the device 'gpu' needs NVIDIA's driver, which was not found on this machine"),
        (True, 0, True, "the device 'gpu' needs an NVIDIA GPU, and the driver finds none on this machine"),
        (
            True,
            1,
            False,
            "the device 'gpu' needs CUDA's libraries: pip install \"proofbook[gpu]\" (NVVM, its compiler,",
        ),
        (True, 1, True, None),
    ],
)
def test_each_thing_that_a_gpu_needs_has_its_sentence(
    monkeypatch: pytest.MonkeyPatch, available: bool, gpus: int, compiler: bool, expected: str | None
) -> None:
    import types

    import numba

    driver = types.SimpleNamespace(driver=types.SimpleNamespace(is_available=available))
    cuda = types.SimpleNamespace(
        cudadrv=types.SimpleNamespace(driver=driver), gpus=[0] * gpus, is_available=lambda: compiler
    )
    monkeypatch.setattr(numba, "cuda", cuda, raising=False)
    monkeypatch.setitem(sys.modules, "numba.cuda", cuda)
    reason = backends._gpu_missing()
    assert reason == expected or (expected is not None and reason is not None and reason.startswith(expected))


def test_a_driver_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    import numba

    class Broken:
        @property
        def driver(self) -> None:
            raise RuntimeError("CUDA_ERROR_UNKNOWN\nand more")

    monkeypatch.setattr(numba, "cuda", types.SimpleNamespace(cudadrv=Broken()), raising=False)
    assert backends._gpu_missing() == ("the device 'gpu' needs a working NVIDIA driver; it says: CUDA_ERROR_UNKNOWN")


def test_names_of_devices_and_their_numbers_are_checked() -> None:
    with pytest.raises(InputError, match="device: expected one of auto, cpu, gpu, sim; received 'cuda'"):
        gpu.missing("cuda")
    with pytest.raises(InputError, match="device: expected one of auto, cpu, gpu, sim; received 'cuda'"):
        gpu.choose("cuda")


def test_threads_are_those_of_a_cpu_where_nobody_names_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    made = types.SimpleNamespace(CudaBackend=lambda device, **named: (device, named))
    monkeypatch.setitem(sys.modules, "proofbook.gpu.cuda", made)
    monkeypatch.setattr(backends, "missing", lambda _device: None)
    assert gpu.choose("auto", threads=2) == ("gpu", {"streams": 2, "memory_limit_bytes": None})
    with pytest.raises(InputError, match="threads: expected none for the device 'gpu', which has its own; received 2"):
        gpu.choose("gpu", threads=2)


NOWHERE = """
import warnings
import numba, numpy as np
try:
    from numba.core.caching import CacheImpl
except ImportError:
    from numba.core.caching import _CacheImpl as CacheImpl
CacheImpl._locator_classes = []  # as where no folder can be written
from proofbook.gpu import checks
from proofbook.gpu.kernels.compile import compiled
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    found = compiled(checks.first_flaw, "cpu")(np.zeros((1, 9), np.uint64), 0, 1)
print(found, len(caught), caught[0].message)
"""


@pytest.mark.parametrize(
    ("before", "received"),
    [
        ("", "/nowhere"),
        (
            "import os, pathlib\n"
            "for name in ('NUMBA_CACHE_DIR', 'XDG_CACHE_HOME'):\n    os.environ.pop(name, None)\n"
            "def nobody(): raise RuntimeError('Could not determine home directory.')\n"
            "pathlib.Path.home = nobody\n",
            "none, since there is no home",
        ),
    ],
)
def test_without_a_place_for_machine_code_it_is_made_anew(before: str, received: str) -> None:
    done = python(before + NOWHERE, NUMBA_CACHE_DIR="/nowhere")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 1 machine code is made anew by each process: expected a folder")
    assert done.stdout.rstrip().endswith(f"received {received}")


def test_examples_in_docstrings() -> None:
    examples = 0
    for path in sorted(Path(gpu.__file__).parent.glob("*.py")):
        if path.name.endswith("cuda.py"):
            continue  # it has none, and cannot be imported where there is no CUDA
        module = importlib.import_module(f"proofbook.gpu.{path.stem}" if path.stem != "__init__" else "proofbook.gpu")
        outcome = doctest.testmod(module)
        assert outcome.failed == 0, path.name
        examples += outcome.attempted
    assert examples >= 20


@pytest.mark.parametrize("case", ["thread", "group", "near", "beside", "refusals"])
def test_books_in_the_simulator(case: str) -> None:
    pytest.importorskip("numba_cuda")
    done = subprocess.run(
        [sys.executable, str(HERE / "simulated_books.py"), case],
        env={**os.environ, backends.SIMULATOR_VARIABLE: "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == [case]
