"""Each wrong direction of dependency is found, and named with what is allowed."""

from __future__ import annotations

import pytest

from .loading import load

check = load("check_dependencies")
MEMBERS = sorted(check.ALLOWED)


def problems(importer: str, imported: str, kind: str | None = None) -> list[str]:
    """What the checker says of a workspace in which one crate imports another."""

    def package(name: str) -> dict[str, object]:
        dependency = {"name": imported if imported not in MEMBERS else f"proofbook-{imported}", "kind": kind}
        return {"name": f"proofbook-{name}", "dependencies": [dependency] if name == importer else []}

    edges = check.edges_of({"packages": [package(name) for name in MEMBERS]})
    return list(check.violations(edges, MEMBERS))


@pytest.mark.parametrize(
    ("importer", "imported", "kind", "expected"),
    [
        ("types", "book", None, "types may import nothing"),
        ("matching", "books", None, "matching may import book, types"),
        ("books", "matching", None, "books may import book, memory, simd, types"),
        ("book", "serde", None, "nothing from outside"),
        ("book", "cc", "build", "nothing from outside"),
        ("engine", "python", None, "python is an edge"),
        ("engine", "capi", "dev", "capi is an edge"),
        ("python", "testkit", None, "make it a dev-dependency"),
        ("replay", "pyo3", None, "only python may import pyo3"),
        ("replay", "pyo3", "dev", "only python may import pyo3"),
    ],
)
def test_wrong_directions_are_named(importer: str, imported: str, kind: str | None, expected: str) -> None:
    found = problems(importer, imported, kind)
    assert len(found) == 1
    assert found[0].startswith(f"{importer} -> {imported}: ")
    assert expected in found[0]


@pytest.mark.parametrize(
    ("importer", "imported", "kind"),
    [
        ("matching", "book", None),
        ("books", "testkit", "dev"),
        ("types", "proptest", "dev"),
        ("journal", "blake3", None),
        ("python", "pyo3", None),
    ],
)
def test_right_directions_pass(importer: str, imported: str, kind: str | None) -> None:
    assert problems(importer, imported, kind) == []


def test_a_crate_that_the_table_does_not_know_is_named() -> None:
    assert [problem.split(":")[0] for problem in check.violations([], [*MEMBERS, "stranger"])] == ["stranger"]


def test_the_table_points_inward() -> None:
    def reached(name: str) -> set[str]:
        return set(check.ALLOWED[name]).union(*(reached(inner) for inner in check.ALLOWED[name]))

    for name in MEMBERS:
        assert name not in reached(name)
        assert not check.EDGES & reached(name)
