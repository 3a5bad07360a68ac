"""Every book can be asked for by name, does what all others do, and no other name is taken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest

import proofbook
from proofbook import Book, InputError, _core, bench, types
from proofbook.engines import DEFAULT, DESCRIPTIONS, ENGINES

COMMANDS = 20_000


@pytest.fixture(scope="module")
def flow() -> pa.Table:
    return _core.order_flow("sample", seed=11, commands=COMMANDS, words=False)


@pytest.fixture(scope="module")
def expected(flow: pa.Table) -> tuple[pa.Table, bytes]:
    book = Book(engine="reference")
    events = book.apply(flow)
    assert events.num_rows > COMMANDS
    return events, book.digest()


@pytest.mark.parametrize("engine", ENGINES)
def test_every_book_gives_the_same_events(
    engine: types.Engine, flow: pa.Table, expected: tuple[pa.Table, bytes]
) -> None:
    book = Book(engine=engine)
    assert book.apply(flow).equals(expected[0]), engine
    assert (book.digest(), book.engine) == (expected[1], engine)
    book.check()
    again = Book.restore(book.snapshot(), engine=engine)
    assert again.digest() == expected[1]
    assert again.submit("buy", 7, 33_500) == book.submit("buy", 7, 33_500)
    assert f"engine='{engine}'" in repr(book)


def test_the_names_are_those_of_the_native_module() -> None:
    assert set(get_args(types.Engine)) == set(ENGINES) >= {"reference", DEFAULT}
    assert ENGINES[0] == "reference"
    assert all(text.endswith(".") for text in DESCRIPTIONS.values())
    assert Book().engine == DEFAULT


def test_an_unknown_name_is_refused_with_the_list() -> None:
    listed = ", ".join(f'"{name}"' for name in ENGINES)
    for refused in (
        lambda: Book(engine="tree"),  # type: ignore[arg-type]
        lambda: Book.restore(b"", engine="tree"),  # type: ignore[arg-type]
        lambda: _core.RunSession.sample(1, 10, "tree"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match=f'engine must be one of {listed}; received "tree"'):
            refused()
    with pytest.raises(InputError, match=", ".join(ENGINES)):
        bench.native("quick", 1, 1000, 1, "tree")


def call(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "proofbook", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return value


def test_the_command_line_takes_a_book_by_name(tmp_path: Path) -> None:
    file, other = tmp_path / "flow.pbk", ENGINES[-1]
    call("generate", file, "--commands", "3000")
    digests = set()
    for book in ("reference", other):
        out = tmp_path / book
        ran = last_line(call("run", file, "--book", book, "--no-proofs", "--out", out, "--json"))
        replayed = last_line(call("replay", file, "--book", book, "--json"))
        assert ran["engine"] == replayed["engine"] == book
        assert replayed["mismatches"] == 0
        digests |= {ran["digest"], replayed["digest"]}
    journaled = last_line(call("journal", file, "--output", tmp_path / "log", "--book", other, "--json"))
    recovered = last_line(call("recover", tmp_path / "log", "--book", "reference", "--json"))
    assert digests | {journaled["digest"], recovered["digest"]} == {ran["digest"]}
    refused = call("run", "--book", "tree", code=2)
    assert all(name in refused.stderr for name in ENGINES)


def test_info_lists_the_books() -> None:
    assert last_line(call("info", "--json"))["engines"] == DESCRIPTIONS
    text = call("info").stdout
    assert all(name in text for name in ENGINES)
    assert f"version: {proofbook.__version__}" in text
