"""Check what no compiler checks: sizes, texts that must not be here, and that unsafe code is argued for.

Run as `python tools/tidy.py`. Each complaint names the file and line, what was expected and what was found. The rules:

- a file has at most 600 lines, a function at most 70; `LONG_FILES` and `LONG_FUNCTIONS` list the exceptions with their
  reasons, and an exception that is no longer needed is a complaint too;
- source files say at the top what they are;
- no marks of unfinished work, no paths of one machine, no host names of package registries;
- the ring has no floating point, clock, thread or hash table of random order, so that equal commands give equal bytes;
- crates with models name what threads share through `proofbook_memory::sync`, or the models would not see it;
- each unsafe block has a comment that starts with SAFETY, each crate that has one has its section in `SAFETY.md`.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70

LONG_FILES: Mapping[str, str] = {
    "python/proofbook/_core.pyi": "the stub of one native module is one file",
}
"""Files that may be longer, each with its reason."""

LONG_FUNCTIONS: Mapping[str, str] = {
    "crates/receipts/src/events.rs:decode_event": "one arm for each kind of event, the other way round than raw",
    "crates/types/src/event.rs:raw": "one arm for each kind of event; apart they could not be compared with each other",
}
"""Functions that may be longer, as `path:name`, each with its reason."""

RING = tuple(f"crates/{crate}/src/" for crate in ("types", "book", "matching", "commitment", "chain", "transition"))
UNEQUAL = re.compile(r"\b(f32|f64|HashMap|HashSet|Instant|SystemTime|thread)\b")
"""What could make two runs of the ring differ."""

MODELLED = tuple(f"crates/{crate}/src/" for crate in ("memory", "books", "net"))
SEAM = "crates/memory/src/sync.rs"
BESIDE_SEAM = re.compile(
    r"\b(loom\s*::|(core|std|alloc)\s*::\s*(sync|thread)\b|(core|std)\s*::\s*cell\s*::\s*UnsafeCell\b)"
)
"""What the models of concurrent code do not see, or what only they know."""

CODE = frozenset({".rs", ".py", ".pyi", ".sh", ".c", ".h", ".mk", ".js", ".mjs", ".ts", ".svelte", ".html", ".css"})
TEXT = CODE | {".md", ".toml", ".yml", ".yaml", ".json", ".txt", ""}

WEB_HEADS: Mapping[str, tuple[str, ...]] = {".mjs": ("// ",), ".ts": ("// ",), ".svelte": ("<!--",)}
"""How source files for web pages begin."""

# Put together from pieces, so that this file does not hold what it forbids.
FORBIDDEN: Mapping[str, re.Pattern[str]] = {
    "a mark of unfinished work": re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|\b(to" + r"do|unimplemented)!\("),
    "a path of one machine": re.compile(r"(?<![\w.$)}~/-])/(ro" + r"ot|ho" + r"me|wo" + r"rk|Us" + r"ers|mnt)/\w"),
    "the host name of a package registry": re.compile(
        r"\b(crates[.]io|pypi[.]org|pythonhosted[.]org|registry[.]npmjs|repo1?[.]maven)(?!-index)"
    ),
    "a path outside the project": re.compile(r"[.][.]/shared(?!/data\b)"),
}


@dataclass(frozen=True)
class Complaint:
    """Something to change, and where."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        """As compilers print it, so that editors find the place."""
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Function:
    """A function and the lines that it takes."""

    name: str
    first: int
    last: int


def project_files() -> list[str]:
    """Every file that is or may be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted(name for name in listing.split("\0") if name and (ROOT / name).is_file())


def rust_code(text: str) -> str:
    """Rust source with the insides of comments and literals blanked, line for line."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|b?r(?P<marks>#*)".*?"(?P=marks)|b?"(?:\\.|[^"\\])*"|b?\'(?:\\[^\n]+?|[^\'\\\n])\'',
        re.DOTALL,
    )
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def rust_functions(text: str) -> Iterator[Function]:
    """Functions with a body, found by their braces."""
    code = rust_code(text)
    for match in re.finditer(r"\bfn\s+(\w+)", code):
        depth = 0
        # A semicolon outside all brackets ends a declaration, the brace that closes the first one ends a body.
        for mark in re.compile(r"[(){}\[\];]").finditer(code, match.end()):
            if mark.group() == ";" and depth == 0:
                break
            depth += {";": 0}.get(mark.group(), 1 if mark.group() in "([{" else -1)
            if mark.group() == "}" and depth == 0:
                first, last = (text.count("\n", 0, place) + 1 for place in (match.start(), mark.start()))
                yield Function(match.group(1), first, last)
                break


def python_functions(text: str) -> Iterator[Function]:
    """Functions and methods, without their decorators."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(node.name, node.lineno, node.end_lineno or node.lineno)


def functions(path: str, text: str) -> Iterable[Function]:
    """The functions of a source file in a language that this can read."""
    if path.endswith(".rs"):
        return rust_functions(text)
    return python_functions(text) if path.endswith(".py") else ()


def check_sizes(path: str, text: str) -> Iterator[Complaint]:
    """Lengths of the file and of its functions."""
    lines = len(text.splitlines())
    if lines > FILE_LINES_MAX and path not in LONG_FILES:
        yield Complaint(path, lines, f"{lines} lines, at most {FILE_LINES_MAX} are allowed: split the file")
    for function in functions(path, text):
        length = function.last - function.first + 1
        if length > FUNCTION_LINES_MAX and f"{path}:{function.name}" not in LONG_FUNCTIONS:
            message = f"{function.name} has {length} lines, at most {FUNCTION_LINES_MAX} are allowed: split it"
            yield Complaint(path, function.first, message)


def check_texts(path: str, text: str) -> Iterator[Complaint]:
    """What must not be written anywhere."""
    for number, line in enumerate(text.splitlines(), 1):
        for name, pattern in FORBIDDEN.items():
            if match := pattern.search(line):
                yield Complaint(path, number, f"{match.group()!r} is {name}")


def check_head(path: str, text: str) -> Iterator[Complaint]:
    """Source files begin with what they are."""
    starts = {".rs": ("//!",), ".py": ('"""', 'r"""', "#!"), ".sh": ("#!",), **WEB_HEADS}.get(Path(path).suffix)
    if starts is not None and text.strip() and not text.startswith(starts):
        yield Complaint(path, 1, f"expected the file to start with {starts[0]} and what it is")


def check_unsafe(path: str, text: str) -> Iterator[Complaint]:
    """A comment that starts with SAFETY stands right above each unsafe block or implementation."""
    if not path.endswith(".rs"):
        return
    lines, code = text.splitlines(), rust_code(text).splitlines()
    for index, line in enumerate(code):
        if not re.search(r"\bunsafe\s*(\{|impl\b)", line):
            continue
        above = index
        while above > 0 and not code[above - 1].rstrip().endswith((";", "{", "}", ",")) and code[above - 1].strip():
            above -= 1
        comments = [lines[index]]
        while above > 0 and lines[above - 1].lstrip().startswith(("//", "#[")):
            above -= 1
            comments.append(lines[above])
        if not any("// SAFETY:" in comment for comment in comments + lines[above : index + 1]):
            yield Complaint(path, index + 1, "expected a comment '// SAFETY: ...' above the unsafe code")


def check_ring(path: str, text: str) -> Iterator[Complaint]:
    """Nothing in the ring can make two runs differ."""
    if path.startswith(RING):
        for number, line in enumerate(rust_code(text).splitlines(), 1):
            if match := UNEQUAL.search(line):
                yield Complaint(path, number, f"{match.group()} in the ring: equal commands must give equal bytes")


def check_seam(path: str, text: str) -> Iterator[Complaint]:
    """Concurrent code names what threads share through one module, which models exchange."""
    if path.startswith(MODELLED) and path != SEAM:
        for number, line in enumerate(rust_code(text).splitlines(), 1):
            if match := BESIDE_SEAM.search(line):
                yield Complaint(
                    path, number, f"{match.group()} beside the seam: name it through proofbook_memory::sync"
                )


def check_safety_document(texts: Mapping[str, str]) -> Iterator[Complaint]:
    """Crates with unsafe code are the sections of SAFETY.md."""
    has_unsafe = {
        path.split("/")[1]
        for path, text in texts.items()
        if path.startswith("crates/") and path.endswith(".rs") and re.search(r"\bunsafe\b", rust_code(text))
    }
    has_unsafe -= {name for name in has_unsafe if is_forbidden_only(name, texts)}
    sections = set(re.findall(r"^## `crates/([\w-]+)`", texts.get("SAFETY.md", ""), re.MULTILINE))
    for name in sorted(has_unsafe ^ sections):
        fault = "has no section for" if name in has_unsafe else "has a section for safe"
        yield Complaint(
            "SAFETY.md", 1, f"{fault} crates/{name}: there is one '## `crates/name`' for each with unsafe code"
        )


def is_forbidden_only(name: str, texts: Mapping[str, str]) -> bool:
    """Whether a crate forbids unsafe code, so that the word is no use of it."""
    return "#![forbid(unsafe_code)]" in texts.get(f"crates/{name}/src/lib.rs", "")


def check_exceptions(texts: Mapping[str, str]) -> Iterator[Complaint]:
    """Exceptions that are still needed."""
    for path in LONG_FILES:
        if len(texts.get(path, "").splitlines()) <= FILE_LINES_MAX:
            yield Complaint(path, 1, "the exception in LONG_FILES is not needed any more")
    for entry in LONG_FUNCTIONS:
        path, _, name = entry.rpartition(":")
        lengths = [
            function.last - function.first + 1
            for function in functions(path, texts.get(path, ""))
            if function.name == name
        ]
        if max(lengths, default=0) <= FUNCTION_LINES_MAX:
            yield Complaint(path, 1, f"the exception for {name} in LONG_FUNCTIONS is not needed any more")


def complaints(texts: Mapping[str, str]) -> Iterator[Complaint]:
    """Everything that is wrong in these files, given as path and text."""
    for path, text in texts.items():
        if Path(path).suffix in CODE:
            yield from check_sizes(path, text)
            yield from check_head(path, text)
            yield from check_unsafe(path, text)
            yield from check_ring(path, text)
            yield from check_seam(path, text)
        yield from check_texts(path, text)
    yield from check_safety_document(texts)
    yield from check_exceptions(texts)


def main() -> int:
    """Print each complaint and give the exit status."""
    paths = [path for path in project_files() if Path(path).suffix in TEXT and Path(path).name != "Cargo.lock"]
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in paths}
    found = list(complaints(texts))
    for complaint in found:
        print(complaint, file=sys.stderr)
    if not found:
        print(f"{len(texts)} files are tidy")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
