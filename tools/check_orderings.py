"""Weaken each atomic ordering by one step and see whether a model fails: what no model needs is not understood.

Run as `python tools/check_orderings.py [--crate memory]`, or `make check-orderings`. In a copy of the tree it takes
every ordering in the sources of the crates that have models (`crates/CRATE/tests/loom_*.rs`), weakens it (sequentially
consistent to acquire and release, those to relaxed), and runs the models of that crate. Without a change all must pass;
with one, some should fail. `--list` only says what would be weakened, `--write` keeps the result in
`tests/orderings/CRATE.txt`. The exit status is 1 where less than `CAUGHT_PERCENT_MIN` are caught.

Building takes longer than running. So all of it is built once, with every ordering asked for at run time; only
constants are changed in the source, one after the other.

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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tidy import ROOT, rust_code, rust_functions

CAUGHT_PERCENT_MIN = 90
BUILD_SECONDS_MAX = 900
MODEL_SECONDS_MAX = 300
"""A model that takes so long has found no end, which counts as caught: without a change each ends in seconds."""

LEFT_OUT = re.compile(r"\btest\b|\bnot\((any\()?loom\b|^#\[cfg\(tsan\)\]")
"""Attributes of items that no model runs."""

LOADS = {"SeqCst": ("Acquire",), "Acquire": ("Relaxed",)}
STORES = {"SeqCst": ("Release",), "Release": ("Relaxed",)}
EXCHANGES = {"SeqCst": ("AcqRel",), "AcqRel": ("Acquire", "Release"), "Acquire": ("Relaxed",), "Release": ("Relaxed",)}


PROFILE = ("profile.release.opt-level=1", 'profile.release.package."*".opt-level=3')
"""What is built anew each time is built fast, and loom runs fast."""


CHOICE = "PROOFBOOK_WEAKENED"
"""The variable that says which ordering is weaker in a run."""

CHOICE_MODULE = f'''//! Which ordering is weaker in this run.
extern crate std;
use core::sync::atomic::Ordering;

fn chosen() -> Option<u32> {{
    static CHOSEN: std::sync::OnceLock<Option<u32>> = std::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| std::env::var("{CHOICE}").ok()?.parse().ok())
}}

pub(crate) fn is(number: u32) -> bool {{
    chosen() == Some(number)
}}

pub(crate) fn pick(strong: Ordering, weaker: &[(u32, Ordering)]) -> Ordering {{
    weaker.iter().find(|(number, _)| is(*number)).map_or(strong, |(_, ordering)| *ordering)
}}
'''
"""What the copy asks at run time."""


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
    is_constant: bool
    """Whether it stands outside of functions, so that it cannot be asked for at run time."""


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
                yield Weakening(path, fence.start(), close, "()", name, False)
            else:
                is_constant = function == "constant"
                yield Weakening(path, match.start(), match.end(), f"Ordering::{ordering}", name, is_constant)


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


def cargo(
    folder: Path, crate: str, model: str, arguments: Sequence[str], seconds_max: int, choice: int | None = None
) -> tuple[int | None, str]:
    """Runs cargo on one model; the status (none where it found no end) and what was said."""
    environment = {
        **os.environ,
        CHOICE: "" if choice is None else str(choice),
        "CARGO_TARGET_DIR": str(folder / "build"),
        "RUSTFLAGS": "--cfg loom",
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
        "CARGO_PROFILE_RELEASE_DEBUG": "0",
    }
    profile = [word for setting in PROFILE for word in ("--config", setting)]
    command = ["cargo", "test", "--release", "--quiet", *profile]
    command += ["--package", f"proofbook-{crate}", "--test", model, *arguments]
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


def first_failure(folder: Path, crate: str, path: str, choice: int | None = None) -> str | None:
    """The first model that fails, if one does."""
    for model in models(crate, path):
        # What is chosen at run time is built already.
        status, said = (0, "") if choice is not None else cargo(folder, crate, model, ["--no-run"], BUILD_SECONDS_MAX)
        if status != 0:
            raise CheckError(f"{model} of {crate} does not build:\n{said}")
        status, said = cargo(folder, crate, model, [], MODEL_SECONDS_MAX, choice)
        if status is None:
            return f"{model} (no end)"
        if status != 0:
            failed = re.search(r"^---- (\S+) stdout ----$", said, re.MULTILINE)
            return f"{model}: {failed.group(1)}" if failed else model
    return None


def with_choices(text: str, numbered: Mapping[int, Weakening]) -> str:
    """A source whose orderings are asked for at run time."""
    places: dict[tuple[int, int], list[tuple[int, Weakening]]] = {}
    for number, weakening in numbered.items():
        places.setdefault((weakening.start, weakening.end), []).append((number, weakening))
    for (start, end), choices in sorted(places.items(), reverse=True):
        if choices[0][1].replacement == "()":
            asked = f"{{ if !crate::weakened::is({choices[0][0]}) {{ {text[start:end]} }} }}"
        else:
            weaker = ", ".join(f"({number}, {weakening.replacement})" for number, weakening in choices)
            asked = f"crate::weakened::pick({text[start:end]}, &[{weaker}])"
        text = text[:start] + asked + text[end:]
    return text


def check(folder: Path, crate: str, sources: Mapping[str, str], only: str) -> tuple[list[str], int, int]:
    """Weakens every ordering of a crate: lines of the result, how many were caught, how many there were."""
    source = folder / "source"
    root = source / "crates" / crate / "src"
    numbered = dict(enumerate(weakening for path, text in sources.items() for weakening in weakenings(path, text)))
    at_run_time = {number: weakening for number, weakening in numbered.items() if not weakening.is_constant}
    for path, text in sources.items():
        mine = {number: weakening for number, weakening in at_run_time.items() if weakening.path == path}
        (source / path).write_text(with_choices(text, mine))
    (root / "weakened.rs").write_text(CHOICE_MODULE)
    library = (root / "lib.rs").read_text()
    (root / "lib.rs").write_text(library + "\nmod weakened;\n")
    failed = first_failure(folder, crate, "")
    if failed is not None:
        raise CheckError(f"expected all models of {crate} to pass without a change, but {failed} fails")
    outcomes: dict[int, str | None] = {}
    for number, weakening in sorted(numbered.items(), key=lambda item: item[1].is_constant):
        if only not in weakening.name:
            continue
        if weakening.is_constant:
            text = sources[weakening.path]
            (source / weakening.path).write_text(
                text[: weakening.start] + weakening.replacement + text[weakening.end :]
            )
            outcomes[number] = first_failure(folder, crate, weakening.path)
            (source / weakening.path).write_text(text)
        else:
            outcomes[number] = first_failure(folder, crate, weakening.path, number)
        print(describe(weakening, outcomes[number]), flush=True)
    lines = [describe(numbered[number], failed) for number, failed in sorted(outcomes.items())]
    caught = sum(failed is not None for failed in outcomes.values())
    lines.append(f"{caught} of {len(outcomes)} weakenings caught")
    print(lines[-1], flush=True)
    return lines, caught, len(outcomes)


def describe(weakening: Weakening, failed: str | None) -> str:
    """One line of the result."""
    return f"{weakening.name}: " + (f"caught by {failed}" if failed else "NOT CAUGHT")


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
            kept = ROOT / "tests" / "orderings" / f"{crate}.txt"
            kept.parent.mkdir(exist_ok=True)
            kept.write_text("\n".join(lines) + "\n")
    return 0 if is_enough else 1


if __name__ == "__main__":
    sys.exit(main())
