"""Draw how each book's structures lie in memory: one picture for each book in `docs/books`.

`python tools/draw_layouts.py` writes the pictures; with `--check` it only compares them and names those that are out of
date. The fields come from the native module (`proofbook-bench layouts`), which has them from the compiler, so that a
picture cannot differ from the code. A row is a cache line of 64 bytes; what no field covers is padding.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from proofbook import _core

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "books"

LINE_BYTES = 64
ROWS_MAX = 6
"""Lines of a structure that are drawn; of a longer one the rest is summed up in words."""

BYTE_WIDTH = 14
ROW_HEIGHT = 34
TITLE_HEIGHT = 30
GAP = 18
MARGIN = 46
WIDTH = MARGIN + LINE_BYTES * BYTE_WIDTH + 12
LETTER_WIDTH = 6.3
"""Of a field's name, at the size that it is drawn in."""

STYLE = """
.title{font:600 14px system-ui,sans-serif;fill:#1c2733}.name{font:11px ui-monospace,monospace;fill:#1c2733}
.offset{font:10px ui-monospace,monospace;fill:#6b7886}.even{fill:#d6e6f2}.odd{fill:#e9dff2}.padding{fill:#eef0f2}
rect{stroke:#8896a5;stroke-width:.6}
@media(prefers-color-scheme:dark){.title,.name{fill:#e6edf3}.offset{fill:#9aa7b4}.even{fill:#1f4058}.odd{fill:#43305a}
.padding{fill:#22272e}rect{stroke:#5a6673}}
"""


@dataclass(frozen=True)
class Field:
    """A field of a structure, in bytes."""

    name: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        """The byte after its last."""
        return self.offset + self.size


def outermost(fields: Sequence[Field]) -> list[Field]:
    """Fields without those that hold others that are listed: what is drawn covers each byte once."""
    ordered = sorted(fields, key=lambda field: (field.offset, field.size))
    return [
        field
        for field in ordered
        if not any(
            other is not field and other.name.startswith(f"{field.name}.") and other.size < field.size
            for other in ordered
        )
    ]


def pieces(field: Field) -> Iterator[tuple[int, int, int]]:
    """The parts of a field on each line that it lies on: line, first byte, bytes."""
    start = field.offset
    while start < field.end:
        line = start // LINE_BYTES
        end = min(field.end, (line + 1) * LINE_BYTES)
        yield line, start % LINE_BYTES, end - start
        start = end


def with_padding(fields: Sequence[Field]) -> list[Field]:
    """The fields, and between them and up to the end of the last line what no field covers."""
    filled: list[Field] = []
    position = 0
    for field in fields:
        if field.offset > position:
            filled.append(Field("", position, field.offset - position))
        filled.append(field)
        position = field.end
    return filled


def draw_structure(name: str, fields: Sequence[Field], top: int) -> tuple[list[str], int]:
    """The elements of one structure and the height that they take."""
    size = max(field.end for field in fields)
    rows = -(-size // LINE_BYTES)
    title = f"{name}: {size} bytes to the end of its last field"
    elements = [f'<text class="title" x="{MARGIN}" y="{top + 18}">{escape(title)}</text>']
    for row in range(min(rows, ROWS_MAX)):
        y = top + TITLE_HEIGHT + row * ROW_HEIGHT
        elements.append(
            f'<text class="offset" x="{MARGIN - 6}" y="{y + 20}" text-anchor="end">{row * LINE_BYTES}</text>'
        )
    shade = 0
    for field in with_padding(outermost(fields)):
        kind = "padding" if not field.name else ("even", "odd")[shade % 2]
        shade += bool(field.name)
        is_named = False
        for line, start, length in pieces(field):
            if line >= ROWS_MAX:
                break
            x, y = MARGIN + start * BYTE_WIDTH, top + TITLE_HEIGHT + line * ROW_HEIGHT
            width = length * BYTE_WIDTH
            label = f"{field.name}, {field.size}" if field.name else ""
            hint = f"{field.name or 'padding'}: bytes {field.offset} to {field.end - 1}"
            elements.append(
                f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{ROW_HEIGHT - 4}">'
                f"<title>{escape(hint)}</title></rect>"
            )
            if not is_named and label:
                letters = int(width / LETTER_WIDTH)
                shown = label if len(label) <= letters else field.name[:letters]
                elements.append(f'<text class="name" x="{x + 3}" y="{y + 19}">{escape(shown)}</text>')
                is_named = True
    height = TITLE_HEIGHT + min(rows, ROWS_MAX) * ROW_HEIGHT
    if rows > ROWS_MAX:
        more = f"… and {rows - ROWS_MAX} lines more"
        elements.append(f'<text class="offset" x="{MARGIN}" y="{top + height + 12}">{more}</text>')
        height += 16
    return elements, height + GAP


def draw(book: str, listed: Sequence[dict[str, object]]) -> str:
    """The picture of one book."""
    structures: dict[str, list[Field]] = {}
    for entry in listed:
        field = Field(str(entry["name"]), int(str(entry["offset"])), int(str(entry["bytes"])))
        structures.setdefault(str(entry["structure"]), []).append(field)
    elements: list[str] = []
    top = 4
    for name, fields in structures.items():
        drawn, height = draw_structure(name, fields, top)
        elements += drawn
        top += height
    size = f'viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    title = f"<title>{escape(f'Layouts of the structures of {book}, a cache line to each row')}</title>"
    return "\n".join([head, title, f"<style>{STYLE}</style>", *elements, "</svg>", ""])


def pictures() -> dict[Path, str]:
    """Each picture and where it belongs."""
    layouts = json.loads(_core.bench_command(["layouts"]))
    return {FOLDER / f"{book}.svg": draw(book, fields) for book, fields in layouts.items()}


def outdated() -> list[str]:
    """Pictures that differ from what would be drawn, those that are missing, and those of no book."""
    drawn = pictures()
    differing = [path.name for path, text in drawn.items() if not path.exists() or path.read_text() != text]
    return sorted(differing + [path.name for path in FOLDER.glob("*.svg") if path not in drawn])


def main() -> int:
    """Draw, or check with `--check`; the exit status."""
    if sys.argv[1:] == ["--check"]:
        differing = outdated()
        for name in differing:
            print(f"docs/books/{name} is not what the code says: run tools/draw_layouts.py", file=sys.stderr)
        return 1 if differing else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in pictures().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
