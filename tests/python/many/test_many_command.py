"""`proofbook many` as a user runs it, and that nothing else of proofbook needs its packages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proofbook.many_command import Device, Events

BLOCKED = """
import sys

class Without:
    # A finder of modules that does not find some packages, as if they were not installed.

    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {blocked!r} else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
sys.argv = ["proofbook", *sys.argv[1:]]
{then}
assert not set(sys.modules) & {blocked!r}, set(sys.modules) & {blocked!r}
"""

PACKAGES = {"numba", "numba_cuda", "llvmlite", "gymnasium", "cuda"}


def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "proofbook", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "NUMBA_ENABLE_CUDASIM"},
    )


def blocked(then: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = BLOCKED.format(blocked=PACKAGES, then=then)
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


MAIN = "from proofbook.cli import app\napp(standalone_mode=False)"


@pytest.mark.parametrize(
    ("then", "arguments"),
    [
        ("import proofbook\nproofbook.Book().submit('buy', 1, 1)", ()),
        (MAIN, ("--help",)),
        (MAIN, ("many", "--help")),
        (MAIN, ("info", "--json")),
    ],
)
def test_the_base_package_needs_none_of_the_packages(then: str, arguments: tuple[str, ...]) -> None:
    done = blocked(then, *arguments)
    assert done.returncode == 0, done.stderr


def test_without_numba_one_sentence_says_what_to_install() -> None:
    done = blocked("from proofbook.cli import main\nmain()", "many")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        'error: many books at once need numba: pip install "proofbook[many]"'
    ], done.stderr


numba = pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")


def report_of(*arguments: str | Path) -> dict[str, Any]:
    done = call("many", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return value


@pytest.mark.parametrize("events", list(Events))
def test_every_book_equals_the_engines(events: Events) -> None:
    arguments = ("--books", "40", "--commands", "300", "--events", events, "--device", "cpu", "--check")
    report = report_of(*arguments)
    assert report["digests_equal"] is True
    assert (report["books"], report["commands"], report["events_kept"]) == (40, 12_000, events)
    assert report["events_that_differ"] == (None if events is Events.NONE else 0)
    assert report["events"] > report["trades"] > 0
    assert report["rejects"] > 0
    assert report["commands_per_s"] > 0
    again = report_of(*arguments, "--threads", "2")
    assert {name: again[name] for name in ("events", "trades", "rejects")} == {
        name: report[name] for name in ("events", "trades", "rejects")
    }


@pytest.mark.parametrize("scenario", ["static", "normal", "swing-25", "swing-40", "flash-crash"])
def test_every_scenario_equals_the_engines(scenario: str) -> None:
    report = report_of("--books", "10", "--commands", "400", "--scenario", scenario, "--device", "cpu", "--check")
    assert report["digests_equal"] is True
    assert report["capacity_rejects"] == 0


def test_books_without_room_for_levels_differ_and_the_first_is_named() -> None:
    done = call("many", "--books", "5", "--commands", "300", "--levels", "2", "--device", "cpu", "--check", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["digests_equal"] is False
    assert report["capacity_rejects"] > 0
    sentence = done.stderr.strip().splitlines()[-1]
    assert re.match(
        rf"failed: book {report['first_difference']} is the first that differs from the engine's: ", sentence
    )
    assert "want of room" in sentence


def test_the_table_says_what_was_run() -> None:
    done = call("many", "--books", "5", "--commands", "50", "--device", "cpu", "--check")
    assert done.returncode == 0, done.stderr
    assert re.search(r"books +5 of 256 orders and 256 levels", done.stdout)
    assert re.search(r"the engine +EQUAL", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scenario", "quiet"), "quiet"),
        (("--orders", str(1 << 30)), "orders"),
        (("--device", "gpu"), "the device 'gpu'"),
        (("--seed", str(1 << 64)), "seed: expected a whole number"),
        (("--symbol", "ABC"), "--symbol and --stretches: expected with files"),
        (
            ("--books", "1", "--commands", "262145", "--events", "all"),
            "--events all: expected at most 262,144 commands",
        ),
    ],
)
def test_what_cannot_be_run_is_one_sentence(arguments: tuple[str, ...], message: str) -> None:
    if "gpu" in arguments:
        from proofbook import gpu

        if gpu.missing("gpu") is None:
            pytest.skip("there is a GPU")
    done = call("many", "--books", "2", "--commands", "2", *arguments)
    assert done.returncode == 2
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith("error: ")
    assert message in sentence


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--books", "5", "--seed", "9"), "--books, --seed: expected without files, since flow is generated then"),
        (("--commands", "1000"), "--commands: expected without files"),
        (("--scenario", "mixed"), "--scenario: expected without files"),
        (("--stretches", str(1 << 30)), "stretches: expected a whole number from 1 to 16777216; received 1073741824"),
        ((), "missing.csv: expected a file that can be read; received No such file or directory"),
    ],
)
def test_what_has_no_meaning_with_files_is_one_sentence(arguments: tuple[str, ...], message: str) -> None:
    done = call("many", "missing.csv", *arguments)
    assert done.returncode == 2
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith(f"error: {message}")


def test_the_simulator_runs_the_same_books() -> None:
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    done = call("many", "--books", "2", "--commands", "20", "--device", "sim", "--check", "--json")
    if done.returncode == 2 and "CUDA's libraries" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["digests_equal"] is True
    assert report["device"] == Device.SIM
