"""What the documents say of the tree is true of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .loading import load

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/books/*.md")])
LINK = re.compile(r"\]\(([^()\s]+)\)")
PATH = re.compile(r"`((?:crates|python|tests|tools|make|docs|bench|scripts)/[\w./{},-]*)`")


def named_paths(text: str) -> list[str]:
    """Paths in backquotes, with alternatives in braces written out."""
    paths = []
    for name in PATH.findall(text):
        braces = re.fullmatch(r"(.*)\{(.*)\}(.*)", name)
        if braces is None:
            paths.append(name)
        else:
            paths += [braces[1] + part + braces[3] for part in braces[2].split(",")]
    return paths


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_exist(document: Path) -> None:
    missing = [path for path in named_paths(document.read_text()) if not (ROOT / path).exists()]
    assert missing == []


def test_paths_are_found_at_all() -> None:
    named = named_paths("in `crates/types/src/{order,config}.rs` and `docs/RULES.md`, not `make lint`")
    assert named == ["crates/types/src/order.rs", "crates/types/src/config.rs", "docs/RULES.md"]


def dead_links(document: Path, text: str) -> list[str]:
    """Links and images of a document that lead to no file. Neither the web nor places within a page are looked at."""
    paths = [link.split("#")[0] for link in LINK.findall(text) if not re.match(r"[a-z]+:|#", link)]
    return [path for path in paths if not (document.parent / path).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_images_lead_to_files(document: Path) -> None:
    assert dead_links(document, document.read_text()) == []


def test_dead_links_are_found_and_live_ones_are_not() -> None:
    page = ROOT / "docs/books/ladder.md"
    live = "![a](ladder.svg) [b](../RULES.md#orders) [c](#costs) [d](https://example.org/x)"
    assert dead_links(page, live + " ![e](gone.svg) [f](../gone.md#x)") == ["gone.svg", "../gone.md"]


def test_each_page_of_the_documents_is_among_those_that_are_checked() -> None:
    assert {*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"} <= set(DOCUMENTS)


def test_each_book_has_its_page_and_its_row() -> None:
    folder = ROOT / "docs/books"
    rows = re.findall(r"^\| \[`(\w+)`\]\((\w+)\.md\) \|", (folder / "README.md").read_text(), re.MULTILINE)
    pages = {path.stem for path in folder.glob("*.md")} - {"README"}
    assert pages
    assert sorted(rows) == [(page, page) for page in sorted(pages)]


def test_the_table_of_crates_is_the_one_that_is_enforced() -> None:
    check = load("check_dependencies")
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| ([^|]*) \|$", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    imports = dict(rows)
    assert sorted(imports) == sorted(check.ALLOWED)
    assert sorted(imports) == sorted(path.parent.name for path in ROOT.glob("crates/*/Cargo.toml"))
    for name, text in imports.items():
        named = set(re.findall(r"`([\w-]+)`", text)) | (check.RING if "the ring" in text else set())
        if text.startswith("anything but the other edges"):
            named = set(check.ALLOWED) - check.EDGES - named
        assert named == set(check.ALLOWED[name]), name


def named_tests(text: str) -> list[tuple[str, str]]:
    """Tests that a text links to, as name and path."""
    return re.findall(r"\[`(\w+)`\]\(((?:crates|tests)/[\w./-]+)\)", text)


def test_the_tests_against_attacks_exist() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 21))
    for number, cell in rows:
        named = named_tests(cell)
        assert named or cell == "none", number
        for name, path in named:
            source = (ROOT / path).read_text()
            is_rust = path.endswith(".rs")
            start = rf"#\[test\]\s+fn {name}\(" if is_rust else rf"^ *def {name}\("
            assert re.search(start, source, re.MULTILINE), f"{path} has no test {name}"


def test_every_test_against_an_attack_is_listed() -> None:
    listed = {name for name, _ in named_tests((ROOT / "SECURITY.md").read_text())}
    source = (ROOT / "crates/prover/tests/attacks.rs").read_text()
    assert set(re.findall(r"fn (attack_\d+_\w+)\(", source)) == {name for name in listed if name.startswith("attack_")}


def test_make_targets_exist() -> None:
    makefiles = [ROOT / "Makefile", *sorted((ROOT / "make").glob("*.mk"))]
    targets = {name for file in makefiles for name in re.findall(r"^([\w-]+):", file.read_text(), re.MULTILINE)}
    for document in DOCUMENTS:
        named = set(re.findall(r"`make ([a-z][\w-]*)", document.read_text()))
        assert named <= targets, document
