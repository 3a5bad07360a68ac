"""Weaken each atomic ordering by one step and see whether a model fails: what no model needs is not understood.

Run as `python tools/check_orderings.py [--crate memory]`, or `make check-orderings`. In a copy of the tree it takes
every ordering in the sources of the crates that have models (`crates/CRATE/tests/loom_*.rs`), weakens it (sequentially
consistent to acquire and release, those to relaxed), and runs the models of that crate. Without a change all must pass;
with one, some should fail. `--list` only says what would be weakened, `--write` keeps the result in
`tests/orderings/CRATE.txt`. The exit status is 1 where less than `CAUGHT_PERCENT_MIN` are caught.

Left out are tests, and code that models do not compile: items under `#[cfg(test)]`, `#[cfg(not(loom))]` and the like.
Relaxed orderings cannot be weakened.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tidy import ROOT, rust_code, rust_functions

CAUGHT_PERCENT_MIN = 90
BUILD_SECONDS_MAX = 900
MODEL_SECONDS_MAX = 120
"""A model that takes so long has found no end, which counts as caught: without a change each ends in seconds."""

LEFT_OUT = re.compile(r"\btest\b|\bnot\((any\()?loom\b|^#\[cfg\(tsan\)\]")
"""Attributes of items that no model runs."""

LOADS = {"SeqCst": ("Acquire",), "Acquire": ("Relaxed",)}
STORES = {"SeqCst": ("Release",), "Release": ("Relaxed",)}
EXCHANGES = {"SeqCst": ("AcqRel",), "AcqRel": ("Acquire", "Release"), "Acquire": ("Relaxed",), "Release": ("Relaxed",)}


class CheckError(Exception):
    """The models could not be built, or fail without a change: the run says nothing then."""


@dataclass(frozen=True)
class Weakening:
    """One ordering, made weaker by one step."""

    path: str
    start: int
    end: int
    """Where the text stands that is replaced."""
    replacement: str
    name: str
    """Where it is and what becomes of it, as far as that stays true when other lines change."""


def left_out(code: str) -> list[range]:
    """The places of items that no model runs, by the attribute before them."""
    places = []
    for match in re.finditer(r"#\[cfg\([^\]]*\)\]", code):
        if not LEFT_OUT.search(match.group()):
            continue
        depth = 0
        for mark in re.compile(r"[(){}\[\];]").finditer(code, match.end()):
            depth += {";": 0}.get(mark.group(), 1 if mark.group() in "([{" else -1)
            if depth == 0 and mark.group() in ";}":
                places.append(range(match.start(), mark.end()))
                break
    return places


def weaker(code: str, start: int, ordering: str) -> tuple[str, ...]:
    """What the ordering at a place becomes, by the call that it is an argument of."""
    depth, place = 0, start
    while depth >= 0 and place > 0 and code[place - 1] not in ";{}":
        place -= 1
        depth += {")": 1, "(": -1}.get(code[place], 0)
    called = re.search(r"(\w+)\s*$", code[:place]) if depth < 0 else None
    if called is None:
        # A constant that loads use.
        return LOADS.get(ordering, ())
    return {"load": LOADS, "store": STORES}.get(called.group(), EXCHANGES).get(ordering, ())


def weakenings(path: str, text: str) -> Iterator[Weakening]:
    """Each ordering of a source file that can be weakened, in each way."""
    code = rust_code(text)
    skipped = left_out(code)
    functions = sorted(rust_functions(text), key=lambda function: function.last - function.first)
    for match in re.finditer(r"\bOrdering::(SeqCst|AcqRel|Acquire|Release)\b", code):
        if any(match.start() in place for place in skipped):
            continue
        number = text.count("\n", 0, match.start()) + 1
        function = next((found.name for found in functions if found.first <= number <= found.last), "constant")
        start = max(code.rfind(mark, 0, match.start()) for mark in ";{}") + 1
        fence = re.search(r"\bfence\s*\(\s*$", code[: match.start()])
        statement = re.sub(r"\s*\.\s*(?=\w)", ".", " ".join(code[start : match.end()].split())).strip("= ")
        for ordering in weaker(code, match.start(), match.group(1)):
            name = f"{path}: {function}: {statement} -> {ordering}"
            if fence and ordering == "Relaxed":
                close = code.index(")", match.end()) + 1
                yield Weakening(path, fence.start(), close, "()", name)
            else:
                yield Weakening(path, match.start(), match.end(), f"Ordering::{ordering}", name)


def crates_with_models() -> list[str]:
    """Crates whose concurrent code has models."""
    return sorted({path.parent.parent.name for path in ROOT.glob("crates/*/tests/loom_*.rs")})


def models(crate: str, path: str) -> list[str]:
    """The names of a crate's models; first those that sound like the source."""
    names = [model.stem for model in sorted((ROOT / "crates" / crate / "tests").glob("loom_*.rs"))]
    parts = set(re.findall(r"[a-z]+", path))
    return sorted(names, key=lambda name: name.removeprefix("loom_") not in parts)


def target_folder() -> Path:
    """Where cargo builds, and where the copy stands."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute() / "orderings"


@contextmanager
def workplace() -> Iterator[Path]:
    """The folder of the copy, for this process alone. It is kept, so that only what changed is built."""
    folder = target_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def copy_tree(folder: Path) -> None:
    """The workspace as it is here. Files that are equal are left alone: what cargo built from them stays valid."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "Cargo.*", ".cargo", "crates"]
    listing = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    names = {name for name in listing.split("\0") if name and (ROOT / name).is_file()}
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if str(path.relative_to(folder)) not in names:
            path.unlink()
    for name in names:
        place, content = folder / name, (ROOT / name).read_bytes()
        if not place.exists() or place.read_bytes() != content:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def cargo(folder: Path, crate: str, model: str, arguments: Sequence[str], seconds_max: int) -> tuple[int | None, str]:
    """Runs cargo on one model; the status (none where it found no end) and what was said."""
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(folder / "build"),
        "RUSTFLAGS": "--cfg loom",
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
        "CARGO_PROFILE_RELEASE_DEBUG": "0",
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
    }
    command = ["cargo", "test", "--release", "--quiet", "--package", f"proofbook-{crate}", "--test", model, *arguments]
    with subprocess.Popen(
        command,
        cwd=folder / "source",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=seconds_max)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, ""
    return process.returncode, said


def first_failure(folder: Path, crate: str, path: str) -> str | None:
    """The first model that fails, if one does."""
    for model in models(crate, path):
        status, said = cargo(folder, crate, model, ["--no-run"], BUILD_SECONDS_MAX)
        if status != 0:
            raise CheckError(f"{model} of {crate} does not build:\n{said}")
        # One test after the other, and no test after the first that fails.
        status, said = cargo(folder, crate, model, ["--", "--test-threads", "1"], MODEL_SECONDS_MAX)
        if status is None:
            return f"{model} (no end)"
        if status != 0:
            failed = re.search(r"^---- (\S+) stdout ----$", said, re.MULTILINE)
            return f"{model}: {failed.group(1)}" if failed else model
    return None


def check(folder: Path, crate: str, sources: dict[str, str], only: str) -> tuple[list[str], int, int]:
    """Weakens every ordering of a crate: lines of the result, how many were caught, how many there were."""
    failed = first_failure(folder, crate, "")
    if failed is not None:
        raise CheckError(f"expected all models of {crate} to pass without a change, but {failed} fails")
    lines, caught, count = [], 0, 0
    for path, text in sources.items():
        for weakening in weakenings(path, text):
            if only not in weakening.name:
                continue
            place = folder / "source" / path
            place.write_text(text[: weakening.start] + weakening.replacement + text[weakening.end :])
            try:
                failed = first_failure(folder, crate, path)
            finally:
                place.write_text(text)
            count += 1
            caught += failed is not None
            lines.append(f"{weakening.name}: " + (f"caught by {failed}" if failed else "NOT CAUGHT"))
            print(lines[-1], flush=True)
    lines.append(f"{caught} of {count} weakenings caught")
    print(lines[-1], flush=True)
    return lines, caught, count


def sources_of(crate: str) -> dict[str, str]:
    """The sources of a crate that have orderings to weaken."""
    paths = sorted((ROOT / "crates" / crate / "src").rglob("*.rs"))
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in paths}
    return {path: text for path, text in texts.items() if any(weakenings(path, text))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks the crates that have models; 1 where too little is caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crate", action="append", choices=crates_with_models(), help="only this one")
    parser.add_argument("--only", default="", help="only weakenings whose line holds this text")
    parser.add_argument("--list", action="store_true", help="say what would be weakened")
    parser.add_argument("--write", action="store_true", help="keep the result in tests/orderings/CRATE.txt")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("expected a whole result to keep, received --only")
    is_enough = True
    for crate in options.crate or crates_with_models():
        sources = sources_of(crate)
        if options.list:
            for path, text in sources.items():
                print(*(weakening.name for weakening in weakenings(path, text)), sep="\n")
            continue
        with workplace() as folder:
            copy_tree(folder / "source")
            try:
                lines, caught, count = check(folder, crate, sources, options.only)
            except CheckError as error:
                print(f"check_orderings: {error}", file=sys.stderr)
                return 2
        is_enough &= caught * 100 >= count * CAUGHT_PERCENT_MIN
        if options.write:
            (ROOT / "tests" / "orderings" / f"{crate}.txt").write_text("\n".join(lines) + "\n")
    return 0 if is_enough else 1


if __name__ == "__main__":
    sys.exit(main())
