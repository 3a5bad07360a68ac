"""The package as users meet it: types, stubs, documentation, and what is exported."""

from __future__ import annotations

import ast
import doctest
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import proofbook
import proofbook._core
from proofbook import _core

PACKAGE = Path(proofbook.__file__).parent
TESTS = Path(__file__).parent


def checked(*arguments: str, cwd: Path) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stub_says_what_the_binary_has(tmp_path: Path) -> None:
    # pyarrow has no stubs of its own.
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nignore_missing_imports = True\n")
    checked("-m", "mypy.stubtest", "--mypy-config-file", str(config), "proofbook._core", cwd=tmp_path)


def test_a_users_program_is_typed_strictly(tmp_path: Path) -> None:
    program = tmp_path / "user_program.py"
    program.write_text((TESTS / "user_program.py").read_text())
    checked("-m", "mypy", "--strict", "--ignore-missing-imports", str(program), cwd=tmp_path)
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import proofbook\nproofbook.Book().submit('long', 1, 1.5)\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", str(wrong)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.count("[arg-type]") == 2, "a wrong word and a float are type errors:\n" + done.stdout


def test_a_users_program_runs() -> None:
    sys.path.insert(0, str(TESTS))
    try:
        import user_program
    finally:
        sys.path.remove(str(TESTS))
    assert user_program.main() == ["accepted", "traded with 1 at 100.10", "cancelled 0.500"]


def docstrings(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node)
            if text and ">>>" in text:
                yield getattr(node, "name", path.stem), text


EXAMPLES = [
    pytest.param(text, id=f"{path.name}:{name}")
    for path in [*sorted(PACKAGE.glob("*.py")), PACKAGE / "_core.pyi"]
    for name, text in docstrings(path)
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_in_docstrings(text: str) -> None:
    example = doctest.DocTestParser().get_doctest(text, {}, "example", None, None)
    output: list[str] = []
    doctest.DocTestRunner().run(example, out=output.append)
    assert not output, "".join(output)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 10


ROOT = TESTS.parent.parent


@pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="the README is not beside the tests")
def test_examples_in_the_readme() -> None:
    failures, examples = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert examples > 3
    assert failures == 0


def test_what_is_exported_exists_and_is_documented() -> None:
    assert (PACKAGE / "py.typed").exists()
    for name in proofbook.__all__:
        value = getattr(proofbook, name)
        if not name.startswith("__"):
            assert value.__doc__, name
    events = {name for name in proofbook.__all__ if isinstance(getattr(proofbook, name), type)}
    assert {subclass.__name__ for subclass in proofbook.Event.__subclasses__()} <= events


def test_the_core_imports_nothing_heavy() -> None:
    code = "import sys, proofbook; sys.exit(any(name in sys.modules for name in ('matplotlib', 'pyarrow', 'typer')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ}).returncode == 0


def test_native_functions_are_documented() -> None:
    for name in dir(_core.Book):
        if not name.startswith("_"):
            assert getattr(_core.Book, name).__doc__, name
