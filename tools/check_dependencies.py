"""Check the directions of dependency between the crates of the workspace.

Dependencies point inward: edges import the ring, nothing imports an edge. The table below is the whole truth about
which crate may name which; `ARCHITECTURE.md` says why. Each violation names the edge at fault and what is allowed
instead.

Run as `python tools/check_dependencies.py`; it asks `cargo metadata` and needs no network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "proofbook-"

MANIFESTS = ("Cargo.toml", "crates/prover/Cargo.toml")
"""The workspaces: the prover has one of its own, since it is heavy."""

RING = frozenset({"types", "book", "matching", "commitment", "chain", "transition"})
"""Crates without the standard library: they run natively and inside a proof alike, so they depend on nothing else."""

MARKET = frozenset({"types", "book", "matching", "books"})
"""What makes a market: rules and books, without the proof."""

EDGES = frozenset({"capi", "harness", "prover", "python", "verifier-wasm"})
"""Crates that face the outside. Nothing imports them."""

ALLOWED: Mapping[str, frozenset[str]] = {
    "types": frozenset(),
    "book": frozenset({"types"}),
    "matching": frozenset({"types", "book"}),
    "memory": frozenset({"types"}),
    "simd": frozenset(),
    "books": frozenset({"types", "book", "memory", "simd"}),
    "net": frozenset({"types", "memory"}),
    "commitment": frozenset({"types"}),
    "transition": frozenset({"types", "book", "matching", "commitment"}),
    "chain": frozenset({"types", "commitment"}),
    "poseidon2-simd": frozenset({"commitment", "simd"}),
    "ledger": frozenset({"types", "book", "matching", "commitment", "transition", "poseidon2-simd"}),
    "verifier-wasm": frozenset({"types", "receipts", "verifier"}),
    "fixed": frozenset({"simd"}),
    "fix": frozenset({"simd"}),
    "session": frozenset({"fix"}),
    "merkle": frozenset({"commitment", "poseidon2-simd", "simd"}),
    "light": frozenset({"types", "commitment", "fixed"}),
    "receipts": frozenset({"types", "commitment", "chain"}),
    "serving": frozenset({"types", "commitment", "transition", "ledger", "receipts"}),
    "verifier": frozenset({"types", "commitment", "chain", "receipts"}),
    "workload": frozenset({"types"}),
    "journal": frozenset({"types"}),
    "engine": frozenset({"types", "book", "matching", "journal"}),
    "exchange": MARKET | {"journal", "engine"},
    "feed": frozenset({"types", "book", "matching", "exchange"}),
    "gateway": MARKET | {"journal", "engine", "exchange", "fix", "memory", "session", "net"},
    "server": MARKET | {"journal", "engine", "exchange", "feed", "gateway", "fix", "session"},
    "replay": MARKET | {"engine", "workload"},
    "testkit": frozenset({"types", "book", "matching", "workload"}),
    "run": frozenset({"types", "book", "matching", "engine", "fixed", "replay", "workload"}),
    "bench": RING | {"books", "engine", "fixed", "ledger", "light", "merkle", "poseidon2-simd", "workload"},
    "analysis": MARKET | {"bench", "fixed", "memory", "replay", "workload"},
    "capi": MARKET | {"engine", "journal"},
    "harness": MARKET,
    "prover": frozenset({"types", "book", "matching", "commitment", "chain", "ledger", "workload"}),
    "python": RING
    | {"analysis", "bench", "books", "engine", "exchange", "feed", "fix", "fixed", "gateway", "journal", "ledger"}
    | {"light", "memory", "merkle", "net", "poseidon2-simd", "receipts", "replay", "run", "server", "serving"}
    | {"session", "verifier", "workload"},
}
"""Which crates of the workspace each may import."""

DEVELOPMENT_ONLY = frozenset({"testkit"})
"""Crates that only tests import."""

OWNERS: Mapping[str, frozenset[str]] = {
    "pyo3": frozenset({"python"}),
    "pyo3-arrow": frozenset({"python"}),
    "numpy": frozenset({"python"}),
    "ed25519-dalek": frozenset({"receipts", "session"}),
    "mio": frozenset({"gateway"}),
    "rustls": frozenset({"gateway"}),
    "sp1-verifier": frozenset({"verifier"}),
    "sp1-recursion-executor": frozenset({"verifier"}),
}
"""Outside crates that only these may import."""


@dataclass(frozen=True)
class Edge:
    """One dependency as a manifest states it."""

    importer: str
    imported: str
    is_inside: bool
    is_development: bool


def short(name: str) -> str:
    """A crate's name without the workspace's prefix."""
    return name.removeprefix(PREFIX)


def edges_of(metadata: Mapping[str, object]) -> list[Edge]:
    """All dependencies in the output of `cargo metadata --no-deps`."""
    packages = metadata["packages"]
    assert isinstance(packages, list)
    members = {package["name"] for package in packages}
    return [
        Edge(
            importer=short(package["name"]),
            imported=short(dependency["name"]) if dependency["name"] in members else dependency["name"],
            is_inside=dependency["name"] in members,
            is_development=dependency["kind"] == "dev",
        )
        for package in packages
        for dependency in package["dependencies"]
    ]


def listed(names: Iterable[str]) -> str:
    """Names for a sentence."""
    return ", ".join(sorted(names)) or "nothing"


def violation(edge: Edge) -> str | None:
    """What is wrong with a dependency, if anything is."""
    importer, imported = edge.importer, edge.imported
    arrow = f"{importer} -> {imported}"
    if not edge.is_inside:
        owners = OWNERS.get(imported)
        if owners is not None and importer not in owners:
            return f"{arrow}: only {listed(owners)} may import {imported}"
        if importer in RING and not edge.is_development:
            return f"{arrow}: the ring ({listed(RING)}) imports nothing from outside the workspace"
        return None
    if imported in EDGES:
        return f"{arrow}: {imported} is an edge ({listed(EDGES)}), which nothing imports"
    if edge.is_development:
        return None
    if imported in DEVELOPMENT_ONLY:
        return f"{arrow}: {imported} is for tests: make it a dev-dependency"
    if imported not in ALLOWED[importer]:
        return f"{arrow}: {importer} may import {listed(ALLOWED[importer])}"
    return None


def violations(edges: Iterable[Edge], members: Iterable[str]) -> list[str]:
    """Everything that is wrong, in a fixed order."""
    unknown = sorted(set(members) - set(ALLOWED))
    found = [f"{name}: not in the table of {Path(__file__).name}: say there what it may import" for name in unknown]
    known = (edge for edge in edges if edge.importer in ALLOWED)
    return found + sorted(problem for edge in known if (problem := violation(edge)) is not None)


def ring_attributes(root: Path) -> list[str]:
    """Ring crates that do not refuse the standard library or unsafe code."""
    problems = []
    for name in sorted(RING):
        text = (root / "crates" / name / "src" / "lib.rs").read_text()
        problems += [
            f"{name}: src/lib.rs lacks {attribute}, which every crate of the ring has"
            for attribute in ("#![no_std]", "#![forbid(unsafe_code)]")
            if attribute not in text.splitlines()
        ]
    return problems


def main() -> int:
    """Print each violation and give the exit status."""
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"]
    packages = []
    for manifest in MANIFESTS:
        output = subprocess.run([*command, manifest], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        packages += json.loads(output)["packages"]
    members = [short(package["name"]) for package in packages]
    edges = edges_of({"packages": packages})
    problems = violations(edges, members) + ring_attributes(ROOT)
    for problem in problems:
        print(f"dependency direction: {problem}", file=sys.stderr)
    if not problems:
        inside = sum(edge.is_inside for edge in edges)
        print(f"{len(members)} crates, {inside} dependencies between them: all point inward")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
