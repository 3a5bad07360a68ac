"""Each rule of the tidiness check finds its planted fault and lets the right text pass."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .loading import load

tidy = load("tidy")


@pytest.fixture(autouse=True)
def no_exceptions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The rules alone, without the lists of this project's exceptions."""
    monkeypatch.setattr(tidy, "LONG_FILES", {})
    monkeypatch.setattr(tidy, "LONG_FUNCTIONS", {})
    yield


def complaints(path: str, text: str) -> list[str]:
    """What the checker says of one file."""
    return [complaint.text for complaint in tidy.complaints({path: text})]


def rust_function(lines: int) -> str:
    """A function of so many lines whose strings, characters and comments hold braces."""
    body = ['    let text = "}}}"; // }', "    let mark = '}';", '    let raw = r#"}"}"#;']
    body += ["    step();"] * (lines - 2 - len(body))
    return "\n".join(["//! Doc.", "fn long<'a>(x: &'a [u8; 4]) -> u8 {", *body, "}", "fn short() {}", ""])


def test_functions_are_measured_by_their_braces() -> None:
    assert complaints("crates/a/src/b.rs", rust_function(70)) == []
    assert complaints("crates/a/src/b.rs", rust_function(71)) == ["long has 71 lines, at most 70 are allowed: split it"]
    python = '"""Doc."""\ndef long():\n' + "    step()\n" * 70
    assert complaints("a.py", python) == ["long has 71 lines, at most 70 are allowed: split it"]


def test_files_are_measured() -> None:
    assert complaints("a.sh", "#!/bin/sh\n" * 600) == []
    assert complaints("a.sh", "#!/bin/sh\n" * 601) == ["601 lines, at most 600 are allowed: split the file"]
    assert complaints("README.md", "text\n" * 601) == []


def test_an_exception_that_is_not_needed_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidy, "LONG_FILES", {"a.sh": "a reason"})
    monkeypatch.setattr(tidy, "LONG_FUNCTIONS", {"a.py:f": "a reason"})
    found = [
        str(complaint) for complaint in tidy.complaints({"a.sh": "#!/bin/sh\n", "a.py": '"""D."""\ndef f(): ...\n'})
    ]
    assert found == [
        "a.sh:1: the exception in LONG_FILES is not needed any more",
        "a.py:1: the exception for f in LONG_FUNCTIONS is not needed any more",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "TO" + "DO later",
        "# FIX" + "ME",
        "to" + "do!()",
        "see /ro" + "ot/x",
        "in '/ho" + "me/someone/data'",
        "at /wo" + "rk/main",
        "from crates" + ".io",
        "https://py" + "pi.org/simple",
        "../sha" + "red/design",
    ],
)
def test_forbidden_texts_are_found(text: str) -> None:
    assert len(complaints("notes.md", f"first line\n{text}\n")) == 1


@pytest.mark.parametrize(
    "text", ["../shared/data", "src/root/x", "$HOME/work/x", "https://rustup.rs", "a/home/b", "todos"]
)
def test_allowed_texts_pass(text: str) -> None:
    assert complaints("notes.md", text) == []


@pytest.mark.parametrize(("path", "text"), [("a.rs", "fn a() {}\n"), ("a.py", "import os\n"), ("a.sh", "ls\n")])
def test_files_say_what_they_are(path: str, text: str) -> None:
    assert any("expected the file to start with" in complaint for complaint in complaints(path, text))


@pytest.mark.parametrize(
    ("code", "is_argued"),
    [
        ("    unsafe { call() };", False),
        ("    // SAFETY: it is.\n    unsafe { call() };", True),
        ("    // SAFETY: it is,\n    // and stays so.\n    let x =\n        unsafe { call() };", True),
        ("    // SAFETY: of another.\n    other();\n    unsafe { call() };", False),
        ('    let text = "unsafe { call() }";', True),
    ],
)
def test_unsafe_code_is_argued_for(code: str, is_argued: bool) -> None:
    found = complaints("a.rs", f"//! Doc.\nfn a() {{\n{code}\n}}\n")
    assert found == ([] if is_argued else ["expected a comment '// SAFETY: ...' above the unsafe code"])


@pytest.mark.parametrize(
    "code", ["let x: f64 = y;", "use std::time::Instant;", "HashMap::new();", "std::thread::spawn(f);"]
)
def test_the_ring_is_the_same_everywhere(code: str) -> None:
    text = f"//! No f64 here.\n{code}\n"
    assert len(complaints("crates/matching/src/work.rs", text)) == 1
    assert complaints("crates/bench/src/measure.rs", text) == []


@pytest.mark.parametrize(
    "code",
    [
        "use std::sync::atomic::AtomicU64;",
        "use core::sync::atomic;",
        "let _ = std::sync::Arc::new(1);",
        "std::thread::spawn(run);",
        "use core::cell::UnsafeCell;",
        "use loom::sync::Arc;",
    ],
)
def test_what_threads_share_goes_through_the_seam(code: str) -> None:
    (complaint,) = complaints("crates/memory/src/pool.rs", f"//! Doc.\n{code}\n")
    assert complaint.endswith("beside the seam: name it through proofbook_memory::sync")
    assert complaints("crates/memory/src/sync.rs", f"//! Doc.\n{code}\n") == []
    assert complaints("crates/memory/src/pool.rs", f"//! Doc.\n// {code}\n") == []
    assert complaints("crates/engine/src/pool.rs", f"//! Doc.\n{code}\n") == []


def test_crates_with_unsafe_code_have_their_section() -> None:
    files = {"crates/a/src/lib.rs": "//! Doc.\nunsafe fn a() {}\n", "SAFETY.md": "## `crates/b`\n"}
    found = [complaint.text.split(":")[0] for complaint in tidy.complaints(files)]
    assert found == ["has no section for crates/a", "has a section for safe crates/b"]
    files["SAFETY.md"] = "## `crates/a`\n"
    assert list(tidy.complaints(files)) == []
