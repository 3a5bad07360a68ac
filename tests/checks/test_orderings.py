"""The check of orderings finds each that a model could need, and weakens it as far as the operation allows."""

from __future__ import annotations

import re

import pytest

from .loading import load

orderings = load("check_orderings")
RESULTS = orderings.ROOT / "tests" / "orderings"


def weakened(body: str) -> list[str]:
    """The statements that come of a function body."""
    text = f"//! Doc.\nfn f() {{\n    {body}\n}}\n"
    found = []
    for weakening in orderings.weakenings("a.rs", text):
        changed = text[: weakening.start] + weakening.replacement + text[weakening.end :]
        found.append(changed.splitlines()[2].strip())
    return found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a.load(Ordering::Relaxed);", []),
        ("a.load(Ordering::SeqCst);", ["a.load(Ordering::Acquire);"]),
        ("a.load(Ordering::Acquire);", ["a.load(Ordering::Relaxed);"]),
        ("a.store(f(x), Ordering::SeqCst);", ["a.store(f(x), Ordering::Release);"]),
        ("a.store(1, Ordering::Release);", ["a.store(1, Ordering::Relaxed);"]),
        ("a.swap(1, Ordering::AcqRel);", ["a.swap(1, Ordering::Acquire);", "a.swap(1, Ordering::Release);"]),
        (
            "a.compare_exchange(x, b.load(Ordering::Relaxed), Ordering::SeqCst, Ordering::Acquire);",
            [
                "a.compare_exchange(x, b.load(Ordering::Relaxed), Ordering::AcqRel, Ordering::Acquire);",
                "a.compare_exchange(x, b.load(Ordering::Relaxed), Ordering::SeqCst, Ordering::Relaxed);",
            ],
        ),
        ("fence(Ordering::SeqCst);", ["fence(Ordering::AcqRel);"]),
        ("fence(Ordering::Acquire);", ["();"]),
        ('let text = "Ordering::SeqCst"; // Ordering::SeqCst', []),
    ],
)
def test_each_ordering_is_weakened_by_one_step(body: str, expected: list[str]) -> None:
    assert weakened(body) == expected


def test_constants_are_those_of_loads() -> None:
    text = "//! Doc.\nconst LOOK: Ordering = Ordering::Acquire;\n"
    (weakening,) = orderings.weakenings("a.rs", text)
    assert (weakening.replacement, weakening.name) == (
        "Ordering::Relaxed",
        "a.rs: constant: const LOOK: Ordering = Ordering::Acquire -> Relaxed",
    )


@pytest.mark.parametrize(
    ("attribute", "is_left_out"),
    [
        ("#[cfg(test)]", True),
        ("#[cfg(all(test, not(loom)))]", True),
        ("#[cfg(not(loom))]", True),
        ("#[cfg(tsan)]", True),
        ('#[cfg(not(any(loom, target_arch = "x86_64")))]', True),
        ("#[cfg(not(tsan))]", False),
        ('#[cfg(any(loom, not(target_arch = "x86_64")))]', False),
    ],
)
def test_what_no_model_runs_is_left_out(attribute: str, is_left_out: bool) -> None:
    text = f"//! Doc.\n{attribute}\nmod m {{\n    fn f() {{ a.load(Ordering::Acquire); }}\n}}\nfn g() {{}}\n"
    assert (list(orderings.weakenings("a.rs", text)) == []) == is_left_out


@pytest.mark.parametrize("crate", orderings.crates_with_models())
def test_the_kept_result_is_that_of_the_sources_as_they_are(crate: str) -> None:
    hint = f"make check-orderings CRATE={crate} WRITE=1"
    path = RESULTS / f"{crate}.txt"
    if not path.exists():
        pytest.skip(f"no result is kept: {hint}")
    lines = path.read_text().splitlines()
    expected = [
        weakening.name
        for path, text in orderings.sources_of(crate).items()
        for weakening in orderings.weakenings(path, text)
    ]
    assert [re.sub(r": (caught by .*|NOT CAUGHT)$", "", line) for line in lines[:-1]] == expected, hint
    caught = sum(": caught by " in line for line in lines)
    assert lines[-1] == f"{caught} of {len(expected)} weakenings caught"
    assert caught * 100 >= len(expected) * orderings.CAUGHT_PERCENT_MIN
